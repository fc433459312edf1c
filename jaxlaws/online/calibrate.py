"""How wide intervals must be, learnt from runs whose end is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.online._compiled import forecast, replayed
from jaxlaws.online.ahead import ahead
from jaxlaws.online.forecaster import Forecast, Forecaster

LEVEL = 0.9
SHARES = (0.1, 0.2, 0.5)
BLOCK = 512  # rows of a run are replayed in blocks of so many, so that few shapes are compiled


@dataclass(frozen=True, eq=False)
class Logged:
    """A run that is over: logged steps, losses and rates `(steps,)`, its schedule (see `ahead`), and the loss at its end, by
    default the last one."""

    steps: np.ndarray
    losses: np.ndarray
    rates: np.ndarray
    schedule: Any
    total: int | None = None
    final: float | None = None

    @property
    def last(self) -> int:
        return int(self.steps[-1]) if self.total is None else self.total

    @property
    def end(self) -> float:
        return float(self.losses[-1]) if self.final is None else self.final


def calibrated(
    forecaster: Forecaster,
    runs: Sequence[Logged],
    *,
    shares: Sequence[float] = SHARES,
    level: float = LEVEL,
    each: Sequence[Forecaster] = (),
) -> Forecaster:
    """`forecaster` with intervals that hold at `level` on `runs`, which its prior must not come from.

    Each run is forecast from its first `shares`. The width is the conformal quantile of |log(forecast/end)|/sd among them, the
    ceil((n + 1) level)-th smallest of n: where runs to come are like these, intervals then hold at `level` or more.
    Forecasts of one run count apart, which they are not quite. `each` are forecasters for the runs, where their priors
    differ. Raises `FitError` where n is too small for the level.
    """
    if not 0 < level < 1:
        raise FitError(f"`calibrated(level=...)` must lie between 0 and 1; got {level}.")
    scores = np.concatenate([errors(by, run, shares)[1] for by, run in _pairs(forecaster, runs, each)])
    scores = np.sort(scores[np.isfinite(scores)])
    rank = int(np.ceil((len(scores) + 1) * level))
    if rank > len(scores):
        raise FitError(
            f"`calibrated(runs=...)`: {len(scores)} sound forecasts are too few for intervals of {100 * level:g} %; give more "
            "runs."
        )
    return replace(forecaster, width=float(scores[rank - 1]))


def _pairs(
    forecaster: Forecaster, runs: Sequence[Logged], each: Sequence[Forecaster]
) -> list[tuple[Forecaster, Logged]]:
    return list(zip(each or [forecaster] * len(runs), runs, strict=True))


def errors(forecaster: Forecaster, run: Logged, shares: Sequence[float] = SHARES) -> tuple[np.ndarray, np.ndarray]:
    """log(forecast/end) of a run from its first `shares`, and their sizes in standard deviations; NaN where not sound."""
    found = [early(forecaster, run, share) for share in shares]
    log = np.array([np.log(f.loss[0] / run.end) if f.sound else np.nan for f in found])
    return log, np.abs(log) / np.array([f.sd[0] for f in found])


def early(forecaster: Forecaster, run: Logged, share: float) -> Forecast:
    """Forecast of a run's end from what it had logged after a share of its steps."""
    seen = run.steps <= share * run.last
    rows = [np.asarray(v)[seen] for v in (run.steps, run.losses, run.rates)]
    state = forecaster.init()
    for begin in range(0, len(rows[0]), BLOCK):
        part = [v[begin : begin + BLOCK] for v in rows]
        part = [np.append(v, np.zeros(BLOCK - len(v), v.dtype)) for v in part]
        state = replayed(forecaster, state, part[0].astype(np.int32), *(v.astype(np.float32) for v in part[1:]))
    steps, rates = ahead(run.schedule, run.last)
    path = steps.astype(np.int32), rates.astype(np.float32)
    return jax.device_get(forecast(forecaster, state, path, np.array([run.last], np.int32)))
