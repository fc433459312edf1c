"""`fit`: law, runs and objective in, a `Fit` out. A host function."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxlaws.errors import FitError, JaxlawsError, TracerError, nearest
from jaxlaws.fitting import _clock
from jaxlaws.fitting._stream import Stream, in_threads
from jaxlaws.fitting.assemble import Assembled, assemble, columns_of, numeric_columns, padded
from jaxlaws.fitting.engine import (
    POLISHED,
    Plan,
    Problem,
    agreeing,
    boxes,
    default_rungs,
    layout_of,
    limits,
    remaining,
    scaled_normal,
    search_groups,
    starting_points,
)
from jaxlaws.fitting.predict import evaluate
from jaxlaws.fitting.problem import Layout, unpack
from jaxlaws.fitting.result import Fit, Fits, Value
from jaxlaws.objectives import Normal, Objective, huber
from jaxlaws.runs import Runs, read
from jaxlaws.solvers import (
    Descent,
    LevenbergMarquardt,
    Minimum,
    Race,
    Rung,
    Solver,
    Status,
    frozen,
    levenberg_marquardt,
)
from jaxlaws.spec import Law, Param, find

GROUPS = 8  # groups of one compiled batch: always this many, the last ones repeated, so that results do not depend on the batch
CONDITION = 1e12
GIVEN = "jaxlaws_weight"  # column that carries weights given as an array along with their rows
CHUNKS = 8  # of the starts of one group, at least, where they are many
POLISHES = 3  # rounds of them, at most


def fit(
    law: Law | str,
    runs: Any,
    *,
    by: str | Sequence[str] | None = None,
    objective: Objective | None = None,
    weights: str | np.ndarray = "row",
    starts: int | np.ndarray | None = None,
    fix: Mapping[str, float] | None = None,
    free: Sequence[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Normal] | None = None,
    share: Sequence[str] = (),
    solver: Solver | None = None,
    explore: Descent | None = None,
    rungs: Sequence[Rung] | None = None,
    seed: int = 0,
    bins: int | None = 512,
) -> Fit | Fits:
    """Fit `law` to a run table, from many starts at once.

    `runs` is anything `read` takes. `by` names columns whose groups are fitted apart, in compiled batches, and makes
    the result `Fits`; `share` pools the named parameters over those groups. `weights` is "row", "run" (every run
    counts the same in sum), a column, or an array `(rows,)`. `fix` holds parameters at values, `free` frees those that
    a law holds, `bounds` replaces boxes, `priors` adds normal priors. `starts` (256 for point laws, 32 for curve laws)
    is a number, or raw values `(starts, free parameters)`, which are used as they are. Curves logged at more than
    `bins` points are averaged into so many bins, aligned to jumps of the learning rate; None keeps all.

    Raises `FitError` or `TableError`, one sentence, for input that cannot be fitted; with `by`, a group that cannot be
    fitted has NaN parameters, a status and a reason instead. Same seed, data and device kind: same bits.
    """
    here = jnp.asarray(np.zeros(()))  # a tracer under `jit`
    traced = (runs, fix, bounds, starts, weights, priors, objective, here)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(traced)):
        raise TracerError("`fit` is a host function; inside jit, vmap or grad use `fitting.solve`.")
    began = time.perf_counter()
    law = find(law)
    table = read(runs)
    if len(table) == 0:
        raise FitError(f"{table.source}: there are no rows to fit.")
    if not isinstance(weights, str):
        table = dataclasses.replace(table, frame=table.frame.assign(**{GIVEN: _given(weights, len(table))}))
        weights = GIVEN
    by = (by,) if isinstance(by, str) else tuple(by or ())
    share = (share,) if isinstance(share, str) else tuple(share)
    for column in [*columns_of(law), *by]:
        if column not in table.frame.columns:
            table.column(column)  # raises, naming the nearest
    table = table.checked(numeric_columns(law))
    told = tuple(filter(None, (getattr(given, "origin", "") for given in (fix, priors))))
    fix = {k: float(v) for k, v in (fix or {}).items()}
    settings = _Settings(
        law=law,
        params=boxes(law, fix=fix, free=free, bounds=bounds or {}),
        fix=fix,
        objective=huber() if objective is None else objective,
        weights=weights,
        starts=(32 if law.is_curve else 256) if starts is None else starts,
        priors=dict(priors or {}),
        solver=levenberg_marquardt() if solver is None else solver,
        explore=explore,
        rungs=None if rungs is None else tuple(rungs),
        seed=seed,
        bins=bins,
        told=told,
    )
    for name in [*settings.priors, *share]:
        free_names = {k for k, p in settings.params.items() if p.fixed is None and p.reference is None}
        if name not in free_names:
            raise FitError(f"`fit`: {nearest(name, free_names, what='free parameter')}")
    if share and not by:
        raise FitError("`fit(share=...)` pools parameters over groups: name the groups by `by=`.")
    with jax.enable_x64(True), _clock.compiling() as compiled:
        if not by:
            fits = _fit_groups(settings, [((), table)], (), alone=True)
        elif share:
            fits = _fit_shared(settings, table, by, share)
        else:
            fits = _fit_groups(settings, _groups(table, by), by, alone=False)
        total = time.perf_counter() - began
        seconds = {"compile": min(compiled(), total), "run": max(total - compiled(), 0.0)}
    done = [dataclasses.replace(f, seconds=seconds) for f in fits]
    return Fits(done) if by else done[0]


@dataclass(frozen=True)
class _Settings:
    law: Law
    params: Mapping[str, Param]
    fix: Mapping[str, float]
    objective: Objective
    weights: str
    starts: int | np.ndarray
    priors: Mapping[str, Normal]
    solver: Solver
    explore: Descent | None
    rungs: tuple[Rung, ...] | None
    seed: int
    bins: int | None
    told: tuple[str, ...] = ()  # where borrowed values and priors come from

    def plan(self, layout: Layout) -> Plan:
        linear = isinstance(self.starts, int | np.integer)
        rungs = self.rungs or default_rungs(self.law, layout, self.solver, linear=linear)
        return Plan(self.law, layout, self.solver, rungs, self.explore, linear)

    def per(self) -> dict[str, str]:
        return {k: p.per for k, p in self.params.items() if p.per is not None and p.fixed is None}


def _given(weights: np.ndarray, rows: int) -> np.ndarray:
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,):
        raise FitError(f"`fit(weights=...)` needs a weight for each of the {rows} rows; got shape {given.shape}.")
    return given


def _groups(table: Runs, by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Runs]]:
    """Rows of each group, keys in order of first appearance."""
    frame = table.frame
    codes = frame.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        key = tuple(v.item() if isinstance(v, np.generic) else v for v in (frame[c].iloc[rows[0]] for c in by))
        yield key, table.take(rows)


def _fit_groups(
    settings: _Settings, groups: Iterable[tuple[tuple[Any, ...], Runs]], by: tuple[str, ...], *, alone: bool
) -> list[Fit]:
    """Each group apart; those whose padded shapes agree share compiled batches. Groups come and go: only those of a few
    batches are in memory."""
    fits: dict[int, Fit] = {}
    waiting: dict[Any, list[_Group]] = {}
    size = 1 if alone else GROUPS

    def search(part: list[_Group]) -> dict[int, Fit]:
        full = part + [part[-1]] * (size - len(part))
        problems = jax.tree.map(lambda *x: np.stack(x), *[g.problem for g in full])
        found = _searched(settings, settings.plan(part[0].layout), problems, np.stack([g.starts for g in full]))
        each = [jax.tree.map(lambda x, j=j: x[j], found) for j in range(len(part))]
        done = [_finished(settings, group, one, by, alone=alone) for group, one in zip(part, each, strict=True)]
        return {group.index: fit for group, fit in zip(part, done, strict=True)}

    with Stream(search) as stream:
        for i, (key, table) in enumerate(groups):
            try:
                group = _prepare(settings, i, key, table, coarse=not alone)
            except JaxlawsError as error:
                if alone:
                    raise
                fits[i] = _failed(settings, table, key, by, Status.too_few_rows, str(error))
                continue
            kind = (group.layout, *(x.shape for x in jax.tree.leaves(group.problem)))
            waiting.setdefault(kind, []).append(group)
            if len(waiting[kind]) == size:
                stream.put(kind, waiting.pop(kind))
        for kind, part in waiting.items():
            stream.put(kind, part)
    for part in stream.results:
        fits |= part
    return [fits[i] for i in range(len(fits))]


def _searched(settings: _Settings, plan: Plan, problems: Problem, starts: np.ndarray) -> Race:
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
    if not np.isfinite(minimum.objective):
        return True  # nothing to polish
    keep = ~np.asarray(frozen(minimum.x, minimum.gradient, problem.low, problem.high))
    unit, _ = scaled_normal(minimum.normal, keep)
    return float(remaining(minimum, unit, keep)) < 1e-9


@dataclass(frozen=True)
class _Group:
    index: int
    key: tuple[Any, ...]
    table: Runs
    assembled: Assembled
    layout: Layout
    problem: Problem
    starts: np.ndarray
    coarse: bool = False  # padded to few shapes


def _prepare(
    settings: _Settings,
    index: int,
    key: tuple[Any, ...],
    table: Runs,
    per: Mapping[str, str] | None = None,
    *,
    coarse: bool = False,
) -> _Group:
    law = settings.law
    assembled = assemble(
        law, table, weights=settings.weights, bins=settings.bins, per=settings.per() if per is None else per
    )
    copies = {k: len(v) for k, v in assembled.copies.items()}
    layout = layout_of(law, settings.params, copies)
    if not layout:
        raise FitError(f"`fit`: every parameter of `{law.name}` is fixed; free one to fit.")
    priors = _priors(settings, layout)
    _enough_rows(settings, table, assembled, layout, priors)
    low, high, floor = limits(layout, settings.params)
    fixed: dict[str, float] = {}
    for name, param in settings.params.items():
        if name in settings.fix:
            fixed[name] = settings.fix[name]
        elif param.fixed is not None:
            fixed[name] = param.fixed
        elif param.reference == "peak_lr":
            fixed[name] = assembled.peak
    problem = Problem(
        data=padded(assembled.data, coarse=coarse),
        fixed=fixed,
        objective=settings.objective,
        priors=priors,
        low=low,
        high=high,
        floor=floor,
    )
    problem = jax.tree.map(
        lambda x: np.asarray(x) if np.asarray(x).dtype.kind in "iub" else np.asarray(x, np.float64), problem
    )
    starts = starting_points(law, layout, settings.params, settings.starts, settings.seed)
    return _Group(index, key, table, assembled, layout, problem, starts, coarse)


def _priors(settings: _Settings, layout: Layout) -> dict[str, Normal]:
    names = {slot.name for slot in layout}
    own = {k: Normal(*p.prior) for k, p in settings.params.items() if p.prior is not None and k in names}
    merged = {**own, **settings.priors}
    unit = settings.objective.unit
    return {k: Normal(v.mean, v.sd, unit if v.residual is None else v.residual) for k, v in merged.items()}


def _enough_rows(
    settings: _Settings, table: Runs, assembled: Assembled, layout: Layout, priors: Mapping[str, Normal]
) -> None:
    law = settings.law
    live = distinct = int(np.sum(assembled.data.weight > 0))
    if not law.is_curve:  # whose every observation is a step of its own
        names = [n for n in columns_of(law) if n in table.frame.columns]
        distinct = len(_weighed(settings, table).frame[names].drop_duplicates())
    known = sum(slot.copies for slot in layout if slot.name in priors)
    wanted = sum(slot.copies for slot in layout) - known
    if distinct < wanted or live < wanted:
        raise FitError(
            f"{table.source}: {len(table)} rows, {distinct} of them distinct, are too few for the {wanted} free parameters of "
            f"`{law.name}`; give more rows or hold some with `--fix`."
        )


def _weighed(settings: _Settings, table: Runs) -> Runs:
    """Rows of the table that weigh something: the others are not fitted."""
    if settings.weights in ("row", "run") or settings.weights not in table.frame.columns:
        return table
    weighed = (table.frame[settings.weights] > 0).to_numpy()
    return table.select(weighed) if weighed.any() and not weighed.all() else table


def _finished(settings: _Settings, group: _Group, found: Any, by: tuple[str, ...], *, alone: bool) -> Fit:
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
    return _record(
        settings,
        group,
        by,
        status=status,
        params=_values(settings, group, np.asarray(minimum.x)),
        guesses=_guesses(settings, group, np.asarray(minimum.x)),
        objective=best,
        agree=float(np.mean(agreeing(np.asarray(found.objectives), best, rows))),
        remaining=left,
        at_bound=tuple(dict.fromkeys(n for n, s in zip(names, stuck, strict=True) if s)),
        condition=condition,
        trade_offs=_trade_offs(settings, group, minimum, keep, kept),
    )


def _trade_offs(
    settings: _Settings, group: _Group, minimum: Any, keep: np.ndarray, names: Sequence[str]
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


def _guesses(settings: _Settings, group: _Group, x: np.ndarray) -> list[str]:
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


def _values(settings: _Settings, group: _Group, x: np.ndarray) -> dict[str, Value]:
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


def _give_up(settings: _Settings, group: _Group, by: tuple[str, ...], status: Status, reason: str, alone: bool) -> Fit:
    if alone:
        raise FitError(f"{group.table.source}: {reason}")
    return _failed(settings, group.table, group.key, by, status, reason, group)


def _failed(
    settings: _Settings,
    table: Runs,
    key: tuple[Any, ...],
    by: tuple[str, ...],
    status: Status,
    reason: str,
    group: _Group | None = None,
) -> Fit:
    group = group or _Group(0, key, table, Assembled(None, [], []), (), None, np.empty((0, 0)))  # type: ignore[arg-type]  # only its table is read
    nan = float("nan")
    return _record(
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


def _record(
    settings: _Settings,
    group: _Group,
    by: tuple[str, ...],
    *,
    reason: str = "",
    guesses: Sequence[str] = (),
    **outcome: Any,
) -> Fit:
    law, table = settings.law, group.table
    fitted = _weighed(settings, table)
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


def _fit_shared(settings: _Settings, table: Runs, by: tuple[str, ...], share: Sequence[str]) -> list[Fit]:
    """One joint problem: shared parameters once, the others with a copy for each group."""
    groups = list(_groups(table, by))
    column = "jaxlaws_group"
    codes = table.frame.groupby(list(by), sort=False, dropna=False).ngroup()
    label = codes.astype(str).to_numpy(dtype=object)
    run = table.frame["run"].astype(str).to_numpy()
    if settings.law.is_curve:
        both = {(r, g) for r, g in zip(run, label, strict=True)}
        if len(both) > len(set(run)):
            raise FitError(f"`fit(share=...)`: a run of {table.source} has rows in several groups of {', '.join(by)}.")
    joint = dataclasses.replace(table, frame=table.frame.assign(**{column: label}))
    names = [k for k, p in settings.params.items() if p.fixed is None and p.reference is None and k not in share]
    per = dict.fromkeys(names, column) | {k: v for k, v in settings.per().items() if k not in share}
    group = _prepare(settings, 0, (), joint, per)
    plan = settings.plan(group.layout)
    stacked = jax.tree.map(lambda x: x[None], group.problem)
    found = _searched(settings, plan, stacked, group.starts[None])
    whole = _finished(settings, group, jax.tree.map(lambda x: x[0], found), by, alone=True)
    fits = []
    for i, (key, part) in enumerate(groups):
        params = {k: v[str(i)] if isinstance(v, dict) and per.get(k) == column else v for k, v in whole.params.items()}
        own = {k: v for k, v in whole.labels.items() if per.get(k) != column}
        fits.append(
            dataclasses.replace(
                whole,
                params=params,
                key=key,
                by=by,
                shared=tuple(share),
                rows=len(part),
                runs=tuple(part.names),
                labels=own,
                notes=(
                    *whole.notes,
                    f"fitted jointly with {len(groups) - 1} other groups: the objective is that of all",
                ),
            )
        )
    return fits


@functools.cache
def _versions() -> Mapping[str, str]:
    out: dict[str, str] = {}
    for name in ("jaxlaws", "jax", "numpy"):
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "unknown"
    return out
