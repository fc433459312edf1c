"""Half a cosine down."""

from __future__ import annotations

import math
from typing import Any

from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb


@plain
def cosine(
    peak: Any, *, total: int, end: Any = 0.0, warmup: int = 0, start: Any = 0.0, ramp: str = "linear"
) -> Schedule:
    r"""Rate $end + (peak - end)(1 + \cos \pi x)/2$, $x = (s - warmup)/(total - warmup)$; `end` after step `total`."""
    check(
        "cosine",
        ramp_shape=ramp,
        steps={"warmup": warmup, "total": total},
        rates={"peak": peak, "end": end, "start": start},
    )

    def shape(xp: Any, t: Any) -> Any:
        x = xp.clip((t - warmup) / max(total - warmup, 1), 0.0, 1.0)
        down = end + (peak - end) * (0.5 + 0.5 * xp.cos(math.pi * x))
        return climb(xp, t, down, peak=peak, warmup=warmup, start=start, shape=ramp)

    return Schedule(
        "cosine", stated(peak=peak, total=total, end=end, warmup=warmup, start=start, ramp=ramp), shape, total
    )
