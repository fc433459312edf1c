"""Which rows a resample has, and how often; which outcomes it has instead of those that were seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting.density import expansion, left_out
from jaxlaws.fitting.variations import Draw, Subject, by_run, fitted, scale
from jaxlaws.runs.branches import families

FEW = 8  # fewer runs than this are not resampled as wholes


@dataclass(frozen=True)
class Units:
    """What is resampled: `of_row` `(rows,)` is the unit of each row (-1 in padding), `count` how many there are. Of units
    that are runs, `runs` counts them one by one: more than `count` where some are branches of others."""

    name: str
    of_row: np.ndarray
    count: int
    runs: int = 0

    @property
    def note(self) -> tuple[str, ...]:
        """What is to be said of branches."""
        if self.runs <= self.count:
            return ()
        many = f"{self.count} families" if self.count > 1 else "one family"
        return (f"{self.runs} runs are {many} of branches and their trunks: a family counts as one run.",)

    @property
    def few(self) -> str:
        """`1 run is`, `3 families are`: to be gone on with."""
        one, many = ("family", "families") if self.note else ("run", "runs")
        return f"{self.count} {one} is" if self.count == 1 else f"{self.count} {many} are"


def units(of: Subject, by: str) -> Units:
    """Runs, a trunk and its branches being one; rows; or the values of a column."""
    live = (of.run >= 0) & (of.weight > 0)
    if by == "row":
        index = np.where(live, np.cumsum(live) - 1, -1)
        return Units("row", index, int(live.sum()))
    labels = (_families(of) if by == "run" else _labels(of, by))[of.run]
    known, index = np.unique(labels[live], return_inverse=True)
    out = np.full(len(live), -1)
    out[live] = index
    return Units(by, out, len(known), len(np.unique(of.run[live])) if by == "run" else 0)


def _families(of: Subject) -> np.ndarray:
    """The family of each run, as the index of its first one."""
    family, place = families(of.group.table), {run: i for i, run in enumerate(of.runs)}
    return np.array([place.get(family[run], place[run]) for run in of.runs])


def _labels(of: Subject, column: str) -> np.ndarray:
    """The value of a column for each run, as an index."""
    frame = of.group.table.frame
    if column not in frame.columns:
        raise FitError(f"`bootstrap(by=...)`: {nearest(column, [*map(str, frame.columns), 'row'], what='column')}")
    pairs = frame[["run", column]].astype(str).drop_duplicates()
    twice = pairs["run"].duplicated()
    if twice.any():
        raise FitError(f"`bootstrap(by={column!r})`: run {pairs['run'][twice].iloc[0]!r} has several values of it.")
    value = dict(zip(pairs["run"], pairs[column].factorize()[0], strict=True))
    return np.array([value[run] for run in of.runs])


def labels(of: Subject, units: Units) -> tuple[str, ...]:
    """What each unit is called: the run, the value of the column, or run and number of the row."""
    frame = of.group.table.frame
    names = of.runs if units.name in ("run", "row") else tuple(frame.drop_duplicates("run")[units.name].astype(str))
    first = [int(np.flatnonzero(units.of_row == i)[0]) for i in range(units.count)]
    alone = units.name != "row" or len(of.runs) == units.count
    return tuple(names[of.run[row]] if alone else f"{names[of.run[row]]}, row {row}" for row in first)


def counts(of: Units, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit is drawn, `(draws, units)`."""
    drawn = rng.integers(0, of.count, size=(draws, of.count)) + of.count * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * of.count).reshape(draws, of.count).astype(np.uint16)


