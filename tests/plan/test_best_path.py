"""The pure planner of schedules: against the host planner, finite differences, and itself in batches."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlaws
from jaxlaws import plan

LAW = jaxlaws.catalogue["multi_power"].variant(warmup="excluded")
PARAMS = dict(jaxlaws.catalogue["multi_power"].constants["25M"].params)
STEPS = plan.corners(2400, warmup=216, count=24)


def best(peak, params, floor):
    return plan.best_path(LAW, params, STEPS, peak=peak, floor=floor, max_slope=0.02)


RUN = jax.jit(jax.vmap(best))


def arguments(count=8, **change):
    """`count` times the same problem, with single numbers moved: `name=(place, factor)`."""
    given = {"peak": 3e-4, "floor": 3e-6, **PARAMS}
    rows = {k: np.full(count, v) for k, v in given.items()}
    for name, (place, factor) in change.items():
        rows[name][place] *= factor
    peak, floor = rows.pop("peak"), rows.pop("floor")
    return peak, rows, floor


def test_the_path_is_no_worse_than_the_host_planner_has_it_on_as_many_corners():
    with jax.enable_x64(True):
        found = jax.tree.map(np.asarray, RUN(*arguments()))
    known = dataclasses.replace(jaxlaws.catalogue["multi_power"].constants["25M"], law=LAW)
    whole = plan.schedule(known, total=2400, peak=3e-4, warmup=216, floor=3e-6, knots=24)
    assert found.residual.max() < 1e-7 and found.gap.max() < 1e-7
    lr, steps = found.lr[0], found.steps[0]
    assert lr[0] == pytest.approx(3e-4, rel=1e-12) and lr.min() >= 3e-6 * (1 - 1e-9)
    assert (np.diff(lr) <= 0).all() and (-np.diff(lr) / np.diff(steps) <= 0.02 * 3e-4 * (1 + 1e-9)).all()
    made = jaxlaws.schedules.warmup(jaxlaws.schedules.knots(steps.tolist(), lr.tolist()), steps=216)
    exact = whole.gain({"pure": made})["pure"]
    assert found.loss[0] == pytest.approx(exact.loss, abs=2e-5)  # of the grid; the other is the sum over steps
    assert exact.gain < 2e-4  # the host moves its corners to where the path bends


def test_derivatives_are_those_of_the_optimum():
    moved = (("peak", 1e-4), ("B", 1e-4), ("gamma", 1e-4))

    def answers(peak, params, floor):
        path = best(peak, params, floor)
        return jnp.stack([path.loss, 1e4 * path.lr[-6], 1e4 * path.lr[-3]])

    with jax.enable_x64(True):
        peak, params, floor = (jax.tree.map(lambda v: jnp.asarray(v[0]), part) for part in arguments())
        to_peak, to_params = jax.jit(jax.jacfwd(answers, (0, 1)))(peak, params, floor)
        slopes = {"peak": to_peak * 3e-4} | {n: to_params[n] * PARAMS[n] for n, _ in moved if n != "peak"}
        backward = jax.jit(jax.grad(lambda *a: answers(*a)[1], 1))(peak, params, floor)
        for name, step in moved:
            up, down = (RUN(*arguments(**{name: (0, 1.0 + s)})) for s in (step, -step))
            ends = [np.array([p.loss[0], 1e4 * p.lr[0, -6], 1e4 * p.lr[0, -3]]) for p in (up, down)]
            np.testing.assert_allclose(slopes[name], (ends[0] - ends[1]) / (2.0 * step), rtol=2e-3, atol=1e-6)
            if name != "peak":
                assert float(backward[name]) == pytest.approx(float(to_params[name][1]), rel=1e-6)


def test_many_at_once_are_what_each_is_alone_and_float32_stays_float32():
    with jax.enable_x64(True):
        many = RUN(*arguments(peak=(3, 2.0)))
        alone = RUN(*arguments())
    np.testing.assert_allclose(many.lr[0], alone.lr[0], rtol=1e-6)
    assert float(many.lr[3, 0]) == pytest.approx(6e-4) and float(many.loss[3]) != float(many.loss[0])
    single = RUN(*jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), arguments()))
    assert single.lr.dtype == single.loss.dtype == jnp.float32
    assert float(single.loss[0]) == pytest.approx(float(alone.loss[0]), abs=1e-4)
