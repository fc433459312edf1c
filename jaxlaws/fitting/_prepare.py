"""From settings and the rows of one group to the arrays of its search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting._settings import Settings
from jaxlaws.fitting.assemble import Assembled, assemble, columns_of, padded
from jaxlaws.fitting.engine import Problem, layout_of, limits, starting_points
from jaxlaws.fitting.problem import Layout
from jaxlaws.objectives import Normal
from jaxlaws.runs import Runs


@dataclass(frozen=True)
class Group:
    """The rows of one fit as arrays: its `problem`, padded, and its `starts` in coordinates `(starts, params)`. `index` is its
    place among the groups, `key` the cells it goes by."""

    index: int
    key: tuple[Any, ...]
    table: Runs
    assembled: Assembled
    layout: Layout
    problem: Problem
    starts: np.ndarray
    coarse: bool = False  # padded to few shapes


def prepare(
    settings: Settings,
    index: int,
    key: tuple[Any, ...],
    table: Runs,
    per: Mapping[str, str] | None = None,
    *,
    coarse: bool = False,
) -> Group:
    """Arrays of the search for these rows; `per` as in `Settings.per`, which is its default. Raises `FitError` for too few
    rows, or nothing free to fit."""
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
    return Group(index, key, table, assembled, layout, problem, starts, coarse)


def _priors(settings: Settings, layout: Layout) -> dict[str, Normal]:
    names = {slot.name for slot in layout}
    own = {k: Normal(*p.prior) for k, p in settings.params.items() if p.prior is not None and k in names}
    merged = {**own, **settings.priors}
    unit = settings.objective.unit
    return {k: Normal(v.mean, v.sd, unit if v.residual is None else v.residual) for k, v in merged.items()}


def _enough_rows(
    settings: Settings, table: Runs, assembled: Assembled, layout: Layout, priors: Mapping[str, Normal]
) -> None:
    law = settings.law
    live = distinct = int(np.sum(assembled.data.weight > 0))
    if not law.is_curve:  # whose every observation is a step of its own
        names = [n for n in columns_of(law) if n in table.frame.columns]
        distinct = len(weighed(settings, table).frame[names].drop_duplicates())
    known = sum(slot.copies for slot in layout if slot.name in priors)
    wanted = sum(slot.copies for slot in layout) - known
    if distinct < wanted or live < wanted:
        raise FitError(
            f"{table.source}: {len(table)} rows, {distinct} of them distinct, are too few for the {wanted} free parameters of "
            f"`{law.name}`; give more rows or hold some with `--fix`."
        )


def weighed(settings: Settings, table: Runs) -> Runs:
    """Rows of the table that weigh something: the others are not fitted."""
    if settings.weights in ("row", "run") or settings.weights not in table.frame.columns:
        return table
    weighed = (table.frame[settings.weights] > 0).to_numpy()
    return table.select(weighed) if weighed.any() and not weighed.all() else table
