"""Rows held out by an expression."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxlaws.errors import ExpressionError
from jaxlaws.runs import read, split
from jaxlaws.validate._fold import Fold, fold


def holdout(
    runs: Any, expression: str, *, where: str | None = None, repeated: str = "drop", outcome: str = "loss"
) -> Fold:
    """The fold that scores the rows where `expression` is true and fits the others (those of `where`).

    Rows to score that repeat fitted rows of another run are left out and counted, unless `repeated="keep"`. Raises
    `ExpressionError` where nothing is left to fit or to score.

    >>> table = {"N": [1e8, 2e8, 4e8, 8e8], "loss": [3.0, 2.8, 2.6, 2.5]}
    >>> holdout(table, "N > 5e8").score.tolist()
    [False, False, False, True]
    """
    table = read(runs)
    split(table, where, expression)  # raises where either matches nothing, or everything
    held = table.mask(expression)
    wanted = np.ones(len(table), dtype=bool) if where is None else table.mask(where)
    found = fold(table, f"held out: {expression}", wanted & ~held, held, repeated=repeated, outcome=outcome)
    if found is None:
        raise ExpressionError(
            f"{table.source}: every row of `--holdout {expression}` repeats a fitted row of another run: nothing is left "
            "to score."
        )
    return found
