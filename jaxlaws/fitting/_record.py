"""From what a search found to a `Fit`: how it ended, which parameters trade off, what was used."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting._prepare import Group, weighed
from jaxlaws.fitting._settings import GIVEN, Settings
from jaxlaws.fitting.assemble import Assembled, numeric_columns, padded
from jaxlaws.fitting.engine import agreeing, layout_of, remaining, scaled_normal
from jaxlaws.fitting.predict import evaluate
from jaxlaws.fitting.problem import unpack
from jaxlaws.fitting.result import Fit, Value
from jaxlaws.runs import Runs
from jaxlaws.solvers import Status, frozen

CONDITION = 1e12
SPREAD = 41  # starts whose end is kept


def finished(settings: Settings, group: Group, found: Any, by: tuple[str, ...], *, alone: bool) -> Fit:
    """The `Fit` of what a search found for one group: status, bounds, condition and trade-offs judged from its minimum."""
    minimum = found.best
    best = float(minimum.objective)
    problem = group.problem
    stuck = np.asarray(frozen(minimum.x, minimum.gradient, problem.low, problem.high))
    names = [slot.name for slot in group.layout for _ in range(slot.copies)]
    if not (np.isfinite(best) and np.isfinite(minimum.normal).all()):
        reason = "no start gave a finite objective with finite derivatives; check units and bounds."
        return _give_up(settings, group, by, Status.non_finite, reason, alone)
    keep = ~stuck
    unit, flat = (np.asarray(v) for v in scaled_normal(minimum.normal, keep))
    value, vector = np.linalg.eigh(unit[np.ix_(keep, keep)])
    kept = [n for n, k in zip(names, keep, strict=True) if k]
    diagonal = np.diagonal(minimum.normal)
    blind = [n for n, k, d in zip(names, keep, diagonal, strict=True) if k and d <= 1e-20 * diagonal.max()]
    condition = float(value[-1] / max(value[0], 1e-300)) if len(value) else 1.0
    if bool(flat) or condition > CONDITION:
        who = tuple(blind) or _involved(vector[:, 0], kept)
        noun = "parameter" if len(who) == 1 else "parameters"
        reason = f"rank-deficient: the rows do not determine {noun} {', '.join(who)} of `{settings.law.name}`"
        reason += "; a run whose learning rate falls would" if settings.law.is_curve else "; more varied inputs would"
        return _give_up(settings, group, by, Status.rank_deficient, reason + ", or hold some with `--fix`.", alone)
    rows = float(np.sum(problem.data.weight > 0))
    left = float(remaining(minimum, unit, keep))
    status = Status.stalled if left > 1e-6 else Status.at_bound if stuck.any() else Status.converged
    return record(
        settings,
        group,
        by,
        status=status,
        params=_values(settings, group, np.asarray(minimum.x)),
        guesses=_guesses(settings, group, np.asarray(minimum.x)),
        objective=best,
        agree=float(np.mean(agreeing(np.asarray(found.objectives), best, rows))),
        spread=_spread(np.asarray(found.objectives), best),
        remaining=left,
        at_bound=tuple(dict.fromkeys(n for n, s in zip(names, stuck, strict=True) if s)),
        condition=condition,
        trade_offs=_trade_offs(settings, group, minimum, keep, kept),
    )


def _spread(objectives: np.ndarray, best: float) -> tuple[float, ...]:
    """Objectives over the best, in rising order and thinned; those that are not finite come last, as NaN."""
    rising = np.sort(np.where(np.isfinite(objectives), objectives, np.nan))
    some = np.unique(np.round(np.linspace(0, len(rising) - 1, SPREAD)).astype(int))
    return tuple((rising[some] / best).tolist()) if best > 0 else ()


def _trade_offs(
    settings: Settings, group: Group, minimum: Any, keep: np.ndarray, names: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Sets of parameters that move along a valley: far less certain together than each alone, and uncertain indeed."""
    normal = np.asarray(minimum.normal)[np.ix_(keep, keep)]
    inverse = np.linalg.inv(normal)
    rows = float(np.sum(group.problem.data.weight > 0))
    noise = 2.0 * float(minimum.objective) / max(rows - len(names), 1.0)
    # Rows of one curve are no independent observations: at a lag-one correlation of .8 they tell a ninth of what they seem to.
    error = np.sqrt(noise * np.diagonal(inverse) * (9.0 if settings.law.is_curve else 1.0))
    inflation = np.sqrt(np.diagonal(inverse) * np.diagonal(normal))
    correlation = inverse / np.sqrt(np.outer(np.diagonal(inverse), np.diagonal(inverse)))
    close = (np.abs(correlation) > 0.8) & (np.minimum.outer(inflation, inflation) > 20.0)
    out: list[tuple[str, ...]] = []
    left = list(range(len(names)))
    while left:
        linked = {left[0]}
        while grown := {j for i in linked for j in left if close[i, j]} - linked:
            linked |= grown
        left = [i for i in left if i not in linked]
        if len(linked) > 1 and max(error[i] for i in linked) > 0.25:
            out.append(tuple(dict.fromkeys(names[i] for i in sorted(linked))))
    return tuple(out)


