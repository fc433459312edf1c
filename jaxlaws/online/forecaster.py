"""Where a run ends, from what it has shown so far: `Forecaster`, pure and of fixed memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxlaws.errors import FitError
from jaxlaws.objectives import huber, link
from jaxlaws.online import history
from jaxlaws.online.history import Count, Now, State, path_of
from jaxlaws.online.prior import Prior, cast, prior_from
from jaxlaws.schedules.curve import Curve
from jaxlaws.solvers import Batched, levenberg_marquardt

TRIPS = 25
KNOTS = 128  # that a schedule given as a function is read at
FINE = 1024  # steps among which these are chosen
ROBUST = 2.0  # standard deviations beyond which a cell counts by its sign and little more
CLIMBED = 0.99  # of the peak: the warm-up is over
LOWEST = 1e-8  # of the peak: laws take powers of rates, which overflow in float32 at 0
HALF = 1.645  # half of a 90 % interval, in standard deviations
LATE = 0.1  # of the run so far: what the last losses are

Schedule = Callable[[Any], Any] | tuple[Any, Any]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forecast:
    """Loss at the steps `at`, `(steps,)`, with an interval: `low` and `high`. `sd` is the standard deviation of its logarithm
    before calibration.

    `params` has the law's parameters as this run's losses have moved them. `misfit` is how far the last losses lie above
    the fitted curve, in standard deviations. `sound` says that all this is finite and rests on losses after the warm-up.
    """

    at: Float[Array, " steps"]
    loss: Float[Array, " steps"]
    low: Float[Array, " steps"]
    high: Float[Array, " steps"]
    sd: Float[Array, " steps"]
    params: dict[str, Any]
    misfit: Float[Array, ""]
    sound: Bool[Array, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forecaster:
    """Forecasts of a run under a law of curves. A pytree of numbers; `init`, `update` and `forecast` are pure.

    `inputs` are what else the law needs, such as `{"N": 1e8}`. `noise` is the standard deviation of the losses' logarithm
    around the law, for what no averaging removes, such as the order of data; it is so much at the present step and larger,
    by the power `recall` of the distance, at earlier ones. Losses in `looks` times e-fold of steps count as independent.
    `error` is the standard deviation of what the law itself gets wrong about the steps ahead. `skip` is the last step that is
    not fitted, by default (negative) twice the warm-up. `tolerance` is how far the kept learning rate may be off, as a share of
    the peak. `width` is half the interval in standard deviations; `calibrated` measures it.
    """

    prior: Prior
    inputs: Mapping[str, Any] = field(default_factory=dict)
    noise: Any = 3e-3
    recall: Any = 0.5
    looks: Any = 4.0
    error: Any = 5e-3
    skip: Any = -1.0
    tolerance: Any = 1e-3
    width: Any = HALF
    cells: int = field(default=128, metadata={"static": True})

    def init(self, dtype: Any = jnp.float32) -> State:
        """State before the first step: four arrays, 3 kB."""
        return history.empty(self.cells, dtype)

    def update(self, state: State, step: Any, loss: Any, lr: Any) -> State:
        """State after update number `step` (from 1), which used the rate `lr` and had `loss`.

        Steps may be left out; the rate between is then taken as linear, or as a jump at the later step where it changes by
        a fifth of the peak. A step again is ignored. A step before the last is a restart: what came from there on is
        forgotten. A loss that is not finite is counted and left out.
        """
        return history.updated(state, step, loss, lr, jnp.asarray(self.tolerance, state.now.dtype))

    def fit(self, state: State) -> Fitted:
        """The law's parameters as the losses so far move them from the prior. What of a forecast takes time."""
        prior = cast(self.prior, state.now.dtype)
        return jax.lax.stop_gradient(_fitted(self, prior, _past(self, state)))

    def forecast(self, state: State, schedule: Schedule, at: Any) -> Forecast:
        """Loss at steps `at` if the rate follows `schedule` from here on: `fit(state).forecast(schedule, at)`."""
        return self.fit(state).forecast(schedule, at)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fitted:
    """A run's curve so far, fitted: coordinates `x` `(params,)` of the most probable parameters and the Gauss-Newton matrix
    `normal` of the negative log-posterior there.

    `misfit` is how far the last losses lie above the curve, in standard deviations of the losses' noise.
    """

    by: Forecaster
    prior: Prior
    past: Past
    x: Float[Array, " params"]
    normal: Float[Array, "params params"]
    misfit: Float[Array, ""]

    def forecast(self, schedule: Schedule, at: Any) -> Forecast:
        """Loss at steps `at` if the rate follows `schedule` from here on.

        `schedule` is a function of the step, or a pair of arrays: whole steps, increasing, and rates, linear between. Only what
        lies after the last step counts. A pair is data: another one compiles nothing. Differentiable in the rates.
        Steps that are over give the fitted loss.
        """
        return _ahead(self, schedule, at)


