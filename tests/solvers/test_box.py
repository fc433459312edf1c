"""Searches in a box: what ends on a bound is exactly there, and what cannot be evaluated harms nothing else."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import least_squares

from jaxlaws.solvers import columns, descent, evaluate, frozen, levenberg_marquardt
from jaxlaws.solvers._linear import solve_positive

from .nist import CHWIRUT2, LANCZOS3, MISRA1A, THURBER, Problem

INF = np.inf

# Boxes that cut the certified optimum off, from below and above, one or several coordinates at once.
BOXED = [
    (MISRA1A, (0.0, 0.0), (200.0, 1.0), [0]),
    (MISRA1A, (0.0, 6e-4), (INF, INF), [1]),
    (CHWIRUT2, (0.2, 0.0, 0.0), (INF, INF, INF), [0]),
    (CHWIRUT2, (0.0, 0.0, 0.02), (0.01, INF, INF), [0, 2]),
    # Bounds on the rates keep the three exponentials apart, which may else change places.
    (LANCZOS3, (0.1, 0.0, 0.0, 2.0, 0.0, 4.5), (INF, 2.0, INF, 4.5, INF, 10.0), [0]),
    (THURBER, (-INF,) * 7, (INF, 1400.0, INF, INF, INF, INF, INF), [1]),
    (THURBER, (-INF, -INF, -INF, 80.0, -INF, -INF, -INF), (1280.0, INF, INF, INF, INF, INF, INF), [0, 3]),
]


def _boxed(problem: Problem, low, high, *, trips=400):
    with jax.enable_x64(True):
        low, high = jnp.asarray(low, float), jnp.asarray(high, float)
        run = jax.jit(lambda s: levenberg_marquardt(trips=trips).run(problem.residuals(jnp), s, low, high))
        found = run(jnp.asarray(problem.start))
        stuck = frozen(found.x, found.gradient, low, high)
    return jax.device_get((found, stuck))


@pytest.mark.parametrize(
    ("problem", "low", "high", "bound"), BOXED, ids=lambda x: str(x) if isinstance(x, Problem) else ""
)
def test_bounded_optimum_is_scipys_and_lies_exactly_on_its_bounds(problem, low, high, bound):
    found, stuck = _boxed(problem, low, high)
    start = np.clip(problem.start, np.asarray(low) + 1e-9, np.asarray(high) - 1e-9)  # SciPy starts inside
    their = least_squares(
        problem.residuals(np),
        start,
        bounds=(low, high),
        x_scale="jac",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
        max_nfev=20000,
    )
    assert found.objective <= their.cost * (1.0 + 1e-9)
    np.testing.assert_allclose(found.x, their.x, rtol=2e-4)  # SciPy keeps a distance from bounds
    edge = np.where(np.abs(found.x - low) < np.abs(found.x - high), low, high)
    assert [i for i in range(len(low)) if stuck[i]] == bound
    assert (found.x[bound] == edge[bound]).all(), "on the bound means equal to it"
    assert ((found.x >= low) & (found.x <= high)).all()


def test_start_outside_the_box_begins_on_its_edge():
    low, high = (0.0, 0.0), (300.0, 1e-3)
    start = Problem("far", MISRA1A.model, (1e4, -5.0), MISRA1A.certified, MISRA1A.rss, MISRA1A.y, MISRA1A.x)
    found, _ = _boxed(start, low, high, trips=0)
    np.testing.assert_array_equal(found.x, [300.0, 0.0])
    found, stuck = _boxed(start, low, high, trips=100)
    np.testing.assert_allclose(found.x, MISRA1A.certified, rtol=1e-6)
    assert not stuck.any(), "a coordinate leaves its bound when the way down leads inwards"


def test_coordinate_that_the_residuals_do_not_see_stays_where_it_was():
    with jax.enable_x64(True):
        start, wide = jnp.array([5.0, 3.0]), jnp.full(2, 100.0)
        run = jax.jit(
            lambda s: levenberg_marquardt(trips=30).run(
                lambda x: jnp.stack([x[0] - 2.0, 3.0 * (x[0] - 2.0)]), s, -wide, wide
            )
        )
        found = run(start)
    np.testing.assert_allclose(found.x, [2.0, 3.0], rtol=1e-12)


def _poisonous(x):
    """Residuals that are NaN left of 0.1 and infinite right of 9, with their minimum at 2."""
    bad = jnp.where(x[0] > 9.0, jnp.inf, jnp.where(x[0] < 0.1, jnp.nan, 0.0))
    return jnp.stack([x[0] - 2.0, 0.1 * (x[0] - 2.0) ** 2, x[1] - 1.0]) + bad


def test_starts_that_cannot_be_evaluated_do_not_poison_the_others():
    with jax.enable_x64(True):
        starts = jnp.array([[3.0, 0.0], [0.0, 0.0], [9.5, 0.0], [8.0, 5.0]])
        wide = jnp.full(2, 100.0)
        batch = jax.jit(jax.vmap(lambda s: levenberg_marquardt(trips=40).run(_poisonous, s, -wide, wide)))
        found = batch(starts)
        clean = batch(starts[jnp.array([0, 3, 0, 3])])
    np.testing.assert_allclose(found.x[np.array([0, 3])], [[2.0, 1.0], [2.0, 1.0]], atol=1e-6)
    np.testing.assert_array_equal(found.objective[np.array([0, 3])], clean.objective[:2])
    assert not np.isfinite(found.objective[np.array([1, 2])]).any()
    np.testing.assert_array_equal(found.x[np.array([1, 2])], starts[np.array([1, 2])])


def test_step_into_nan_is_taken_back_and_shortened():
    # From 8 the first full step leads below 0, where the logarithm has no value.
    def fun(x):
        return jnp.stack([jnp.log(x[0]) * 3.0, 0.0 * x[0]])

    with jax.enable_x64(True):
        wide = jnp.full(1, 1e3)
        found = jax.jit(lambda s: levenberg_marquardt(trips=60).run(fun, s, -wide, wide))(jnp.array([8.0]))
    assert float(found.x[0]) == pytest.approx(1.0, rel=1e-8)


def test_search_differentiates_forwards():
    # min over x of (x - a)^2 + (x - 3 a)^2 lies at 2 a, whatever the trips.
    with jax.enable_x64(True):
        wide = jnp.full(1, 1e3)

        def optimum(a):
            return (
                levenberg_marquardt(trips=40)
                .run(lambda x: jnp.stack([x[0] - a, x[0] - 3.0 * a]), jnp.array([1.0]), -wide, wide)
                .x[0]
            )

        value, slope = jax.jvp(optimum, (0.7,), (1.0,))
    assert (float(value), float(slope)) == pytest.approx((1.4, 2.0), rel=1e-9)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("n", [1, 5, 25])
def test_derivatives_are_jaxs_for_few_and_many_parameters(n, stored):
    with jax.enable_x64(True):
        rng = np.random.default_rng(n)
        mix, x = jnp.asarray(rng.normal(size=(2 * n, n))), jnp.asarray(rng.normal(size=n))

        def fun(parts):
            return jnp.tanh(mix @ jnp.stack(parts)) + parts[0]

        many = jax.vmap(fun, out_axes=-1)
        points = jnp.stack([x, x + 0.1, x - 0.1], axis=1)
        values, slopes = jax.jit(functools.partial(columns, many, stored=stored))(points)
        for i, point in enumerate(points.T):
            np.testing.assert_allclose(values[:, i], fun(tuple(point)), atol=1e-14)
            np.testing.assert_allclose(
                np.stack(slopes)[:, :, i], jax.jacrev(lambda v: fun(tuple(v)))(point).T, atol=1e-13
            )
        value = fun(tuple(x))
        point = evaluate(fun, x, 0.5)
        assert float(point.objective) == pytest.approx(0.5 * float(value @ value), rel=1e-13)
        assert point.damping == 0.5


@pytest.mark.parametrize("n", [1, 2, 5, 10, 11, 20])
def test_small_positive_systems_are_solved_as_numpy_solves_them(n):
    rng = np.random.default_rng(n)
    root = rng.normal(size=(2 * n, n))
    gram = root.T @ root
    scale = 1.0 / np.sqrt(np.diagonal(gram))
    unit, right = gram * scale[:, None] * scale[None, :] + 1e-3 * np.eye(n), rng.normal(size=n)
    with jax.enable_x64(True):
        got = jax.jit(solve_positive)(jnp.asarray(unit), jnp.asarray(right))
    np.testing.assert_allclose(got, np.linalg.solve(unit, right), rtol=1e-9)


@pytest.mark.parametrize("n", [3, 12])
def test_singular_system_gives_no_nan(n):
    with jax.enable_x64(True):
        got = jax.jit(solve_positive)(jnp.ones((n, n)), jnp.ones(n))
    assert np.isfinite(got).all()


# --- descent -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transformation", [optax.adam(0.05), optax.sgd(1e-2, momentum=0.9), optax.chain(optax.clip(1.0), optax.adamw(0.05))]
)
def test_descent_by_an_optax_transformation_goes_down_and_stays_in_the_box(transformation):
    def fun(x):
        return jnp.stack([x[0] - 4.0, 2.0 * (x[1] + 1.0), x[0] * x[1]])

    low, high = jnp.array([-1.0, -0.5]), jnp.array([2.0, 3.0])
    start = jnp.array([0.0, 2.5])
    with jax.numpy_dtype_promotion("standard"):  # optax does not hold the strict one
        few, many = (
            jax.jit(lambda s, n=n: descent(transformation, steps=n).run(fun, s, low, high))(start) for n in (20, 600)
        )
    at_start = float(evaluate(fun, start, 0.0).objective)
    assert float(many.objective) <= float(few.objective) < at_start
    for found in (few, many):
        assert ((found.x >= low) & (found.x <= high)).all()
        again = evaluate(fun, found.x, 0.0)
        assert float(found.objective) == pytest.approx(float(again.objective), rel=1e-6)
    # The optimum lies in the corner (2, -.5); SciPy finds it there.
    their = least_squares(
        lambda x: np.array([x[0] - 4.0, 2.0 * (x[1] + 1.0), x[0] * x[1]]), [0.0, 2.5], bounds=([-1, -0.5], [2, 3])
    )
    assert float(many.objective) == pytest.approx(their.cost, rel=1e-3)


def test_descent_returns_the_best_point_it_saw_not_the_last():
    # A step far too long throws the search about; the start itself is nearly the minimum.
    wide = jnp.full(1, 1e6)
    start = jnp.array([1.0 + 1e-3])
    found = jax.jit(lambda s: descent(optax.sgd(3.0), steps=7).run(lambda x: jnp.stack([x[0] - 1.0]), s, -wide, wide))(
        start
    )
    assert float(found.objective) <= 0.5e-6 * (1.0 + 1e-2)
    np.testing.assert_array_equal(found.x, start)


def test_descent_survives_a_start_that_cannot_be_evaluated():
    wide = jnp.full(2, 100.0)
    starts = jnp.array([[3.0, 0.0], [0.0, 0.0]])
    with jax.numpy_dtype_promotion("standard"):
        found = jax.jit(jax.vmap(lambda s: descent(optax.adam(0.1), steps=50).run(_poisonous, s, -wide, wide)))(starts)
    assert np.isfinite(found.objective[0]) and float(found.objective[0]) < 1.0
    assert not np.isfinite(found.objective[1])
