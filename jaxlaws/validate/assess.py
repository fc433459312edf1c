"""A law, with its settings, fitted and scored on folds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import FitError, JaxlawsError, nearest
from jaxlaws.fitting import Fit, Fits, fit, fit_pooled
from jaxlaws.fitting._groups import mask
from jaxlaws.fitting._settings import check_free
from jaxlaws.fitting.assemble import columns_of, numeric_columns, weights_of
from jaxlaws.fitting.engine import boxes
from jaxlaws.fitting.pooled import check_pool
from jaxlaws.fitting.predict import errors
from jaxlaws.runs import Runs, read
from jaxlaws.runs.branches import trunks
from jaxlaws.spec import Law, find
from jaxlaws.validate._fold import Fold, quantity, several

if TYPE_CHECKING:
    import pandas as pd

STARTS = {True: 16, False: 64}  # of each fold, for laws of curves and of points


@dataclass(frozen=True, eq=False)
class Candidate:
    """A law and how it is fitted: `where` chooses among the rows to fit, `settings` are further arguments of `fit`."""

    law: Law
    name: str = ""
    where: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.name or self.law.label


def candidate(law: Candidate | Law | str, *, name: str = "", where: str | None = None, **settings: Any) -> Candidate:
    """A law to compare, by name or value, with its own settings: `candidate("chinchilla", weights="run")`.

    `where` says which rows of those to fit are fitted: `where="step > 1000"` drops warm-up. `settings` are arguments of `fit`,
    such as `objective`, `weights` ("row", "run" or a column), `priors`, `fix`, `free`, `bounds`, `by` with `share`, `starts`;
    or of `fit_pooled`: `by` with `pool`. Raises `FitError` for settings that the law cannot be fitted with.

    >>> plain, pooled = candidate("power"), candidate("power", name="pooled", by="size", pool=["alpha"])
    >>> plain.label, pooled.label
    ('power', 'pooled')
    """
    if isinstance(law, Candidate):
        return law
    one = Candidate(find(law), name, where, settings)
    _check_settings(one)
    return one


def _check_settings(one: Candidate) -> None:
    """Raises for what no fit of the law takes, before any is made."""
    told = one.settings
    for given in ("holdout", "rows"):
        if given in told:
            raise FitError(f"`candidate({given}=...)` is no argument of `fit`; folds say what is held out.")
    known = {*inspect.signature(fit).parameters, "pool"} - {"law", "runs"}
    for given in told:
        if given not in known:
            raise FitError(f"`candidate({given}=...)`: {nearest(given, known, what='setting')}")
    if not isinstance(told.get("weights", "row"), str):
        raise FitError('`candidate(weights=...)` must be "row", "run" or a column: folds fit parts of the table.')
    params = boxes(one.law, fix=told.get("fix") or {}, free=told.get("free") or (), bounds=told.get("bounds") or {})
    priors = told.get("priors") or {}
    check_free(params, priors, _names(told.get("share")), _by(one))
    if "pool" in told:
        check_pool(one.law, _by(one), _names(told["pool"]), priors, told)


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a candidate said of rows that it had not seen.

    `predicted` is `(folds, rows)`, NaN where a fold does not score a row; `distance` is how far each scored row lies beyond the
    fitted ones: its value over the largest fitted one, of the quantity that was cut (or of the input that goes furthest).
    `scores` has what `Fit.score` returns, one a fold, None where the fit failed, and then `failures` says why; `unscored`
    counts rows that no prediction was made for: at step 0, or of a group that was not fitted.
    """

    candidate: Candidate
    folds: tuple[Fold, ...]
    fits: tuple[Fit | Fits | None, ...]
    predicted: np.ndarray
    observed: np.ndarray
    run: np.ndarray
    distance: np.ndarray
    scores: tuple[Mapping[str, Any] | None, ...]
    failures: tuple[str, ...]
    unscored: tuple[int, ...]

    @property
    def reach(self) -> tuple[float, ...]:
        """The largest distance of each fold; above 1 is extrapolation."""
        scored = [d[f.score] for d, f in zip(self.distance, self.folds, strict=True)]
        return tuple(float(d.max()) if len(d) else float("nan") for d in scored)

    def errors(self, metric: str = "mae") -> np.ndarray:
        """The metric of each fold `(folds,)`: the mean over runs where runs have several rows; NaN where the fit failed."""
        return np.array([np.nan if s is None else (s["run_mean"] or s)[metric] for s in self.scores])


