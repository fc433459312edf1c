"""Levenberg-Marquardt, projected on a box, written for one start and batched over all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlaws.solvers._linear import solve_positive
from jaxlaws.solvers._sparse import sparse_columns

Residuals = Callable[[tuple[Any, ...]], Any]

_FIRST_DAMPING = 1e-2
_NEAR_DAMPING = 1e-3
_LEAST = 1e-2  # of a row's Gauss-Newton curvature, so that no direction is without any
_NEAR = 1e-6  # damping below which a search is near its minimum
_SAME = 1e-6  # share of the objective that tells two solved-for points apart; in float32 a thousand roundings
_IDLE = 3  # solved-for points that gain nothing, one after another, before a search leaves them
_NEARBY = 1.01
_UNROLLED = 24  # beyond so many coordinates one jvp each would take too long to compile


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Minimum:
    """Where a search ended. `x` of shape `(params,)`, the rest scalars; a batch of starts adds a leading axis.

    `objective` is half the sum of squared residuals, `gradient` its gradient, `normal` the Gauss-Newton matrix, and
    `curved` the part of it that remains where costs are straight lines, such as Huber's tails.
    """

    x: Float[Array, "*starts params"]
    objective: Float[Array, "*starts"]
    gradient: Float[Array, "*starts params"]
    normal: Float[Array, "*starts params params"]
    curved: Float[Array, "*starts params params"]
    damping: Float[Array, "*starts"]


@dataclass(frozen=True)
class Batched:
    """A residual function of many starts at once: takes a tuple of `(starts,)` and gives `(rows, starts)`.

    Starts side by side in memory are what vector units want: sums over rows then need no shuffling. In two parts:
    `inner`, and an elementwise `outer` whose slope all derivatives share. `extra` gives further rows. Called with a
    tuple of scalars it gives `(rows,)`. `stored` is as in `columns`, for `inner`; `share` takes inner values to how much
    of each row's Gauss-Newton curvature its cost really has, from 0 to 1. `near` says that searches begin near their
    minimum: steps go by that curvature from the first on.
    """

    inner: Residuals
    outer: Callable[[Any], Any]
    extra: Residuals | None = None
    stored: bool = False
    share: Callable[[Any], Any] | None = None
    near: bool = False

    def many(self, x: tuple[Any, ...]) -> Any:
        rows = self.outer(self.inner(x))
        return rows if self.extra is None else jnp.concatenate([rows, self.extra(x)])

    def __call__(self, x: tuple[Any, ...]) -> Any:
        return self.many(tuple(jnp.reshape(v, 1) for v in x))[:, 0]


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Settings of the solver.

    `trips` is how many steps every start takes; `polish` how many more the best ones take. Where half of a law's
    parameters are linear, every start takes `projected` steps that solve for these anew each time (half as many again
    for curve laws), and then only a fifth of `trips`.
    """

    trips: int = 60
    polish: int = 40
    projected: int = 16

    def run(
        self, residuals: Residuals, start: Float[Array, " params"], low: Any, high: Any, *, trips: int | None = None
    ) -> Minimum:
        """Minimise half the sum of squares of `residuals(x)` from one start inside the box `low <= x <= high`.

        `residuals` takes a tuple of scalars, so that the derivative to one of them costs what depends on it, and
        returns an array. The number of steps is fixed: nothing depends on values, so that the search can be batched,
        and differentiated forwards.
        """
        found = self.run_many(residuals, start[None, :], low, high, trips=trips)
        return jax.tree.map(lambda leaf: leaf[0], found)

    def run_many(
        self,
        residuals: Residuals,
        starts: Float[Array, "starts params"],
        low: Any,
        high: Any,
        *,
        trips: int | None = None,
        project: Callable[[Any], Any] | None = None,
        projected: int = 0,
    ) -> Minimum:
        """As `run`, from many starts side by side. In the first `projected` steps, and at the start, `project` maps
        `(params, starts)` to better points of the same shape before they are evaluated."""
        n, count = starts.shape[1], starts.shape[0]
        low = jnp.broadcast_to(jnp.asarray(low, starts.dtype), (n,))[:, None]
        high = jnp.broadcast_to(jnp.asarray(high, starts.dtype), (n,))[:, None]
        tiny = jnp.finfo(starts.dtype).tiny
        eps = float(jnp.finfo(starts.dtype).eps)
        rows = jax.eval_shape(batched(residuals), tuple(starts[:, i] for i in range(n))).shape[0]
        first_part = projected if project is not None else 0

        def trip(now: tuple[Any, Minimum, Any, Any, Any]) -> tuple[Any, Minimum, Any, Any, Any]:
            i, here, growth, done, idle = now
            stuck = frozen(here.x, here.gradient, low, high)
            step = _step(here, stuck)
            x = jnp.clip(here.x + step, low, high)
            taken = x - here.x
            bent = jnp.sum(_model(here) * taken[None, :, :], axis=1)
            predicted = -jnp.sum(here.gradient * taken + 0.5 * taken * bent, axis=0)
            if project is not None and first_part:
                x = jnp.clip(jax.lax.cond(i <= first_part, project, lambda x: x, x), low, high)
            there = _evaluate(residuals, x, here.damping)
            gain = (here.objective - there.objective) / jnp.maximum(predicted, tiny)
            begun = jnp.isfinite(here.objective)
            free = _step(dataclasses.replace(here, damping=jnp.full(count, 10.0 * eps, starts.dtype)), stuck)
            promised = jnp.abs(0.5 * jnp.sum(here.gradient * free, axis=0))
            better = there.objective < here.objective  # false for NaN
            # Residuals are rounded as the values are that they are differences of. At that level of the objective the
            # gradient still tells which of two points is nearer the minimum.
            rounding = eps * (here.objective + jnp.sqrt(2.0 * rows * here.objective))
            level = begun & (jnp.maximum(jnp.abs(there.objective - here.objective), promised) <= rounding)
            better = jnp.where(level, _slant(there, here, stuck) < _slant(here, here, stuck), better)
            # Nielsen's rule: damping falls smoothly with the gain ratio, and grows faster with each failure in a row.
            gain = jnp.where(level, 1.0, gain)  # of rounding, else
            eased = here.damping * jnp.clip(1.0 - (2.0 * gain - 1.0) ** 3, 0.1, 2.0)
            damping = jnp.clip(
                jnp.where(better, jnp.where(begun, eased, here.damping), here.damping * growth), 1e-14, 1e14
            )
            growth = jnp.where(better, 2.0, jnp.minimum(growth * 2.0, 64.0))
            # Where an undamped step promises nothing, or a solved-for one changes nothing, a start has arrived. The objective's
            # rounding (eps) would leave the parameters half of their digits.
            ended = begun & (promised <= eps**1.75 * here.objective)
            if first_part:
                least = max(_SAME, 1e3 * eps) * here.objective
                same = jnp.abs(here.objective - there.objective) <= least
                moved = here.objective - there.objective > least
                # Solved-for points go up and down around where they lead: a few tries to no avail, none far off, will do.
                idle = jnp.where(moved, 0, idle + (there.objective <= _NEARBY * here.objective).astype(idle.dtype))
                arrived = (same & (here.damping <= _FIRST_DAMPING)) | (idle >= _IDLE)
                ended = jnp.where(i <= first_part, begun & arrived, ended)
            chosen = dataclasses.replace(jax.tree.map(partial(_where, better), there, here), damping=damping)
            # What is done stays as it is, whatever others beside it still need.
            after = jax.tree.map(partial(_where, done), here, chosen)
            done = done | ended
            if first_part:
                # When projected steps gain nothing more, damping has grown: the steps after them begin anew.
                i = jnp.where((i < first_part) & jnp.all(done), first_part, i)
                turn = i == first_part
                after = dataclasses.replace(after, damping=jnp.where(turn, _FIRST_DAMPING, after.damping))
                growth = jnp.where(turn, 2.0, growth)
                done = done & ~turn
            return i + 1, after, growth, done, idle

        # The first trip has nothing to descend from, so it takes no step and evaluates the start: the program then holds the
        # residuals once, which halves the time to compile it.
        length = 1 + (self.trips if trips is None else trips)
        first = _nowhere(jnp.clip(starts.T, low, high))
        if isinstance(residuals, Batched) and residuals.near:
            first = dataclasses.replace(first, damping=jnp.full(count, _NEAR_DAMPING, starts.dtype))
        begin = (jnp.asarray(0), first, jnp.full(count, 2.0, starts.dtype), jnp.zeros(count, bool))
        begin = (*begin, jnp.zeros(count, jnp.int32))
        _, found, *_ = jax.lax.while_loop(lambda now: (now[0] < length) & ~jnp.all(now[3]), trip, begin)
        return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), found)


