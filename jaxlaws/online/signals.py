"""What a run should be warned of, and which of two ends better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxlaws.online.forecaster import HALF, Forecast
from jaxlaws.online.history import CLIP, UNTRIED, Count, Now, State

RISE = 0.05  # share of its lowest level by which a smoothed loss may rise
LOST = 3  # losses that are not finite, in a row


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Signals:
    """How the loss behaves, in scalars.

    `spike`: the last loss is not finite, or lies more than five scales above its level. `diverging`: the smoothed loss is 5 %
    above its lowest and three times what two losses in a row differ by, or three losses in a row were not finite. `score` is
    the last loss's distance from the level in scales (mean absolute deviations), `risen` the level over its lowest, less 1.
    `spikes`, `bad` and `rewinds` count spikes, losses that were not finite, and returns to earlier steps.
    """

    spike: Bool[Array, ""]
    diverging: Bool[Array, ""]
    score: Float[Array, ""]
    risen: Float[Array, ""]
    spikes: Int[Array, ""]
    bad: Int[Array, ""]
    rewinds: Int[Array, ""]


def signals(state: State) -> Signals:
    """Warnings about the losses up to the last one. Pure; a few comparisons."""
    now, count = Now(*state.now), Count(*state.count)
    tried = count.seen >= UNTRIED
    lowest = jnp.where(jnp.isfinite(now.best), now.best, now.level)
    far = now.level - lowest
    risen = far / jnp.maximum(jnp.abs(lowest), jnp.finfo(now.level.dtype).tiny)
    up = tried & (far > RISE * jnp.abs(lowest)) & (far > 3.0 * now.jitter)
    return Signals(
        spike=(count.streak > 0) | (tried & (now.score > CLIP)),
        diverging=up | (count.streak >= LOST),
        score=now.score,
        risen=jnp.where(count.seen > 0, risen, 0.0),
        spikes=count.spikes,
        bad=count.bad,
        rewinds=count.rewinds,
    )


def ends_worse(ours: Forecast, other: Forecast) -> Float[Array, " steps"]:
    """Probability that `ours` ends with a higher loss than `other`, at each of the steps that both were made for.

    The other is a sibling: another run, with its own rate, or the forecast that siblings gave before this run began. Errors
    of the two count as independent, which is cautious where both have the same law and prior.
    """
    apart = jnp.log(ours.loss) - jnp.log(other.loss)
    half = 0.5 * jnp.hypot(jnp.log(ours.high / ours.low), jnp.log(other.high / other.low))
    return jax.scipy.special.ndtr(HALF * apart / jnp.maximum(half, jnp.finfo(half.dtype).tiny))


def behind(ours: Forecast, other: Forecast, *, sure: Any = 0.95) -> Bool[Array, " steps"]:
    """Whether `ours` ends worse than `other` with probability `sure` or more, and is a sound forecast."""
    return ours.sound & other.sound & (ends_worse(ours, other) >= sure)
