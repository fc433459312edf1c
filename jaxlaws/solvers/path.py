"""Smooth minimisation over a path: every value in a box, every change between neighbours in a box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_KEEP = 0.995  # share of the way to a bound that one step may go
_CLOSE = 10.0  # error over barrier at which the barrier is lowered
_SPREAD = 1e8  # how far multiplier x slack may lie from the barrier


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Limits:
    """What a path `x` of shape `(points,)` may do: `low <= x <= high`, and `-fall <= x[i+1] - x[i] <= rise`.

    Infinite entries are no limits; `free` is false for values that stay as they are. `fall` and `rise` have one entry
    less than `low`, and some room between any two limits must be left.
    """

    low: Any  # (points,)
    high: Any  # (points,)
    fall: Any  # (changes,)
    rise: Any  # (changes,)
    free: Any  # (points,)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Found:
    """Where a search along paths ended.

    `residual` is the largest entry of the gradient of the Lagrangian, `gap` the sum of multiplier x slack: to first
    order, and for convex functions exactly, no feasible path is lower by more than `gap` and residual x distance.
    """

    x: Float[Array, " points"]
    value: Float[Array, ""]
    residual: Float[Array, ""]
    gap: Float[Array, ""]
    trips: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Here:
    x: Any
    z: Any  # multipliers of the slacks
    value: Any
    gradient: Any
    hessian: Any
    barrier: Any
    damping: Any
    trips: Any


def minimise_path(
    f: Callable[[Any], Any],
    start: Float[Array, " points"],
    limits: Limits,
    *,
    trips: Any = 60,
    barrier: Any = 1e-3,
    last: float = 1e-11,
) -> Found:
    """Minimum of a smooth scalar `f(x)` over paths within `limits`, from `start` strictly inside them.

    A primal-dual interior point method with the exact Hessian: Newton steps on `f(x) - barrier * sum(log(slack))`, damped
    where they do not descend, the barrier lowered from `barrier` to `last` (in units of `f`) as they converge. At most
    `trips` steps; pure, so that `vmap` batches it. See Nocedal & Wright, Numerical Optimization (2006), chapter 19.
    """
    dtype = start.dtype
    bound, live = _bounds(limits)
    free = limits.free

    def evaluate(x: Any) -> tuple[Any, Any, Any]:
        (value, gradient), along = jax.linearize(jax.value_and_grad(f), x)
        hessian = jax.vmap(lambda t: along(t)[1])(jnp.eye(len(x), dtype=dtype))
        return value, jnp.where(free, gradient, 0.0), hessian

    def slack(x: Any) -> Any:
        return jnp.where(live, bound - _forward(x), 1.0)

    def merit(value: Any, x: Any, mu: Any) -> Any:
        s = slack(x)
        sound = jnp.all(s > 0)
        return jnp.where(sound, value - mu * jnp.sum(jnp.where(live, jnp.log(jnp.where(s > 0, s, 1.0)), 0.0)), jnp.inf)

    def residual(now: _Here) -> Any:
        return jnp.where(free, now.gradient + _backward(jnp.where(live, now.z, 0.0)), 0.0)

    def error(now: _Here, mu: Any) -> Any:
        off = jnp.where(live, now.z * slack(now.x) - mu, 0.0)
        return jnp.maximum(jnp.max(jnp.abs(residual(now))), jnp.max(jnp.abs(off)))

    def going(now: _Here) -> Any:
        done = (now.barrier <= last) & (error(now, now.barrier) <= _CLOSE * last)
        return (now.trips < trips) & ~done

    def trip(now: _Here) -> _Here:
        mu = now.barrier
        s = slack(now.x)
        weight = jnp.where(live, now.z / s, 0.0)
        slope = now.gradient + _backward(jnp.where(live, mu / s, 0.0))
        matrix = now.hessian + _normal(weight) + now.damping * jnp.eye(len(now.x), dtype=dtype)
        both = free[:, None] & free[None, :]
        matrix = jnp.where(both, matrix, jnp.eye(len(now.x), dtype=dtype))
        slope = jnp.where(free, slope, 0.0)
        factor = jnp.linalg.cholesky(matrix)
        step = -jax.scipy.linalg.cho_solve((factor, True), slope)
        sound = jnp.all(jnp.isfinite(step))
        step = jnp.where(sound, step, 0.0)
        ds = jnp.where(live, -_forward(step), 0.0)
        dz = jnp.where(live, mu / s - now.z - weight * ds, 0.0)
        primal = jnp.minimum(1.0, jnp.min(jnp.where(ds < 0, -_KEEP * s / jnp.where(ds < 0, ds, -1.0), jnp.inf)))
        dual = jnp.minimum(1.0, jnp.min(jnp.where(dz < 0, -_KEEP * now.z / jnp.where(dz < 0, dz, -1.0), jnp.inf)))
        x = now.x + primal * step
        value, gradient, hessian = evaluate(x)
        before, after = merit(now.value, now.x, mu), merit(value, x, mu)
        rounding = 8.0 * jnp.finfo(dtype).eps * jnp.abs(before)
        better = sound & (after <= before + 1e-4 * primal * jnp.sum(slope * step) + rounding)
        at = jnp.where(live, mu / slack(x), 0.0)
        z = jnp.where(live, jnp.clip(now.z + dual * dz, at / _SPREAD, at * _SPREAD), 0.0)
        eased = jnp.where(now.damping > 1e-8, 0.1 * now.damping, 0.0)
        there = _Here(x, z, value, gradient, hessian, mu, eased, now.trips + 1)
        damped = replace(now, damping=jnp.maximum(8.0 * now.damping, 1e-6), trips=now.trips + 1)
        chosen = jax.tree.map(lambda a, b: jnp.where(better, a, b), there, damped)
        close = error(chosen, mu) <= _CLOSE * mu
        lower = jnp.maximum(jnp.minimum(0.1 * mu, mu**1.5), last)
        return replace(chosen, barrier=jnp.where(close, lower, mu))

    first = jnp.asarray(barrier, dtype)
    z = jnp.where(live, first / slack(start), 0.0)
    value, gradient, hessian = evaluate(start)
    begin = _Here(start, z, value, gradient, hessian, first, jnp.zeros((), dtype), jnp.zeros((), jnp.int32))
    end = jax.lax.while_loop(going, trip, begin)
    gap = jnp.sum(jnp.where(live, end.z * slack(end.x), 0.0))
    return Found(end.x, end.value, jnp.max(jnp.abs(residual(end))), gap, end.trips)


def _bounds(limits: Limits) -> tuple[Any, Any]:
    """Right sides of `forward(x) <= bound`, and which of them are limits of something free."""
    bound = jnp.concatenate([-limits.low, limits.high, limits.fall, limits.rise])
    moves = limits.free[:-1] | limits.free[1:]
    live = jnp.isfinite(bound) & jnp.concatenate([limits.free, limits.free, moves, moves])
    return jnp.where(live, bound, 1.0), live


def _forward(x: Any) -> Any:
    change = jnp.diff(x)
    return jnp.concatenate([-x, x, -change, change])


def _backward(z: Any) -> Any:
    """Transpose of `_forward`."""
    n = (z.shape[0] + 2) // 4
    low, high, fall, rise = jnp.split(z, [n, 2 * n, 3 * n - 1])
    flow = rise - fall
    zero = jnp.zeros(1, z.dtype)
    return high - low + jnp.concatenate([zero, flow]) - jnp.concatenate([flow, zero])


def _normal(weight: Any) -> Any:
    """`backward(weight * forward(.))` as a matrix: tridiagonal."""
    n = (weight.shape[0] + 2) // 4
    low, high, fall, rise = jnp.split(weight, [n, 2 * n, 3 * n - 1])
    tie = rise + fall
    zero = jnp.zeros(1, weight.dtype)
    diagonal = low + high + jnp.concatenate([zero, tie]) + jnp.concatenate([tie, zero])
    return jnp.diag(diagonal) - jnp.diag(tie, 1) - jnp.diag(tie, -1)
