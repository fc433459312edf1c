"""Fit below a cut, score above it: how far out does a law hold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.validate._fold import Fold, fold, made_of_sizes, quantity

LEAST = 3  # distinct values below the first cut
ABOVE = 5  # and at or above the last one, where there are many
FEW = 12  # distinct values that are cut at themselves


def rollout(
    runs: Any,
    along: str,
    *,
    cuts: int | float | Sequence[float] = 4,
    where: str | None = None,
    repeated: str = "drop",
    outcome: str = "loss",
) -> list[Fold]:
    """Folds that fit the rows with `along` (N, D, C, step or another column) below a cut and score those from it on.

    C of a table that has no such column, but N and D, is 6 N D; so the folds are named.
    `cuts` are values, or how many: of a column with few distinct values the largest ones, three at least staying below;
    of others values spread evenly in logarithm over the upper half, at least five staying above. Rows to score that repeat
    fitted rows of another run are left out. Raises `TableError` for a cut with nothing below or nothing above.

    >>> table = {"N": [1e8, 2e8, 4e8, 8e8, 16e8], "loss": [3.0, 2.8, 2.6, 2.5, 2.45]}
    >>> [f"{one.cut:.0e}" for one in rollout(table, "N")]
    ['8e+08', '2e+09']
    """
    table = read(runs)
    value = quantity(table, along)
    shown = "6 N D" if made_of_sizes(table, along) else along
    wanted = np.isfinite(value) & (np.ones(len(table), dtype=bool) if where is None else table.mask(where))
    if not wanted.any():
        raise TableError(f"{table.source}: `--rollout {along}`: no row to cut has a finite {along}.")
    places = _places(table.source, along, value[wanted], cuts)
    out = []
    for cut in places:
        below, above = wanted & (value < cut), wanted & (value >= cut)
        if not below.any() or not above.any():
            side = "below" if not below.any() else "at or above"
            low, high = value[wanted].min(), value[wanted].max()
            raise TableError(
                f"{table.source}: `--rollout {along}`: no row lies {side} the cut {cut:g}; {along} runs from {low:g} to {high:g}."
            )
        found = fold(
            table, f"{shown} < {cut:.4g}", below, above, repeated=repeated, outcome=outcome, along=along, cut=float(cut)
        )
        out += [found] if found is not None else []
    if not out:
        raise TableError(f"{table.source}: `--rollout {along}`: every row above the cuts repeats one below.")
    return out


def _places(source: str, along: str, values: np.ndarray, cuts: int | float | Sequence[float]) -> list[float]:
    if not isinstance(cuts, int | np.integer):
        places = np.atleast_1d(np.asarray(cuts, dtype=np.float64)).tolist()
        if not places or not np.isfinite(places).all():
            raise TableError(
                f"`rollout(cuts=...)` must be a number of cuts, or their places, finite ones; got {cuts!r}."
            )
        return list(map(float, places))
    if cuts < 1:
        raise TableError(f"`rollout(cuts=...)` must be at least 1; got {cuts}.")
    distinct = np.unique(values)
    if len(distinct) < LEAST + 1:
        raise TableError(
            f"{source}: `--rollout {along}` needs at least {LEAST + 1} distinct values of {along}; there are {len(distinct)}."
        )
    if len(distinct) <= FEW:
        return list(map(float, distinct[LEAST:][-int(cuts) :]))
    positive = distinct[distinct > 0]
    low, high = np.sqrt(positive[0] * positive[-1]), positive[-1]
    ideal = np.geomspace(low, high, int(cuts) + 1)[:-1]
    # At values that occur, so that "below" and "above" are as they read.
    return list(map(float, np.unique(distinct[np.searchsorted(distinct, ideal).clip(LEAST, len(distinct) - ABOVE)])))
