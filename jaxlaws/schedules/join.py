"""One schedule after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules._schedule import Schedule, check, plain


@plain
def join(schedules: Sequence[Schedule], *, at: Sequence[int] | int) -> Schedule:
    """`schedules[0]`, and from step `at[i]` on `schedules[i + 1]`, which counts its own steps from 0 there."""
    starts: tuple[int, ...] = (at,) if isinstance(at, int) else tuple(at)
    parts: tuple[Schedule, ...] = (schedules,) if isinstance(schedules, Schedule) else tuple(schedules)
    if any(not isinstance(part, Schedule) for part in parts):
        raise ScheduleError("`join` takes schedules; one of those given is none.")
    if len(parts) != len(starts) + 1:
        raise ScheduleError(f"`join` needs one schedule more than steps in `at`; got {len(parts)} and {len(starts)}.")
    check("join", steps={f"at[{i}]": s for i, s in enumerate(starts)}, rates={})

    def shape(xp: Any, t: Any) -> Any:
        rate = parts[0].shape(xp, t)
        for begin, part in zip(starts, parts[1:], strict=True):
            rate = xp.where(t >= begin, part.shape(xp, xp.maximum(t - begin, 0.0)), rate)
        return rate

    total = None if parts[-1].total is None else starts[-1] + parts[-1].total
    return Schedule("join", {"schedules": parts, "at": starts}, shape, total)
