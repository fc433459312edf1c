"""Many starts, fewer with each rung, more care with each rung."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from jaxlaws.errors import FitError
from jaxlaws.solvers.levenberg_marquardt import Batched, LevenbergMarquardt, Minimum, Residuals, batched, evaluate_many

_BLOCK = 1 << 17  # numbers in the derivatives of starts that are worked on together: what fits a core's cache


class Solver(Protocol):
    """Anything with the `run` of `LevenbergMarquardt`, hashable, so that it can be static under `jit`."""

    def run(self, residuals: Residuals, start: Any, low: Any, high: Any, *, trips: int | None = None) -> Minimum: ...


@dataclass(frozen=True)
class Rung:
    """One stage: the `keep` best starts (None: all) take `trips` steps in `dtype`, the first `projected` of them as
    `race` says."""

    keep: int | None
    trips: int
    dtype: str = "float64"
    projected: int = 0

    def __post_init__(self) -> None:
        if (
            self.trips < 0
            or self.projected < 0
            or (self.keep is not None and self.keep < 1)
            or self.dtype not in ("float32", "float64")
        ):
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
    problem: Callable[[Any], Residuals],
    starts: Any,
    low: Any,
    high: Any,
    *,
    solver: Solver,
    rungs: Sequence[Rung],
    project: Callable[[Any], Callable[[Any], Any] | None] | None = None,
) -> Race:
    """Minimise from every start `(starts, params)`; after each rung only the best go on. Ties go to the smaller index.

    `problem(dtype)` gives the residuals in that precision, and `project(dtype)` a function of points `(params, starts)`
    that solves for some coordinates given the others, which projected rungs apply before each evaluation. Where 64-bit
    types are off, float64 rungs run in the default type.

    Many problems of one shape race side by side when `starts` is `(problems, starts, params)`: `problem` and `project`
    then take points of all problems, `(params, problems * starts)`, and each outcome has a leading axis of problems.
    """
    if starts.ndim == 2:
        found = race(problem, starts[None], low, high, solver=solver, rungs=rungs, project=project)
        return jax.tree.map(lambda leaf: leaf[0], found)
    groups, count, _ = starts.shape
    index = jnp.broadcast_to(jnp.arange(count), (groups, count))
    minima = objectives = None
    x = reached = starts
    for rung in rungs:
        if minima is not None and rung.keep is not None and rung.keep < x.shape[1]:
            order = jnp.argsort(_ranked(minima.objective), axis=1)[:, : rung.keep]
            index, x = jnp.take_along_axis(index, order, axis=1), jnp.take_along_axis(x, order[..., None], axis=1)
        dtype = jax.dtypes.canonicalize_dtype(rung.dtype)
        better = project(dtype) if project is not None and rung.projected else None
        residuals = problem(dtype)
        if better is not None and rung.trips <= rung.projected and isinstance(residuals, Batched):
            residuals = dataclasses.replace(residuals, share=None)  # for the last steps, which this rung has none of
        minima = _stage(solver, residuals, x.astype(dtype), low.astype(dtype), high.astype(dtype), rung, better)
        x = minima.x
        row = jnp.arange(groups)[:, None]
        reached = reached.at[row, index].set(x.astype(starts.dtype))
        now = minima.objective.astype(starts.dtype)
        objectives = now if objectives is None else objectives.at[row, index].set(now)
    assert minima is not None and objectives is not None
    winner = jnp.argmin(_ranked(minima.objective), axis=1)
    best = jax.tree.map(lambda leaf: leaf[jnp.arange(groups), winner], minima)
    if best.x.dtype != starts.dtype:
        best = evaluate_many(problem(starts.dtype), best.x.astype(starts.dtype), best.damping.astype(starts.dtype))
    chosen = jnp.take_along_axis(index, winner[:, None], axis=1)[:, 0]
    return Race(best=best, objectives=objectives, reached=reached, winner=chosen)


def _stage(solver: Solver, residuals: Residuals, starts: Any, low: Any, high: Any, rung: Rung, project: Any) -> Minimum:
    """One rung of all starts `(problems, starts, params)`, a block of them after another where they are many."""
    groups, count, n = starts.shape
    if not isinstance(solver, LevenbergMarquardt):
        assert groups == 1, "a solver that is not batched takes one problem at a time"
        return jax.vmap(jax.vmap(lambda s: solver.run(residuals, s, low, high, trips=rung.trips)))(starts)

    def run(block: Any) -> Minimum:
        size = block.shape[1]
        found = solver.run_many(
            residuals,
            block.reshape(groups * size, n),
            low,
            high,
            trips=rung.trips,
            project=project,
            projected=rung.projected,
        )
        return jax.tree.map(lambda leaf: leaf.reshape(groups, size, *leaf.shape[1:]), found)

    rows = jax.eval_shape(lambda s: batched(residuals)(tuple(s[:, 0, i] for i in range(n))), starts).shape[0]
    size = in_cache(n * rows * groups)
    if count <= size:
        return run(starts)
    blocks = -(-count // size)
    padded = jnp.concatenate([starts, jnp.repeat(starts[:, -1:], blocks * size - count, axis=1)], axis=1)
    found = jax.lax.map(run, jnp.moveaxis(padded.reshape(groups, blocks, size, n), 1, 0))

    def whole(leaf: Any) -> Any:
        return jnp.moveaxis(leaf, 0, 1).reshape(groups, blocks * size, *leaf.shape[3:])[:, :count]

    return jax.tree.map(whole, found)


def in_cache(numbers: int) -> int:
    """How many problems, each with so many numbers in its derivatives, a core's cache holds: a power of two."""
    return max(1, 1 << max(0, (_BLOCK // max(numbers, 1)).bit_length() - 1))


def _ranked(objective: Any) -> Any:
    return jnp.where(jnp.isfinite(objective), objective, jnp.inf)
