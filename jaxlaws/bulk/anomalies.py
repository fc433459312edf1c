"""What is strange about a run: points far above their neighbours, an end far above the lowest loss, errors far above those
of the other runs of its group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.runs import Runs

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit

WINDOW = 5  # points on each side of one
NOISY = 6.0  # standard deviations of a run's own noise above its neighbours make a spike,
LEAST = 0.02  # if they are as much of the loss too: of curves without noise every bend would be one
FAR = 3.0  # times the median distance of a group's runs make a run far from its group's law,
FAR_ROW = 6.0  # where runs are single rows; of normal errors that is 4 standard deviations,
FEW = 3  # of at least so many


def spikes(runs: Runs, name: str = "loss") -> dict[str, int]:
    """How many points of each run that has some lie far above the median of their neighbours.

    Far is 6 robust standard deviations of the run's own noise, and 2 % of the loss.
    """
    if "step" not in runs.frame.columns or name not in runs.frame.columns or len(runs) == 0:
        return {}
    codes, names = runs.frame["run"].factorize()
    order = np.lexsort((runs.column("step"), codes))
    run, values = codes[order], runs.column(name)[order]
    logs = np.log(np.where(values > 0, values, np.nan))
    first = np.searchsorted(run, np.arange(len(names)))
    last = np.r_[first[1:], len(run)] - 1
    # Beyond a run's ends its last point stands again: windows never reach into a neighbour.
    at = np.arange(len(run))[:, None] + np.arange(-WINDOW, WINDOW + 1)
    window = logs[np.clip(at, first[run][:, None], last[run][:, None])]
    window = np.where(np.isnan(window), logs[:, None], window)
    above = logs - np.median(window, axis=1)
    spread = _medians(np.abs(above), run, first, last) * 1.4826
    counts = np.bincount(run[above > np.maximum(NOISY * spread[run], LEAST)], minlength=len(names))
    return {str(names[i]): int(counts[i]) for i in np.flatnonzero(counts)}


def _medians(values: np.ndarray, run: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Median of each run's values, of shape `(runs,)`; NaN counts as large."""
    order = np.lexsort((np.where(np.isnan(values), np.inf, values), run))
    return values[order[(first + last) // 2]]


def diverged(runs: Runs) -> set[str]:
    """Runs that the door found to end far above their lowest loss."""
    return {run for finding in runs.findings if finding.kind == "diverged" for run in finding.by_run}


def distances(fit: Fit, runs: Runs) -> dict[str, float]:
    """How far each run of a group is from the group's law: the mean of |prediction / observation - 1| over its rows."""
    predicted, observed = fit.predict(runs), runs.column(fit.law.output.symbol)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.abs(predicted / observed - 1.0)
    there = np.isfinite(error)  # a curve law says nothing of step 0
    codes, names = runs.frame["run"].factorize()
    total = np.bincount(codes[there], error[there], len(names))
    count = np.bincount(codes[there], minlength=len(names))
    return {str(names[i]): float(total[i] / count[i]) for i in np.flatnonzero(count)}


def far(distance: Mapping[str, float], rows: int) -> list[str]:
    """Runs whose `distance` is more than three times that of the median run of their group, which has so many `rows`.

    Six times where a run is one row: a single error scatters more than the mean of many.
    """
    if len(distance) < FEW:
        return []
    limit = (FAR if rows > len(distance) else FAR_ROW) * float(np.median(list(distance.values())))
    return [run for run, error in distance.items() if error > limit]
