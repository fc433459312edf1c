"""How a fit ends: every status, made honestly, and what a bad group costs the others."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, formula
from jaxlaws.errors import FitError
from jaxlaws.solvers import Status, levenberg_marquardt


def with_bad_group(power_rows, bad):
    good = power_rows | {"group": np.repeat("good", 16)}
    return {k: np.r_[v, bad[k]] for k, v in good.items()}


def assert_only_bad_failed(fits, power_fit, status, reason):
    assert fits["bad"].status is status and fits["bad"].status.failed
    assert all(np.isnan(v) for v in fits["bad"].params.values()) and np.isnan(fits["bad"].objective)
    assert reason in fits["bad"].reason and "failed" in str(fits["bad"])
    assert fits["good"].status is Status.converged and fits["good"].reason == ""
    for name in power_fit.params:
        assert fits["good"][name] == pytest.approx(power_fit[name], rel=1e-9), name
    assert repr(fits) == "<2 fits, 1 failed>"


def test_converged_fit_has_nothing_left_to_gain(power_fit):
    assert power_fit.status is Status.converged and not power_fit.status.failed
    assert power_fit.remaining < 1e-9
    assert power_fit.agree > 0.9


def test_search_that_stops_early_says_that_it_stalled(power_rows, power_fit):
    hurried = levenberg_marquardt(trips=1, polish=0, projected=0)
    stopped = fit("power_plus_constant", power_rows, starts=4, solver=hurried)
    assert stopped.status is Status.stalled and not stopped.status.failed
    assert stopped.objective > power_fit.objective
    # What it promises to gain is what the next trips gain, to the accuracy of a quadratic model.
    assert stopped.remaining > 1e-6
    assert "stalled" in str(stopped)


def test_more_trips_finish_what_the_first_ones_did_not(power_rows, power_fit):
    found = fit(
        "power_plus_constant", power_rows, starts=4, solver=levenberg_marquardt(trips=6, polish=40, projected=0)
    )
    assert found.status is Status.converged
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)


def test_too_few_rows_alone_are_an_error_that_counts_them(power_rows):
    rows = {k: v[:2] for k, v in power_rows.items()}
    with pytest.raises(FitError, match="2 rows, 2 of them distinct, are too few for the 3 free parameters"):
        fit("power_plus_constant", rows)
    copies = {k: np.repeat(v[:2], 8) for k, v in power_rows.items()}
    with pytest.raises(FitError, match="16 rows, 2 of them distinct"):
        fit("power_plus_constant", copies)


def test_too_few_rows_cost_their_group_only(power_rows, power_fit, quick):
    bad = {"x": [1e6, 1e7], "loss": [3.0, 2.5], "group": ["bad"] * 2}
    fits = fit("power_plus_constant", with_bad_group(power_rows, bad), by="group", **quick)
    assert_only_bad_failed(fits, power_fit, Status.too_few_rows, "too few")


def test_undetermined_parameters_alone_are_an_error_that_names_them(power_rows, quick):
    rows = {"x": np.full(16, 1e7), "loss": power_rows["loss"]}
    with pytest.raises(FitError, match="do not determine parameters E, A, alpha of `power_plus_constant`"):
        fit("power_plus_constant", rows, **quick)


def test_only_the_undetermined_parameters_are_named(line_rows, parabola):
    # At two values of x a parabola's slope and curvature are one number, and so is its height.
    rows = {"x": np.repeat([1.0, -1.0], 8), "loss": line_rows["loss"]}
    with pytest.raises(FitError, match="do not determine parameters a, c of `parabola`"):
        fit(parabola, rows, free=("c",), starts=4)


def test_undetermined_parameters_cost_their_group_only(power_rows, power_fit, quick):
    bad = {"x": np.full(16, 1e7), "loss": power_rows["loss"][::-1], "group": np.repeat("bad", 16)}
    fits = fit("power_plus_constant", with_bad_group(power_rows, bad), by="group", **quick)
    assert_only_bad_failed(fits, power_fit, Status.rank_deficient, "do not determine")


GROWING = formula("E + A*exp(x)", inputs=["x"])  # overflows beyond x = 709


def test_predictions_that_overflow_are_an_error(power_rows):
    with pytest.raises(FitError, match="no start gave a finite objective"):
        fit(GROWING, {"x": np.linspace(1e3, 2e3, 16), "loss": power_rows["loss"]}, starts=4)


def test_predictions_that_overflow_cost_their_group_only(power_rows):
    x = np.linspace(0.1, 1.0, 16)
    rows = {"x": np.r_[x, 1e3 * x], "loss": np.tile(1.5 + 0.1 * np.exp(x), 2), "group": np.repeat(["good", "bad"], 16)}
    fits = fit(GROWING, rows, by="group", starts=4)
    assert fits["bad"].status is Status.non_finite and np.isnan(fits["bad"]["E"])
    assert fits["good"]["E"] == pytest.approx(1.5, rel=1e-9)


def test_run_without_a_usable_schedule_costs_its_group_only():
    """A log that begins late leaves the learning rate before it unknown: that is one group's trouble."""
    steps = np.arange(10, 401, 10)
    loss = 2.0 + steps**-0.5
    rows = {
        "run": np.repeat(["early", "late"], [40, 10]),
        "step": np.r_[steps, steps[30:]],
        "lr": np.full(50, 1e-3),
        "loss": np.r_[loss, loss[30:]],
    }
    fits = fit("lr_annealing", rows, by="run", fix={"C": 1.0}, starts=4)
    assert fits["late"].status.failed and "too late" in fits["late"].reason
    assert not fits["early"].status.failed


def test_every_group_may_fail(power_rows):
    rows = {k: v[:4] for k, v in power_rows.items()} | {"group": ["a", "a", "b", "b"]}
    fits = fit("power_plus_constant", rows, by="group")
    assert repr(fits) == "<2 fits, 2 failed>"


def test_table_without_rows_is_refused_in_one_sentence(power_rows, power_fit):
    from jaxlaws import read

    empty = read(power_rows).where("x > 1e12")
    for attempt in (
        lambda: fit("power_plus_constant", empty),
        lambda: fit("power_plus_constant", empty, by="run"),
        lambda: power_fit.predict(empty),
        lambda: power_fit.score(empty),
    ):
        with pytest.raises(FitError, match="rows"):
            attempt()
