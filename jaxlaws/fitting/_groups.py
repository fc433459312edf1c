"""Rows that belong to one fit of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.runs import Runs


def mask(runs: Runs, fit: Fit) -> np.ndarray:
    """Which rows have the fit's key, of shape `(rows,)`: all for a fit that has none. Raises where a column is missing."""
    out = np.ones(len(runs), dtype=bool)
    for column, value in zip(fit.by, fit.key, strict=True):
        if column not in runs.frame.columns:
            runs.column(column)  # raises, naming the nearest
        cells = runs.frame[column]
        missing = value is None or value != value
        out &= cells.isna().to_numpy() if missing else (cells == value).fillna(False).to_numpy(dtype=bool)
    return out


def of_group(runs: Runs, fit: Fit) -> Runs:
    """Rows that have the fit's key."""
    return runs.select(mask(runs, fit))
