"""Laws and settings ranked by what they say of rows that they have not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, JaxlawsError
from jaxlaws.fitting import Fit, Fits
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.fitting.predict import errors
from jaxlaws.objectives import parse
from jaxlaws.runs import Runs, read
from jaxlaws.runs.branches import families
from jaxlaws.spec import Law
from jaxlaws.validate._fold import Fold, several
from jaxlaws.validate.assess import Assessment, Candidate, assess, candidate, fitted
from jaxlaws.validate.blend import Blend, stack, stacked_error
from jaxlaws.validate.criteria import criteria
from jaxlaws.validate.leave_out import leave_out
from jaxlaws.validate.noise import Noise, noise
from jaxlaws.validate.ranking import SURE, Ranking, rank
from jaxlaws.validate.reliability import CURVES, POINTS, Reliability
from jaxlaws.validate.residuals import residuals
from jaxlaws.validate.rollout import rollout

METRICS = ("mae", "rmse", "mape", "worst", "r2")


@dataclass(frozen=True, eq=False)
class Standing:
    """One candidate's place. `error` is its mean held-out absolute error, `scores` the metrics, means over folds, both on the
    rows that every candidate predicts; `best` the share of resamples in which it comes first, `ranks` the places between
    which it lies in 95 % of them; `tied` says that it is among those that share the first place. `criteria` has what the
    fitted rows alone say: objective, aicc, bic, leave_out, rollout; NaN where it could not be had or compared."""

    name: str
    place: int
    error: float
    scores: Mapping[str, float]
    best: float
    ranks: tuple[int, int]
    tied: bool
    criteria: Mapping[str, float]
    assessment: Assessment
    fit: Fit | Fits | None
    failure: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Candidates in the order of their held-out errors; prints as a report.

    `winner` is the candidate that comes first in 95 % of the resamples, None where there is none: then `blend`, made of those
    that share the first place, is what to use. `reliability` says how well each criterion has ranked laws on public data,
    `notes` what is not comparable, or was left out.
    """

    standings: tuple[Standing, ...]
    folds: tuple[Fold, ...]
    ranking: Ranking
    noise: Noise
    blend: Blend | None
    source: str
    reliability: Reliability
    notes: tuple[str, ...] = ()

    @property
    def winner(self) -> Standing | None:
        first, *others = self.standings
        rivals = any(not one.failure for one in others)
        return first if rivals and not first.failure and first.best >= SURE else None

    def __getitem__(self, name: str) -> Standing:
        for one in self.standings:
            if one.name == name:
                return one
        raise KeyError(f"no candidate {name!r}; there are {', '.join(s.name for s in self.standings)}")

    def __str__(self) -> str:
        from jaxlaws.validate._page import page

        return page(self)

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        from jaxlaws.validate._page import summary

        return summary(self)


