"""Smooth minimisation over a path: every value in a box, every change between neighbours in a box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_KEEP = 0.995  # share of the way to a bound that one step may go
_CLOSE = 10.0  # error over barrier at which the barrier is lowered
_DAMPING = 1e-6  # first damping after a step that did not descend
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
    `multipliers` are those of `low`, `high`, `fall` and `rise`, one after another.
    """

    x: Float[Array, " points"]
    value: Float[Array, ""]
    residual: Float[Array, ""]
    gap: Float[Array, ""]
    trips: Any
    multipliers: Any


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
    barrier: Any = 1e-3,
    last: float = 1e-11,
    cycles: int = 8,
    trips: int = 12,
) -> Found:
    """Minimum of a smooth scalar `f(x)` over paths within `limits`, from `start` strictly inside them; see `minimise_paths`."""
    one = jax.tree.map(lambda leaf: leaf[None], (start, limits, jnp.asarray(barrier, start.dtype)))
    found = minimise_paths(lambda x, _: f(x), (), *one, last=last, cycles=cycles, trips=trips)
    return jax.tree.map(lambda leaf: leaf[0], found)


def minimise_paths(
    f: Callable[[Any, Any], Any],
    args: Any,
    start: Float[Array, "problems points"],
    limits: Limits,
    barrier: Float[Array, " problems"],
    *,
    last: float = 1e-11,
    cycles: int = 8,
    trips: int = 12,
) -> Found:
    """Minima of `f(x, args)` over paths for many `args`, `start`s and `limits` side by side, each with a leading axis.

    A primal-dual interior point method: Newton steps on `f(x) - barrier * sum(log(slack))`, damped where they do not
    descend, the barrier lowered to `last` (in units of `f`) as they converge. Each of at most `cycles` cycles begins with
    the exact Hessian, which costs as much as many gradients, and takes `trips` steps that correct it by what gradients
    changed (symmetric rank one). Ends when all have converged. See Nocedal & Wright, Numerical Optimization (2006),
    chapters 6 and 19.
    """
    search = jax.vmap(partial(_cycle, f, last=last, trips=trips))
    going = jax.vmap(partial(_going, last=last))

    def more(now: tuple[Any, Any]) -> Any:
        return (now[0] < cycles) & jnp.any(going(now[1], limits))

    def cycle(now: tuple[Any, Any]) -> tuple[Any, Any]:
        return now[0] + 1, search(now[1], args, limits)

    begin = jax.vmap(partial(_begin, f))(args, start, limits, barrier)
    _, end = jax.lax.while_loop(more, cycle, (jnp.zeros((), jnp.int32), begin))
    return jax.vmap(_found)(end, limits)


def followed(f: Callable[[Any], Any], found: Found, limits: Limits) -> Any:
    """The minimum `found.x`, `(points,)`, as a function of whatever `f` and `limits` close over: its value, and the exact first
    derivative, by the conditions that hold at a minimum. Limits that are reached move it along, others do not.
    """
    found, still = jax.lax.stop_gradient((found, limits))
    bound, live = _bounds(still)
    free = still.free
    slack = _slack(found.x, bound, live)
    weight = jnp.where(live, found.multipliers / slack, 0.0)
    both = free[:, None] & free[None, :]
    eye = jnp.eye(len(found.x), dtype=found.x.dtype)
    slope = jax.grad(f)
    matrix = jnp.where(both, jax.lax.stop_gradient(jax.jacfwd(slope)(found.x)) + _normal(weight), eye)
    moved = jnp.where(live, _bounds(limits)[0] - bound, 0.0)
    off = slope(found.x) + _backward(found.multipliers - weight * moved)
    # Next to the minimum this step is rounding, but its derivative is that of the minimum.
    return found.x - jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(matrix), True), jnp.where(free, off, 0.0))


def _begin(f: Any, args: Any, start: Any, limits: Limits, barrier: Any) -> _Here:
    bound, live = _bounds(limits)
    mu = jnp.asarray(barrier, start.dtype)
    z = jnp.where(live, mu / _slack(start, bound, live), 0.0)
    value, gradient = jax.value_and_grad(f)(start, args)
    flat = jnp.zeros((len(start), len(start)), start.dtype)
    none = jnp.zeros((), start.dtype)
    return _Here(start, z, value, gradient, flat, mu, none, jnp.zeros((), jnp.int32))


