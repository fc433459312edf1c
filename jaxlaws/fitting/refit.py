"""A fit made again: the same law and settings, other rows, from where the first one ended."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError, JaxlawsError
from jaxlaws.fitting import _clock
from jaxlaws.fitting._groups import of_group
from jaxlaws.fitting._prepare import prepare
from jaxlaws.fitting._record import finished
from jaxlaws.fitting._searching import searched
from jaxlaws.fitting._settings import GIVEN, given
from jaxlaws.fitting.assemble import columns_of, numeric_columns
from jaxlaws.fitting.engine import starting_points
from jaxlaws.fitting.result import Fit, Fits
from jaxlaws.fitting.variations import settings_of
from jaxlaws.objectives import Objective
from jaxlaws.runs import Runs, read
from jaxlaws.solvers import Status


def refit(
    fit: Fit | Fits,
    runs: Any,
    *,
    starts: int = 8,
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
) -> Fit | Fits:
    """`fit` made again on `runs`: law, variant, fixed values, boxes, priors, objective, weights and bins stay as they were.

    The search begins at the fit's own parameters and at `starts` - 1 other points, so that a minimum that has moved is found,
    and one that has become the wrong one is left. Of a fit by groups, each group is made again on its own rows; one that
    cannot be has NaN parameters and the reason. Weights `(rows,)` and objectives that were given as values are not stored:
    give them again. Raises `FitError` for rows that cannot be fitted, and for fits with shared or pooled parameters, which
    are made by `fit` and `fit_pooled` from all groups together.
    """
    if starts < 1:
        raise FitError(f"`refit(starts=...)` must be at least 1; got {starts}.")
    table = read(runs)
    if weights is not None:
        table = dataclasses.replace(table, frame=table.frame.assign(**{GIVEN: given(weights, len(table))}))
    told = weights is not None
    if not isinstance(fit, Fits):
        _one_alone(fit)
        return _again(fit, of_group(table, fit) if fit.by else table, starts, told, objective)
    for one in fit.values():
        _one_alone(one)
    done = []
    for one in fit.values():
        try:
            done.append(_again(one, of_group(table, one), starts, told, objective))
        except JaxlawsError as error:
            done.append(_lost(one, str(error)))
    return Fits(done)


def _one_alone(old: Fit) -> None:
    """Raises where a group is no fit of its own."""
    for names, how in ((old.shared, "shared with"), (old.pooled, "partially pooled with")):
        if names:
            call = "`fit_pooled`" if names == old.pooled else "`fit`"
            raise FitError(
                f"`refit`: {', '.join(names)} are {how} other groups; make all of them together again with {call}."
            )


def _lost(old: Fit, reason: str) -> Fit:
    """A group that could not be made again."""
    nothing = dict.fromkeys(old.law.params, float("nan"))
    nan = float("nan")
    return dataclasses.replace(
        old,
        params=nothing,
        status=Status.too_few_rows,
        reason=reason,
        objective=nan,
        agree=0.0,
        remaining=nan,
        condition=nan,
        at_bound=(),
        trade_offs=(),
        rows=0,
        runs=(),
        intervals={},
        interval_of="",
    )


def _again(old: Fit, table: Runs, starts: int, weighed: bool, objective: Objective | None) -> Fit:
    began = time.perf_counter()
    if old.status.failed:
        raise FitError(f"`refit`: the stored fit of `{old.law.name}` failed ({old.status.name}); fit it anew.")
    if len(table) == 0:
        raise FitError(f"{table.source}: there are no rows to fit" + (f" of {_key(old)}." if old.by else "."))
    if not weighed and old.weights == "given":
        raise FitError(
            "`refit`: the fit was made with weights given as an array, which are not stored: give `weights=`."
        )
    for column in columns_of(old.law):
        if column not in table.frame.columns:
            table.column(column)  # raises, naming the nearest
    table = table.checked(numeric_columns(old.law))
    settings = settings_of(old, weights=GIVEN if weighed else old.weights, objective=objective)
    told = (f"made again from a fit to {old.source} (data {old.data_hash[:12]})",)
    settings = dataclasses.replace(settings, starts=starts, told=told)
    with jax.enable_x64(True), _clock.compiling() as compiled:
        group = prepare(settings, 0, old.key, table)
        points = starting_points(old.law, group.layout, settings.params, starts, old.seed)
        points[0] = _where_it_ended(old, group, points[0])
        group = dataclasses.replace(group, starts=points)
        problems = jax.tree.map(lambda leaf: leaf[None], group.problem)
        found = searched(settings, settings.plan(group.layout), problems, points[None])
        done = finished(settings, group, jax.tree.map(lambda leaf: leaf[0], found), old.by, alone=True)
        total = time.perf_counter() - began
        seconds = {"compile": min(compiled(), total), "run": max(total - compiled(), 0.0)}
    return dataclasses.replace(done, seconds=seconds)


def _where_it_ended(old: Fit, group: Any, point: np.ndarray) -> np.ndarray:
    """The old parameters in coordinates; a copy for a run that was not fitted stays where the search would begin."""
    point = point.copy()
    at = 0
    for slot in group.layout:
        value = old.params[slot.name]
        labels = group.assembled.copies.get(slot.name, [""])
        for i, label in enumerate(labels):
            known = value.get(label) if isinstance(value, dict) else value
            if known is not None:
                point[at + i] = np.log(known) if slot.log else known
        at += slot.copies
    return np.clip(point, group.problem.low, group.problem.high)


def _key(fit: Fit) -> str:
    return ", ".join(f"{k} = {v}" for k, v in zip(fit.by, fit.key, strict=True))
