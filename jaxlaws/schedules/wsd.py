"""Warm-up, stable, decay (Hu et al. 2024, arXiv:2404.06395; cooldown shapes after Haegele et al. 2024,
arXiv:2405.18392)."""

from __future__ import annotations

import math
from typing import Any

import jax

from jaxlaws.errors import ScheduleError, nearest
from jaxlaws.schedules._schedule import Schedule, check, plain, stated
from jaxlaws.schedules._schedule import ramp as climb

COOLDOWNS = {
    # Each falls from 1 at x = 0 to 0 at x = 1; the rate is end + (peak - end) times it.
    "linear": lambda xp, x: 1.0 - x,
    "cosine": lambda xp, x: 0.5 + 0.5 * xp.cos(math.pi * x),
    # sqrt has no slope at 0: keep the branch that gradients see away from it.
    "1-sqrt": lambda xp, x: xp.where(x > 0.0, 1.0 - xp.sqrt(xp.where(x > 0.0, x, 1.0)), 1.0),
    "1-square": lambda xp, x: 1.0 - x * x,
    "sqrt-cube": lambda xp, x: xp.where(x < 1.0, xp.where(x < 1.0, 1.0 - x, 1.0) ** 1.5, 0.0),
}


@plain
def wsd(
    peak: Any,
    *,
    hold: int,
    total: int,
    end: Any = 0.0,
    decay: str = "linear",
    warmup: int = 0,
    start: Any = 0.0,
    ramp: str = "linear",
) -> Schedule:
    r"""Rate `peak` until step `hold`, then a cooldown that reaches `end` at step `total`.

    `decay` names the cooldown's shape: linear, cosine, 1-sqrt, 1-square, sqrt-cube, or exp, which is
    $peak^{1-x} end^x$ with $x = (s - hold)/(total - hold)$ and so needs `end` above 0.
    """
    check(
        "wsd",
        ramp_shape=ramp,
        steps={"warmup": warmup, "hold": hold, "total": total},
        rates={"peak": peak, "end": end, "start": start},
    )
    if decay != "exp" and decay not in COOLDOWNS:
        raise ScheduleError(f"`wsd(decay=...)`: {nearest(decay, [*COOLDOWNS, 'exp'], what='cooldown')}")
    if decay == "exp" and not isinstance(end, jax.Array) and end <= 0:
        raise ScheduleError(f"`wsd(decay=exp)` needs end above 0; got end={end}. Use decay=linear to reach 0.")

    def shape(xp: Any, t: Any) -> Any:
        x = xp.clip((t - hold) / max(total - hold, 1), 0.0, 1.0)
        if decay == "exp":
            down = peak * xp.exp(x * xp.log(xp.asarray(end / peak, dtype=t.dtype)))
        else:
            down = end + (peak - end) * COOLDOWNS[decay](xp, x)
        return climb(xp, t, down, peak=peak, warmup=warmup, start=start, shape=ramp)

    args = stated(peak=peak, warmup=warmup, hold=hold, total=total, end=end, decay=decay, start=start, ramp=ramp)
    return Schedule("wsd", args, shape, total)
