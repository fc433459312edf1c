"""What no law can predict: the noise of single rows, and of runs that differ in nothing but chance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.runs import Runs, read
from jaxlaws.runs.branches import trunks
from jaxlaws.spec import Law, find
from jaxlaws.validate.residuals import natural

COMMON = 20  # rows that two runs must have in common to be compared
MOST = 200  # runs that are compared pairwise
_MEAN = float(np.sqrt(2.0 / np.pi))  # mean absolute value of a standard normal number


@dataclass(frozen=True)
class Noise:
    """Noise floor of a table, as mean absolute errors on the output's own scale; NaN where the table cannot say.

    `white` is the error of the mean curve at single rows: what a perfect law would still show. `between` is that of one real
    run as the predictor of another of the same inputs or the same learning rates. `pairs` says how many pairs of runs, or
    how many groups of replicates, that rests on; `sd` and `freedom` are the pooled standard deviation of replicates on the
    scale `on` (that of the law's output, log for losses, unless another was asked for), and its degrees of freedom.
    """

    white: float
    between: float
    pairs: int
    sd: float
    freedom: int
    on: str = "log"

    def __str__(self) -> str:
        said = [
            f"{name} {value:.2g}"
            for name, value in (("single rows", self.white), ("run to run", self.between))
            if np.isfinite(value)
        ]
        if not said:
            return "unknown: no two rows of the same inputs and no two runs of the same learning rates"
        return ", ".join(said) + (f" ({self.pairs} pair{'s' * (self.pairs > 1)})" if self.pairs else "")


def noise(runs: Any, law: Law | str, *, on: str | None = None) -> Noise:
    """Noise floor of a table for a law, the standard deviation of replicates on the scale `on`, its output's by default.

    Laws of curves: single rows by second differences of the loss, run to run by pairs of runs whose learning rates agree
    over at least 20 logged steps while their losses do not (branches of one trunk tell nothing). Laws of points: rows that
    agree in every input of the law; where they agree in the outcome too they are one measurement, and no replicates.

    >>> table = {"N": [1e8, 1e8, 2e8, 2e8], "loss": [3.0, 3.1, 2.5, 2.4]}
    >>> round(noise(table, "kaplan_n").between, 3)
    0.1
    """
    one = find(law)
    if on not in (None, "log", "raw", "logit"):
        raise FitError(f"`noise(on=...)` must be log, raw or logit; got {on!r}.")
    table = read(runs).checked(numeric_columns(one))
    return (_of_curves if one.is_curve else _of_points)(table, one, on or one.output.scale)


def _of_points(table: Runs, law: Law, on: str) -> Noise:
    import pandas as pd

    frame = pd.DataFrame({name: table.column(name) for name in (*law.inputs, law.output.symbol)}).drop_duplicates()
    raw, inputs = frame[law.output.symbol].to_numpy(), frame[list(law.inputs)]
    group = inputs.groupby(list(inputs.columns), sort=False).ngroup().to_numpy()
    count = np.bincount(group)
    if not (count > 1).any():
        return Noise(float("nan"), float("nan"), 0, float("nan"), 0, on)
    scaled = natural(raw, on)
    off = scaled - (np.bincount(group, scaled) / count)[group]
    freedom = int((count - 1).sum())
    sd = float(np.sqrt(np.sum(off**2) / freedom))
    apart = [np.abs(a - b) for g in np.flatnonzero(count > 1)[:1000] for a, b in combinations(raw[group == g][:20], 2)]
    between = float(np.mean(apart))
    return Noise(between / np.sqrt(2.0), between, int((count > 1).sum()), sd, freedom, on)


def _of_curves(table: Runs, law: Law, on: str) -> Noise:
    symbol = law.output.symbol
    steps = {run: table.values(run, "step") for run in table.names}
    losses = {run: table.values(run, symbol) for run in table.names}
    bends = []
    for run in table.names:
        gap, loss = np.diff(steps[run]), losses[run]
        even = np.isclose(gap[1:], gap[:-1], rtol=1e-6)
        bends.append((loss[:-2] - 2.0 * loss[1:-1] + loss[2:])[even] / np.sqrt(6.0))
    every = np.abs(np.concatenate(bends)) if bends else np.empty(0)
    white = float(np.median(every) / 0.6745 * _MEAN) if len(every) >= COMMON else float("nan")
    found: dict[tuple[str, str], tuple[int, float, float]] = {}
    trunk = dict(zip(table.names, trunks(table, table.names), strict=True))
    for a, b in _alike(table, law):
        if trunk[a] == trunk[b]:
            continue
        both, at_a, at_b = np.intersect1d(steps[a], steps[b], return_indices=True)
        same = _agree(table.rates(a).lr, table.rates(b).lr)
        keep = both < same
        gap = losses[a][at_a[keep]] - losses[b][at_b[keep]]
        if keep.sum() < COMMON or np.mean(gap == 0.0) > 0.5:
            continue
        scaled = natural(losses[a][at_a[keep]], on) - natural(losses[b][at_b[keep]], on)
        told = int(keep.sum()), float(np.mean(np.abs(gap))), float(np.mean(scaled**2)) / 2.0
        # Branches of one trunk repeat it: of all their pairs, the one that says most.
        pair = (min(trunk[a], trunk[b]), max(trunk[a], trunk[b]))
        found[pair] = max(found.get(pair, told), told)
    if not found:
        return Noise(white, float("nan"), 0, float("nan"), 0, on)
    _, apart, squares = map(np.mean, zip(*found.values(), strict=True))
    return Noise(white, float(apart), len(found), float(np.sqrt(squares)), len(found), on)


def _alike(table: Runs, law: Law) -> list[tuple[str, str]]:
    """Pairs of runs that agree in everything that the law, or the usual columns, say of a run but its learning rate."""
    said = [c for c in (*law.inputs, "N", "batch", "size", "model", "dataset") if c in table.frame.columns]
    constant = [c for c in dict.fromkeys(said) if c != "D"]
    first = {run: tuple(table.of(run)[constant].iloc[0].astype(str)) for run in table.names[:MOST]}
    return [(a, b) for a, b in combinations(first, 2) if first[a] == first[b]]


def _agree(one: np.ndarray, other: np.ndarray) -> int:
    """Steps from the first on over which two learning rates agree."""
    least = min(len(one), len(other))
    differ = ~np.isclose(one[:least], other[:least], rtol=1e-5, atol=0.0)
    return int(np.argmax(differ)) if differ.any() else least