def forecaster(
    source: Any, *, peak: float | None = None, inputs: Mapping[str, Any] | None = None, **more: Any
) -> Forecaster:
    """Forecaster whose prior is what earlier runs gave: a fit, several, draws, or published constants (see `prior_from`).

    `peak` is the highest rate of the run to come; `inputs` what else the law needs; further arguments are those of
    `Forecaster`. Raises `FitError` where inputs are missing.
    """
    prior = source if isinstance(source, Prior) else prior_from(source, peak=peak)
    given = dict(inputs or {})
    wanted = [n for n in prior.law.inputs if n != "curve"]
    wrong = sorted(set(wanted) ^ set(given))
    if wrong:
        raise FitError(
            f"`forecaster(inputs=...)`: `{prior.law.name}` needs {', '.join(wanted) or 'none'}; see {wrong[0]}."
        )
    return Forecaster(prior, given, **more)


# --- what is fitted -------------------------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Past:
    """A run so far as the fit sees it: `(cells + 2,)` edges and rates; mean steps, losses, weights and standard deviations of
    `(cells + 1,)` cells; the step at which the rate was first at its peak, and the last one."""

    edges: Any
    lr: Any
    at: Any
    loss: Any
    weight: Any
    sd: Any
    climb: Any
    last: Any


def _past(by: Forecaster, state: State) -> Past:
    path, now, count = path_of(state), Now(*state.now), Count(*state.count)
    looks, recall, noise, skip = (jnp.asarray(v, state.now.dtype) for v in (by.looks, by.recall, by.noise, by.skip))
    last = count.last.astype(state.now.dtype)
    climb = path.edges[jnp.argmax(path.lr >= CLIMBED * now.peak)]
    used = (path.weight > 0) & (path.at > jnp.where(skip < 0, 2.0 * climb, skip))
    at = jnp.maximum(path.at, 1.0)
    # Independent looks are even in the logarithm of the step: what sets two runs of one schedule apart changes slowly.
    weight = looks * jnp.maximum(jnp.diff(path.edges), 1.0) / at
    back = jnp.exp(recall * jnp.log(jnp.maximum(last / at, 1.0)))
    white = now.jitter / jnp.maximum(now.level, 1e-6) * jnp.sqrt(weight / jnp.maximum(path.weight, 1.0))
    sd = jnp.hypot(noise * back, white)
    return Past(path.edges, path.lr, path.at, path.loss, jnp.where(used, weight, 0.0), sd, climb, last)


def _fitted(by: Forecaster, prior: Prior, past: Past) -> Fitted:
    # Each cell's losses belong to their mean step, which becomes an edge between its two.
    edges = jnp.concatenate([past.edges[:1], jnp.stack([past.at, past.edges[1:]], axis=1).ravel()])
    edges = jax.lax.cummax(edges)
    rates = jnp.interp(edges, past.edges, past.lr)
    curve = _seen(prior.law, edges, rates, jnp.arange(1, len(edges), 2), past.climb)
    scale = prior.law.output.scale
    observed, root = link(past.loss, scale), jnp.sqrt(past.weight)
    robust = huber(jnp.asarray(ROBUST, past.lr.dtype))

    def off(x: Any) -> Any:
        return (link(_predicted(by, prior, curve, x), scale) - observed) / past.sd

    residuals = Batched(
        inner=jax.vmap(off, in_axes=-1, out_axes=-1),
        outer=lambda off: root[:, None] * robust.root(off),
        extra=lambda x: prior.root @ (jnp.stack(x) - prior.mean[:, None]),
        stored=True,
    )
    found = levenberg_marquardt(trips=TRIPS).run(residuals, jnp.asarray(prior.mean), prior.low, prior.high)
    good = jnp.isfinite(found.objective)
    x = jnp.where(good, found.x, prior.mean)
    late = past.weight * jnp.exp(-(1.0 - past.at / jnp.maximum(past.last, 1.0)) / LATE)
    misfit = -jnp.sum(late * off(tuple(x))) / jnp.maximum(jnp.sum(late), 1e-6)
    return Fitted(by, prior, past, x, jnp.where(good, found.normal, prior.root.T @ prior.root), misfit)


def _predicted(by: Forecaster, prior: Prior, curve: Curve, x: Any) -> Any:
    inputs = {n: jnp.asarray(v, curve.lr.dtype) for n, v in by.inputs.items()}
    law = prior.law
    return law.fn(*(curve if n == "curve" else inputs[n] for n in law.inputs), **prior.params(x))


def _seen(law: Any, edges: Any, lr: Any, at: Any, climb: Any) -> Curve:
    """Curve as the law counts warm-ups. `climb` is the step at which the rate is first at its peak."""
    seen = law.options.get("warmup", "counted")
    lr = jnp.maximum(lr, LOWEST * jnp.max(lr))
    top = jnp.interp(climb, edges, lr)
    lr = jnp.where(edges < climb, top, lr) if seen == "peak" else lr
    counted = None if seen == "counted" else jnp.where(edges[1:] <= climb, 0.0, 1.0).astype(lr.dtype)
    return Curve.along(edges, lr, at=at, counted=counted)