def assess(law: Candidate | Law | str, runs: Any, folds: Fold | Sequence[Fold], **settings: Any) -> Assessment:
    """Fit `law` once for each fold and score what the fold holds out. `settings` are arguments of `fit`.

    Every fold is the same table with other weights, so that all of them run one compiled program. A row that a fold does
    not fit weighs 0 in it.
    """
    one = candidate(law, **settings) if settings or not isinstance(law, Candidate) else law
    table = read(runs)
    folds = several(folds, table, "assess")
    whole = table.checked(_columns(one, table))
    folds = _kept(folds, table, whole)
    observed = whole.column(one.law.output.symbol)
    chosen = np.ones(len(whole), dtype=bool) if one.where is None else whole.mask(one.where)
    run = whole.frame["run"].astype(str).to_numpy(dtype=object)
    fits: list[Fit | Fits | None] = []
    failures: list[str] = []
    unscored: list[int] = []
    predicted = np.full((len(folds), len(whole)), np.nan)
    # Rows that no fold fits would weigh 0 in all of them.
    ever = np.logical_or.reduce([f.fit for f in folds]) & chosen
    rows_to_fit = whole.select(ever)
    scores: list[Mapping[str, Any] | None] = []
    for i, fold in enumerate(folds):
        try:
            _check_groups(one, whole, fold.fit & chosen, fold)
            found = fitted(one, rows_to_fit, fold.fit[ever])
            said = predictions(found, whole)
            why = "" if np.isfinite(said[fold.score]).any() else "no finite prediction of a row to score."
        except JaxlawsError as error:
            found, said, why = None, np.full(len(whole), np.nan), str(error)
        predicted[i, fold.score] = said[fold.score]
        rows = fold.score & (np.isfinite(said) if one.law.is_curve or isinstance(found, Fits) else True)
        fits.append(found)
        unscored.append(int(fold.score.sum() - rows.sum()) if not why else 0)
        failures.append(why)
        scores.append(None if why else errors(predicted[i, rows], observed[rows], run[rows]))
    distance = np.stack([_distance(one.law, whole, fold) for fold in folds])
    return Assessment(
        one, folds, tuple(fits), predicted, observed, run, distance, tuple(scores), tuple(failures), tuple(unscored)
    )


def _check_groups(one: Candidate, runs: Runs, rows: np.ndarray, fold: Fold) -> None:
    """Raises where every row to score is of a group that has none of the `rows` to fit."""
    by = _by(one)
    if not by or not rows.any() or any(column not in runs.frame.columns for column in by):
        return
    keys = _keys(runs, by)
    if not keys[fold.score].isin(set(keys[rows])).any():
        each = ", ".join(by)
        raise FitError(
            f"`{one.label}` is fitted for each {each} apart, and the fold `{fold.name}` scores no {each} that it fits: hold out "
            f"part of each {each} instead, or fit without `by`."
        )


def _by(one: Candidate) -> list[str]:
    return _names(one.settings.get("by"))


def _names(said: str | Sequence[str] | None) -> list[str]:
    return [said] if isinstance(said, str) else list(said or ())


def _keys(runs: Runs, by: list[str]) -> pd.Series:
    return runs.frame[by].astype(str).agg("|".join, axis=1)


