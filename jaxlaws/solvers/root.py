"""Root of a scalar function in a bracket, with the implicit derivative: for laws with the loss on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def bracketed_root(f: Callable[[Any], Any], low: Any, high: Any, *, trips: int = 60) -> Any:
    """Root `x` of `f` in `[low, high]`, where `f(low)` and `f(high)` differ in sign; NaN where they do not.

    Bisection guards regula falsi (the Illinois rule), `trips` times. Derivatives with respect to whatever `f` closes
    over are those of the root itself, to third order: the brackets and the search contribute nothing to them.
    """
    low, high = jnp.asarray(low), jnp.asarray(high)

    def trip(_: Any, now: tuple[Any, ...]) -> tuple[Any, ...]:
        a, b, fa, fb, odd = now
        secant = b - fb * (b - a) / jnp.where(fb == fa, 1.0, fb - fa)
        middle = 0.5 * (a + b)
        good = (secant > jnp.minimum(a, b)) & (secant < jnp.maximum(a, b)) & odd
        x = jnp.where(good, secant, middle)
        fx = f(x)
        left = jnp.sign(fx) == jnp.sign(fa)
        return jnp.where(left, x, a), jnp.where(left, b, x), jnp.where(left, fx, fa), jnp.where(left, fb, fx), ~odd

    fa, fb = f(low), f(high)
    first = (low, high, fa, fb, jnp.asarray(True))
    a, b, fa_, fb_, _ = jax.lax.stop_gradient(jax.lax.fori_loop(0, trips, trip, jax.lax.stop_gradient(first)))
    x = jnp.where(jnp.abs(fa_) < jnp.abs(fb_), a, b)
    x = jnp.where(jnp.sign(fa) == jnp.sign(fb), jnp.nan, x)
    # Newton steps from a root change its value in the last place only, but each doubles the order to which the result
    # follows `f`: after two of them its first, second and third derivatives are those of the root.
    for _ in range(2):
        value, slope = jax.jvp(f, (x,), (jnp.ones_like(x),))
        x = x - value / slope
    return x
