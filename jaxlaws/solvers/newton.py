"""Minimum of a smooth function of a few numbers in a box, with the implicit derivative: what planners search."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LATTICE = 64  # points that are tried first, for each dimension


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lowest:
    """`x` of shape `(dimensions,)` in the unit cube, the value there, and how far Newton's next step would still go."""

    x: Any
    value: Any
    step: Any


def lowest(f: Callable[[Any, Any], Any], dimensions: int, numbers: Any, dtype: Any, *, trips: int = 32) -> Lowest:
    """Lowest value of `f(x, numbers)` over the unit cube: the best point of a lattice, from there Newton's steps projected
    on the cube.

    `f` maps `x` of shape `(dimensions,)` and a pytree to a scalar, and to infinity (never NaN in its derivatives) where it
    is not defined. The result follows `numbers`, and them alone, with the exact first derivative of the minimum: zero on a
    face that stops it.
    """
    if dimensions == 0:
        x = jnp.zeros(0, dtype)
        return Lowest(x, f(x, numbers), jnp.zeros((), dtype))
    still = jax.lax.stop_gradient(numbers)
    points = jnp.asarray(_lattice(dimensions), dtype)
    values = jax.vmap(f, (0, None))(points, still)
    start = points[jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))]
    eps = jnp.finfo(dtype).eps

    def trip(_: Any, here: _Here) -> _Here:
        x = jnp.clip(here.x + _step(here.x, here.gradient, here.hessian, here.damping), 0.0, 1.0)
        value, gradient, hessian = _derivatives(f, x, still)
        # Values cannot tell points apart that are closer than the root of rounding; gradients can.
        same = value <= here.value + 4.0 * eps * jnp.abs(here.value)
        better = (value < here.value) | (same & (_norm(x, gradient) < _norm(here.x, here.gradient)))  # false for NaN
        there = _Here(x, value, gradient, hessian, here.damping)
        chosen = jax.tree.map(lambda a, b: jnp.where(better, a, b), there, here)
        damping = jnp.clip(here.damping * jnp.where(better, 0.1, 8.0).astype(dtype), 1e-15, 1e8)
        return dataclasses.replace(chosen, damping=damping)

    # The first trip has nothing to compare with, takes no step and evaluates the start: the program holds `f` once.
    nowhere = _Here(
        start,
        jnp.asarray(jnp.inf, dtype),
        jnp.zeros_like(start),
        jnp.eye(dimensions, dtype=dtype),
        jnp.asarray(1e-3, dtype),
    )
    here = jax.lax.stop_gradient(jax.lax.fori_loop(0, 1 + trips, trip, nowhere))
    # A step from the minimum changes it in the last places only, but its derivative is that of the minimum.
    _, gradient, hessian = _derivatives(f, here.x, numbers)
    step = _step(here.x, gradient, hessian, None)
    x = jnp.clip(here.x + jnp.where(jnp.max(jnp.abs(jax.lax.stop_gradient(step))) < 1e-2, step, 0.0), 0.0, 1.0)
    return Lowest(x, f(x, numbers), jnp.max(jnp.abs(step)))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Here:
    x: Any
    value: Any
    gradient: Any
    hessian: Any
    damping: Any


def _derivatives(f: Callable[[Any, Any], Any], x: Any, numbers: Any) -> tuple[Any, Any, Any]:
    """Value, gradient and Hessian, forwards: for a few coordinates the smallest program."""

    def slope(x: Any) -> tuple[Any, tuple[Any, Any]]:
        along = [jax.jvp(lambda x: f(x, numbers), (x,), (unit,)) for unit in jnp.eye(len(x), dtype=x.dtype)]
        gradient = jnp.stack([tangent for _, tangent in along])
        return gradient, (along[0][0], gradient)

    hessian, (value, gradient) = jax.jacfwd(slope, has_aux=True)(x)
    return value, gradient, hessian


def _norm(x: Any, gradient: Any) -> Any:
    return jnp.max(jnp.where(_stopped(x, gradient), 0.0, jnp.abs(gradient)))


def _stopped(x: Any, gradient: Any) -> Any:
    """Coordinates on a face of the cube whose way down leads out of it."""
    return ((x <= 0.0) & (gradient > 0.0)) | ((x >= 1.0) & (gradient < 0.0))


def _step(x: Any, gradient: Any, hessian: Any, damping: Any) -> Any:
    """Newton's step over the coordinates that no face stops: damped, and downhill also where the function bends the other
    way; or, without damping, plain, for a minimum and for derivatives."""
    free = ~_stopped(x, gradient)
    eye = jnp.eye(len(gradient), dtype=gradient.dtype)
    matrix = jnp.where(free[:, None] & free[None, :], hessian, eye)
    right = jnp.where(free, gradient, 0.0)
    tiny = jnp.finfo(gradient.dtype).tiny
    if len(gradient) == 1:
        bend = matrix[:, 0] if damping is None else jnp.maximum(jnp.abs(matrix[:, 0]) * (1.0 + damping), tiny)
        return -right / bend
    if damping is None:
        return -jnp.linalg.solve(matrix, right)
    values, vectors = jnp.linalg.eigh(matrix)
    bend = jnp.abs(values)
    bend = jnp.maximum(bend, 1e-9 * jnp.max(bend)) + damping * jnp.max(bend) + tiny
    return -vectors @ ((vectors.T @ right) / bend)


def _lattice(dimensions: int) -> np.ndarray:
    """Points spread evenly over the unit cube, `(points, dimensions)`: an additive recurrence on the plastic numbers."""
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    steps = np.arange(1, LATTICE * dimensions + 1)[:, None]
    return (0.5 + steps * root ** -np.arange(1.0, dimensions + 1)) % 1.0
