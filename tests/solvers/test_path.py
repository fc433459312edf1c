"""Paths within limits: against SciPy, closed forms, and what must hold at a minimum."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxlaws.solvers import Limits, minimise_path

N = 12
TARGET = np.sin(np.linspace(0.0, 6.0, N)) + 0.5


def off(x, target):
    return jnp.sum(jnp.cosh(x - target)) + 0.1 * jnp.prod(jnp.sin(x[:3]))


def bowl(x, target):
    return jnp.sum((x - target) ** 2)


@partial(jax.jit, static_argnames=("f", "trips"))
def search(f, start, limits, target, trips=12):
    return minimise_path(lambda x: f(x, target), start, limits, trips=trips, cycles=8 if trips > 5 else 1)


def limits_of(low, high, fall, rise, free=True):
    wide = [np.broadcast_to(np.float64(v), n) for v, n in ((low, N), (high, N), (fall, N - 1), (rise, N - 1))]
    return Limits(*wide, np.broadcast_to(free, N))


@pytest.mark.parametrize(
    ("low", "high", "fall", "rise"),
    [(0.0, 1.0, np.inf, np.inf), (0.0, 1.0, np.inf, 0.0), (-1.0, 2.0, 0.2, 0.1), (0.2, np.inf, 0.3, np.inf)],
)
def test_the_minimum_is_that_of_scipy(low, high, fall, rise):
    start = np.linspace(0.9, 0.3, N)
    with jax.enable_x64(True):
        found = search(off, start, limits_of(low, high, fall, rise), TARGET)
        slope = jax.jit(jax.grad(lambda x: off(x, TARGET)))
    change = [
        {"type": "ineq", "fun": lambda x: np.minimum(fall, 9.0) + np.diff(x)},
        {"type": "ineq", "fun": lambda x: np.minimum(rise, 9.0) - np.diff(x)},
    ]
    with jax.enable_x64(True):
        other = minimize(
            lambda x: (float(off(x, TARGET)), np.asarray(slope(x))),
            start,
            jac=True,
            bounds=[(low, high)] * N,
            constraints=change,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
    x = np.asarray(found.x)
    np.testing.assert_allclose(x, other.x, atol=2e-6)
    assert float(found.value) <= other.fun + float(found.gap)
    assert float(found.residual) < 1e-9 and float(found.gap) < 1e-8
    assert (x >= low).all() and (x <= high).all()
    assert (np.diff(x) <= rise).all() and (np.diff(x) >= -fall).all()


def test_the_gap_bounds_what_a_convex_function_can_still_lose():
    with jax.enable_x64(True):
        start, limits = np.linspace(0.9, 0.3, N), limits_of(0.0, 1.0, np.inf, 0.0)
        short, whole = search(bowl, start, limits, TARGET, 5), search(bowl, start, limits, TARGET)
    distance = float(np.max(np.abs(np.asarray(short.x) - np.asarray(whole.x)))) * N
    assert 0 < float(short.value) - float(whole.value) <= float(short.gap) + float(short.residual) * distance


def test_values_that_are_not_free_stay_and_a_batch_gives_what_each_gives():
    free = np.arange(N) > 0
    with jax.enable_x64(True):
        start, limits = np.linspace(0.9, 0.3, N), limits_of(0.0, 1.0, np.inf, 0.0, free)
        targets = np.stack([TARGET, 1.0 - TARGET, TARGET[::-1]])
        batch = jax.jit(jax.vmap(lambda t: minimise_path(lambda x: off(x, t), start, limits)))(targets)
        each = [search(off, start, limits, t) for t in targets]
    assert (np.asarray(batch.x)[:, 0] == 0.9).all()
    np.testing.assert_allclose(batch.x, np.stack([e.x for e in each]), atol=1e-8)


def test_a_saddle_is_left():
    with jax.enable_x64(True):
        found = minimise_path(
            lambda x: jnp.sum(jnp.cos(3.0 * x)), np.full(N, 0.02), limits_of(-2.0, 2.0, np.inf, np.inf)
        )
    np.testing.assert_allclose(np.cos(3.0 * np.asarray(found.x)), -1.0, atol=1e-8)
