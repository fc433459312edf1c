"""One split of a table into rows to fit and rows to score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs import Runs
from jaxlaws.validate.repeats import repeats


@dataclass(frozen=True, eq=False)
class Fold:
    """Which rows of a table are fitted and which are scored: masks of shape `(rows,)`.

    `repeated` counts rows that would have been scored, but repeat fitted rows of another run. `along` and `cut` say which
    quantity was cut, and where, if one was.
    """

    name: str
    fit: np.ndarray
    score: np.ndarray
    repeated: int = 0
    along: str = ""
    cut: float = float("nan")


def fold(
    runs: Runs, name: str, fit: np.ndarray, score: np.ndarray, *, repeated: str, outcome: str, **more: Any
) -> Fold | None:
    """The fold without leaks; None where nothing is left to score."""
    if repeated not in ("drop", "keep"):
        raise TableError(f'`repeated` must be "drop" or "keep"; got {repeated!r}.')
    score = np.asarray(score, dtype=bool) & ~fit
    leaked = repeats(runs, fit, outcome) & score
    if repeated == "drop":
        score = score & ~leaked
    return Fold(name, fit, score, int(leaked.sum()), **more) if score.any() else None