def fitted(one: Candidate, runs: Runs, rows: np.ndarray) -> Fit | Fits:
    """The candidate fitted to the rows of a mask `(rows,)`."""
    given = dict(one.settings)
    weights = _weights(given.pop("weights", "row"), runs, rows)
    given.setdefault("starts", STARTS[one.law.is_curve])
    if not rows.any():
        raise FitError(f"{runs.source}: `{one.label}`: a fold leaves no row to fit.")
    # Groups of which no row is fitted are no groups of this fit.
    by = _by(one)
    if by:
        keys = _keys(runs, by)
        alive = keys.isin(set(keys[rows])).to_numpy()
        runs, weights = runs.select(alive), weights[alive]
    found = (fit_pooled if "pool" in given else fit)(one.law, runs, weights=weights, **given)
    return dataclasses.replace(found, where=one.where or "") if isinstance(found, Fit) else found


def predictions(found: Fit | Fits, runs: Runs) -> np.ndarray:
    """Predictions for each row, by the fit of the row's own group; NaN where there is none.

    A run that branches from a fitted one, row for row, has that one's shift, in a law with a shift for each run.
    """
    if isinstance(found, Fit):
        return found.predict(runs, branch_of=_branches(found, runs))
    out = np.full(len(runs), np.nan)
    for one in found.values():
        if one.status.failed:
            continue
        mine = mask(runs, one)
        if mine.any():
            out[mine] = predictions(one, runs.select(mine))
    return out


def _branches(found: Fit, runs: Runs) -> dict[str, str] | None:
    """The fitted run whose trunk each run shares."""
    if not found.labels:
        return None
    known = {run for labels in found.labels.values() for run in labels}
    trunk = dict(zip(runs.names, trunks(runs, runs.names), strict=True))
    fitted_of = {trunk[run]: run for run in runs.names if run in known}
    return {run: fitted_of[t] for run, t in trunk.items() if t in fitted_of and run not in known}


def _columns(one: Candidate, table: Runs) -> list[str]:
    for column in columns_of(one.law):
        if column not in table.frame.columns:
            try:
                table.column(column)  # raises, naming the nearest
            except JaxlawsError as error:
                raise FitError(f"`{one.label}` cannot be fitted: {error}") from None
    return numeric_columns(one.law)


def _kept(folds: tuple[Fold, ...], table: Runs, whole: Runs) -> tuple[Fold, ...]:
    """Masks over the rows that the door's checks have left."""
    if len(whole) == len(table) and (whole.frame.index == table.frame.index).all():
        return folds
    where = table.frame.index.get_indexer(whole.frame.index)
    return tuple(dataclasses.replace(f, fit=f.fit[where], score=f.score[where]) for f in folds)


def _weights(weights: Any, runs: Runs, rows: np.ndarray) -> np.ndarray:
    """Weights of `fit` over the rows of a mask, 0 elsewhere."""
    if not isinstance(weights, str):
        return np.where(rows, np.asarray(weights, dtype=np.float64), 0.0)
    if weights == "row":
        return rows.astype(np.float64)
    if weights == "run":
        _, code = np.unique(runs.frame["run"].astype(str).to_numpy(), return_inverse=True)
        count = np.bincount(code, rows)
        return np.where(rows, rows.sum() / (np.count_nonzero(count) * np.maximum(count, 1.0)[code]), 0.0)
    return np.where(rows, weights_of(runs, weights), 0.0)


def _distance(law: Law, runs: Runs, fold: Fold) -> np.ndarray:
    """How far each scored row lies beyond the fitted ones `(rows,)`: its value over the largest fitted, of the quantity that
    was cut or of the input that goes furthest; NaN where there is none."""
    out = np.full(len(runs), np.nan)
    names = [fold.along] if fold.along else [n for n in numeric_columns(law, observed=False) if n in runs.frame.columns]
    furthest = 0.0
    for name in names:
        value = quantity(runs, name)
        largest = value[fold.fit].max(initial=0.0)
        if largest > 0 and value[fold.score].max(initial=0.0) / largest > furthest:
            furthest = float(value[fold.score].max() / largest)
            out = np.where(fold.score, value / largest, np.nan)
    return out
