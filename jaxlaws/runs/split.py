"""Rows to fit and rows to score, both chosen from the whole table."""

from __future__ import annotations

import numpy as np

from jaxlaws.errors import ExpressionError
from jaxlaws.runs.table import Runs


def split(runs: Runs, where: str | None = None, holdout: str | None = None) -> tuple[Runs, Runs | None, int]:
    """Rows to fit, rows to score (None without `holdout`), and how many rows both expressions chose.

    Rows in both are scored, not fitted; a `holdout` without `where` fits the rest. Raises `ExpressionError` when there is
    nothing to fit or nothing to score.
    """
    wanted = np.ones(len(runs), dtype=bool) if where is None else runs.mask(where)
    if not wanted.any():
        raise ExpressionError(f"{runs.source}: `--where {where}` matches none of {len(runs)} rows.")
    if holdout is None:
        return runs.select(wanted), None, 0
    held = runs.mask(holdout)
    if not held.any():
        raise ExpressionError(f"{runs.source}: `--holdout {holdout}` matches none of {len(runs)} rows.")
    if not (wanted & ~held).any():
        rest = "it matches every row" if where is None else f"it matches every row of `--where {where}`"
        raise ExpressionError(f"{runs.source}: `--holdout {holdout}` leaves nothing to fit: {rest}.")
    both = 0 if where is None else int((wanted & held).sum())
    return runs.select(wanted & ~held), runs.select(held), both
