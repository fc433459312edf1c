"""First-order descent with any optax transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxlaws.solvers.levenberg_marquardt import Minimum, Residuals, evaluate

if TYPE_CHECKING:
    import optax


@dataclass(frozen=True)
class Descent:
    """Settings: an optax transformation and how many updates it makes."""

    transformation: optax.GradientTransformation
    trips: int

    def run(self, residuals: Residuals, start: Any, low: Any, high: Any, *, trips: int | None = None) -> Minimum:
        """As `LevenbergMarquardt.run`, by projected gradient steps; the best point seen is returned."""
        n = start.shape[0]

        def objective(x: Any) -> Any:
            value = residuals(tuple(x[i] for i in range(n)))
            return 0.5 * jnp.sum(value * value)

        def trip(now: Any, _: Any) -> tuple[Any, None]:
            x, state, best, lowest = now
            value, gradient = jax.value_and_grad(objective)(x)
            better = value < lowest
            best, lowest = jnp.where(better, x, best), jnp.where(better, value, lowest)
            updates, state = self.transformation.update(gradient, state, x)
            return (jnp.clip(x + updates, low, high), state, best, lowest), None

        x = jnp.clip(start, low, high)
        first = (x, self.transformation.init(x), x, jnp.asarray(jnp.inf, x.dtype))
        length = self.trips if trips is None else trips
        (x, _, best, lowest), _ = jax.lax.scan(trip, first, length=length)
        best = jnp.where(objective(x) < lowest, x, best)
        return evaluate(residuals, best, jnp.asarray(1e-2, x.dtype))


def descent(transformation: optax.GradientTransformation, *, steps: int) -> Descent:
    """Solver from any optax transformation, such as `descent(optax.adam(1e-2), steps=500)`.

    As the whole solver of a point law it rarely reaches the optimum (see docs); as `fit(explore=...)` it prepares
    starts for Levenberg-Marquardt.
    """
    return Descent(transformation, steps)
