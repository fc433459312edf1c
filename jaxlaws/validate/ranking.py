"""How sure a ranking is: the same errors, had other runs been held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 4000
ENOUGH = 8  # units to score below which runs are cut into blocks
BLOCKS = 8
SURE = 0.95


@dataclass(frozen=True, eq=False)
class Ranking:
    """How candidates rank by mean error, and in how many resamples of what was scored.

    `error` `(candidates,)`; `best` the share of resamples in which each has the lowest error; `low`, `high` the ranks between
    which it lies in 95 % of them, from 1; `ahead[i, j]` the share in which i errs less than j. `units` are the runs (or the
    blocks within runs, where `blocks`) that were resampled, of `runs` that were scored: fewer where some branch from others.
    """

    error: np.ndarray
    best: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ahead: np.ndarray
    units: int
    blocks: bool
    runs: int

    @property
    def tied(self) -> np.ndarray:
        """Candidates that share the first place: the one of least error and, of the others, as few as together come first in
        95 % of the resamples. One alone wins."""
        out = np.zeros(len(self.error), dtype=bool)
        if not np.isfinite(self.error).any():
            return out
        first = int(np.nanargmin(self.error))
        for i in [first, *(i for i in np.argsort(-self.best, kind="stable") if i != first)]:
            if self.best[out].sum() >= SURE:
                break
            out[i] = np.isfinite(self.error[i])
        return out


def rank(
    errors: np.ndarray,
    run: np.ndarray,
    *,
    family: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Ranking:
    """Ranking of candidates by errors `(candidates, folds, rows)`, NaN where a row is not scored, with the run of each row.
    Runs of one `family` `(rows,)`, a trunk and its branches, are drawn together.

    The error of a fold is the mean over its runs of their mean, and that of a candidate the mean over folds. Runs are drawn
    again with replacement, for all candidates alike; with fewer than 8 (families), blocks of consecutive rows within them, and
    then what differs from run to run is not in the ranking's uncertainty.
    """
    sound = ~np.isnan(errors).all(axis=(1, 2))
    scored = np.logical_and.reduce(np.isfinite(errors[sound])) & sound.any()
    _, code = np.unique(run, return_inverse=True)
    unit = code if family is None else np.unique(family, return_inverse=True)[1]
    alive = np.logical_or.reduce(scored)
    runs = len(np.unique(code[alive]))
    blocks = len(np.unique(unit[alive])) < ENOUGH
    if blocks:
        unit = _blocks(code, alive)
    total, weight = _sums(errors, scored, unit, code)
    draws = _draws(weight.shape[1], resamples, seed)
    mean = _means(total, weight, np.ones((1, weight.shape[1])))[:, 0]
    again = _means(total, weight, draws)
    mean[~sound], again[~sound] = np.nan, np.inf
    order = np.argsort(np.argsort(again, axis=0, kind="stable"), axis=0) + 1
    best = (order == 1).mean(axis=1)
    ahead = (again[:, None, :] < again[None, :, :]).mean(axis=2)
    low, high = np.quantile(order, [0.025, 0.975], axis=1, method="nearest")
    return Ranking(mean, best, low.astype(int), high.astype(int), ahead, weight.shape[1], blocks, runs)


def _blocks(code: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Number of each row's block: up to eight of consecutive rows in each run."""
    out = np.zeros(len(code), dtype=int)
    for run in np.unique(code):
        mine = np.flatnonzero((code == run) & alive)
        size = min(BLOCKS, max(len(mine), 1))
        out[mine] = run * BLOCKS + np.arange(len(mine)) * size // max(len(mine), 1)
    return out


def _sums(errors: np.ndarray, scored: np.ndarray, code: np.ndarray, run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of errors `(candidates, units, folds)` and of weights `(folds, units)`: runs weigh the same in a fold."""
    names, unit = np.unique(code[scored.any(axis=0)], return_inverse=True)
    place = np.full(scored.shape[1], 0)
    place[scored.any(axis=0)] = unit
    folds = len(scored)
    total = np.zeros((len(errors), len(names), folds))
    weight = np.zeros((folds, len(names)))
    for f in range(folds):
        rows = np.flatnonzero(scored[f])
        if len(rows) == 0:
            continue
        count = np.bincount(run[rows], minlength=run.max() + 1)
        share = 1.0 / count[run[rows]]
        weight[f] = np.bincount(place[rows], share, minlength=len(names))
        for c in range(len(errors)):
            total[c, :, f] = np.bincount(place[rows], share * np.nan_to_num(errors[c, f, rows]), minlength=len(names))
    return total, weight


def _draws(units: int, resamples: int, seed: int) -> np.ndarray:
    """How often each unit is drawn `(resamples, units)`."""
    return np.random.default_rng(seed).multinomial(units, np.full(units, 1.0 / units), size=resamples).astype(float)


def _means(total: np.ndarray, weight: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Error of each candidate in each draw `(candidates, draws)`: the mean over the folds of which something was drawn."""
    share = draws @ weight.T
    some = share > 0
    each = np.einsum("du,cuf->cdf", draws, total) / np.where(some, share, 1.0)
    count = some.sum(axis=1)
    return np.where(some, each, 0.0).sum(axis=2) / np.maximum(count, 1)
