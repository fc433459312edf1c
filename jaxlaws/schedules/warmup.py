"""A climb put before any schedule."""

from __future__ import annotations

from typing import Any

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules._schedule import Schedule, check, plain
from jaxlaws.schedules._schedule import ramp as climb


@plain
def warmup(schedule: Schedule, *, steps: int, start: Any = 0.0, ramp: str = "linear") -> Schedule:
    """`schedule`, whose first `steps` steps are replaced by a climb from `start` to the rate it has at step
    `steps`."""
    if not isinstance(schedule, Schedule):
        raise ScheduleError(f"`warmup` comes before a schedule; got {schedule!r}.")
    check("warmup", ramp_shape=ramp, steps={"steps": steps}, rates={"start": start})

    def shape(xp: Any, t: Any) -> Any:
        peak = schedule.shape(xp, xp.asarray(float(steps), dtype=t.dtype))
        return climb(xp, t, schedule.shape(xp, t), peak=peak, warmup=steps, start=start, shape=ramp)

    args = {"schedule": schedule, "steps": steps, "start": start, "ramp": ramp}
    return Schedule("warmup", args, shape, schedule.total)
