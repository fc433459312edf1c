"""Bootstrap: the fit made again on resampled data, many times at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np

from jaxlaws.errors import FitError, JaxlawsError
from jaxlaws.fitting import Fit, Fits
from jaxlaws.fitting._groups import mask
from jaxlaws.fitting.report import cautions
from jaxlaws.fitting.variations import (
    Draw,
    Solved,
    Subject,
    by_run,
    costs,
    fitted,
    free_of,
    joint_subject,
    solved,
    subject,
)
from jaxlaws.objectives import Objective
from jaxlaws.runs import read
from jaxlaws.solvers import Status
from jaxlaws.uncertainty import _resampling as resampling
from jaxlaws.uncertainty.draws import Draws

RIVALS = 64  # solutions of other resamples that each is held against
Method = Literal["cases", "wild", "parametric"]


# fmt: off
@overload
def bootstrap(
    fit: Fit, runs: Any, *, by: str = ..., method: Method = ..., resamples: int = ..., block: int | None = ...,
    starts: int = ..., weights: np.ndarray | None = ..., objective: Objective | None = ..., seed: int = ...,
) -> Draws: ...
@overload
def bootstrap(
    fit: Fits, runs: Any, *, by: str = ..., method: Method = ..., resamples: int = ..., block: int | None = ...,
    starts: int = ..., weights: np.ndarray | None = ..., objective: Objective | None = ..., seed: int = ...,
) -> dict[Any, Draws]: ...
@overload
def bootstrap(
    fit: Fit | Fits, runs: Any, *, by: str = ..., method: Method = ..., resamples: int = ..., block: int | None = ...,
    starts: int = ..., weights: np.ndarray | None = ..., objective: Objective | None = ..., seed: int = ...,
) -> Draws | dict[Any, Draws]: ...
# fmt: on
def bootstrap(
    fit: Fit | Fits,
    runs: Any,
    *,
    by: str = "run",
    method: Method = "cases",
    resamples: int = 1000,
    block: int | None = None,
    starts: int = 1,
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
    seed: int = 0,
) -> Draws | dict[Any, Draws]:
    """Draws of the parameters of `fit` from resamples of `runs`, the rows that it was fitted to.

    `by` says what is resampled as a whole: "run" (rows of one run are correlated; a trunk and its branches are one), "row",
    "blocks" of `block` neighbouring rows within each run, or a column that is constant within runs. Fewer than 8 runs
    cannot stand for all others: by="run" then takes blocks within them, and says so. `method` "cases" draws units with
    replacement; "wild" keeps all and turns the residuals' sign for random units; "parametric" puts normal noise on the fit,
    as correlated within runs as the residuals are.

    Every resample starts at the fit, and is then held against the solutions of others: where one of them is lower under
    its own weights, it starts there again. `starts` above 1 adds starts scattered around the fit. Weights given to `fit`
    as an array, or an objective of your own, are given again.

    Of fits by group it gives draws by the group's key; a group that cannot be resampled has none, and the reason in its
    notes; where none can, it raises. Groups that share parameters are resampled as the one fit that they are.

    Raises `FitError` where there is too little to resample. Same seed, data and device kind: same bits.
    """
    if resamples < 2:
        raise FitError(f"`bootstrap(resamples=...)` must be at least 2; got {resamples}.")
    if starts < 1:
        raise FitError(f"`bootstrap(starts=...)` must be at least 1; got {starts}.")
    if method not in ("cases", "wild", "parametric"):
        raise FitError(f"`bootstrap(method=...)` must be cases, wild or parametric; got {method!r}.")

    def resampled(of: Subject) -> Draws:
        rng = np.random.default_rng(seed)
        scheme = _scheme(of, by, method, resamples, block, rng)
        held = absent(of, scheme.weight, resamples)
        found = _best(of, scheme, resamples, starts, held, rng)
        return drawn(of, found, scheme.kind, notes=scheme.notes, units=scheme.units, free=scheme.free, held=held)

    if not isinstance(fit, Fits):
        return resampled(subject(fit, runs, weights=weights, objective=objective))
    table = read(runs)
    if any(one.shared for one in fit.values()):
        return _split(resampled(joint_subject(fit, table, weights=weights, objective=objective)), fit)
    out: dict[Any, Draws] = {}
    for key, one in fit.items():
        rows = mask(table, one)
        mine = None if weights is None else np.asarray(weights)[rows]
        try:
            out[key] = resampled(subject(one, table.select(rows), weights=mine, objective=objective))
        except JaxlawsError as error:
            out[key] = _nothing(one, str(error))
    if not any(map(len, out.values())):
        first = next((draws.notes[0] for draws in out.values()), "there is no group.")
        raise FitError(f"`bootstrap`: no group can be resampled; {first}")
    return out


def _split(joint: Draws, fits: Fits) -> dict[Any, Draws]:
    """Draws of each group out of those of all."""
    out: dict[Any, Draws] = {}
    for i, (key, one) in enumerate(fits.items()):
        params = {
            name: value[str(i)] if isinstance(value, Mapping) and not isinstance(one.params[name], Mapping) else value
            for name, value in joint.params.items()
        }
        out[key] = replace(joint, params=params, center=one)
    return out


def _nothing(fit: Fit, reason: str) -> Draws:
    """No draws, and why."""
    none = np.zeros(0)
    params: dict[str, Any] = {
        name: dict.fromkeys(value, none) if isinstance(value, Mapping) else none for name, value in fit.params.items()
    }
    return Draws(fit.law, params, none, none.astype(int), "bootstrap", fit, (f"no intervals: {reason}",))


@dataclass(frozen=True)
class _Scheme:
    """What is different in each resample, and what the user is told of it. `free` are the parameters that `units` have yet to
    pay for: none where the resamples scatter as much as the noise does, whose degrees of freedom `units` are then; one where
    whole units are resampled, since designs that lack some of them scatter about as much more as residuals are too small."""

    kind: str
    units: int
    free: int
    notes: tuple[str, ...]
    weight: Draw | None = None
    observed: Draw | None = None


def _scheme(
    of: Subject, by: str, method: Method, resamples: int, block: int | None, rng: np.random.Generator
) -> _Scheme:
    free = free_of(of)
    runs = resampling.units(of, "run")
    longest = max(map(len, by_run(of)))
    notes = runs.note if by == "run" and method != "parametric" else ()
    if by == "run" and longest > 1 and (runs.count < resampling.FEW or runs.count <= free) and method != "parametric":
        notes += (
            f"{runs.few} too few to be resampled as wholes: the intervals come from blocks of rows within each run and know "
            "nothing of how runs differ from one another.",
        )
        by = "blocks"
    if method == "parametric":
        freedom = max(int(np.count_nonzero(of.weight > 0)) - free, 1)
        return _Scheme("parametric", freedom, 0, (), observed=resampling.parametric(of, resamples, rng, free))
    if by == "blocks":
        return _blocks(of, method, resamples, block, rng, free, notes)
    units = resampling.units(of, by)
    if units.count <= free:
        few = f"{units.count} {_many(by, units.count)}"
        raise FitError(
            f"`bootstrap`: {few} cannot say how uncertain {free} parameters are: resample by something that there is more of, "
            "hold parameters with `--fix`, or take more runs."
        )
    kind = f"bootstrap by {by}" if method == "cases" else f"wild bootstrap by {by}"
    if units.count < resampling.FEW:
        notes += (f"only {units.count} {_many(by, units.count)} were resampled: the intervals are rough.",)
    if method == "wild":
        freedom = units.count - (free if by == "row" else 1)
        return _Scheme(kind, freedom, 0, notes, observed=resampling.wild(of, units, resamples, rng))
    count = resampling.counts(units, resamples, rng)
    return _Scheme(kind, units.count, 1, notes, weight=resampling.weighted(of, units, count))


def _blocks(
    of: Subject, method: Method, resamples: int, block: int | None, rng: np.random.Generator, free: int, notes: Any
) -> _Scheme:
    if method == "wild":
        raise FitError("`bootstrap(method='wild')` needs at least 8 runs, or by='row'; take method='cases' for blocks.")
    _, residual = fitted(of)
    length = resampling.block_length(of, resampling.lag_one(of, residual)) if block is None else block
    if length < 1:
        raise FitError(f"`bootstrap(block=...)` must be at least 1 row; got {length}.")
    units = sum(-(-len(rows) // length) for rows in by_run(of))
    if units <= free:
        raise FitError(
            f"`bootstrap`: {units} blocks of {length} rows cannot say how uncertain {free} parameters are; take shorter "
            "blocks, or hold parameters with `--fix`."
        )
    count = resampling.blocks(of, length, resamples, rng)
    kind = f"bootstrap by blocks of {length} rows within {len(by_run(of))} runs"
    return _Scheme(kind, units, free, notes, weight=resampling.reweighted(of, count))


def _many(by: str, count: int) -> str:
    noun = by if by in ("run", "row") else f"value of {by}"
    return noun if count == 1 else noun.replace("value", "values") + ("s" if by in ("run", "row") else "")


def absent(of: Subject, weight: Draw | None, resamples: int) -> np.ndarray:
    """Coordinates `(draws, params)` of copies that no row of a resample has, and no prior holds."""
    held = np.zeros((resamples, len(of.center)), dtype=bool)
    at = 0
    for slot in of.layout:
        if slot.copies > 1 and slot.name not in of.group.problem.priors and weight is not None:
            copy = np.asarray(of.group.problem.data.copy[slot.name])
            of_row = np.broadcast_to(copy[:, None], (len(copy), len(of.run) // len(copy))).ravel()
            seen = weight(np.arange(resamples)) > 0
            for i in range(slot.copies):
                held[:, at + i] = ~seen[:, of_row == i].any(axis=1)
        at += slot.copies
    return held


def _best(
    of: Subject, scheme: _Scheme, resamples: int, starts: int, held: np.ndarray, rng: np.random.Generator
) -> Solved:
    told: dict[str, Any] = {"weight": scheme.weight, "observed": scheme.observed}
    found = solved(of, np.repeat(of.center[None], resamples, axis=0), held=held, **told)
    for _ in range(starts - 1):
        spread = np.nanstd(found.x, axis=0)
        scattered = of.center + 2.0 * spread * rng.standard_normal(found.x.shape)
        scattered = np.where(held, of.center, np.clip(scattered, of.low, of.high))
        found = _lower(found, np.arange(resamples), solved(of, scattered, held=held, **told))
    if scheme.weight is None:
        return found
    which, begin = _beaten(of, found, scheme.weight)
    which = which[~held[which].any(axis=1)]
    if not len(which):
        return found
    begin = begin[np.isin(np.arange(resamples), which)]
    more = {"weight": lambda part: scheme.weight(which[part]), "observed": None}  # type: ignore[misc]  # not None here
    return _lower(found, which, solved(of, begin, held=held[which], **more))


def _beaten(of: Subject, found: Solved, weight: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Resamples that another's solution suits better than their own, and that solution for every resample.

    Costs of rows at the others' solutions, times the weights: one product of matrices.
    """
    good = np.flatnonzero(found.status < int(Status.rank_deficient))
    rivals = good[:: max(1, len(good) // RIVALS)][:RIVALS]
    if not len(rivals):
        return np.zeros(0, dtype=int), found.x
    rivals = np.concatenate([rivals, np.repeat(rivals[-1:], RIVALS - len(rivals))])
    cost, prior = costs(of, found.x[rivals])
    sums = (
        np.concatenate([weight(part) @ cost for part in np.array_split(np.arange(len(found.x)), 8) if len(part)])
        + prior
    )
    sums = np.where(np.isfinite(sums), sums, np.inf)
    nearest = sums.argmin(axis=1)
    lower = sums[np.arange(len(sums)), nearest] < found.objective * (1.0 - 1e-9)
    return np.flatnonzero(lower | ~np.isfinite(found.objective)), found.x[rivals[nearest]]


def _lower(found: Solved, which: np.ndarray, again: Solved) -> Solved:
    """Whichever ended lower."""
    better = (again.objective < found.objective[which]) | ~np.isfinite(found.objective[which])
    into = which[better]
    out = {name: getattr(found, name).copy() for name in ("x", "objective", "status", "remaining")}
    for name, leaf in out.items():
        leaf[into] = getattr(again, name)[better]
    return Solved(**out)


def drawn(
    of: Subject,
    found: Solved,
    kind: str,
    *,
    notes: tuple[str, ...] = (),
    units: int = 0,
    free: int = 0,
    held: np.ndarray | None = None,
) -> Draws:
    """Draws of minima; failed ones become NaN, and so do parameters that a draw did not see."""
    x = np.where((found.status >= int(Status.rank_deficient))[:, None], np.nan, found.x)
    x = x if held is None else np.where(held, np.nan, x)
    failed = float(np.mean(found.status >= int(Status.rank_deficient)))
    stalled = float(np.mean(found.status == int(Status.stalled)))
    if failed > 0:
        notes += (f"{failed:.1%} of the resamples do not determine every parameter: intervals leave them out.",)
    if stalled > 0.01:
        notes += (f"{stalled:.1%} of the resamples stalled before their minimum.",)
    return Draws(
        law=of.law,
        params=of.values(x),
        objective=found.objective,
        status=found.status,
        kind=kind,
        center=of.fit,
        notes=(*notes, *cautions(of.fit)),
        units=units,
        free=free,
    )
