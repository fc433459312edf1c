"""Flat pieces with jumps between them: two-stage, 8-1-1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb


@plain
def multistep(
    peak: Any,
    *,
    at: Sequence[int] | int,
    to: Sequence[Any] | Any,
    total: int | None = None,
    warmup: int = 0,
    start: Any = 0.0,
    ramp: str = "linear",
) -> Schedule:
    """Rate `peak`, and from step `at[i]` on rate `to[i]`: the update of step `at[i]` is the first that uses `to[i]`.

    One number each gives the two-stage schedule; see `eight_one_one` for 8-1-1.
    """
    steps = tuple(at) if isinstance(at, tuple | list | np.ndarray) else (at,)
    rates = tuple(to) if isinstance(to, tuple | list | np.ndarray) else (to,)
    if len(steps) != len(rates):
        raise ScheduleError(
            f"`multistep` needs one rate in `to` for each step in `at`; got {len(steps)} and {len(rates)}."
        )
    check(
        "multistep",
        ramp_shape=ramp,
        steps={"warmup": warmup} | {f"at[{i}]": s for i, s in enumerate(steps)} | {"total": total},
        rates={"peak": peak, "start": start} | {f"to[{i}]": r for i, r in enumerate(rates)},
    )

    def shape(xp: Any, t: Any) -> Any:
        rate = xp.zeros_like(t) + peak
        for step, value in zip(steps, rates, strict=True):
            rate = xp.where(t >= step, value, rate)
        return climb(xp, t, rate, peak=peak, warmup=warmup, start=start, shape=ramp)

    args = stated(peak=peak, warmup=warmup, at=steps, to=rates, total=total, start=start, ramp=ramp)
    return Schedule("multistep", args, shape, total)


@plain
def eight_one_one(peak: float, *, total: int, warmup: int = 0) -> Schedule:
    r"""The 8-1-1 schedule: `peak` for 80 % of `total`, $peak/\sqrt{10}$ for 10 %, $peak/10$ for the last 10 %."""
    at = (int(0.8 * total), int(0.9 * total))
    return multistep(peak, at=at, to=(peak / math.sqrt(10.0), peak / 10.0), total=total, warmup=warmup)
