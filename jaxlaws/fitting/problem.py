"""A law, its free parameters and data as one pure residual function. Here, once, laws are batched over observations or
runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.fitting._split import split
from jaxlaws.objectives import Normal, Objective, link
from jaxlaws.solvers import Batched, columns
from jaxlaws.solvers._linear import solve_positive
from jaxlaws.spec import Law


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Data:
    """What a law is held against. Point laws: every array is `(rows,)`. Curve laws: `inputs["curve"]` is a stack of
    curves, `(runs, ...)`, and the other arrays are `(runs, steps)`.

    `weight` is 0 in padding, which repeats real values. `copy` says, for each parameter with several copies, which one
    a row (or run) uses.
    """

    inputs: Mapping[str, Any]
    observed: Any
    weight: Any
    copy: Mapping[str, Any]


@dataclass(frozen=True)
class Slot:
    """A free parameter's place in the vector of coordinates: `copies` entries, log(value) or the value."""

    name: str
    copies: int
    log: bool
    linear: bool


Layout = tuple[Slot, ...]

_SWOLLEN = 4.0  # the terms of a curve's pairwise sums are a thousand times larger than the sums: those are not stored


def pack(layout: Layout, values: Mapping[str, Any]) -> list[Any]:
    """Coordinates, one scalar each, of raw parameter values (scalars, or `(copies,)`)."""
    out: list[Any] = []
    for slot in layout:
        value = jnp.log(values[slot.name]) if slot.log else values[slot.name]
        out += [value] if slot.copies == 1 else [value[i] for i in range(slot.copies)]
    return out


def unpack(layout: Layout, x: Any) -> dict[str, Any]:
    """Raw values of the free parameters from a sequence of scalar coordinates."""
    xp = arrays_of(x)
    values: dict[str, Any] = {}
    at = 0
    for slot in layout:
        parts = [xp.exp(v) if slot.log else v for v in x[at : at + slot.copies]]
        values[slot.name] = parts[0] if slot.copies == 1 else xp.stack(parts)
        at += slot.copies
    return values


def arrays_of(leaf: Any) -> Any:
    """NumPy for its own arrays: on the host each operation of JAX would be compiled first."""
    return np if isinstance(leaf, np.ndarray) else jnp


def predictions(law: Law, params: Mapping[str, Any], data: Data) -> Any:
    """Law at every observation: shape of `data.observed`."""

    def one(inputs: Mapping[str, Any], copy: Mapping[str, Any]) -> Any:
        # Of one copy there is a scalar.
        own = {k: v[copy[k]] if k in copy and jnp.ndim(v) else v for k, v in params.items()}
        return law.fn(*(inputs[name] for name in law.inputs), **own)

    return jax.vmap(one)(data.inputs, data.copy)


@dataclass(frozen=True)
class Predictor:
    """The law at every observation of every group for many starts, `(rows, groups * starts)`: `at` takes free
    parameters `(groups, starts)` or `(copies, groups, starts)`. `stored` is as in `columns`."""

    at: Callable[[Mapping[str, Any]], Any]
    stored: bool


def predictor(law: Law, layout: Layout, fixed: Mapping[str, Any], data: Data) -> Predictor:
    """`data` and `fixed` have a leading axis of groups. What the free parameters do not touch is computed here, once."""
    names = tuple(slot.name for slot in layout)
    copies = {slot.name: data.copy[slot.name] for slot in layout if slot.copies > 1}

    def formula(still: Any, own: Mapping[str, Any]) -> Any:
        inputs, fixed = still
        return law.fn(*(inputs[name] for name in law.inputs), **fixed, **own)

    def like(leaf: Any, axes: int) -> Any:
        return jax.ShapeDtypeStruct(jnp.shape(leaf)[axes:], jnp.result_type(leaf))

    one = jax.tree.map(lambda leaf: like(leaf, 2), data.inputs), jax.tree.map(lambda leaf: like(leaf, 1), dict(fixed))
    scalar = jax.ShapeDtypeStruct((), data.observed.dtype)
    parts = split(formula, one, dict.fromkeys(names, scalar))
    features = jax.vmap(jax.vmap(parts.prepare, in_axes=((0, None),)))((data.inputs, dict(fixed)))
    stored = parts.swelling <= _SWOLLEN

    def at(features: Any, copy: Mapping[str, Any], free: Mapping[str, Any]) -> Any:
        own = {name: value[copy[name]] if name in copy else value for name, value in free.items()}
        return parts.finish(features, own)

    if law.is_curve and stored:
        # Steps outermost, starts innermost: what comes next is sums over rows, of many starts at once.
        wide = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1)[..., None], features)

        def run(features: Any, copy: Mapping[str, Any], free: Mapping[str, Any]) -> Any:
            pick = jax.vmap(lambda value, index: value[index], in_axes=(1, 0))
            own = {name: pick(value, copy[name]) if name in copy else value for name, value in free.items()}
            return parts.beside(features, own)

        copy = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, 1), copies)
        every = jax.vmap(run, in_axes=(0, 0, None))
        return Predictor(lambda free: _rows_first(every(wide, copy, dict(free))), stored)
    if law.is_curve:
        starts = jax.vmap(at, in_axes=(None, None, -1), out_axes=-1)
        every = jax.vmap(jax.vmap(starts, in_axes=(0, 0, None)), in_axes=(0, 0, -2), out_axes=-2)
        return Predictor(lambda free: _rows_first(every(features, copies, dict(free))), stored)
    inner = jax.vmap(jax.vmap(at, in_axes=(None, None, -1)), in_axes=(0, 0, -2))
    features, copy = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, 1), (features, copies))
    whole = jax.vmap(inner, in_axes=(0, 0, None))
    return Predictor(lambda free: _rows_first(whole(features, copy, dict(free))), stored)