# --- what is forecast -----------------------------------------------------------------------------------------------------


def _ahead(fitted: Fitted, schedule: Schedule, at: Any) -> Forecast:
    by, prior, past, x, normal = fitted.by, fitted.prior, fitted.past, fitted.x, fitted.normal
    dtype = past.lr.dtype
    at = jnp.atleast_1d(jnp.asarray(at)).astype(dtype)
    knots, rates = _pair(schedule, past.last, jnp.max(at), dtype)
    knots = jnp.maximum(knots, past.last)
    after = knots > past.last
    # At the last step the rate is what it was; a schedule that differs there jumps in the next step.
    first = past.last + 1.0
    then = jnp.interp(first, knots, jnp.where(after, rates, jnp.interp(past.last, knots, rates)))
    steps = jnp.concatenate([past.edges, first[None], jnp.where(after, knots, first)])
    order = jnp.argsort(steps)
    steps, lr = steps[order], jnp.concatenate([past.lr, then[None], jnp.where(after, rates, then)])[order]
    share = jnp.linspace(0.0, 1.0, 33, dtype=dtype)[1:]
    back = jnp.asarray([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0], dtype)
    near = jnp.maximum(at[:, None] - back[None, :], 1.0).ravel()
    even = past.last + share * jnp.maximum(jnp.max(at) - past.last, 0.0)
    edges = jnp.sort(jnp.concatenate([steps, near, even]))
    places = jnp.searchsorted(edges, at)
    curve = _seen(prior.law, edges, jnp.interp(edges, steps, lr), places, past.climb)
    scale = prior.law.output.scale

    def value(x: Any) -> Any:
        return link(_predicted(by, prior, curve, tuple(x)), scale)

    middle = value(x)
    slopes = jax.jacfwd(value)(x)
    factor = jnp.linalg.cholesky(_conditioned(normal))
    spread = jax.scipy.linalg.solve_triangular(factor, _scaled(normal, slopes).T, lower=True)
    sd = jnp.sqrt(jnp.sum(spread * spread, axis=0) + jnp.square(jnp.asarray(by.error, dtype)))
    sd = jax.lax.stop_gradient(sd)
    half = jnp.asarray(by.width, dtype) * sd
    sound = jnp.all(jnp.isfinite(middle)) & jnp.all(jnp.isfinite(sd)) & jnp.any(past.weight > 0)
    return Forecast(
        at=at,
        loss=_unlinked(middle, scale),
        low=_unlinked(middle - half, scale),
        high=_unlinked(middle + half, scale),
        sd=sd,
        params=prior.params(tuple(x)),
        misfit=fitted.misfit,
        sound=sound,
    )


def _pair(schedule: Schedule, last: Any, until: Any, dtype: Any) -> tuple[Any, Any]:
    """A schedule as steps and rates, linear between: as given, or read at the steps between which it bends most."""
    if not callable(schedule):
        steps, rates = schedule
        return jnp.asarray(steps).astype(dtype), jnp.asarray(rates).astype(dtype)
    fine = jnp.round(last + (until - last) * jnp.linspace(0.0, 1.0, FINE + 1, dtype=dtype))
    rates = jax.vmap(schedule)(fine.astype(jnp.int32)).astype(dtype)
    bend = jnp.abs(jnp.diff(jax.lax.stop_gradient(rates), 2))
    bend = jnp.sqrt(bend / jnp.maximum(jnp.max(jnp.abs(rates)), jnp.finfo(dtype).tiny))
    density = jnp.pad(bend, 1)[:-1] + jnp.pad(bend, 1)[1:]
    density = density / jnp.maximum(jnp.sum(density), 1e-12) + 1.0 / FINE
    reached = jnp.concatenate([jnp.zeros(1, dtype), jnp.cumsum(density)])
    wanted = jnp.linspace(0.0, 1.0, KNOTS, dtype=dtype) * reached[-1]
    chosen = jnp.round(jnp.interp(wanted, reached, jnp.arange(FINE + 1, dtype=dtype))).astype(jnp.int32)
    return fine[chosen], rates[chosen]


def _scale(normal: Any) -> Any:
    return jax.lax.rsqrt(jnp.maximum(jnp.diagonal(normal), jnp.finfo(normal.dtype).tiny))


def _conditioned(normal: Any) -> Any:
    """Matrix with a unit diagonal, kept off singularity by its own rounding."""
    scale = _scale(normal)
    eps = 10.0 * float(jnp.finfo(normal.dtype).eps)
    return normal * scale[:, None] * scale[None, :] + eps * jnp.eye(len(normal), dtype=normal.dtype)


def _scaled(normal: Any, slopes: Any) -> Any:
    return slopes * _scale(normal)[None, :]


def _unlinked(value: Any, scale: str) -> Any:
    if scale == "raw":
        return value
    return jnp.exp(value) if scale == "log" else jax.nn.sigmoid(value)
