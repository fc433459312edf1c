"""Any schedule, as straight lines between given points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules._schedule import Schedule, check


def knots(steps: Sequence[int], lrs: Any) -> Schedule:
    """Rate linear between `lrs[i]` at `steps[i]`, flat outside. Both of shape `(knots,)`; `lrs` may be traced."""
    try:
        np.asarray(steps, dtype=np.float64)
        if not isinstance(lrs, jax.Array):
            np.asarray(lrs, dtype=np.float64)
    except (TypeError, ValueError):
        raise ScheduleError("`knots` needs numbers: whole steps, and a rate for each.") from None
    steps = tuple(int(s) if float(s).is_integer() else s for s in np.asarray(steps).tolist())
    traced = isinstance(lrs, jax.Array)
    rates = lrs if traced else tuple(np.asarray(lrs, dtype=np.float64).ravel().tolist())
    if len(steps) == 0 or len(steps) != len(rates):
        raise ScheduleError(f"`knots` needs as many rates as steps, one at least; got {len(rates)} and {len(steps)}.")
    if any(b <= a for a, b in pairwise(steps)):
        raise ScheduleError(f"`knots(steps=...)` must increase; got {list(steps)}.")
    check(
        "knots",
        steps={f"steps[{i}]": s for i, s in enumerate(steps)},
        rates={} if traced else {f"lrs[{i}]": r for i, r in enumerate(rates)},
    )

    def shape(xp: Any, t: Any) -> Any:
        return xp.interp(t, xp.asarray(steps, dtype=t.dtype), xp.asarray(rates, dtype=t.dtype))

    return Schedule("knots", {"steps": steps, "lrs": rates}, shape, steps[-1])
