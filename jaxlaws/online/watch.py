"""A run watched from its loop: `Watch` keeps the state, forecasts now and then, and never waits for either."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.online._compiled import forecast, updated
from jaxlaws.online.ahead import ahead
from jaxlaws.online.forecaster import Forecast, Forecaster
from jaxlaws.online.history import State
from jaxlaws.online.signals import Signals, signals

Writer = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Line:
    """What was known after `step`: the final loss that was forecast, its interval, and the warnings."""

    step: int
    loss: float
    low: float
    high: float
    sound: bool
    spike: bool
    diverging: bool

    def scalars(self) -> dict[str, float]:
        """Numbers for a tracker, under names that stand beside a loss; none while the forecast is not sound."""
        if not self.sound:
            return {}
        return {"forecast/loss": self.loss, "forecast/low": self.low, "forecast/high": self.high}


@dataclass
class Watch:
    """Watches one run. Call it after every step, or whenever a loss is logged: `watch(step, loss, lr)`.

    `schedule` is what the rate will follow until step `total`: one of ours, a spec string, a function of the step or rates;
    assign `watch.schedule = ahead(...)` when it changes. Every `every` steps a forecast is dispatched; a later call takes it
    to `lines` and to `writers` once it is there. Losses may be arrays on a device: nothing waits for them. `warn` gets
    a sentence when the loss begins to diverge. `state` is the pytree to checkpoint and to assign after a restart.
    """

    forecaster: Forecaster
    schedule: Any
    total: int | None = None
    every: int = 100
    writers: Sequence[Writer] = ()
    warn: Callable[[str], None] = logging.getLogger("jaxlaws").warning
    state: State = field(init=False)
    lines: list[Line] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ScheduleError(f"`Watch(every=...)` must be at least 1; got {self.every}.")
        if not isinstance(self.schedule, tuple):
            self.schedule = ahead(self.schedule, self.total)
        self.total = int(self.schedule[0][-1]) if self.total is None else self.total
        self.state = self.forecaster.init()
        self._pending: list[tuple[int, Forecast, Signals]] = []
        self._before: int | None = None

    def __call__(self, step: int, loss: Any, lr: Any = None) -> Line | None:
        """Take one step in; the newest forecast that has arrived, if any. Without `lr` the schedule tells the rate."""
        rate = np.interp(step, *self.schedule).astype(np.float32) if lr is None else lr
        self.state = updated(self.forecaster, self.state, step, loss, rate)
        before, self._before = self._before, step
        if before is not None and step // self.every > before // self.every:
            steps, rates = self.schedule
            path = np.asarray(steps, np.int32), np.asarray(rates, np.float32)
            found = forecast(self.forecaster, self.state, path, np.array([self.total], np.int32))
            self._pending.append((step, found, _signals(self.state)))
        self._collect(wait=False)
        return self.lines[-1] if self.lines else None

    def finish(self) -> list[Line]:
        """Wait for the forecasts under way; all lines."""
        self._collect(wait=True)
        return self.lines

    def _collect(self, *, wait: bool) -> None:
        while self._pending and (wait or self._pending[0][1].loss.is_ready()):  # type: ignore[attr-defined]  # jaxtyping knows no methods
            step, end, found = self._pending.pop(0)
            line = _line(step, end, found)
            if line.diverging and not (self.lines and self.lines[-1].diverging):
                self.warn(f"step {step}: the loss diverges: {100 * float(found.risen):.0f} % above its lowest.")
            self.lines.append(line)
            scalars = line.scalars()
            for write in self.writers if scalars else ():
                write(step, scalars)


def _line(step: int, end: Forecast, found: Signals) -> Line:
    loss, low, high = (float(v[0]) for v in (end.loss, end.low, end.high))
    return Line(step, loss, low, high, bool(end.sound), bool(found.spike), bool(found.diverging))


_signals = jax.jit(signals)
