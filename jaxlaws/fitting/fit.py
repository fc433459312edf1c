"""`fit`: law, runs and objective in, a `Fit` out. A host function."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxlaws.errors import FitError, JaxlawsError, TracerError
from jaxlaws.fitting import _clock
from jaxlaws.fitting._prepare import Group, prepare
from jaxlaws.fitting._programs import few_programs
from jaxlaws.fitting._record import failed, finished
from jaxlaws.fitting._searching import searched
from jaxlaws.fitting._settings import GIVEN, Settings, check_free, given
from jaxlaws.fitting._stream import Stream
from jaxlaws.fitting.assemble import columns_of, numeric_columns
from jaxlaws.fitting.engine import boxes
from jaxlaws.fitting.result import Fit, Fits
from jaxlaws.objectives import Normal, Objective, huber, parse
from jaxlaws.runs import Runs, read
from jaxlaws.solvers import Descent, Rung, Solver, Status, levenberg_marquardt
from jaxlaws.spec import Law, find

GROUPS = 8  # groups of one compiled batch: always this many, the last ones repeated, so that results do not depend on the batch
MANY = 256  # the same on an accelerator, which one small batch would leave idle


def fit(
    law: Law | str,
    runs: Any,
    *,
    by: str | Sequence[str] | None = None,
    objective: Objective | str | None = None,
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
    the result `Fits`; `share` pools the named parameters over those groups. `objective` is one, or its text, such as
    "huber:1e-3". `weights` is "row", "run" (every run counts the same in sum), a column, or an array `(rows,)`. `fix` holds
    parameters at values, `free` frees those that a law holds, `bounds` replaces boxes, `priors` adds normal priors.
    `starts` (256 for point laws, 32 for curve laws) is a number, or raw values `(starts, free parameters)`, which are used
    as they are. Curves logged at more than `bins` points are averaged into so many bins, aligned to jumps of the learning
    rate; None keeps all.

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
        table = dataclasses.replace(table, frame=table.frame.assign(**{GIVEN: given(weights, len(table))}))
        weights = GIVEN
    by = (by,) if isinstance(by, str) else tuple(by or ())
    share = (share,) if isinstance(share, str) else tuple(share)
    for column in [*columns_of(law), *by]:
        if column not in table.frame.columns:
            table.column(column)  # raises, naming the nearest
    table = table.checked(numeric_columns(law))
    settings = _settings(
        law,
        objective=objective,
        weights=weights,
        starts=starts,
        fix=fix,
        free=free,
        bounds=bounds,
        priors=priors,
        solver=solver,
        explore=explore,
        rungs=rungs,
        seed=seed,
        bins=bins,
    )
    check_free(settings.params, settings.priors, share, by)
    with jax.enable_x64(True), _clock.compiling() as compiled:
        if not by:
            fits = _fit_groups(settings, [((), table)], (), alone=True)
        elif share:
            fits = _fit_shared(settings, table, by, share)
        else:
            fits = _fit_groups(settings, table.groups(by), by, alone=False)
        total = time.perf_counter() - began
        seconds = {"compile": min(compiled(), total), "run": max(total - compiled(), 0.0)}
    if compiled() > 0:
        few_programs()
    done = [dataclasses.replace(f, seconds=seconds) for f in fits]
    return Fits(done) if by else done[0]


def fit_groups(law: Law, groups: Iterable[tuple[tuple[Any, ...], Runs]], by: Sequence[str], **told: Any) -> list[Fit]:
    """Fit of each of `groups`, keys with their rows, as `fit(by=...)` makes them; `told` are arguments of `fit`.

    For callers that have grouped a table already, and have checked it: `Runs.checked(numeric_columns(law))`, then
    `Runs.groups(by)`.
    """
    settings = _settings(law, **told)
    with jax.enable_x64(True):
        return _fit_groups(settings, groups, tuple(by), alone=False)


def _settings(
    law: Law,
    *,
    objective: Objective | str | None,
    weights: str,
    starts: int | np.ndarray | None,
    fix: Mapping[str, float] | None,
    free: Sequence[str],
    bounds: Mapping[str, tuple[float, float]] | None,
    priors: Mapping[str, Normal] | None,
    solver: Solver | None,
    seed: int,
    bins: int | None,
    explore: Descent | None = None,
    rungs: Sequence[Rung] | None = None,
) -> Settings:
    told = tuple(filter(None, (getattr(some, "origin", "") for some in (fix, priors))))
    fix = {k: float(v) for k, v in (fix or {}).items()}
    return Settings(
        law=law,
        params=boxes(law, fix=fix, free=free, bounds=bounds or {}),
        fix=fix,
        objective=parse(objective) if isinstance(objective, str) else objective or huber(),
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


def _fit_groups(
    settings: Settings, groups: Iterable[tuple[tuple[Any, ...], Runs]], by: tuple[str, ...], *, alone: bool
) -> list[Fit]:
    """Each group apart; those whose padded shapes agree share compiled batches. Groups come and go: only those of a few
    batches are in memory."""
    fits: dict[int, Fit] = {}
    waiting: dict[Any, list[Group]] = {}
    size = 1 if alone else GROUPS if jax.default_backend() == "cpu" else MANY

    def search(part: list[Group]) -> dict[int, Fit]:
        full = part + [part[-1]] * (size - len(part))
        problems = jax.tree.map(lambda *x: np.stack(x), *[g.problem for g in full])
        found = searched(settings, settings.plan(part[0].layout), problems, np.stack([g.starts for g in full]))
        each = [jax.tree.map(lambda x, j=j: x[j], found) for j in range(len(part))]
        done = [finished(settings, group, one, by, alone=alone) for group, one in zip(part, each, strict=True)]
        return {group.index: fit for group, fit in zip(part, done, strict=True)}

    with Stream(search) as stream:
        for i, (key, table) in enumerate(groups):
            try:
                group = prepare(settings, i, key, table, coarse=not alone)
            except JaxlawsError as error:
                if alone:
                    raise
                fits[i] = failed(settings, table, key, by, Status.too_few_rows, str(error))
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


def _fit_shared(settings: Settings, table: Runs, by: tuple[str, ...], share: Sequence[str]) -> list[Fit]:
    """One joint problem: shared parameters once, the others with a copy for each group."""
    groups = list(table.groups(by))
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
    group = prepare(settings, 0, (), joint, per)
    plan = settings.plan(group.layout)
    stacked = jax.tree.map(lambda x: x[None], group.problem)
    found = searched(settings, plan, stacked, group.starts[None])
    whole = finished(settings, group, jax.tree.map(lambda x: x[0], found), by, alone=True)
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
