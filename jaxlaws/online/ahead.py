"""A schedule as arrays of one size, so that another one compiles nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules import Schedule, parse
from jaxlaws.schedules.curve import rates_of

SIZE = 256
TOLERANCE = 1e-4  # of the peak


def ahead(schedule: Schedule | Any, total: int | None = None, *, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rates `(size,)` between which `schedule` is linear to 1e-4 of its peak, for `Forecaster.forecast`.

    `schedule` is one of ours, its spec string, a function of the step or an array with the rates of steps 0, 1, ...; `total` is
    its last step, where it does not say so itself. Jumps stay jumps. A schedule that needs more than `size` corners is kept as
    closely as they allow. Raises `ScheduleError` where no last step is known.

    >>> from jaxlaws import schedules
    >>> steps, rates = ahead(schedules.wsd(1e-3, warmup=100, hold=800, total=1000))
    >>> steps[:4].tolist(), steps.shape
    ([0, 100, 800, 1000], (256,))
    """
    schedule = parse(schedule) if isinstance(schedule, str) else schedule
    last = total if total is not None else getattr(schedule, "total", None)
    if last is None and not callable(schedule):
        last = len(schedule) - 1
    if last is None or last < 1:
        raise ScheduleError("`ahead(total=...)`: give the last step, which the schedule does not say.")
    if size < 8:
        raise ScheduleError(f"`ahead(size=...)` must be at least 8; got {size}.")
    rates = rates_of(schedule, int(last))
    off = TOLERANCE * rates.max()
    kept = _corners(rates, off)
    while len(kept) > size:
        off *= 2.0
        kept = _corners(rates, off)
    kept = np.append(kept, np.full(size - len(kept), kept[-1]))
    return kept, rates[kept]


def _corners(rates: np.ndarray, off: float) -> np.ndarray:
    """Steps whose rates, joined by lines, are nowhere further than `off` from the others: each line as long as it can be."""
    kept, begin, low, high = [0], 0, -np.inf, np.inf
    for step, rate in enumerate(rates.tolist()[1:], start=1):
        slope = (rate - rates[begin]) / (step - begin)
        if not low <= slope <= high:
            begin, low, high = step - 1, -np.inf, np.inf
            kept.append(begin)
            slope = rate - rates[begin]
        room = off / (step - begin)
        low, high = max(low, slope - room), min(high, slope + room)
    return np.array([*kept, len(rates) - 1])
