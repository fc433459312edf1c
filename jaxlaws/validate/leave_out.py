"""Leave out one schedule, one size, one run at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs import Runs, read
from jaxlaws.validate._fold import Fold, fold

_SCHEDULES = ("schedule", "lr_schedule", "scheduler")


def leave_out(
    runs: Any, by: str = "schedule", *, where: str | None = None, repeated: str = "drop", outcome: str = "loss"
) -> list[Fold]:
    """Folds that each score one group of the column `by` and fit the others.

    `by="schedule"` takes the column `schedule`, `lr_schedule` or `scheduler`, or else groups runs whose learning rates agree
    at the steps that they logged. Rows that repeat fitted rows of another run (a trunk that branches share) are not
    scored; a group that consists of nothing else has no fold. Raises `TableError` where there are fewer than two groups.

    >>> table = {"N": [1e8, 2e8, 4e8, 8e8], "loss": [3.0, 2.8, 2.6, 2.5], "size": ["a", "a", "b", "b"]}
    >>> [one.name for one in leave_out(table, "size")]
    ['without size a', 'without size b']
    """
    table = read(runs)
    wanted = np.ones(len(table), dtype=bool) if where is None else table.mask(where)
    label = _labels(table, by)
    names = list(dict.fromkeys(label[wanted]))
    if len(names) < 2:
        raise TableError(f"{table.source}: leaving out by `{by}` needs at least two groups; there is {len(names)}.")
    folds = [
        fold(
            table,
            f"without {by} {name}",
            wanted & (label != name),
            wanted & (label == name),
            repeated=repeated,
            outcome=outcome,
        )
        for name in names
    ]
    kept = [one for one in folds if one is not None]
    if not kept:
        raise TableError(f"{table.source}: every group of `{by}` repeats rows of the others: nothing is left to score.")
    return kept


def _labels(table: Runs, by: str) -> np.ndarray:
    named = by
    if by == "schedule":
        named = next((c for c in _SCHEDULES if c in table.frame.columns), "")
        if not named:
            return _by_rates(table)
    if named not in table.frame.columns:
        table.column(named)  # raises, naming the nearest
    return table.frame[named].astype(str).to_numpy(dtype=object)


def _by_rates(table: Runs) -> np.ndarray:
    """A label for each distinct course of the learning rate."""
    if "step" not in table.frame.columns:
        raise TableError(
            f"{table.source}: leaving out by `schedule` needs a column `schedule`, or runs with steps and learning rates."
        )
    seen: dict[bytes, str] = {}
    label = {}
    for run in table.names:
        rates = table.rates(run).lr
        key = np.round(rates, 9).tobytes()
        label[run] = seen.setdefault(key, f"of {run}")
    return table.frame["run"].astype(str).map(label).to_numpy(dtype=object)
