"""Covariances of least squares, against their closed forms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from jaxlaws import JaxlawsError, fit, read
from jaxlaws.objectives import squared
from jaxlaws.uncertainty import laplace, sandwich
from jaxlaws.validate import influence


def design(rows):
    return np.stack([np.ones(len(rows)), rows.column("x")], axis=1)


def test_laplace_is_the_covariance_of_least_squares(alone, alone_fit):
    expected = 2.0 * alone_fit.objective / 62 * np.linalg.inv(design(alone).T @ design(alone))
    np.testing.assert_allclose(laplace(alone_fit, alone).matrix, expected, rtol=1e-6)


def test_intervals_are_students_around_the_fit(alone, alone_fit):
    found = laplace(alone_fit, alone)
    error = np.sqrt(np.diagonal(found.matrix))
    for level in (0.5, 0.95):
        reach = stats.t.ppf((1 + level) / 2, 62) * error
        expected = {name: (alone_fit[name] - r, alone_fit[name] + r) for name, r in zip("ab", reach, strict=True)}
        assert found.interval(level) == {name: pytest.approx(ends, rel=1e-9) for name, ends in expected.items()}
    drawn = found.draws(4000).interval()
    for name, (low, high) in found.interval().items():
        assert drawn[name] == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_unit_of_weights_moves_no_covariance(alone, straight, quick):
    """Weights of 1 / std^2 are a million times those of 1; what is known of the parameters is the same."""
    weight = np.where(np.arange(len(alone)) % 2, 1.0, 4.0)
    found = []
    for unit in (1.0, 1e6):
        line = fit(straight, alone, weights=unit * weight, objective=squared(on="raw"), **quick)
        found.append(laplace(line, alone, weights=unit * weight).matrix)
    x, noise = design(alone), alone.column("loss") - line.predict(alone)
    expected = np.sum(weight**2 * noise**2) / np.sum(weight) * len(x) / (len(x) - 2)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[0], expected * np.linalg.inv((x * weight[:, None]).T @ x), rtol=1e-5)


@pytest.mark.parametrize("by", ["run", "row"])
def test_sandwich_of_least_squares_is_the_jackknife_around_the_fit(line, line_fit, by):
    x, y, center = design(line), line.column("loss"), np.array([line_fit["a"], line_fit["b"]])
    units = {"run": 16, "row": 64}[by]
    label = np.repeat(np.arange(units), 64 // units)
    steps = [np.linalg.lstsq(x[label != g], y[label != g])[0] - center for g in range(units)]
    found = sandwich(line_fit, line, by=by)
    np.testing.assert_allclose(found.matrix, (units - 1) / units * np.transpose(steps) @ steps, rtol=1e-5)
    assert found.units == units


def test_few_runs_count_neighbours_as_correlated(straight, quick):
    """Three autoregressive runs: a covariance of the mean that ignores it is 9 times too small."""
    rng = np.random.default_rng(2)
    noise = np.zeros((3, 400))
    for i in range(1, 400):
        noise[:, i] = 0.8 * noise[:, i - 1] + 0.6 * 0.05 * rng.standard_normal(3)
    x = np.tile(np.linspace(0.2, 3.0, 400), 3)
    rows = read({"x": x, "loss": 3.0 - 0.5 * x + noise.ravel(), "run": np.repeat(["a", "b", "c"], 400)})
    one = fit(straight, rows, objective=squared(on="raw"), **quick)
    by_run, by_row = sandwich(one, rows), sandwich(one, rows, by="row")
    assert "3 runs are too few" in by_run.notes[0]
    # The estimated correlation of gradients is .8 give or take .03, and is enhanced by their slowly varying factor.
    assert 7.0 < by_run.matrix[1, 1] / by_row.matrix[1, 1] < 16.0


def test_draws_have_the_covariance(alone, alone_fit):
    found = laplace(alone_fit, alone)
    draws = found.draws(4096)
    drawn = np.cov(draws.params["a"], draws.params["b"])
    np.testing.assert_allclose(drawn, found.matrix, rtol=0.1)
    assert np.mean(draws.params["a"]) == pytest.approx(alone_fit["a"], abs=1e-9), "draws come in pairs around the fit"


def test_one_cluster_is_refused(alone, alone_fit):
    rows = read({"x": alone.column("x"), "loss": alone.column("loss"), "size": ["small"] * 64})
    one = fit(alone_fit.law, rows, objective=squared(on="raw"), starts=16)
    with pytest.raises(JaxlawsError, match="1 units cannot say how uncertain 2 parameters are"):
        sandwich(one, rows, by="size")


def test_few_rows_take_the_quantile_of_student(straight, quick):
    x = np.linspace(0.2, 3.0, 8)
    rows = read({"x": x, "loss": 3.0 - 0.5 * x + 0.05 * np.random.default_rng(3).standard_normal(8)})
    one = fit(straight, rows, objective=squared(on="raw"), **quick)
    found = laplace(one, rows)
    low, high = found.draws(8192).interval()["b"]
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 6) * found.errors()[1], rel=0.05)
    by_row = sandwich(one, rows, by="row")
    assert (by_row.freedom, found.freedom) == (6, 6)


def test_clusters_take_the_quantile_of_one_fewer(line, line_fit):
    found = sandwich(line_fit, line)
    low, high = found.draws(8192).interval()["b"]
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 15) * found.errors()[1], rel=0.05)


def test_a_parameter_on_its_bound_has_no_variance_and_does_not_move(power_rows, quick):
    """Its logarithm, of the number that is stored, may miss the bound in the last place."""
    one = fit("power_plus_constant", power_rows, bounds={"alpha": (0.1, 0.34)}, **quick)
    assert one.at_bound == ("alpha",)
    one = dataclasses.replace(one, params=one.params | {"alpha": np.nextafter(one["alpha"], 0.0)})
    found = laplace(one, power_rows)
    assert found.errors()[found.names.index("alpha")] == 0.0
    np.testing.assert_array_equal(influence(one, power_rows).params["alpha"], 0.0)
