"""Many starts, fewer with each rung, more care with each rung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from jaxlaws.errors import FitError
from jaxlaws.solvers.levenberg_marquardt import Minimum, Residuals, evaluate


class Solver(Protocol):
    """Anything with the `run` of `LevenbergMarquardt`, hashable, so that it can be static under `jit`."""

    def run(self, residuals: Residuals, start: Any, low: Any, high: Any, *, trips: int | None = None) -> Minimum: ...


@dataclass(frozen=True)
class Rung:
    """One stage: the `keep` best starts (None: all) take `trips` steps in `dtype`."""

    keep: int | None
    trips: int
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.trips < 0 or (self.keep is not None and self.keep < 1) or self.dtype not in ("float32", "float64"):
            raise FitError(f"a rung needs trips >= 0, keep >= 1 and dtype float32 or float64; got {self}.")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Race:
    """Outcome: the best minimum, and of every start its objective where it left the race, and the rung it left in."""

    best: Minimum
    objectives: Any  # (starts,)
    reached: Any  # (starts, params) where each start left the race
    winner: Any  # index of the winning start


def race(
    problem: Callable[[Any], Residuals], starts: Any, low: Any, high: Any, *, solver: Solver, rungs: Sequence[Rung]
) -> Race:
    """Minimise from every start `(starts, params)`; after each rung only the best go on. Ties go to the smaller index.

    `problem(dtype)` gives the residuals in that precision. Where 64-bit types are off, float64 rungs run in the
    default type.
    """
    count = starts.shape[0]
    index = jnp.arange(count)
    minima = objectives = None
    x = reached = starts
    for rung in rungs:
        if minima is not None and rung.keep is not None and rung.keep < x.shape[0]:
            order = jnp.argsort(_ranked(minima.objective))[: rung.keep]
            minima = jax.tree.map(lambda leaf, order=order: leaf[order], minima)
            index, x = index[order], minima.x
        dtype = jax.dtypes.canonicalize_dtype(rung.dtype)
        residuals = problem(dtype)
        lower, upper = low.astype(dtype), high.astype(dtype)
        minima = jax.vmap(
            lambda s, residuals=residuals, lower=lower, upper=upper, trips=rung.trips: solver.run(
                residuals, s, lower, upper, trips=trips
            )
        )(x.astype(dtype))
        x = minima.x
        reached = reached.at[index].set(x.astype(starts.dtype))
        now = minima.objective.astype(starts.dtype)
        objectives = now if objectives is None else objectives.at[index].set(now)
    assert minima is not None and objectives is not None
    winner = jnp.argmin(_ranked(minima.objective))
    best = jax.tree.map(lambda leaf: leaf[winner], minima)
    if best.x.dtype != starts.dtype:
        best = evaluate(problem(starts.dtype), best.x.astype(starts.dtype), best.damping.astype(starts.dtype))
    return Race(best=best, objectives=objectives, reached=reached, winner=index[winner])


def _ranked(objective: Any) -> Any:
    return jnp.where(jnp.isfinite(objective), objective, jnp.inf)