def _cycle(f: Any, now: _Here, args: Any, limits: Limits, *, last: float, trips: int) -> _Here:
    bound, live = _bounds(limits)
    free = limits.free
    both = free[:, None] & free[None, :]
    eye = jnp.eye(len(now.x), dtype=now.x.dtype)
    eps = jnp.finfo(now.x.dtype).eps

    def merit(value: Any, x: Any, mu: Any) -> Any:
        s = _slack(x, bound, live)
        inside = jnp.all(s > 0)
        return jnp.where(inside, value - mu * jnp.sum(jnp.log(jnp.where(inside, s, 1.0))), jnp.inf)

    def trip(_: Any, now: _Here) -> _Here:
        mu, s = now.barrier, _slack(now.x, bound, live)
        weight = jnp.where(live, now.z / s, 0.0)
        slope = jnp.where(free, now.gradient + _backward(jnp.where(live, mu / s, 0.0)), 0.0)
        matrix = jnp.where(both, now.hessian + _normal(weight) + now.damping * eye, eye)
        step = -jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(matrix), True), slope)
        sound = jnp.all(jnp.isfinite(step))  # not where the matrix has a negative eigenvalue
        step = jnp.where(sound, step, 0.0)
        ds = jnp.where(live, -_forward(step), 0.0)
        dz = jnp.where(live, mu / s - now.z - weight * ds, 0.0)
        length = _share(s, ds)
        x = now.x + length * step
        value, gradient = jax.value_and_grad(f)(x, args)
        before, after = merit(now.value, now.x, mu), merit(value, x, mu)
        rounding = 8.0 * eps * jnp.abs(before)
        better = sound & (after <= before + 1e-4 * length * jnp.sum(slope * step) + rounding)  # false for NaN
        at = jnp.where(live, mu / _slack(x, bound, live), 0.0)
        z = jnp.where(live, jnp.clip(now.z + _share(now.z, dz) * dz, at / _SPREAD, at * _SPREAD), 0.0)
        learnt = _rank_one(now.hessian, jnp.where(free, x - now.x, 0.0), gradient - now.gradient)
        eased = jnp.where(now.damping > 1e-8, 0.1 * now.damping, 0.0)
        there = _Here(x, z, value, gradient, learnt, mu, eased, now.trips + 1)
        damped = replace(now, hessian=learnt, damping=jnp.maximum(8.0 * now.damping, _DAMPING), trips=now.trips + 1)
        chosen = _choose(better, there, damped)
        close = _error(chosen, limits) <= _CLOSE * mu
        lower = jnp.maximum(jnp.minimum(0.1 * mu, mu**1.5), last)
        chosen = replace(chosen, barrier=jnp.where(close, lower, mu))
        return _choose(_going(now, limits, last=last), chosen, now)

    _, along = jax.linearize(jax.grad(lambda x: f(x, args)), now.x)
    hessian = jax.vmap(along)(eye)
    return jax.lax.fori_loop(0, trips, trip, replace(now, hessian=jnp.where(both, hessian, 0.0)))


def _found(end: _Here, limits: Limits) -> Found:
    bound, live = _bounds(limits)
    gap = jnp.sum(jnp.where(live, end.z * _slack(end.x, bound, live), 0.0))
    return Found(end.x, end.value, jnp.max(jnp.abs(_residual(end, limits))), gap, end.trips, end.z)


def _going(now: _Here, limits: Limits, *, last: float) -> Any:
    return (now.barrier > last) | (_error(now, limits) > _CLOSE * last)


def _error(now: _Here, limits: Limits) -> Any:
    """How far from the minimum with this barrier: the Lagrangian's gradient, and multiplier x slack less the barrier."""
    bound, live = _bounds(limits)
    off = jnp.where(live, now.z * _slack(now.x, bound, live) - now.barrier, 0.0)
    return jnp.maximum(jnp.max(jnp.abs(_residual(now, limits))), jnp.max(jnp.abs(off)))


def _residual(now: _Here, limits: Limits) -> Any:
    return jnp.where(limits.free, now.gradient + _backward(now.z), 0.0)


def _slack(x: Any, bound: Any, live: Any) -> Any:
    return jnp.where(live, bound - _forward(x), 1.0)


def _share(value: Any, change: Any) -> Any:
    """How much of a change, 1 at most, keeps values above 0."""
    falls = change < 0
    return jnp.minimum(1.0, jnp.min(jnp.where(falls, -_KEEP * value / jnp.where(falls, change, -1.0), jnp.inf)))


def _rank_one(hessian: Any, step: Any, change: Any) -> Any:
    """The matrix nearest to `hessian`, by a symmetric rank-one term, that maps `step` to the gradient's `change`."""
    off = change - hessian @ step
    along = jnp.sum(off * step)
    sound = jnp.abs(along) > 1e-8 * jnp.sqrt(jnp.sum(off * off) * jnp.sum(step * step))  # false for NaN
    scaled = jnp.where(sound, off / jnp.where(sound, along, 1.0), 0.0)
    return hessian + scaled[:, None] * jnp.where(sound, off, 0.0)[None, :]


def _choose(which: Any, a: Any, b: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(which, a, b), a, b)


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
