"""What pictures of a fit show: residuals, how starts agree, what trades off, laws side by side, what if."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxlaws.errors import JaxlawsError
from jaxlaws.plan import allocate
from jaxlaws.plot import (
    agreement_chart,
    budget_chart,
    laws_chart,
    residuals_chart,
    trade_offs_chart,
    what_if_chart,
)
from jaxlaws.validate import residuals

from ..report.conftest import ANNEALING, CHINCHILLA, curve_table, drawn, made, point_table

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def points():
    runs = point_table()
    return made("chinchilla", CHINCHILLA, runs), runs


def rows(unit):
    """Rows of a unit, or of the first of its layers that has some."""
    return unit["data"]["values"] if "data" in unit else next(rows(one) for one in unit["layer"] if "data" in one)


def test_residuals_are_those_of_the_fit(points):
    spec = residuals_chart(*points).to_dict()
    value = residuals(*points).value
    bars, cloud = (rows(panel) for panel in spec["vconcat"][:2])
    assert sum(row["rows"] for row in bars) == len(value) == 24
    np.testing.assert_allclose([row["residual"] for row in cloud], value)


def test_runs_farthest_off_come_first():
    runs = curve_table(("one", "two", "three"), 200)
    spec = residuals_chart(made("lr_annealing", ANNEALING, runs), runs).to_dict()
    means = [abs(row["residual"]) for row in rows(spec["vconcat"][2])]
    assert len(means) == 3 and means == sorted(means, reverse=True)


def test_starts_that_end_elsewhere_rise_above_the_line(points):
    spec = agreement_chart(points[0]).to_dict()
    ends = [row["ratio"] for row in spec["layer"][0]["data"]["values"]]
    assert ends == [1.0] * 6 + [1.4] and any("1 of the 8 drawn ended nowhere" in n for n in spec["title"]["subtitle"])
    with pytest.raises(JaxlawsError, match="how its starts ended"):
        agreement_chart(dataclasses.replace(points[0], spread=()))


def test_a_search_keeps_how_its_starts_ended(points):
    from jaxlaws.fitting import fit

    found = fit("chinchilla", points[1], starts=8, fix={"alpha": 0.34, "beta": 0.37})
    assert len(found.spread) == 8 and found.spread[0] == 1.0 and list(found.spread) == sorted(found.spread)
    assert np.mean(np.asarray(found.spread) <= 1.01) == pytest.approx(found.agree)


def test_parameters_that_move_together_are_found(points):
    draws = drawn(points[0])
    cells = {(r["a"], r["b"]): r["r"] for r in rows(trade_offs_chart(draws).to_dict()["concat"][0])}
    assert cells["A", "alpha"] > 0.99 and cells["A", "A"] == 1.0 and abs(cells["E", "B"]) < 0.5
    with pytest.raises(JaxlawsError, match="fewer than two"):
        trade_offs_chart(dataclasses.replace(draws, params={"E": draws.params["E"]}))


def test_laws_are_drawn_by_their_errors(points):
    fit, runs = points
    other = dataclasses.replace(fit, params={**fit.params, "E": 1.7})
    spec = laws_chart([fit, other], runs).to_dict()
    mean = {n: np.mean([r["error"] for r in spec["data"]["values"] if r["law"].startswith(n)]) for n in ("1", "2")}
    assert mean["1"] < 0.5 < 2.0 < mean["2"]
    with pytest.raises(JaxlawsError, match="two fits at least"):
        laws_chart([fit], runs)


def test_what_if_has_a_control_for_each_input_and_the_fits_own_answers(points):
    fit, runs = points
    meta = what_if_chart(fit, runs).to_dict()["usermeta"]
    sizes, tokens = meta["controls"]
    assert [c["name"] for c in meta["controls"]] == ["N", "D"]
    assert sizes["values"][sizes["start"]] == pytest.approx(sizes["largest"]) == pytest.approx(1e9)
    answers = np.array(meta["answers"]["loss"]).reshape(len(sizes["values"]), -1)
    assert answers[3, 40] == pytest.approx(fit.predict(N=sizes["values"][3], D=tokens["values"][40]), rel=1e-4)


def test_a_budget_is_spent_as_the_planner_says(points):
    meta = budget_chart(points[0]).to_dict()["usermeta"]
    [control] = meta["controls"]
    plan = allocate(points[0], [control["values"][5]])
    assert meta["answers"]["N"][5] == pytest.approx(plan.inputs["N"][0], rel=1e-2)
    assert meta["answers"]["loss"][5] == pytest.approx(plan.loss[0], rel=1e-4)


def test_other_schedules_are_predicted_by_the_fit():
    runs = curve_table(("one", "two"), 600)
    fit = made("lr_annealing", ANNEALING, runs)
    spec = what_if_chart(fit, runs).to_dict()
    horizon, peak, shape = spec["usermeta"]["controls"]
    assert horizon["values"][horizon["start"]] == 600 and peak["largest"] == pytest.approx(2e-3)
    at = (6 * len(peak["values"]) + 2) * len(shape["values"]) + shape["values"].index("cosine")
    told = f"cosine(peak={peak['values'][2]}, total=2400, end={0.1 * peak['values'][2]}, warmup=200)"
    assert spec["usermeta"]["answers"]["loss"][at] == pytest.approx(fit.predict(schedule=told, at=[2400])[0], rel=1e-4)
    with pytest.raises(JaxlawsError, match="give `runs` too"):
        what_if_chart(fit)
