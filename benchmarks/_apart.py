"""The far end of `_harness.apart`: one function of a benchmark, called in this fresh process; its JSON goes to stdout."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

MARK = "benchmark answer: "


def timed(call: Callable[[], Any], *, repeats: int, budget: float = 60.0) -> tuple[Any, dict[str, Any]]:
    """The last value of `call`, and its seconds: the first time (compile and run), and again up to `repeats` times.

    At least one repeat if any; no further one that would pass `budget` seconds. Memory is what the process's peak grew by.
    """
    before = peak_mb()
    value, cold = _once(call)
    warm: list[float] = []
    while len(warm) < repeats and (not warm or sum(warm) + warm[-1] < budget):
        value, seconds = _once(call)
        warm.append(seconds)
    return value, {"cold": cold, "warm": warm, "memory_mb": peak_mb() - before}


def _once(call: Callable[[], Any]) -> tuple[Any, float]:
    import jax

    began = time.perf_counter()
    value = jax.block_until_ready(call())
    return value, time.perf_counter() - began


def peak_mb() -> float:
    """Largest memory of this process so far: the device's where the device has its own, else resident memory."""
    import jax

    stats = jax.devices()[0].memory_stats()  # None on the CPU
    return stats["peak_bytes_in_use"] / 2**20 if stats else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def device() -> dict[str, Any]:
    """What JAX computes on here."""
    import jax

    first = jax.devices()[0]
    return {
        "platform": first.platform,
        "device": first.device_kind,
        "devices": len(jax.devices()),
        "jax": jax.__version__,
    }


def main() -> None:
    """`python -m benchmarks._apart module:function ARGUMENTS`."""
    module, name = sys.argv[1].split(":")
    answer = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    print(MARK + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
