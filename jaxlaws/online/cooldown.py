"""When to start the cooldown: the final loss for every start that is left, and what starting now gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlaws.online.forecaster import Forecaster
from jaxlaws.online.history import Count, Now, State
from jaxlaws.schedules.wsd import COOLDOWNS

STARTS = 32
CORNERS = 24


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cooldown:
    """Final loss `(starts,)` when the rate is held until each of `starts` and then falls until the last step of the budget.

    `best` is the start with the lowest `lowest`; `now` the final loss when the fall begins at once; `held` when the rate never
    falls. `gain` is what beginning at once gains over never, `regret` what it loses against the best start.
    """

    starts: Float[Array, " starts"]
    loss: Float[Array, " starts"]
    best: Float[Array, ""]
    lowest: Float[Array, ""]
    now: Float[Array, ""]
    held: Float[Array, ""]
    gain: Float[Array, ""]
    regret: Float[Array, ""]


def cooldown(
    forecaster: Forecaster,
    state: State,
    total: Any,
    *,
    end: Any = 0.0,
    shape: Literal["linear", "cosine", "1-sqrt", "1-square", "sqrt-cube"] = "linear",
    starts: int = STARTS,
) -> Cooldown:
    """Forecasts for every start of a cooldown that ends at step `total` at the rate `end`. Pure; one compiled program for a run.

    The rate is held at its last value until then. `shape` is one of the cooldowns of `schedules.wsd`. The best start is
    between those tried, by a parabola through the lowest and its neighbours.
    """
    fitted = forecaster.fit(state)
    now, count = Now(*state.now), Count(*state.count)
    dtype = state.now.dtype
    last, total, low = count.last.astype(dtype), jnp.asarray(total).astype(dtype), jnp.asarray(end, dtype)
    part = jnp.linspace(0.0, 1.0, CORNERS, dtype=dtype)
    fall = COOLDOWNS[shape](jnp, part)
    begins = last + jnp.linspace(0.0, 1.0, starts + 1, dtype=dtype) * jnp.maximum(total - last, 1.0)

    def final(begin: Any) -> Any:
        steps = begin + part * (total - begin)
        return fitted.forecast((steps, low + (now.lr - low) * fall), total).loss[0]

    loss = jax.lax.map(final, begins[:-1])
    held = fitted.forecast((begins, jnp.full_like(begins, now.lr)), total).loss[0]
    i = jnp.argmin(loss)
    best, lowest = _vertex(begins[:-1], loss, i)
    return Cooldown(begins[:-1], loss, best, lowest, loss[0], held, held - loss[0], loss[0] - lowest)


def _vertex(x: Any, y: Any, i: Any) -> tuple[Any, Any]:
    """Minimum of the parabola through an evenly spaced point and its neighbours; the point itself at the ends."""
    inside = (i > 0) & (i < len(x) - 1)
    j = jnp.clip(i, 1, len(x) - 2)
    before, here, after = y[j - 1], y[j], y[j + 1]
    bend = before - 2.0 * here + after
    good = inside & (bend > 0)
    move = jnp.where(good, 0.5 * (before - after) / jnp.where(good, bend, 1.0), 0.0)
    value = jnp.where(good, here - 0.25 * (before - after) * move, y[i])
    return jnp.where(good, x[j] + move * (x[1] - x[0]), x[i]), value