def blocks(of: Subject, length: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row is drawn, `(draws, rows)`, when every run is put together anew from blocks of `length` rows.

    Blocks wrap around, so that all rows are drawn equally often.
    """
    out = np.zeros((draws, len(of.run)), dtype=np.uint16)
    for rows in by_run(of):
        n = len(rows)
        size = min(length, n)
        starts = rng.integers(0, n, size=(draws, -(-n // size)))
        edges = np.zeros((draws, n + size + 1), dtype=np.int32)
        line = np.repeat(np.arange(draws), starts.shape[1])
        lengths = np.full(starts.shape[1], size)
        lengths[-1] = n - size * (starts.shape[1] - 1)  # as many rows as there were
        np.add.at(edges, (line, starts.ravel()), 1)
        np.add.at(edges, (line, (starts + lengths).ravel()), -1)
        drawn = np.cumsum(edges, axis=1)
        out[:, rows] = drawn[:, :n]
        out[:, rows[:size]] += drawn[:, n : n + size].astype(np.uint16)
    return out


def lag_one(of: Subject, residual: np.ndarray) -> float:
    """Autocorrelation of neighbouring residuals within runs, robust against outliers, from 0 to .99.

    From the signs of neighbours: for normal pairs of correlation r their product is 2/pi arcsin(r) in the mean.
    """
    parts = [residual[rows] for rows in by_run(of) if len(rows) > 3]
    if not parts:
        return 0.0
    signs = [np.sign(part - np.median(part)) for part in parts]
    same = np.concatenate([s[1:] * s[:-1] for s in signs])
    return float(np.clip(np.sin(0.5 * np.pi * same.mean()), 0.0, 0.99))


def block_length(of: Subject, rho: float) -> int:
    """Rows of a block that suit this lag-one autocorrelation: Carlstein's rule for an autoregressive series."""
    longest = max(map(len, by_run(of)), default=1)
    if rho <= 0:
        return 1
    return int(np.clip(np.ceil((np.sqrt(6.0) * rho / (1.0 - rho**2)) ** (2 / 3) * longest ** (1 / 3)), 1, longest))


def wild(of: Subject, units: Units, draws: int, rng: np.random.Generator) -> Draw:
    """Outcomes of resamples: the fit, and the residuals with a random sign for each unit.

    Residuals of a fit are smaller than the noise, most where a unit stands alone, and a robust fit goes right through some:
    those that are turned are therefore from the optimum without their unit, to first order, times sqrt((G-1)/G) as in a
    jackknife (MacKinnon, Nielsen & Webb 2023, arXiv:2301.04527). With fewer than 12 units two signs give too few different
    resamples; Webb's six points are taken instead.
    """
    predicted, residual = fitted(of)
    index, near = np.maximum(units.of_row, 0), expansion(of)
    moved = np.sum(near.along * left_out(of, near, units.of_row)[index], axis=1)
    residual = np.sqrt((units.count - 1.0) / units.count) * (residual + moved)
    points = np.array([-1.0, 1.0]) if units.count >= 12 else np.sqrt([0.5, 1.0, 1.5]) * np.array([[1.0], [-1.0]])
    sign = rng.choice(points.ravel(), size=(draws, units.count))
    return lambda which: unlinked(predicted - sign[which][:, index] * residual, of)


def parametric(of: Subject, draws: int, rng: np.random.Generator, free: int) -> Draw:
    """Outcomes of resamples: the fit and normal noise of the residuals' own size and lag-one autocorrelation within runs."""
    predicted, residual = fitted(of)
    parts = by_run(of)
    rho = lag_one(of, residual)
    live = np.concatenate(parts)
    size = np.sqrt(np.sum(residual[live] ** 2) / max(len(live) - free, 1))
    noise = np.zeros((draws, len(of.run)))
    for rows in parts:
        fresh = rng.standard_normal((draws, len(rows)))
        noise[:, rows[0]] = fresh[:, 0]
        for i in range(1, len(rows)):
            noise[:, rows[i]] = rho * noise[:, rows[i - 1]] + np.sqrt(1.0 - rho**2) * fresh[:, i]
    return lambda which: unlinked(predicted - size * noise[which], of)


def unlinked(value: np.ndarray, of: Subject) -> np.ndarray:
    """Outcomes of values on the scale of the objective."""
    on = scale(of)
    return np.exp(value) if on == "log" else 1.0 / (1.0 + np.exp(-value)) if on == "logit" else value


def weighted(of: Subject, units: Units, count: np.ndarray) -> Draw:
    """Weights of resamples of units."""
    own = np.where(units.of_row >= 0, of.weight, 0.0)
    index = np.maximum(units.of_row, 0)
    return lambda which: count[which][:, index] * own


def reweighted(of: Subject, count: np.ndarray) -> Draw:
    """Weights of resamples of rows."""
    return lambda which: count[which] * of.weight