def levenberg_marquardt(*, trips: int = 60, polish: int = 40, projected: int = 16) -> LevenbergMarquardt:
    """Solver for sums of squares: `trips` damped Gauss-Newton steps from every start, `polish` more from the best.

    Laws with linear parameters need fewer: `projected` steps that solve for these each time, then a fifth of `trips`.
    """
    return LevenbergMarquardt(trips, polish, projected)


def evaluate(residuals: Residuals, x: Float[Array, " params"], damping: Any) -> Minimum:
    """Objective, gradient and Gauss-Newton matrix at `x`."""
    found = evaluate_many(residuals, x[None, :], jnp.broadcast_to(jnp.asarray(damping, x.dtype), (1,)))
    return jax.tree.map(lambda leaf: leaf[0], found)


def evaluate_many(residuals: Residuals, x: Float[Array, "starts params"], damping: Any) -> Minimum:
    """As `evaluate`, at many points."""
    found = _evaluate(residuals, x.T, damping)
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), found)


def batched(residuals: Residuals) -> Residuals:
    """The function that takes many starts at once."""
    return residuals.many if isinstance(residuals, Batched) else jax.vmap(residuals, out_axes=-1)


def _evaluate(residuals: Residuals, x: Float[Array, "params starts"], damping: Any) -> Minimum:
    """As `evaluate`, for many starts in the last axis of all arrays."""
    value, slopes, share = derivatives(residuals, x)
    gradient = jnp.stack([jnp.sum(column * value, axis=0) for column in slopes])
    if share is None:
        normal = curved = _products(slopes, slopes)
    elif isinstance(residuals, Batched) and residuals.near:
        normal = curved = _products([jnp.maximum(share, _LEAST) * column for column in slopes], slopes)
    else:
        normal = _products(slopes, slopes)
        curved = _products([share * column for column in slopes], slopes)
    return Minimum(
        x=x,
        objective=0.5 * jnp.sum(value * value, axis=0),
        gradient=gradient,
        normal=normal,
        curved=curved,
        damping=damping,
    )