def _rows_first(found: Any) -> Any:
    """`(..., groups, starts)` to `(rows, groups * starts)`."""
    return found.reshape(-1, found.shape[-2] * found.shape[-1])


def residuals_of(
    law: Law,
    layout: Layout,
    data: Data,
    fixed: Mapping[str, Any],
    objective: Objective,
    priors: Mapping[str, Normal],
    *,
    own: tuple[Any, Any] | None = None,
) -> Batched:
    """Residual function of the coordinates of many starts `(groups * starts,)`: half its sum of squares over rows
    is the objective, priors included. `data` and `fixed` have a leading axis of groups. Where starts are problems of
    their own, `own` has what each observed and its weights, `(rows, starts)`."""
    groups = data.observed.shape[0]
    on = objective.on or law.output.scale
    observed, weight = own or (data.observed, data.weight)
    target, root_weight = link(observed, on), jnp.sqrt(weight)

    def spread(leaf: Any, starts: int) -> Any:
        return _for_starts(leaf, starts) if own is None else leaf

    predict = predictor(law, layout, fixed, data)

    def inner(x: Sequence[Any]) -> Any:
        return predict.at(_by_group(unpack(layout, x), groups))

    def difference(predicted: Any) -> Any:
        return link(predicted, on) - spread(target, predicted.shape[1] // groups)

    def outer(predicted: Any) -> Any:
        return spread(root_weight, predicted.shape[1] // groups) * objective.root(difference(predicted))

    def share(predicted: Any) -> Any:
        u = difference(predicted)
        curvature = _slope(partial(_slope, objective.rho), u)
        return jnp.clip(curvature / jnp.square(_slope(objective.root, u)), 0.0, 1.0)

    def pulls(x: Sequence[Any]) -> Any:
        return jnp.concatenate([p.reshape(-1, x[0].shape[0]) for p in _pulls(unpack(layout, x), objective, priors)])

    return Batched(inner, outer, pulls if priors else None, stored=predict.stored, share=share)


def _by_group(free: Mapping[str, Any], groups: int) -> dict[str, Any]:
    return {name: value.reshape(*value.shape[:-1], groups, -1) for name, value in free.items()}


def _for_starts(leaf: Any, starts: int) -> Any:
    """`(groups, ...)` to `(rows, groups * starts)`, the same for every start of a group."""
    flat = leaf.reshape(leaf.shape[0], -1).T
    return jnp.broadcast_to(flat[:, :, None], (*flat.shape, starts)).reshape(flat.shape[0], -1)


def objective_of(
    law: Law, layout: Layout, data: Data, fixed: Mapping[str, Any], objective: Objective, priors: Mapping[str, Normal]
) -> Callable[[Sequence[Any]], Any]:
    """The objective itself, for derivatives: roots of costs and weights have none where these are 0."""

    def value(x: Sequence[Any]) -> Any:
        free = unpack(layout, x)
        cost = jnp.sum(data.weight * objective.rho(_differences(law, {**fixed, **free}, data, objective)))
        return cost + sum(0.5 * jnp.sum(pull * pull) for pull in _pulls(free, objective, priors))

    return value


def _differences(law: Law, params: Mapping[str, Any], data: Data, objective: Objective) -> Any:
    on = objective.on or law.output.scale
    return link(predictions(law, params, data), on) - link(data.observed, on)


def _pulls(free: Mapping[str, Any], objective: Objective, priors: Mapping[str, Normal]) -> list[Any]:
    """Residuals that stand for the priors."""
    unit = objective.unit
    pulls = []
    for name, prior in priors.items():
        weight = (unit if prior.residual is None else prior.residual) / prior.sd
        pulls.append((free[name] - prior.mean) * weight)
    return pulls


def projection(
    law: Law,
    layout: Layout,
    data: Data,
    fixed: Mapping[str, Any],
    objective: Objective,
    floor: Any,
    low: Any,
    high: Any,
    *,
    robust: bool = True,
) -> Callable[[Any], Any] | None:
    """Function of points `(params, starts)` that sets the linear parameters to the best they can be given the rest,
    positive ones above 0; None for a law without any.

    Weighted least squares on the observed scale, weights 1/observed^2 where residuals are logarithms, so that the
    relative error counts. `robust` repeats it with the weights that the objective gives to each residual. `floor`
    `(params,)` keeps positive parameters off 0, where their logarithm would have no slope.
    """
    slots = _each(layout)
    at = [i for i, slot in enumerate(slots) if slot.linear]
    if not at:
        return None
    groups = data.observed.shape[0]
    on = objective.on or law.output.scale
    scale = 1.0 / data.observed if on == "log" else jnp.ones_like(data.observed)
    either = jnp.asarray([not slots[i].log for i in at])[:, None]  # on its own scale a parameter may have any sign
    predict = predictor(law, layout, fixed, data)

    def projected(x: Any) -> Any:
        starts = x.shape[1] // groups
        observed, unit, weight = (_for_starts(leaf, starts) for leaf in (data.observed, scale, data.weight))

        def predicted(raw: tuple[Any, ...]) -> Any:
            full = [x[i] for i in range(len(slots))]
            for i, value in zip(at, raw, strict=True):
                full[i] = jnp.log(value) if slots[i].log else value
            return predict.at(_by_group(unpack(layout, full), groups))

        before = jnp.stack([jnp.exp(x[i]) if slots[i].log else x[i] for i in at])
        # Affine in the parameters: the value less the columns times them is what the other terms give.
        value, slopes = columns(predicted, before, stored=predict.stored)
        slopes = [jax.lax.optimization_barrier(slope * unit) for slope in slopes]
        rest = value * unit - sum(c[None] * column for c, column in zip(before, slopes, strict=True))
        target = observed * unit - rest
        found, active = before, jnp.ones(before.shape, bool)
        for _ in range(3 if robust else len(at)):
            miss = sum(c[None] * column for c, column in zip(found, slopes, strict=True)) - target
            share = weight * _chord(objective, miss) if robust else weight
            found = _least_squares(slopes, target, share, active)
            active = active & (either | (found > 0))
        found = jnp.where(jnp.isfinite(found), jnp.where(active, found, 0.0), before)
        for i, value in zip(at, found, strict=True):
            raw = jnp.maximum(value, floor[i]) if slots[i].log else value
            x = x.at[i].set(jnp.clip(jnp.log(raw) if slots[i].log else raw, low[i], high[i]))
        return x

    return projected


def _chord(objective: Objective, u: Any) -> Any:
    """Weight of a squared residual that has the cost's slope at `u`: rho'(u)/u."""
    tiny = 1e-9
    safe = jnp.where(jnp.abs(u) < tiny, tiny, u)
    return _slope(objective.rho, safe) / safe


def _slope(f: Callable[[Any], Any], at: Any) -> Any:
    """Derivative of an elementwise function."""
    return jax.jvp(f, (at,), (jnp.ones_like(at),))[1]


def _least_squares(columns: list[Any], target: Any, weight: Any, active: Any) -> Any:
    """Weighted least squares over rows of `columns`, each `(rows, starts)`; terms that are not `active`
    `(terms, starts)` stay 0."""
    terms = len(columns)
    weighted = [weight * column for column in columns]
    gram = {(i, j): jnp.sum(weighted[i] * columns[j], axis=0) for i in range(terms) for j in range(i, terms)}
    right = jnp.stack([jnp.sum(column * target, axis=0) for column in weighted])
    norm = jnp.sqrt(jnp.stack([gram[i, i] for i in range(terms)]))
    active = active & (norm > 0)
    safe = jnp.where(norm > 0, norm, 1.0)
    unit = jnp.stack([jnp.stack([gram[min(i, j), max(i, j)] for j in range(terms)]) for i in range(terms)])
    unit = unit / (safe[:, None] * safe[None, :])
    eps = 100.0 * float(jnp.finfo(target.dtype).eps)
    eye = jnp.eye(terms, dtype=target.dtype)[:, :, None]
    both = active[:, None] & active[None, :]
    matrix = jnp.where(both, unit, 0.0) + eye * jnp.where(active, eps, 1.0).astype(target.dtype)[None, :]
    return jnp.where(active, solve_positive(matrix, jnp.where(active, right / safe, 0.0)), 0.0) / safe


def _each(layout: Layout) -> list[Slot]:
    return [slot for slot in layout for _ in range(slot.copies)]
