"""The scale on which residuals are taken."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

SCALES = ("log", "raw", "logit")


def link(value: Any, on: str) -> Any:
    """`value` on the scale `on`. Outside the scale's domain it goes on as a straight line, so that searches can come
    back."""
    if on == "raw":
        return value
    tiny = 1e-6
    if on == "log":
        inside = value > tiny
        return jnp.where(inside, jnp.log(jnp.where(inside, value, 1.0)), value / tiny - 1.0 + float(_LOG_TINY))
    inside = (value > tiny) & (value < 1.0 - tiny)
    safe = jnp.where(inside, value, 0.5)
    edge = jnp.where(value > 0.5, 1.0 - tiny, tiny)
    outside = jnp.log(edge / (1.0 - edge)) + (value - edge) / (tiny * (1.0 - tiny))
    return jnp.where(inside, jnp.log(safe) - jnp.log1p(-safe), outside)


_LOG_TINY = -13.815510557964274  # log(1e-6)
