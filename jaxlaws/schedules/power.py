"""A power of the step, as in inverse-square-root decay."""

from __future__ import annotations

from typing import Any

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb


@plain
def power(
    peak: Any,
    *,
    hold: int,
    exponent: Any = 0.5,
    end: Any = 0.0,
    total: int | None = None,
    warmup: int = 0,
    start: Any = 0.0,
    ramp: str = "linear",
) -> Schedule:
    r"""Rate $\max(end, peak\,(s/hold)^{-exponent})$ after step `hold`, `peak` before it.

    `exponent=0.5, hold=warmup` is the inverse square root of Vaswani et al. (2017), arXiv:1706.03762.
    """
    check(
        "power",
        ramp_shape=ramp,
        steps={"warmup": warmup, "hold": hold, "total": total},
        rates={"peak": peak, "end": end, "start": start, "exponent": exponent},
    )
    if hold < 1:
        raise ScheduleError(f"`power(hold=...)` must be at least 1, the step from which the rate falls; got {hold}.")

    def shape(xp: Any, t: Any) -> Any:
        down = xp.maximum(peak * xp.maximum(t / hold, 1.0) ** (-exponent), end + xp.zeros_like(t))
        return climb(xp, t, down, peak=peak, warmup=warmup, start=start, shape=ramp)

    args = stated(peak=peak, warmup=warmup, hold=hold, exponent=exponent, end=end, total=total, start=start, ramp=ramp)
    return Schedule("power", args, shape, total)
