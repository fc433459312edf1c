"""What a schedule must keep to, and whether anything can."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import PlanError

RAMPS = ("linear", "cosine", "linspace")


@dataclass(frozen=True)
class Constraints:
    """Limits of a schedule. Rates are absolute; `max_slope` is the largest change a step, as a share of the peak.

    The rate climbs from `start` to the peak in `warmup` steps and is the peak until `cooldown` steps before `total` at
    least. `lowest_peak` makes the peak itself a choice, between it and `peak`.
    """

    total: int
    peak: float
    warmup: int = 0
    start: float = 0.0
    ramp: str = "linear"
    floor: float = 0.0
    end: float | None = None
    lowest_peak: float | None = None
    monotone: bool = True
    max_slope: float = math.inf
    cooldown: int | None = None

    @property
    def top(self) -> int:
        """Step at which the climb reaches the peak."""
        return max(self.warmup - 1, 0) if self.ramp == "linspace" else self.warmup

    @property
    def hold(self) -> int:
        """Step until which the rate is the peak."""
        return self.warmup if self.cooldown is None else self.total - self.cooldown

    @property
    def climb(self) -> dict[str, Any]:
        """The warm-up, as schedules take it."""
        return {"warmup": self.warmup, "start": self.start, "ramp": self.ramp}


def check(c: Constraints) -> None:
    """Raises `PlanError`, one sentence, for limits that make no sense or that no schedule keeps to."""
    for name in ("total", "warmup", "cooldown"):
        value = getattr(c, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < (0 if name == "warmup" else 1):
            least = 0 if name == "warmup" else 1
            raise PlanError(f"`schedule({name}=...)` must be a whole number of at least {least} steps; got {value!r}.")
    for name in ("peak", "start", "floor", "end", "lowest_peak", "max_slope"):
        value = getattr(c, name)
        if value is None:
            continue
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        positive = name in ("peak", "lowest_peak", "max_slope")
        if (
            not number
            or not (value > 0 if positive else value >= 0)
            or (not math.isfinite(value) and name != "max_slope")
        ):
            rule = "above 0" if positive else "at least 0"
            raise PlanError(f"`schedule({name}=...)` must be a finite number {rule}; got {value!r}.")
    if c.ramp not in RAMPS:
        raise PlanError(f"`schedule(ramp=...)` must be one of {', '.join(RAMPS)}; got {c.ramp!r}.")
    if c.warmup >= c.total:
        raise PlanError(f"`schedule`: the warm-up of {c.warmup} steps leaves nothing of {c.total} steps to choose.")
    if c.cooldown is not None and c.cooldown > c.total - c.warmup:
        after = c.total - c.warmup
        raise PlanError(
            f"`schedule(cooldown=...)` must be at most the {after} steps after the warm-up; got {c.cooldown}."
        )
    low = c.peak if c.lowest_peak is None else c.lowest_peak
    if low > c.peak:
        raise PlanError(f"`schedule(lowest_peak=...)` must be at most peak={c.peak:g}; got {low:g}.")
    if c.floor >= low:
        raise PlanError(
            f"`schedule(floor=...)` must be below the peak of {low:g}; got {c.floor:g}: nothing is left to choose."
        )
    if c.end is not None:
        if not c.floor <= c.end < low:
            raise PlanError(
                f"`schedule(end=...)` must be at least floor={c.floor:g} and below the peak of {low:g}; got {c.end:g}."
            )
        steps = c.total - c.hold
        needed = (low - c.end) / (c.max_slope * c.peak)
        if needed >= steps:
            raise PlanError(
                f"`schedule`: from {low:g} to end={c.end:g} in {steps} steps is steeper than max_slope={c.max_slope:g} of the "
                f"peak a step allows; {math.floor(needed) + 1} steps would do."
            )