def compare(
    laws: Candidate | Law | str | Sequence[Candidate | Law | str],
    runs: Any,
    folds: Fold | Sequence[Fold],
    *,
    more: bool = True,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Comparison:
    """Rank laws, or one law under several settings, by their errors on the rows that `folds` hold out.

    `laws` are names, laws or `candidate(...)`s with settings of their own; `folds` come from `holdout`, `rollout` or `leave_out`.
    `more` fits each also to all rows to fit and rolls it out, and leaves groups out, within them: what these criteria have
    been worth on public data is printed beside them. `told` is called with what goes on.

    Errors are compared on the rows that every candidate predicts. A candidate that cannot be fitted comes last, with its
    reason. Raises `FitError` with fewer than one candidate, or where none could be scored.
    """
    told = told or (lambda text: None)
    table = read(runs)
    laws = (laws,) if isinstance(laws, Candidate | Law | str) else laws
    every = _named([candidate(law) for law in laws])
    if not every:
        raise FitError("`compare`: give at least one law.")
    folds = several(folds, table, "compare")
    outputs = {one.law.output.symbol for one in every}
    if len(outputs) > 1:
        raise FitError(f"`compare`: laws of different outputs cannot be ranked: {', '.join(sorted(outputs))}.")
    table = table.checked(sorted({c for one in every for c in numeric_columns(one.law) if c in table.frame.columns}))
    if len(table) < len(folds[0].fit):
        keep = read(runs).frame.index.get_indexer(table.frame.index)
        folds = tuple(replace(f, fit=f.fit[keep], score=f.score[keep]) for f in folds)
    found = []
    for one in every:
        told(f"{one.label}: {len(folds)} fold{'s' * (len(folds) > 1)}")
        found.append(assess(one, table, folds))
    wrong = np.stack([np.abs(a.predicted - a.observed) for a in found])
    for i, one in enumerate(found):
        if any(one.failures):
            wrong[i] = np.nan  # a law that fails on one fold is not ranked on the others
    if np.isnan(wrong).all():
        raise FitError(f"{table.source}: no law could be scored: {next(filter(None, found[0].failures))}")
    family = families(table)
    ranking = rank(wrong, found[0].run, family=np.array([family[r] for r in found[0].run]), seed=seed)
    common, notes = _common(wrong, folds)
    train = _train(folds)
    fits = [None if any(a.failures) else _whole(one, table, train) for one, a in zip(every, found, strict=True)]
    effective = [residuals(f, table.select(train)).effective for f in fits if isinstance(f, Fit)]
    said: list[dict[str, float]] = []
    for one, whole in zip(every, fits, strict=True):
        if more and whole is not None:
            told(f"{one.label}: criteria of the fitted rows")
        said.append(
            {} if whole is None else _criteria(one, whole, table, train, folds, more, max(effective, default=0.0))
        )
    told_apart = _comparable(every, [_chosen(one, table, train) for one in every], fits, said)
    order = np.argsort(np.where(np.isfinite(ranking.error), ranking.error, np.inf), kind="stable")
    tied = ranking.tied
    standings = tuple(
        Standing(
            name=every[i].label,
            place=place + 1,
            error=float(ranking.error[i]),
            scores=_scores(found[i], common),
            best=float(ranking.best[i]),
            ranks=(int(ranking.low[i]), int(ranking.high[i])),
            tied=bool(tied[i]),
            criteria=said[i],
            assessment=found[i],
            fit=fits[i],
            failure=next(filter(None, found[i].failures), ""),
        )
        for place, i in enumerate(order)
    )
    law = every[int(order[0])].law
    used = table.frame["run"][np.any([f.score | f.fit for f in folds], axis=0)]
    floor = noise(table.select(table.frame["run"].isin(used).to_numpy()), law)
    reliability = CURVES if law.is_curve else POINTS
    blend = _blend(standings, family)
    return Comparison(standings, folds, ranking, floor, blend, table.source, reliability, (*notes, *told_apart))


def _named(every: list[Candidate]) -> list[Candidate]:
    """Candidates with names that tell them apart."""
    seen: dict[str, int] = {}
    out = []
    for one in every:
        seen[one.label] = seen.get(one.label, 0) + 1
        out.append(one if seen[one.label] == 1 else replace(one, name=f"{one.label} ({seen[one.label]})"))
    return out


def _train(folds: Sequence[Fold]) -> np.ndarray:
    """Rows to fit: those of a hold-out's own, else all rows of the folds."""
    if len(folds) == 1:
        return folds[0].fit
    return np.any([f.fit | f.score for f in folds], axis=0)


def _common(wrong: np.ndarray, folds: Sequence[Fold]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows `(folds, rows)` that every candidate predicts which predicts any, and a note where that is not all of them."""
    sound = ~np.isnan(wrong).all(axis=(1, 2))
    common: np.ndarray = np.logical_and.reduce(np.isfinite(wrong[sound]))
    wanted = np.stack([f.score for f in folds])
    lost = int((np.isfinite(wrong[sound]).any(axis=0) & wanted & ~common).sum())
    return common, (f"{lost} rows to score that not every candidate predicts are left out for all of them.",) * (
        lost > 0
    )


def _scores(a: Assessment, common: np.ndarray) -> dict[str, float]:
    if any(a.failures):
        return dict.fromkeys(METRICS, math.nan)
    each = [errors(a.predicted[i, rows], a.observed[rows], a.run[rows]) for i, rows in enumerate(common) if rows.any()]
    return {m: float(np.mean([(e["run_mean"] or e)[m] for e in each])) for m in METRICS}


def _comparable(
    every: Sequence[Candidate],
    chosen: Sequence[np.ndarray],
    fits: Sequence[Fit | Fits | None],
    said: Sequence[dict[str, float]],
) -> tuple[str, ...]:
    """What of the fitted rows cannot be compared between candidates; criteria that cannot be are made NaN."""
    notes = []
    made = [(one, rows, fit) for one, rows, fit in zip(every, chosen, fits, strict=True) if fit is not None]
    flat = [fit if isinstance(fit, Fit) else next(iter(fit.values())) for _, _, fit in made]
    rows = {(rows.tobytes(), sum(f.rows for f in _each(fit))) for _, rows, fit in made}
    if len(rows) > 1:
        for criteria_of in said:
            criteria_of |= {name: math.nan for name in ("aicc", "bic") if name in criteria_of}
        notes.append(
            "The candidates are not fitted to the same rows: AICc and BIC cannot be compared and are left out."
        )
    scales = {parse(f.objective_spec).on or f.law.output.scale for f in flat}
    if len(scales) > 1 and len(rows) == 1:
        notes.append(
            f"Residuals are taken on different scales ({', '.join(sorted(scales))}): AICc and BIC are those of the outcomes "
            "themselves, by the Jacobian of the scale."
        )
    told = {
        (f.objective_spec, one.settings.get("weights", "row"), repr(one.settings.get("priors") or {}), f.pooled)
        for (one, _, _), f in zip(made, flat, strict=True)
    }
    if len(told) > 1 or len(rows) > 1:
        notes.append("Objectives, weights, priors or rows differ: the column of objectives ranks nothing.")
    return tuple(notes)


def _each(fit: Fit | Fits) -> list[Fit]:
    return [fit] if isinstance(fit, Fit) else [f for f in fit.values() if not f.status.failed]


def _chosen(one: Candidate, table: Runs, train: np.ndarray) -> np.ndarray:
    return train if one.where is None else train & table.mask(one.where)


def _whole(one: Candidate, table: Runs, train: np.ndarray) -> Fit | Fits | None:
    """The fit to all rows to fit."""
    try:
        return fitted(one, table, _chosen(one, table, train))
    except JaxlawsError:
        return None


def _criteria(
    one: Candidate,
    whole: Fit | Fits,
    table: Runs,
    train: np.ndarray,
    folds: Sequence[Fold],
    more: bool,
    effective: float,
) -> dict[str, float]:
    """What all rows to fit say of a candidate. Likelihoods count the same observations for all of them."""
    out: dict[str, float] = dict.fromkeys(("objective", "aicc", "bic", "leave_out", "rollout"), math.nan)
    if isinstance(whole, Fit):
        told = criteria(whole, table.select(_chosen(one, table, train)), effective=effective)
        out |= {"objective": whole.objective, "aicc": told.aicc, "bic": told.bic}
    else:
        each = list(whole.values())  # groups that share parameters have one objective, each of them all of it
        out["objective"] = each[0].objective if each[0].shared else float(sum(f.objective for f in each))
    if more:
        rows = table.select(train)
        out["leave_out"] = _inside(one, rows, lambda: _groups(one, rows))
        out["rollout"] = _inside(one, rows, lambda: rollout(rows, _along(one, rows, folds), cuts=3))
    return out


def _inside(one: Candidate, rows: Runs, folds: Callable[[], list[Fold]]) -> float:
    try:
        made = folds()
    except JaxlawsError:
        return math.nan
    done = assess(one, rows, made)
    return math.nan if any(done.failures) else float(np.mean(done.errors()))


def _groups(one: Candidate, rows: Runs) -> list[Fold]:
    if one.law.is_curve:
        return leave_out(rows, "schedule")
    along = _along(one, rows, ())
    frame = rows.frame.assign(jaxlaws_part=_parts(rows.column(along)))
    return leave_out(replace(rows, frame=frame), "jaxlaws_part")


def _parts(value: np.ndarray) -> np.ndarray:
    """Five parts of about equal size, equal values together."""
    _, code = np.unique(value, return_inverse=True)
    share = np.searchsorted(np.sort(code), code) / len(code)
    return np.floor(5 * share).astype(int)


def _along(one: Candidate, rows: Runs, folds: Sequence[Fold]) -> str:
    """The quantity to roll out along: that of the folds, the step, or the input that varies most."""
    if folds and folds[0].along:
        return folds[0].along
    if one.law.is_curve:
        return "step"
    ranges = {}
    for name in numeric_columns(one.law, observed=False):
        value = rows.column(name)
        if (value > 0).all():
            ranges[name] = float(value.max() / value.min())
    if not ranges:
        raise FitError(f"`{one.label}` has no input above 0 to roll out along.")
    return max(ranges, key=lambda name: ranges[name])


def _blend(standings: Sequence[Standing], family: Mapping[str, str]) -> Blend | None:
    """What to use where none wins: the stack of those that are tied, or their plain average where that predicts better."""
    members = [s for s in standings if s.tied and s.fit is not None]
    if len(members) < 2:
        return None
    predicted = np.stack([s.assessment.predicted.ravel() for s in members])
    folds, rows = members[0].assessment.predicted.shape
    observed = np.tile(members[0].assessment.observed, folds)
    run = np.tile(np.unique(members[0].assessment.run, return_inverse=True)[1], folds)
    fold = np.repeat(np.arange(folds), rows)
    keep = np.isfinite(predicted).all(axis=0)
    predicted, observed, run, fold = predicted[:, keep], observed[keep], run[keep], fold[keep]
    # As candidates are ranked: folds weigh the same, and in a fold its runs.
    cells, cell, count = np.unique(np.stack([fold, run]), axis=1, return_inverse=True, return_counts=True)
    weight = 1.0 / (count * np.bincount(cells[0])[cells[0]])[cell.ravel()]

    def error(said: np.ndarray, rows: np.ndarray) -> float:
        return float(np.sum((weight * np.abs(said - observed))[rows]) / np.sum(weight[rows]))

    part = np.array([family[name] for name in np.tile(members[0].assessment.run, folds)[keep]], dtype=object)
    stacked, known = stacked_error(predicted, observed, weight, part)
    average = predicted.mean(axis=0)
    names = tuple(s.name for s in members)
    fits = tuple(s.fit for s in members if s.fit is not None)
    every = np.ones(len(observed), dtype=bool)
    if known.all() and error(stacked, known) < error(average, known):
        return Blend(names, stack(predicted, observed, weight), "stacked", error(stacked, known), fits)
    return Blend(names, np.full(len(members), 1.0 / len(members)), "average", error(average, every), fits)
