"""Charts of plans: what is marked lies where it was found, and what has no place on an axis is left out and said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxlaws import catalogue
from jaxlaws.errors import JaxlawsError
from jaxlaws.plan import allocate, batch_size, isoflop, learning_rate, overtraining
from jaxlaws.plan._basin import basin
from jaxlaws.plan.design import Design
from jaxlaws.plot import basin_chart, batch_chart, design_chart, sizes_chart
from jaxlaws.plot._style import log_axis
from jaxlaws.spec import Constants

pytest.importorskip("altair")

LAW = catalogue["chinchilla"].constants["besiroglu"]


def rows(chart):
    """All rows that a chart holds, of whatever layer."""

    def found(spec):
        if isinstance(spec, dict):
            yield from spec["values"] if set(spec) == {"values"} else (r for v in spec.values() for r in found(v))
        elif isinstance(spec, list):
            yield from (r for v in spec for r in found(v))

    return [row for row in found(chart.to_dict()) if isinstance(row, dict)]


def test_each_optimum_is_marked_at_its_own_loss():
    plan = isoflop(LAW, [1e20, 1e22], width=64.0, offset=3.0)
    marks = {(r["budget"], r["optimum"]): r["loss"] for r in rows(sizes_chart(plan)) if "optimum" in r}
    for i, budget in enumerate(plan.best.budget):
        assert marks[budget, "by law"] == plan.best.loss[i]
        assert marks[budget, "by parabola"] == plan.parabola_loss[i] != plan.best.loss[i]


def test_intervals_without_a_place_on_a_log_axis_are_left_out_and_said():
    plan = allocate(LAW, [1e20, 1e22])
    spans = {"N": np.array([[0.0, 1e10], [np.nan, np.nan]])}
    chart = sizes_chart(dataclasses.replace(plan, draws=50, intervals=spans))
    shown = [r for r in rows(chart) if r.get("high") == 1e10]
    assert shown[0]["low"] == plan.inputs["N"][0]
    assert "3 ends of bars are left out: not above 0" in chart.to_dict()["title"]["subtitle"]


def test_nothing_to_draw_is_a_sentence():
    prices = overtraining(LAW, 1e23, factors=[0.01])
    assert np.isnan(prices.price).all()
    none = {"N": np.zeros(0), "D": np.zeros(0)}
    empty = Design("best N", 23.0, np.zeros(0, int), none, np.zeros(0), 0.1, np.zeros(0), 0.01)
    for draw in (lambda: sizes_chart(prices), lambda: design_chart(empty)):
        with pytest.raises(JaxlawsError, match="nothing to draw"):
            draw()


def test_zeros_do_not_break_an_axis():
    import altair as alt

    axis = log_axis(alt, "x", np.array([0.0, np.nan, 1.0, 10.0]), "x", channel="x").to_dict()
    low, high = axis["scale"]["domain"]
    assert 0.5 < low <= 1.0 and 10.0 <= high < 20.0


def test_contours_of_a_held_batch_stay_at_it():
    params = {"floor": 2.5, "U": 0.006, "V": 0.005, "rho": -0.4, "lr0": 2e-3, "gamma": 0.6, "delta": 0.15}
    params |= {"batch0": 4e5, "nu": -0.1, "epsilon": 0.5, "N0": 1e9, "D0": 2e10}
    surface = Constants(basin, params, "made up")
    free, held = (learning_rate(surface, N=1e9, D=2e10, **more) for more in ({}, {"batch": 1e6}))
    around = [r for r in rows(basin_chart(free)) if "share" in r]
    along = [r for r in rows(basin_chart(held)) if "share" in r]
    assert len({r["batch"] for r in around}) > 100
    assert {r["batch"] for r in along} == {1e6}
    # Of this surface the logarithm is a parabola, so that the curvature tells the loss at a mark.
    for r in along:
        assert held.price(r["lr"], 1e6)[0] == pytest.approx(float(r["share"].split()[0]) / 100.0, rel=1e-6)
    assert "batch held" in basin_chart(held).to_dict()["title"]["subtitle"][0]


def test_batches_are_drawn_on_their_hyperbola():
    plan = batch_size(catalogue["steps_to_target"].constants["302M"])
    every = [r for r in rows(batch_chart(plan)) if "steps" in r]
    for r in every:
        assert (r["steps"] / plan.least_steps - 1.0) * (r["tokens"] / plan.least_tokens - 1.0) == pytest.approx(1.0)
