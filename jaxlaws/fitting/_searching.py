"""The compiled search as the host runs it: starts in chunks on all cores, and more trips where they are needed."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import numpy as np

from jaxlaws.fitting._settings import Settings
from jaxlaws.fitting._stream import in_threads
from jaxlaws.fitting.engine import POLISHED, Plan, Problem, remaining, scaled_normal, search_groups
from jaxlaws.solvers import LevenbergMarquardt, Minimum, Race, Rung, frozen

CHUNKS = 8  # of the starts of one group, at least, where they are many
POLISHES = 3  # rounds of them, at most


def searched(settings: Settings, plan: Plan, problems: Problem, starts: np.ndarray) -> Race:
    """The search, and more trips for the best starts as long as some group has not converged, in programs compiled
    only then."""
    found = _chunked(plan, problems, starts) if len(starts) == 1 else _run(plan, problems, starts)
    solver = settings.solver
    if settings.rungs is not None or not isinstance(solver, LevenbergMarquardt):
        return found
    for _ in range(POLISHES):
        done = [_converged(jax.tree.map(lambda x, j=j: x[j], (found.best, problems))) for j in range(len(starts))]
        if all(done):
            break
        more = dataclasses.replace(plan, rungs=(Rung(None, solver.polish),), explore=None, linear=False)
        after = _continued(more, problems, found, POLISHED)
        # A group that had converged keeps its bits, whatever its neighbours in the batch still need.
        found = jax.tree.map(partial(_kept, np.array(done)), found, after)
    return found


def _continued(plan: Plan, problems: Problem, found: Race, keep: int) -> Race:
    """The best `keep` starts of each group go on by `plan`; ties go to the smaller index."""
    order = np.argsort(np.where(np.isfinite(found.objectives), found.objectives, np.inf), axis=1, kind="stable")
    best = order[:, : min(keep, order.shape[1])]
    again = _run(plan, problems, np.take_along_axis(found.reached, best[:, :, None], axis=1))
    objectives, reached = found.objectives.copy(), found.reached.copy()
    np.put_along_axis(objectives, best, again.objectives, axis=1)
    np.put_along_axis(reached, best[:, :, None], again.reached, axis=1)
    winner = np.take_along_axis(best, again.winner[:, None], axis=1)[:, 0]
    return Race(best=again.best, objectives=objectives, reached=reached, winner=winner)


def _run(plan: Plan, problems: Problem, starts: np.ndarray) -> Race:
    found: Race = jax.device_get(search_groups(plan, problems, starts))
    return found


def _chunked(plan: Plan, problems: Problem, starts: np.ndarray) -> Race:
    """The search of one group, its starts in chunks for the cores. The chunks' size depends on nothing but the number
    of starts, so that no bit depends on the machine's size."""
    count = starts.shape[1]
    size = max(4, 1 << max(0, (count // CHUNKS).bit_length() - 1))
    if plan.explore is not None or count < 2 * size or jax.default_backend() != "cpu":
        return _run(plan, problems, starts)  # an accelerator wants them all at once
    for i, rung in enumerate(plan.rungs[1:], 1):
        if rung.keep is not None:  # who goes on is decided among all
            first = _chunked(dataclasses.replace(plan, rungs=plan.rungs[:i]), problems, starts)
            rest = (dataclasses.replace(rung, keep=None), *plan.rungs[i + 1 :])
            return _continued(dataclasses.replace(plan, rungs=rest, linear=False), problems, first, rung.keep)
    chunks = -(-count // size)
    padded = np.concatenate([starts, np.repeat(starts[:, -1:], chunks * size - count, axis=1)], axis=1)
    races = in_threads(lambda i: _run(plan, problems, padded[:, i * size : (i + 1) * size]), list(range(chunks)))
    objectives = np.concatenate([r.objectives for r in races], axis=1)[:, :count]
    reached = np.concatenate([r.reached for r in races], axis=1)[:, :count]
    winner = int(np.argmin(np.where(np.isfinite(objectives[0]), objectives[0], np.inf)))
    return Race(races[winner // size].best, objectives, reached, np.array([winner]))


def _kept(keep: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Leaves of groups `(groups, ...)`: old ones where `keep`."""
    return np.where(keep.reshape(-1, *[1] * (old.ndim - 1)), old, new)


def _converged(pair: tuple[Minimum, Problem]) -> bool:
    minimum, problem = pair
    if not (np.isfinite(minimum.objective) and np.isfinite(minimum.normal).all()):
        return True  # nothing to polish
    keep = ~np.asarray(frozen(minimum.x, minimum.gradient, problem.low, problem.high))
    unit, _ = scaled_normal(minimum.normal, keep)
    return float(remaining(minimum, unit, keep)) < 1e-9
