"""A law, its free parameters and data as one pure residual function. Here, once, laws are batched over observations or
runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.objectives import Normal, Objective, link
from jaxlaws.solvers import Residuals, jacobian
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


def pack(layout: Layout, values: Mapping[str, Any]) -> list[Any]:
    """Coordinates, one scalar each, of raw parameter values (scalars, or `(copies,)`)."""
    out: list[Any] = []
    for slot in layout:
        value = jnp.log(values[slot.name]) if slot.log else values[slot.name]
        out += [value] if slot.copies == 1 else [value[i] for i in range(slot.copies)]
    return out


def unpack(layout: Layout, x: Any) -> dict[str, Any]:
    """Raw values of the free parameters from a sequence of scalar coordinates."""
    values: dict[str, Any] = {}
    at = 0
    for slot in layout:
        parts = [jnp.exp(v) if slot.log else v for v in x[at : at + slot.copies]]
        values[slot.name] = parts[0] if slot.copies == 1 else jnp.stack(parts)
        at += slot.copies
    return values


def predictions(law: Law, params: Mapping[str, Any], data: Data) -> Any:
    """Law at every observation: shape of `data.observed`."""

    def one(inputs: Mapping[str, Any], copy: Mapping[str, Any]) -> Any:
        own = {name: value[copy[name]] if name in copy else value for name, value in params.items()}
        return law.fn(*(inputs[name] for name in law.inputs), **own)

    return jax.vmap(one)(data.inputs, data.copy)


def residuals_of(
    law: Law, layout: Layout, data: Data, fixed: Mapping[str, Any], objective: Objective, priors: Mapping[str, Normal]
) -> Residuals:
    """Residual function of the coordinates: half its sum of squares is the objective, priors included."""
    root_weight = jnp.sqrt(data.weight)

    def residuals(x: Sequence[Any]) -> Any:
        free = unpack(layout, x)
        u = _differences(law, {**fixed, **free}, data, objective)
        return jnp.concatenate([jnp.ravel(root_weight * objective.root(u)), *_pulls(free, objective, priors)])

    return residuals


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
        pulls.append(jnp.atleast_1d((free[name] - prior.mean) * weight))
    return pulls


def linear_start(
    law: Law,
    layout: Layout,
    data: Data,
    fixed: Mapping[str, Any],
    objective: Objective,
    x: Any,
    floor: Any,
    low: Any,
    high: Any,
) -> Any:
    """`x` with the linear parameters set to the best they can be, given the rest, by weighted least squares above 0.

    Weights are 1/observed^2 on the log scale, so that the relative error counts. `floor` `(params,)` keeps positive
    parameters off 0, where their logarithm would have no slope.
    """
    at = [i for i, slot in enumerate(_each(layout)) if slot.linear]
    if not at:
        return x
    slots = _each(layout)
    on = objective.on or law.output.scale
    weight = data.weight / (jnp.square(data.observed) if on == "log" else jnp.ones_like(data.observed))
    root = jnp.ravel(jnp.sqrt(weight))

    def predicted(raw: tuple[Any, ...]) -> Any:
        full = list(x)
        for i, value in zip(at, raw, strict=True):
            full[i] = jnp.log(value) if slots[i].log else value
        return jnp.ravel(predictions(law, {**fixed, **unpack(layout, full)}, data))

    # Affine in `raw`: the value at ones, less the columns, is what the other terms give.
    value, columns = jacobian(predicted, jnp.ones(len(at), x.dtype))
    rest = jnp.ravel(data.observed) - (value - jnp.sum(columns, axis=0))
    signed = jnp.asarray([not slots[i].log for i in at])  # on its own scale a parameter may have either sign
    best = _least_squares(columns * root[None, :], rest * root, signed)
    best = jnp.where(jnp.isfinite(best), best, 1.0)
    for i, value in zip(at, best, strict=True):
        raw = jnp.maximum(value, floor[i]) if slots[i].log else value
        x = x.at[i].set(jnp.clip(jnp.log(raw) if slots[i].log else raw, low[i], high[i]))
    return x


def _least_squares(columns: Any, target: Any, signed: Any) -> Any:
    """Least squares over rows of `columns` `(terms, rows)`; terms that are not `signed` and come out negative are
    dropped, one round each."""
    terms = columns.shape[0]
    norm = jnp.sqrt(jnp.sum(columns * columns, axis=1))
    safe = jnp.where(norm > 0, norm, 1.0)
    unit = columns / safe[:, None]
    gram, right = unit @ unit.T, unit @ target
    active = norm > 0
    value = jnp.zeros_like(right)
    eps = 100.0 * float(jnp.finfo(columns.dtype).eps)
    for _ in range(terms):
        both = active[:, None] & active[None, :]
        matrix = jnp.where(both, gram, 0.0) + jnp.diag(jnp.where(active, eps, 1.0).astype(columns.dtype))
        value = jnp.linalg.solve(matrix, jnp.where(active, right, 0.0))
        active = active & (signed | (value > 0))
    return jnp.where(active, value, 0.0) / safe


def _each(layout: Layout) -> list[Slot]:
    return [slot for slot in layout for _ in range(slot.copies)]
