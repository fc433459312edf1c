"""What `update` of a forecaster adds to a compiled training step."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import _harness

CLAIM = "a forecaster's update inside a compiled step"
MICROSECONDS = 20.0


def report(*, quick: bool) -> _harness.Report:
    cost = _harness.apart("online:cost", steps=2_000 if quick else 20_000)
    rows = [_harness.Row("update, CPU time of one step", warm=cost["seconds"], repeats=cost["repeats"])]
    aims = [_harness.Aim("µs that update adds to a step", MICROSECONDS, 1e6 * cost["seconds"], at_most=True)]
    return _harness.Report("online", CLAIM, rows=rows, aims=aims, more=cost)


def cost(steps: int) -> dict[str, Any]:
    """Seconds that `update` adds to a compiled step: the difference of two scans, and of their medians over repeats."""
    import jax
    import jax.numpy as jnp

    from jaxlaws import catalogue
    from jaxlaws.online import forecaster

    by = forecaster(catalogue["multi_power"].constants["25M"])
    w = jnp.eye(64) * 0.5

    def step(x: Any, number: Any) -> tuple[Any, Any]:
        x = jnp.tanh(x @ w) + 0.1
        return x, jnp.mean(x) + 1.0 / number.astype(jnp.float32)

    @jax.jit
    def plain(x: Any, numbers: Any) -> Any:
        return jax.lax.scan(step, x, numbers)

    @jax.jit
    def watched(x: Any, state: Any, numbers: Any) -> Any:
        def both(carry: Any, number: Any) -> tuple[Any, Any]:
            x, loss = step(carry[0], number)
            return (x, by.update(carry[1], number, loss, 1e-3)), loss

        return jax.lax.scan(both, (x, state), numbers)

    x, numbers, state = jnp.ones((64, 64)), jnp.arange(1, steps + 1), by.init()
    took: dict[str, list[float]] = {"plain": [], "watched": []}
    for _ in range(8):
        for name, call in (("plain", lambda: plain(x, numbers)), ("watched", lambda: watched(x, state, numbers))):
            began = time.process_time()
            jax.block_until_ready(call())
            took[name].append(time.process_time() - began)
    seconds = (min(took["watched"]) - min(took["plain"])) / steps
    return {"seconds": seconds, "repeats": 7, "step": min(took["plain"]) / steps}
