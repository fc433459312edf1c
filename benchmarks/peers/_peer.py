"""What every peer's process does: read the problem, time the peer, print the answer. Nothing of jaxlaws is imported here."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

MARK = "benchmark answer: "


def problem() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and options that this process was given."""
    with np.load(sys.argv[1]) as stored:
        return dict(stored), json.loads(sys.argv[2])


def timed(call: Callable[[], Any], repeats: int, budget: float = 60.0) -> tuple[Any, dict[str, Any]]:
    """Last value of `call`; seconds of the first time and of up to `repeats` more, none that would pass the budget.

    What compiles nothing is as fast the first time: `repeats` of 0 then makes the first time count.
    """
    value, cold = _once(call)
    warm: list[float] = []
    while len(warm) < repeats and (not warm or sum(warm) + warm[-1] < budget):
        value, seconds = _once(call)
        warm.append(seconds)
    return value, {"cold": cold, "warm": warm or [cold]}


def _once(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    value = call()
    return value, time.perf_counter() - began


def answer(**result: Any) -> None:
    """Print what the benchmark reads."""
    print(MARK + json.dumps(result, default=_plain), flush=True)


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