def _products(left: list[Any], right: list[Any]) -> Any:
    """Sums over rows of all products, `(params, params, starts)`; they are symmetric."""
    n = len(left)
    if n > _UNROLLED:
        return jnp.einsum("irs,jrs->ijs", jnp.stack(left), jnp.stack(right))
    half = {(i, j): jnp.sum(left[i] * right[j], axis=0) for i in range(n) for j in range(i, n)}
    return jnp.stack([jnp.stack([half[min(i, j), max(i, j)] for j in range(n)]) for i in range(n)])


def derivatives(residuals: Residuals, x: Float[Array, "params starts"]) -> tuple[Any, list[Any], Any]:
    """Residuals `(rows, starts)`, their derivatives, as many again for each parameter, and `Batched.share` of each."""
    if not isinstance(residuals, Batched):
        return *columns(jax.vmap(residuals, out_axes=-1), x), None
    inner, slopes = columns(residuals.inner, x, stored=residuals.stored)
    inner = jax.lax.optimization_barrier(inner)  # or it would be computed again in every loop over rows
    value, slope = jax.lax.optimization_barrier(jax.jvp(residuals.outer, (inner,), (jnp.ones_like(inner),)))
    slopes = [slope * along for along in slopes]
    share = None if residuals.share is None else jax.lax.optimization_barrier(residuals.share(inner))
    if residuals.extra is None:
        return value, slopes, share
    more, others = columns(residuals.extra, x)
    slopes = [jnp.concatenate(pair) for pair in zip(slopes, others, strict=True)]
    share = None if share is None else jnp.concatenate([share, jnp.ones_like(more)])
    return jnp.concatenate([value, more]), slopes, share


