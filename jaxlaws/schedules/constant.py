"""A flat learning rate."""

from __future__ import annotations

from typing import Any

from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb


@plain
def constant(
    peak: Any, *, total: int | None = None, warmup: int = 0, start: Any = 0.0, ramp: str = "linear"
) -> Schedule:
    """Rate `peak` at every step after a warm-up from `start` over `warmup` steps.

    >>> constant(3e-4, warmup=100)(50)
    np.float64(0.00015)
    """
    check("constant", ramp_shape=ramp, steps={"warmup": warmup, "total": total}, rates={"peak": peak, "start": start})

    def shape(xp: Any, t: Any) -> Any:
        return climb(xp, t, xp.zeros_like(t) + peak, peak=peak, warmup=warmup, start=start, shape=ramp)

    return Schedule("constant", stated(peak=peak, total=total, warmup=warmup, start=start, ramp=ramp), shape, total)
