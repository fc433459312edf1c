"""A straight line down."""

from __future__ import annotations

from typing import Any

from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb


@plain
def linear(
    peak: Any, *, total: int, end: Any = 0.0, warmup: int = 0, start: Any = 0.0, ramp: str = "linear"
) -> Schedule:
    """Rate that falls in a straight line from `peak` at step `warmup` to `end` at step `total`, and stays there."""
    check(
        "linear",
        ramp_shape=ramp,
        steps={"warmup": warmup, "total": total},
        rates={"peak": peak, "end": end, "start": start},
    )

    def shape(xp: Any, t: Any) -> Any:
        x = xp.clip((t - warmup) / max(total - warmup, 1), 0.0, 1.0)
        return climb(xp, t, peak + (end - peak) * x, peak=peak, warmup=warmup, start=start, shape=ramp)

    return Schedule(
        "linear", stated(peak=peak, total=total, end=end, warmup=warmup, start=start, ramp=ramp), shape, total
    )
