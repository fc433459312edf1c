"""Bootstraps, against closed forms and a published one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from jaxlaws import JaxlawsError, fit, normal, read
from jaxlaws.objectives import squared
from jaxlaws.uncertainty import bootstrap, jackknife, sandwich


def by_hand(line, count):
    """Least squares of the line under each resample's weights `(draws, rows)`."""
    design = np.stack([np.ones(len(line)), line.column("x")], axis=1)
    normal = np.einsum("dr,ri,rj->dij", count, design, design)
    right = np.einsum("dr,ri,r->di", count, design, line.column("loss"))
    return np.linalg.solve(normal, right[..., None])[..., 0]


@pytest.mark.parametrize("by", ["run", "row"])
def test_each_draw_is_the_least_squares_of_its_resample(line, line_fit, by):
    units = {"run": 16, "row": 64}[by]
    draws = bootstrap(line_fit, line, by=by, resamples=64, seed=3)
    chosen = np.random.default_rng(3).integers(0, units, size=(64, units))
    drawn = np.stack([np.bincount(row, minlength=units) for row in chosen])
    expected = by_hand(line, np.repeat(drawn, 64 // units, axis=1).astype(float))
    np.testing.assert_allclose(np.stack([draws.params["a"], draws.params["b"]], axis=1), expected, rtol=0, atol=1e-7)
    assert draws.units == units


def test_runs_scatter_more_than_their_rows_would(line, line_fit):
    runs, rows = (bootstrap(line_fit, line, by=by, resamples=512) for by in ("run", "row"))
    middle, same = (d.params["a"] + 1.6 * d.params["b"] for d in (runs, rows))
    assert np.std(middle) > 1.2 * np.std(same)


def test_wild_draws_turn_residuals_from_fits_without_their_run(line, line_fit):
    x, y = np.stack([np.ones(64), line.column("x")], axis=1), line.column("loss")
    run = np.repeat(np.arange(16), 4)
    without = np.stack([np.linalg.lstsq(x[run != g], y[run != g])[0] for g in range(16)])
    residual = np.sqrt(15 / 16) * (np.sum(x * without[run], axis=1) - y)
    sign = np.random.default_rng(3).choice([-1.0, 1.0], size=(32, 16))[:, run]
    expected = np.linalg.lstsq(x, (line_fit.predict(line) - sign * residual).T)[0]
    draws = bootstrap(line_fit, line, method="wild", resamples=32, seed=3)
    np.testing.assert_allclose([draws.params["a"], draws.params["b"]], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", ["wild", "parametric"])
def test_other_resamples_scatter_as_theory_says(alone, alone_fit, method):
    """By row and without correlation within runs both estimate least squares' own covariance."""
    x = alone.column("x")
    draws = bootstrap(alone_fit, alone, by="row", method=method, resamples=2048)
    design = np.stack([np.ones(64), x], axis=1)
    noise = 2.0 * alone_fit.objective / 62
    expected = np.sqrt(noise * np.diagonal(np.linalg.inv(design.T @ design)))
    # 2048 draws know a standard deviation to 1.6 %; the wild ones weigh rows by their own residuals.
    found = np.array([np.std(draws.params["a"]), np.std(draws.params["b"])])
    np.testing.assert_allclose(found, expected, rtol=0.15 if method == "wild" else 0.06)


def test_blocks_keep_neighbours_together(straight, quick):
    """The mean of an autoregressive series scatters more than its rows; resampled in blocks nearly as much as it does."""
    rng = np.random.default_rng(1)
    noise = np.zeros((3, 200))
    for i in range(1, 200):
        noise[:, i] = 0.8 * noise[:, i - 1] + 0.6 * 0.05 * rng.standard_normal(3)
    x = np.tile(np.linspace(0.2, 3.0, 200), 3)
    rows = read(
        {
            "x": x,
            "loss": 3.0 - 0.5 * x + noise.ravel(),
            "run": np.repeat(["a", "b", "c"], 200),
            "step": np.tile(np.arange(1, 201), 3),
        }
    )
    one = fit(straight, rows, objective=squared(on="raw"), **quick)
    by_run, by_row = bootstrap(one, rows, resamples=512), bootstrap(one, rows, by="row", resamples=512)
    assert "3 runs are too few" in by_run.notes[0]
    assert by_run.kind.startswith("bootstrap by blocks")
    # The truth is (1 + .8)/(1 - .8) = 9 times the variance; blocks of a dozen rows reach two thirds of the deviation.
    assert 1.8 < np.std(by_run.params["b"]) / np.std(by_row.params["b"]) < 3.2


def test_published_intervals_come_back(chinchilla):
    """Besiroglu et al. (2024), table 1: a bootstrap of 4000 resamples of rows."""
    runs, one = chinchilla
    draws = bootstrap(one, runs, by="row", resamples=4000)
    found = draws.interval()
    expected = {"A": (285, 744), "alpha": (0.317, 0.373), "beta": (0.331, 0.415), "E": (1.769, 1.871)}
    for name, ends in expected.items():
        # Two bootstraps of 4000 resamples differ in an end by some 2 % of the width, and in its skewed tail by more.
        np.testing.assert_allclose(found[name], ends, rtol=0, atol=0.06 * (ends[1] - ends[0]), err_msg=name)
    assert (draws.status == 0).all()


def test_wild_resamples_agree_with_those_of_another_package(chinchilla):
    """`simple-scaling-laws` 0.2.0, which fits the same sum of squares and turns residuals of runs by Webb's six points:
    `fit(frame, n_draws=2000, seed=0)`, then `params` and `conf_int`. Its amplitudes are of other units."""
    point = {"E": 1.8828136, "alpha": 0.35761509, "beta": 0.42762062}
    ends = {"E": (1.82979, 1.92751), "alpha": (0.33263, 0.38244), "beta": (0.38301, 0.47109)}
    runs, _ = chinchilla
    one = fit("chinchilla", runs, objective=squared(on="raw"), starts=32)
    found = bootstrap(one, runs, by="run", method="wild", resamples=2000).interval()
    for name, value in point.items():
        assert one.params[name] == pytest.approx(value, rel=1e-7), name
        width = ends[name][1] - ends[name][0]
        # It takes a little more off each residual for leverage, and has Student's tails.
        np.testing.assert_allclose(found[name], ends[name], rtol=0, atol=0.08 * width, err_msg=name)


def test_same_seed_same_bits(power_rows, power_fit):
    first, second = (bootstrap(power_fit, power_rows, resamples=64) for _ in range(2))
    other = bootstrap(power_fit, power_rows, resamples=64, seed=1)
    assert np.array_equal(first.params["A"], second.params["A"])
    assert not np.array_equal(first.params["A"], other.params["A"])


def test_priors_boxes_and_fixed_values_of_the_fit_are_kept(power_rows, quick):
    one = fit(
        "power_plus_constant",
        power_rows,
        fix={"E": 1.7},
        bounds={"alpha": (0.2, 0.349)},
        priors={"A": normal(300.0, 1e-3)},
        **quick,
    )
    draws = bootstrap(one, power_rows, resamples=64)
    assert (draws.params["E"] == 1.7).all()
    assert draws.params["alpha"].max() <= 0.349
    assert np.ptp(draws.params["A"]) < 1e-2
    assert set(draws.interval()) == {"A", "alpha"}


BAD = {
    "other rows": (lambda rows: rows.where("x < 1e8"), {}, "the fit's objective is"),
    "no column": (lambda rows: rows, {"by": "size"}, "unknown column `size`"),
    "no draws": (lambda rows: rows, {"resamples": 1}, "must be at least 2"),
    "method": (lambda rows: rows, {"method": "pairs"}, "must be cases, wild or parametric"),
    "weights": (lambda rows: rows, {"weights": np.zeros(64)}, "given as an array are all 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(power_rows, power_fit, case):
    change, told, message = BAD[case]
    with pytest.raises(JaxlawsError, match=message) as error:
        bootstrap(power_fit, change(power_rows), **{"resamples": 16, **told})
    assert "\n" not in str(error.value)


def test_fewer_runs_than_parameters_are_refused(power_rows, quick):
    few = power_rows.select(np.isin(np.arange(64), [0, 30, 63]))
    one = fit("power_plus_constant", few, **quick)
    with pytest.raises(JaxlawsError, match="3 runs cannot say how uncertain 3 parameters are"):
        bootstrap(one, few, resamples=16)


def test_one_cluster_is_refused(power_rows, quick):
    rows = read({"x": power_rows.column("x"), "loss": power_rows.column("loss"), "size": ["small"] * 64})
    one = fit("power_plus_constant", rows, **quick)
    with pytest.raises(JaxlawsError, match="1 value of size cannot say how uncertain 3 parameters are"):
        bootstrap(one, rows, by="size", resamples=16)


def test_branches_are_drawn_with_their_trunk(line, straight, quick):
    """Sixteen runs, the second eight of which go on from the first eight: eight draws, not sixteen."""
    name = line.frame["run"].to_numpy()
    number = np.repeat(np.arange(16), 4)
    parent = np.where(number < 8, "", [f"r{i % 8}" for i in number])
    step = np.tile(np.arange(1, 5), 16) + np.where(number < 8, 0, 4)
    rows = read({"x": line.column("x"), "loss": line.column("loss"), "run": name, "step": step, "parent": parent})
    one = fit(straight, rows, objective=squared(on="raw"), **quick)
    draws = bootstrap(one, rows, resamples=64, seed=3)
    assert draws.units == 8 and "16 runs are 8 families of branches and their trunks" in draws.notes[0]
    chosen = np.random.default_rng(3).integers(0, 8, size=(64, 8))
    drawn = np.stack([np.bincount(row, minlength=8) for row in chosen])
    expected = by_hand(rows, np.repeat(np.tile(drawn, 2), 4, axis=1).astype(float))
    np.testing.assert_allclose(draws.params["b"], expected[:, 1], rtol=0, atol=1e-7)
    left = jackknife(one, rows)
    assert left.left_out == tuple(f"r{i}" for i in range(8))
    assert sandwich(one, rows).units == 8


def test_resamples_that_scatter_as_the_noise_pay_for_parameters_once(straight, quick):
    """Eight rows, two parameters: Student's quantile of 6 degrees of freedom, and nothing besides."""
    x = np.linspace(0.2, 3.0, 8)
    rows = read({"x": x, "loss": 3.0 - 0.5 * x + 0.05 * np.random.default_rng(3).standard_normal(8)})
    one = fit(straight, rows, objective=squared(on="raw"), **quick)
    design = np.stack([np.ones(8), x], axis=1)
    error = np.sqrt(2.0 * one.objective / 6 * np.linalg.inv(design.T @ design)[1, 1])
    draws = bootstrap(one, rows, method="parametric", resamples=4096)
    low, high = draws.interval()["b"]
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 6) * error, rel=0.06)
    turned = bootstrap(one, rows, by="row", method="wild", resamples=4096)
    spread = np.quantile(turned.params["b"], [0.025, 0.975]) - one["b"]
    widened = np.array(turned.interval()["b"]) - one["b"]
    np.testing.assert_allclose(widened / spread, stats.t.ppf(0.975, 6) / stats.norm.ppf(0.975), rtol=1e-6)


@pytest.fixture(scope="module")
def two_lines(alone):
    """The line twice, the second time a step higher, and a third group that is too small."""
    x, loss = alone.column("x"), alone.column("loss")
    size = ["small"] * 64 + ["large"] * 64 + ["tiny"] * 2
    return read({"x": np.r_[x, x, 1.0, 2.0], "loss": np.r_[loss, loss[::-1] + 1.0, 3.0, 2.9], "size": size})


def test_groups_are_resampled_each_on_its_rows(straight, two_lines, alone, alone_fit, quick):
    fits = fit(straight, two_lines, by="size", objective=squared(on="raw"), **quick)
    draws = bootstrap(fits, two_lines, resamples=64, seed=3)
    assert list(draws) == ["small", "large", "tiny"]
    own = bootstrap(alone_fit, alone, resamples=64, seed=3)
    np.testing.assert_allclose(draws["small"].params["a"], own.params["a"], rtol=1e-9)
    assert len(draws["tiny"]) == 0 and "2 runs cannot say" in draws["tiny"].notes[0]
    assert np.isnan(draws["tiny"].interval()["a"]).all()
    with pytest.raises(JaxlawsError, match="no group can be resampled; .*unknown column `kind`"):
        bootstrap(fits, two_lines, by="kind", resamples=16)


def test_shared_parameters_are_resampled_in_all_groups_at_once(straight, two_lines, quick):
    rows = two_lines.where('size != "tiny"')
    fits = fit(straight, rows, by="size", share=("b",), objective=squared(on="raw"), **quick)
    draws = bootstrap(fits, rows, resamples=64, seed=3)
    chosen = np.random.default_rng(3).integers(0, 128, size=(64, 128))
    count = np.stack([np.bincount(row, minlength=128) for row in chosen]).astype(float)
    small = np.arange(128) < 64
    design = np.stack([small, ~small, rows.column("x")], axis=1).astype(float)
    normal_of = np.einsum("dr,ri,rj->dij", count, design, design)
    right = np.einsum("dr,ri,r->di", count, design, rows.column("loss"))
    expected = np.linalg.solve(normal_of, right[..., None])[..., 0]
    np.testing.assert_allclose(draws["small"].params["a"], expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(draws["large"].params["a"], expected[:, 1], atol=1e-6)
    np.testing.assert_allclose(draws["large"].params["b"], expected[:, 2], atol=1e-6)
    assert draws["large"].center is fits["large"]
    low, high = draws["small"].interval()["a"]
    assert low < fits["small"]["a"] < high
