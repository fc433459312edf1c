"""One split of a table into rows to fit and rows to score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, TableError
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


def made_of_sizes(runs: Runs, along: str) -> bool:
    """Whether `along` is the compute of a table that has no column for it, but N and D: then it is 6 N D."""
    return along == "C" and "C" not in runs.frame.columns and {"N", "D"} <= set(runs.frame.columns)


def quantity(runs: Runs, along: str) -> np.ndarray:
    """What is cut, of shape `(rows,)`: a column, or the compute 6 N D."""
    if made_of_sizes(runs, along):
        return 6.0 * runs.column("N") * runs.column("D")
    if along == "C" and "C" not in runs.frame.columns:
        raise TableError(
            f"{runs.source}: C needs a column C, named by `--column C=COLUMN`, or both N and D, for 6 N D."
        )
    return runs.column(along)


def several(folds: Any, runs: Runs, call: str) -> tuple[Fold, ...]:
    """Folds of a table, one or more. Raises `FitError` for anything else."""
    every: tuple[Any, ...] = (folds,) if isinstance(folds, Fold | str) else tuple(folds)
    for one in every:
        if not isinstance(one, Fold):
            raise FitError(
                f"`{call}`: {one!r} is no fold; `holdout(runs, expression)`, `rollout(runs, quantity)` and `leave_out(runs, "
                "column)` make them."
            )
        if len(one.fit) != len(runs):
            raise FitError(
                f"`{call}`: fold {one.name!r} is of a table of {len(one.fit)} rows, and {runs.source} has {len(runs)}."
            )
    if not every:
        raise FitError(f"`{call}`: there is no fold; `holdout`, `rollout` and `leave_out` make them.")
    return every
