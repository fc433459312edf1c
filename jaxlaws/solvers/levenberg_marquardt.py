"""Levenberg-Marquardt, projected on a box, written for one start and batched over all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlaws.solvers._linear import solve_positive

Residuals = Callable[[tuple[Any, ...]], Any]

_FIRST_DAMPING = 1e-2
_UNROLLED = 24  # beyond so many coordinates one jvp each would take too long to compile


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Minimum:
    """Where a search ended. `x` of shape `(params,)`, the rest scalars; a batch of starts adds a leading axis.

    `objective` is half the sum of squared residuals, `gradient` its gradient, `normal` the Gauss-Newton matrix.
    """

    x: Float[Array, "*starts params"]
    objective: Float[Array, "*starts"]
    gradient: Float[Array, "*starts params"]
    normal: Float[Array, "*starts params params"]
    damping: Float[Array, "*starts"]


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Settings of the solver. `trips` is how many steps every start takes; `polish` how many more the best ones
    take."""

    trips: int = 60
    polish: int = 40

    def run(
        self, residuals: Residuals, start: Float[Array, " params"], low: Any, high: Any, *, trips: int | None = None
    ) -> Minimum:
        """Minimise half the sum of squares of `residuals(x)` from one start inside the box `low <= x <= high`.

        `residuals` takes a tuple of scalars, so that the derivative to one of them costs what depends on it, and
        returns an array. The number of steps is fixed: nothing depends on values, so that the search can be batched,
        and differentiated forwards.
        """

        def trip(_: Any, now: tuple[Minimum, Any]) -> tuple[Minimum, Any]:
            here, growth = now
            stuck = frozen(here.x, here.gradient, low, high)
            step = _step(here, stuck)
            x = jnp.clip(here.x + step, low, high)
            there = evaluate(residuals, x, here.damping)
            taken = x - here.x
            predicted = -(here.gradient @ taken + 0.5 * taken @ here.normal @ taken)
            gain = (here.objective - there.objective) / jnp.maximum(predicted, jnp.finfo(x.dtype).tiny)
            better = there.objective < here.objective  # false for NaN
            # Nielsen's rule: damping falls smoothly with the gain ratio, and grows faster with each failure in a row.
            eased = here.damping * jnp.clip(1.0 - (2.0 * gain - 1.0) ** 3, 0.1, 2.0)
            begun = jnp.isfinite(here.objective)
            damping = jnp.clip(
                jnp.where(better, jnp.where(begun, eased, here.damping), here.damping * growth), 1e-14, 1e14
            )
            growth = jnp.where(better, 2.0, jnp.minimum(growth * 2.0, 64.0))
            chosen = jax.tree.map(lambda a, b: jnp.where(better, a, b), there, here)
            return _damped(chosen, damping), growth

        # The first trip has nothing to descend from, so it takes no step and evaluates the start: the program then holds the
        # residuals once, which halves the time to compile it.
        length = 1 + (self.trips if trips is None else trips)
        first = _nowhere(jnp.clip(start, low, high))
        return jax.lax.fori_loop(0, length, trip, (first, jnp.asarray(2.0, start.dtype)))[0]


def levenberg_marquardt(*, trips: int = 60, polish: int = 40) -> LevenbergMarquardt:
    """Solver for sums of squares: `trips` damped Gauss-Newton steps from every start, `polish` more from the best."""
    return LevenbergMarquardt(trips, polish)


def evaluate(residuals: Residuals, x: Float[Array, " params"], damping: Any) -> Minimum:
    """Objective, gradient and Gauss-Newton matrix at `x`."""
    value, columns = jacobian(residuals, x)
    return Minimum(
        x=x,
        objective=0.5 * jnp.sum(value * value),
        gradient=columns @ value,
        normal=columns @ columns.T,
        damping=damping,
    )


def jacobian(residuals: Residuals, x: Float[Array, " params"]) -> tuple[Any, Any]:
    """Residuals `(rows,)` and their derivatives `(params, rows)`."""
    n = x.shape[0]
    if n > _UNROLLED:
        value = residuals(tuple(x[i] for i in range(n)))
        return value, jax.jacfwd(lambda v: residuals(tuple(v[i] for i in range(n))))(x).T
    parts = tuple(x[i] for i in range(n))

    def along(i: int) -> tuple[Any, Any]:
        # Only x[i] carries a tangent: the terms that do not depend on it drop out of the trace.
        return jax.jvp(lambda v: residuals((*parts[:i], v, *parts[i + 1 :])), (parts[i],), (jnp.ones_like(parts[i]),))

    pairs = [along(i) for i in range(n)]
    return pairs[0][0], jnp.stack([tangent for _, tangent in pairs])


def frozen(x: Any, gradient: Any, low: Any, high: Any) -> Any:
    """Coordinates on their bound whose descent direction points out of the box."""
    return ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))


def _step(here: Minimum, stuck: Any) -> Any:
    n = here.x.shape[0]
    keep = ~stuck
    diagonal = jnp.diagonal(here.normal)
    # Coordinates without curvature (a parameter that the data do not see) stay where they are.
    floor = 1e-12 * jnp.max(diagonal) + jnp.finfo(here.x.dtype).tiny
    metric = jnp.maximum(diagonal, floor)
    scale = jax.lax.rsqrt(metric)
    both = keep[:, None] & keep[None, :]
    unit = here.normal * scale[:, None] * scale[None, :]
    matrix = jnp.where(both, unit, 0.0) + jnp.eye(n, dtype=here.x.dtype) * jnp.where(keep, here.damping, 1.0)[None, :]
    right = jnp.where(keep, -here.gradient * scale, 0.0)
    return jnp.where(keep, scale * solve_positive(matrix, right), 0.0)


def _nowhere(x: Any) -> Minimum:
    """Before the first evaluation: anything finite is better, and the step away is zero."""
    n = x.shape[0]
    return Minimum(
        x=x,
        objective=jnp.asarray(jnp.inf, x.dtype),
        gradient=jnp.zeros(n, x.dtype),
        normal=jnp.eye(n, dtype=x.dtype),
        damping=jnp.asarray(_FIRST_DAMPING, x.dtype),
    )


def _damped(minimum: Minimum, damping: Any) -> Minimum:
    return Minimum(minimum.x, minimum.objective, minimum.gradient, minimum.normal, damping)