def _guesses(settings: Settings, group: Group, x: np.ndarray) -> list[str]:
    """What the guessed places of jumps in logged learning rates are worth: predictions, were the rate interpolated
    instead."""
    doubted = group.assembled.doubted
    if doubted is None:
        return []
    values = {k: np.asarray(v) for k, v in unpack(group.layout, x).items()}
    params = {**group.problem.fixed, **values}
    here = np.asarray(evaluate(settings.law, params, group.problem.data))
    there = np.asarray(evaluate(settings.law, params, padded(doubted, coarse=group.coarse)))
    live = group.problem.data.weight > 0
    worth = np.where(live, np.abs(here - there), 0.0).max(axis=1)
    runs = group.assembled.runs
    return [
        f"run {run!r}: its learning rate jumps between logged steps; the jump is put at the later one, and interpolating "
        f"instead would move predictions by up to {nats:.2g}. Give the exact schedule if you have it."
        for run, nats in zip(runs, worth, strict=False)
        if nats > 0
    ]


def _involved(vector: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    big = np.abs(vector) > 0.25 * np.abs(vector).max()
    return tuple(dict.fromkeys(n for n, b in zip(names, big, strict=True) if b))


def _values(settings: Settings, group: Group, x: np.ndarray) -> dict[str, Value]:
    free = {k: np.asarray(v) for k, v in unpack(group.layout, x).items()}
    out: dict[str, Value] = {}
    for name in settings.law.params:
        if name not in free:
            out[name] = float(group.problem.fixed[name])
        elif name in group.assembled.copies:
            values = np.atleast_1d(free[name])
            out[name] = {label: float(v) for label, v in zip(group.assembled.copies[name], values, strict=True)}
        else:
            out[name] = float(free[name])
    return out


def _give_up(settings: Settings, group: Group, by: tuple[str, ...], status: Status, reason: str, alone: bool) -> Fit:
    if alone:
        raise FitError(f"{group.table.source}: {reason}")
    return failed(settings, group.table, group.key, by, status, reason, group)


def failed(
    settings: Settings,
    table: Runs,
    key: tuple[Any, ...],
    by: tuple[str, ...],
    status: Status,
    reason: str,
    group: Group | None = None,
) -> Fit:
    group = group or Group(0, key, table, Assembled(None, np.empty(0), np.empty(0), []), (), None, np.empty((0, 0)))  # type: ignore[arg-type]  # only its table is read
    nan = float("nan")
    return record(
        settings,
        group,
        by,
        status=status,
        reason=reason,
        params=dict.fromkeys(settings.law.params, nan),
        objective=nan,
        agree=0.0,
        remaining=nan,
        at_bound=(),
        condition=nan,
        trade_offs=(),
    )


def record(
    settings: Settings,
    group: Group,
    by: tuple[str, ...],
    *,
    reason: str = "",
    guesses: Sequence[str] = (),
    **outcome: Any,
) -> Fit:
    law, table = settings.law, group.table
    fitted = weighed(settings, table)
    inputs = [n for n in numeric_columns(law, observed=False) if n in table.frame.columns]
    free = {slot.name for slot in layout_of(law, settings.params, {})}
    notes = [*(f.message for f in table.findings), *settings.told, *guesses]
    labels = {}
    for name in group.assembled.copies:
        index = group.assembled.data.copy[name]
        owners = group.assembled.runs
        labels[name] = {run: group.assembled.copies[name][int(i)] for run, i in zip(owners, index, strict=True)}
    return Fit(
        law=law,
        fixed=tuple(n for n in law.params if n not in free),
        reason=reason,
        objective_spec=str(settings.objective),
        weights="given" if settings.weights == GIVEN else settings.weights,
        rows=len(fitted),
        runs=tuple(fitted.names),
        starts=len(group.starts),
        largest={n: float(fitted.column(n).max()) for n in inputs},
        source=table.source,
        data_hash=table.sha256,
        key=group.key,
        by=by,
        labels=labels,
        priors={}
        if group.problem is None
        else {k: (float(v.mean), float(v.sd), float(v.residual)) for k, v in group.problem.priors.items()},
        boxes={n: (settings.params[n].low, settings.params[n].high) for n in law.params if n in free},
        bins=settings.bins,
        distinct={n: _distinct(table.column(n)) for n in inputs},
        seed=settings.seed,
        notes=tuple(dict.fromkeys(notes)),
        schedules=group.assembled.schedules,
        versions=_versions(),
        **outcome,
    )


def _distinct(values: np.ndarray) -> int:
    """How many different positive values there are, those within 2 % of the one below being the same."""
    logs = np.log(np.unique(values[values > 0]))
    return int(np.count_nonzero(np.diff(logs) > 0.02) + (len(logs) > 0))


@functools.cache
def _versions() -> Mapping[str, str]:
    out: dict[str, str] = {}
    for name in ("jaxlaws", "jax", "numpy"):
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "unknown"
    return out