def columns(many: Residuals, x: Float[Array, "params starts"], *, stored: bool = False) -> tuple[Any, list[Any]]:
    """Value of a function of many starts and its derivative to each parameter.

    `stored` keeps what derivatives share in memory instead of computing it for each: right where it is not much
    larger than the value.
    """
    n = x.shape[0]
    parts = tuple(x[i] for i in range(n))
    if stored:
        value, slope = jax.linearize(many, parts)
        return value, sparse_columns(slope, parts)
    if n > _UNROLLED:
        value, slope = jax.linearize(many, parts)
        along = jax.vmap(lambda t: slope(tuple(jnp.broadcast_to(t[i], parts[i].shape) for i in range(n))))
        stacked = along(jnp.eye(n, dtype=x.dtype))
        return value, [stacked[i] for i in range(n)]

    def along_one(i: int) -> tuple[Any, Any]:
        # Only x[i] carries a tangent: the terms that do not depend on it drop out of the trace.
        return jax.jvp(lambda v: many((*parts[:i], v, *parts[i + 1 :])), (parts[i],), (jnp.ones_like(parts[i]),))

    pairs = [along_one(i) for i in range(n)]
    return pairs[0][0], [tangent for _, tangent in pairs]


def _where(choice: Any, a: Any, b: Any) -> Any:
    """`choice` `(starts,)` for arrays with starts in the last axis."""
    return jnp.where(choice.reshape((1,) * (a.ndim - 1) + choice.shape), a, b)


def frozen(x: Any, gradient: Any, low: Any, high: Any) -> Any:
    """Coordinates on their bound whose descent direction points out of the box."""
    return ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))


def _step(here: Minimum, stuck: Any) -> Any:
    n = here.x.shape[0]
    keep = ~stuck
    diagonal = jnp.stack([here.normal[i, i] for i in range(n)])
    # Coordinates without curvature (a parameter that the data do not see) stay where they are.
    floor = 1e-12 * jnp.max(diagonal, axis=0, keepdims=True) + jnp.finfo(here.x.dtype).tiny
    scale = jax.lax.rsqrt(jnp.maximum(diagonal, floor))
    both = keep[:, None] & keep[None, :]
    unit = _model(here) * scale[:, None] * scale[None, :]
    eye = jnp.eye(n, dtype=here.x.dtype)[:, :, None]
    matrix = jnp.where(both, unit, 0.0) + eye * jnp.where(keep, here.damping[None], 1.0)[None, :]
    right = jnp.where(keep, -here.gradient * scale, 0.0)
    return jnp.where(keep, scale * solve_positive(matrix, right), 0.0)


def _slant(at: Minimum, here: Minimum, stuck: Any) -> Any:
    """Squared gradient `at` a point in units of the curvature `here`."""
    diagonal = jnp.stack([here.normal[i, i] for i in range(here.x.shape[0])])
    return jnp.sum(
        jnp.where(stuck, 0.0, at.gradient**2 / jnp.maximum(diagonal, jnp.finfo(diagonal.dtype).tiny)), axis=0
    )


def _model(here: Minimum) -> Any:
    """Curvature that steps go by: Gauss-Newton's far from the minimum; near it, where damping has faded, that which
    costs really have, or steps along Huber's tails would be far too short."""
    far = jnp.clip(here.damping / _NEAR, 1e-3, 1.0)[None, None, :]
    return far * here.normal + (1.0 - far) * here.curved


def _nowhere(x: Any) -> Minimum:
    """Before the first evaluation: anything finite is better, and the step away is zero."""
    n, count = x.shape
    eye = jnp.broadcast_to(jnp.eye(n, dtype=x.dtype)[:, :, None], (n, n, count))
    return Minimum(
        x=x,
        objective=jnp.full(count, jnp.inf, x.dtype),
        gradient=jnp.zeros_like(x),
        normal=eye,
        curved=eye,
        damping=jnp.full(count, _FIRST_DAMPING, x.dtype),
    )
