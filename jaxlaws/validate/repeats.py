"""Rows that are there twice: branches of one trunk, and the same measurement under two names."""

from __future__ import annotations

import numpy as np

from jaxlaws.runs import Runs

STREAK = 5  # consecutive rows with equal steps and outcomes: fewer may agree by chance
_INPUTS = ("N", "D", "C", "batch", "lr")


def repeats(runs: Runs, seen: np.ndarray, outcome: str = "loss") -> np.ndarray:
    """Which rows `(rows,)` repeat rows of another run among those that were `seen` `(rows,)`.

    Of runs with steps, at least five consecutive rows must agree in step, in outcome, and in those of N, D, C, batch and
    lr that the table has: branches that were logged along with their trunk. Other tables repeat a row where all of these
    agree. Runs logged at different steps are not recognised, nor is anything in a table without the outcome.
    """
    nothing = np.zeros(len(runs), dtype=bool)
    if outcome not in runs.frame.columns:
        return nothing
    columns = [runs.column(c) for c in (*_INPUTS, outcome) if c in runs.frame.columns]
    run = runs.frame["run"].factorize()[0]
    if "step" not in runs.frame.columns or 2 * len(np.unique(run)) > len(run):
        rows = _codes(columns)
        return np.isin(rows, rows[seen]) & ~seen
    step = runs.column("step")
    order = np.lexsort((step, run))
    rows, owner, fitted = _codes([step, *columns])[order], run[order], seen[order]
    at = np.arange(max(len(rows) - STREAK + 1, 0))[:, None] + np.arange(STREAK)
    if len(at) == 0:
        return nothing
    windows = _codes([rows[at[:, j]] for j in range(STREAK)])
    whole = owner[at[:, 0]] == owner[at[:, -1]]
    known = np.isin(windows, windows[whole & fitted[at].all(axis=1)]) & whole & ~fitted[at].any(axis=1)
    nothing[order[at[known].ravel()]] = True
    return nothing


def _codes(columns: list[np.ndarray]) -> np.ndarray:
    """One whole number for each distinct row."""
    import pandas as pd

    frame = pd.DataFrame(dict(enumerate(columns)))
    return frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy()
