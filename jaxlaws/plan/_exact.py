"""What a law says of whole schedules, by the exact sum over every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxlaws.plan._constraints import Constraints
from jaxlaws.plan._rates import Grid, step_by_step
from jaxlaws.schedules import Schedule
from jaxlaws.spec import Law

_BLOCK = 2048  # steps: sizes that are compiled


def weighted(
    law: Law,
    params: Mapping[str, np.ndarray],
    schedules: Sequence[Schedule],
    limits: Sequence[Constraints],
    paths: Sequence[Mapping[int, float]],
    inputs: Mapping[str, float],
) -> np.ndarray:
    """Weighted loss of each schedule for each of its draws, `(schedules, draws)`; `params` has arrays of that shape."""
    found = at_steps(law, params, schedules, limits, [list(path) for path in paths], inputs)
    return np.stack([f @ np.array(list(path.values())) for f, path in zip(found, paths, strict=True)])


def at_steps(
    law: Law,
    params: Mapping[str, np.ndarray],
    schedules: Sequence[Schedule],
    limits: Sequence[Constraints],
    steps: Sequence[Sequence[int]],
    inputs: Mapping[str, float],
) -> np.ndarray:
    """Loss of each schedule for each of its draws at some steps, as many for each: `(schedules, draws, steps)`."""
    count, batch = len(schedules), 4 if len(schedules) <= 4 else 64
    fill = -(-count // batch) * batch - count  # a new number of schedules compiles nothing
    schedules, limits, steps = _filled(schedules, fill), _filled(limits, fill), _filled(steps, fill)
    params = {k: np.concatenate([v, np.repeat(v[-1:], fill, axis=0)]) for k, v in params.items()}
    size = -(-max(c.total for c in limits) // _BLOCK) * _BLOCK + 1
    none = np.zeros(size, dtype=np.int64)
    grids, rates, tops = [], [], []
    for s, c, at in zip(schedules, limits, steps, strict=True):
        lr = s.as_array(c.total)
        edges = np.minimum(np.arange(size), c.total)  # cells after the end hold no steps and weigh nothing
        climb = (edges[1:] <= c.warmup).astype(np.float64)
        grids.append(
            Grid(edges.astype(np.float64), none, none.astype(np.float64), climb, np.array(at), np.ones(len(at)))
        )
        rates.append(lr[edges])
        tops.append(lr[c.warmup])
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *grids)
    more = {k: np.full(len(grids), float(v)) for k, v in inputs.items()}
    with jax.enable_x64(True):
        return np.asarray(step_by_step(law, params, stacked, np.stack(rates), np.array(tops), more, 1))[:count]


def _filled(items: Sequence[Any], more: int) -> list[Any]:
    return [*items, *[items[-1]] * more]
