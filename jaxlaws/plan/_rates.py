"""Rates at a few steps, and what a law says of the run that goes through them: pure functions of arrays.

A path of rates has a climb to `top`, a plateau until `hold`, and straight lines between the steps after it. Rates are in
units of `scale`. Everything is a leaf, so that horizons, peaks, steps and parameters batch together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.schedules.curve import Curve
from jaxlaws.solvers import Limits, minimise_paths
from jaxlaws.spec import Law

CLIMB = np.array([0.02, 0.08, 0.2, 0.4, 0.6, 0.8, 0.92, 0.98, 1.0])  # cells of a climb, graded to both ends


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Grid:
    """Cells that a path of rates is evaluated on. `left` and `share` say where each edge lies between the path's corners;
    `at` are the positions of logged edges, `weight` what their losses count; `climb` is 1 for cells of the warm-up."""

    edges: Any  # (edges,)
    left: Any  # (edges,)
    share: Any  # (edges,)
    climb: Any  # (cells,)
    at: Any  # (steps,)
    weight: Any  # (steps,)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Problem:
    """One schedule to be found. `first` is the rate at step 0 in units of `scale` (below 0: the first rate of the path);
    `params` have a leading axis of draws; `start` lies strictly inside `limits`."""

    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    grid: Grid
    scale: Any
    first: Any
    start: Any  # (points,)
    limits: Limits
    barrier: Any
    sharpness: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Optimum:
    """Rates `x` of a path in units of its scale, their loss, and how far from optimal they are; see `Found`."""

    x: Any  # (points,)
    loss: Any
    residual: Any
    gap: Any
    trips: Any


def grid_of(corners: np.ndarray, *, at: Mapping[int, float], ramp: str = "linear", split: int = 2) -> Grid:
    """Grid over a path with these corners: 0, the climb's top, the plateau's end, and steps up to the last logged one.

    Each piece is cut into `split` cells, more towards logged steps before the end.
    """
    top = corners[1]
    pieces = np.linspace(corners[2:-1], corners[3:], split + 1)[1:] if len(corners) > 3 else np.zeros((1, 0))
    marks = [[0.0], top * CLIMB, [corners[2]], np.round(pieces).ravel()]
    for step in at:
        if step < corners[-1]:
            marks.append(np.clip(step - np.array([0, 1, 4, 16, 64, 256]), corners[1], None))
    edges = np.sort(np.concatenate(marks))
    left = np.clip(np.searchsorted(corners, edges, side="right") - 1, 0, len(corners) - 2)
    width = np.maximum(corners[left + 1] - corners[left], 1e-9)
    share = np.clip((edges - corners[left]) / width, 0.0, 1.0)
    return Grid(
        edges=edges,
        left=left,
        share=np.where((ramp == "cosine") & (edges < top), 0.5 - 0.5 * np.cos(np.pi * share), share),
        climb=(edges[1:] <= top).astype(np.float64),
        at=np.searchsorted(edges, list(at)),
        weight=np.array(list(at.values()), dtype=np.float64),
    )


def rates_of(problem: Problem, x: Any) -> tuple[Any, Any]:
    """Rates at the grid's edges, and the rate that the climb leads to."""
    grid = problem.grid
    first = jnp.where(problem.first < 0, x[0], problem.first)
    corners = jnp.concatenate([first[None], x[:1], x])
    lr = corners[grid.left] * (1.0 - grid.share) + corners[grid.left + 1] * grid.share
    return problem.scale * lr, problem.scale * x[0]


def along(law: Law, grid: Grid, lr: Any, top: Any, inputs: Mapping[str, Any], points: int = 2) -> Curve:
    """Curve of rates at the edges, its climb seen as the law's variant says."""
    seen = law.options.get("warmup", "counted")
    climb = jnp.concatenate([grid.climb[:1], grid.climb])
    lr = jnp.where(climb > 0, top, lr) if seen == "peak" else lr
    counted = None if seen == "counted" else 1.0 - grid.climb
    return Curve.along(grid.edges, lr, at=grid.at, batch=inputs.get("batch"), counted=counted, points=points)


def losses(law: Law, params: Mapping[str, Any], curve: Curve, inputs: Mapping[str, Any]) -> Any:
    """The law at the curve's logged steps for every draw, `(draws, steps)`."""
    more = {k: jnp.broadcast_to(v, curve.step.shape) for k, v in inputs.items() if k in law.inputs}
    return jax.vmap(lambda p: law.fn(*(curve if k == "curve" else more[k] for k in law.inputs), **p))(dict(params))


def of_draws(law: Law, problem: Problem, x: Any) -> Any:
    """Weighted loss of each draw, `(draws,)`."""
    lr, top = rates_of(problem, x)
    curve = along(law, problem.grid, lr, top, problem.inputs)
    return losses(law, problem.params, curve, problem.inputs) @ problem.grid.weight


@partial(jax.jit, static_argnames=("law", "cycles"))
def optimal(law: Law, problems: Problem, *, cycles: int) -> Optimum:
    """Rates that minimise the weighted loss within the limits, for problems stacked along a leading axis: its mean over
    draws or, where `sharpness` is above 0, a smooth maximum of them that is below the maximum by at most
    log(draws)/sharpness."""

    def value(x: Any, problem: Problem) -> Any:
        each = of_draws(law, problem, x)
        sharp = jnp.where(problem.sharpness > 0, problem.sharpness, 1.0)
        middle = jnp.mean(each)
        soft = middle + jax.nn.logsumexp(sharp * (each - middle), b=1.0 / each.shape[0]) / sharp
        return jnp.where(problem.sharpness > 0, soft, middle)

    def loss(x: Any, problem: Problem) -> Any:
        each = of_draws(law, problem, x)
        return jnp.where(problem.sharpness > 0, jnp.max(each), jnp.mean(each))

    found = minimise_paths(value, problems, problems.start, problems.limits, problems.barrier, cycles=cycles)
    return Optimum(found.x, jax.vmap(loss)(found.x, problems), found.residual, found.gap, found.trips)


@partial(jax.jit, static_argnames=("law",))
def predicted(law: Law, problems: Problem) -> Any:
    """Weighted loss `(problems,)` of the paths that problems start from, by their first draw."""
    return jax.vmap(lambda problem: of_draws(law, problem, problem.start)[0])(problems)


@partial(jax.jit, static_argnames=("law", "points"))
def step_by_step(law: Law, params: Mapping[str, Any], grids: Grid, lr: Any, top: Any, inputs: Any, points: int) -> Any:
    """Losses `(schedules, draws, steps)` of rates `(schedules, edges)` on grids whose cells are single steps: exact sums."""

    def one(args: Any) -> Any:
        grid, lr, top, params, inputs = args
        curve = along(law, grid, lr, top, inputs, points)
        return jax.lax.map(
            lambda p: losses(law, jax.tree.map(lambda v: v[None], p), curve, inputs)[0], params, batch_size=8
        )

    return jax.lax.map(one, (grids, lr, top, params, inputs), batch_size=4)
