"""The best learning rates of a run as a pure function: what `schedule` finds, inside your own jit, vmap and grad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.plan._corners import first_corners
from jaxlaws.plan._rates import Problem, grid_of, of_draws
from jaxlaws.solvers import Limits, followed, minimise_path
from jaxlaws.spec import Law

CYCLES = 8


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Path:
    """Rates `lr` at `steps`, `(corners,)`, with straight lines between them, and the predicted `loss` after the last step.
    `residual` and `gap` say how far from optimal they are, as of `SchedulePlan`. `vmap` adds axes."""

    steps: Any
    lr: Any
    loss: Any
    residual: Any
    gap: Any


def corners(total: int, *, warmup: int = 0, count: int = 64) -> np.ndarray:
    """Steps between which a path of rates is straight, `(count,)`: from the end of the warm-up to `total`, dense towards the
    end. Fewer where there are fewer steps."""
    return first_corners(warmup, total, min(count, total - warmup + 1))


def best_path(
    law: Law,
    params: Mapping[str, Any],
    steps: np.ndarray,
    *,
    peak: Any,
    floor: Any = 0.0,
    max_slope: Any = 0.02,
    inputs: Mapping[str, Any] | None = None,
) -> Path:
    """Rates at `steps` for which a law of curves predicts the lowest final loss: a pure function, differentiable in all its
    numbers, which may be traced.

    `steps` are whole and increase, such as `corners(24_000, warmup=2160)`; they, and so the horizon, are fixed under `jit`. The
    rate climbs from 0 to `peak` at the first of them, and never rises after that; `floor` is the lowest rate and `max_slope`
    the largest fall in a step as a share of the peak. `inputs` are what else the law needs, and `batch`.

    It works in the dtype of its numbers: rates of float32 are good to a hundredth of the peak where the loss is flat. It
    refuses nothing: a law that rewards steps at rate 0 gets its way. `plan.schedule` also moves the corners to where the path
    bends, checks and certifies.
    """
    steps = np.asarray(steps, dtype=np.int64)
    numbers = {"params": dict(params), "peak": peak, "floor": floor, "slope": max_slope, "inputs": dict(inputs or {})}
    dtype = jnp.result_type(float, *params.values()) if not params else jnp.result_type(*params.values())
    numbers = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), numbers)
    along = np.concatenate([[0, steps[0]], steps]).astype(np.float64)
    grid = jax.tree.map(lambda leaf: _as(dtype, leaf), grid_of(along, at={int(steps[-1]): 1.0}))
    widths = jnp.asarray(np.diff(steps), dtype)

    def limits(given: Any) -> Limits:
        low = jnp.full(len(steps), given["floor"] / given["peak"], dtype).at[0].set(1.0)
        fall = given["slope"] * widths
        return Limits(low, jnp.ones_like(low), fall, jnp.zeros_like(fall), jnp.arange(len(steps)) > 0)

    def loss(x: Any, given: Any) -> Any:
        problem = Problem(
            params=jax.tree.map(lambda v: v[None], given["params"]),
            inputs=given["inputs"],
            grid=grid,
            scale=given["peak"],
            first=jnp.asarray(0.0 if steps[0] > 0 else -1.0, dtype),
            start=None,
            limits=None,  # type: ignore[arg-type]  # of the search, not of the loss
            barrier=None,
            sharpness=None,
        )
        return of_draws(law, problem, x)[0]

    still = jax.lax.stop_gradient(numbers)
    share = jnp.asarray((steps - steps[0]) / (steps[-1] - steps[0]), dtype)
    most = jnp.minimum(1.0 - still["floor"] / still["peak"], still["slope"] * jnp.sum(widths))
    # A gentle slope, strictly inside all limits.
    start = 1.0 - 0.5 * most * share
    last = 1e-11 if dtype == jnp.float64 else 3e-6  # below that float32 sees no change of a loss
    found = minimise_path(lambda x: loss(x, still), start, limits(still), last=last, cycles=CYCLES)
    x = followed(lambda x: loss(x, numbers), found, limits(numbers))
    return Path(jnp.asarray(steps), x * numbers["peak"], loss(x, numbers), found.residual, found.gap)


def _as(dtype: Any, leaf: np.ndarray) -> Any:
    return jnp.asarray(leaf, dtype) if np.issubdtype(leaf.dtype, np.floating) else jnp.asarray(leaf)
