"""A law in two parts: what does not depend on the parameters that are searched, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Literal

_INLINED = ("jit", "pjit", "closed_call")


@dataclass(frozen=True)
class _Step:
    primitive: Any
    params: dict[str, Any]
    given: tuple[Any, ...]  # names of values, or literals
    found: tuple[int, ...]
    size: int  # of the largest array that it makes


@dataclass(frozen=True)
class Split:
    """`finish(prepare(still), moving)` is the function. `beside` is `finish` for many calls side by side: everything
    has two more axes, the last ones, groups of calls and calls (1 in features). `swelling` says how much larger than
    its result the largest array is that `finish` makes on the way."""

    prepare: Callable[[Any], list[Any]]
    finish: Callable[[Sequence[Any], Any], Any]
    beside: Callable[[Sequence[Any], Any], Any]
    swelling: float


def split(fn: Callable[[Any, Any], Any], still: Any, moving: Any) -> Split:
    """`fn(still, moving)` in its two parts.

    `prepare` does all the arithmetic that does not need `moving`, once for many calls of `finish`: logarithms of sizes,
    areas between steps, relaxation at a fixed rate. Arguments here are examples, of which only shapes and types count.
    `fn` returns one array.
    """
    closed = jax.make_jaxpr(fn)(still, moving)
    steps: list[_Step] = []
    values: dict[int, Any] = {}
    count = len(jax.tree.leaves(still))
    names = list(range(len(closed.jaxpr.invars)))
    (out,) = _flatten(closed.jaxpr, closed.consts, names, steps, values, [len(names)])
    moved = set(names[count:])
    early, late = [], []
    for step in steps:
        depends = any(isinstance(v, int) and v in moved for v in step.given)
        moved.update(step.found if depends else ())
        (late if depends else early).append(step)
    wanted = {v for step in late for v in step.given if isinstance(v, int)} | ({out} if isinstance(out, int) else set())
    kept = sorted(v for v in wanted if v not in moved and v not in values)

    def prepare(still: Any) -> list[Any]:
        known = {**values, **dict(zip(names, jax.tree.leaves(still), strict=False))}
        _run(early, known)
        return [known[v] for v in kept]

    def finish(features: Sequence[Any], moving: Any) -> Any:
        known = {**values, **dict(zip(kept, features, strict=True))}
        known |= dict(zip(names[count:], jax.tree.leaves(moving), strict=True))
        _run(late, known)
        return _read(out, known)

    def beside(features: Sequence[Any], moving: Any) -> Any:
        leaves = jax.tree.leaves(moving)
        lanes = jnp.shape(leaves[0])[-2:]
        known = {name: jnp.expand_dims(value, (-1, -2)) for name, value in values.items()}
        known |= dict(zip(kept, features, strict=True)) | dict(zip(names[count:], leaves, strict=True))
        _run(late, known, lanes)
        return jnp.broadcast_to(_read(out, known), (*closed.out_avals[0].shape, *lanes))

    largest = max([step.size for step in late], default=1)
    return Split(prepare, finish, beside, largest / max(closed.out_avals[0].size, 1))


def _flatten(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    given: Sequence[Any],
    steps: list[_Step],
    values: dict[int, Any],
    fresh: list[int],
) -> list[Any]:
    """Appends the program's steps, those of functions inside it included, under names of their own; names of its
    results."""
    names: dict[Any, Any] = dict(zip(jaxpr.invars, given, strict=True))

    def new(v: Any) -> int:
        names[v] = fresh[0]
        fresh[0] += 1
        return names[v]

    def of(v: Any) -> Any:
        return v if isinstance(v, Literal) else names[v]

    for v, value in zip(jaxpr.constvars, consts, strict=True):
        values[new(v)] = value
    for eqn in jaxpr.eqns:
        inputs = tuple(of(v) for v in eqn.invars)
        if eqn.primitive.name in _INLINED and "jaxpr" in eqn.params:
            inner = eqn.params["jaxpr"]
            outs = _flatten(inner.jaxpr, inner.consts, inputs, steps, values, fresh)
            names |= dict(zip(eqn.outvars, outs, strict=True))
        else:
            largest = max((_aval(v).size for v in eqn.outvars), default=1)
            steps.append(_Step(eqn.primitive, eqn.params, inputs, tuple(new(v) for v in eqn.outvars), largest))
    return [of(v) for v in jaxpr.outvars]


# Elementwise, or about axes counted from the front: the same with more axes at the end.
_BLIND = {"abs", "add", "add_any", "and", "ceil", "clamp", "convert_element_type", "copy", "cos", "cumsum", "div", "eq"}
_BLIND |= {"erf", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p", "lt"}
_BLIND |= {"logistic", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "reduce_max", "reduce_min", "reduce_sum"}
_BLIND |= {"rsqrt", "select_n", "sign", "sin", "sqrt", "square", "stop_gradient", "sub", "tan", "tanh", "xor"}


def _run(steps: Sequence[_Step], known: dict[int, Any], lanes: tuple[int, ...] = ()) -> None:
    """Carries steps out on the values known by name, and adds what they find. With `lanes`, all values have these two
    axes last."""
    for step in steps:
        bound = step.primitive.get_bind_params(step.params)
        functions, params = bound if isinstance(bound, tuple) else ((), bound)  # by version of jax
        bind = partial(step.primitive.bind, *functions, **params)
        given = [_read(v, known) for v in step.given]
        found = _beside(step, bind, given, lanes) if lanes else bind(*given)
        known |= dict(zip(step.found, found if step.primitive.multiple_results else [found], strict=True))


def _beside(step: _Step, bind: Callable[..., Any], given: Sequence[Any], lanes: tuple[int, ...]) -> Any:
    """One step on values with the axes of `lanes` last. `vmap` alone would put them first, where sums over the others
    are slow."""
    name, params = step.primitive.name, step.params
    literal = [isinstance(v, Literal) for v in step.given]
    wide = [
        v if plain else jnp.broadcast_to(v, (*jnp.shape(v)[:-2], *lanes))
        for v, plain in zip(given, literal, strict=True)
    ]
    if name == "broadcast_in_dim" and len(wide) == 1:
        rank = len(params["shape"])
        dimensions = (*params["broadcast_dimensions"], rank, rank + 1)
        return jax.lax.broadcast_in_dim(wide[0], (*params["shape"], *lanes), dimensions)
    if name in _BLIND and len({v.ndim for v, plain in zip(wide, literal, strict=True) if not plain}) == 1:
        return bind(*wide)
    starts = jax.vmap(bind, in_axes=tuple(None if plain else -1 for plain in literal), out_axes=-1)
    return jax.vmap(starts, in_axes=tuple(None if plain else -2 for plain in literal), out_axes=-2)(*wide)


def _read(v: Any, known: dict[int, Any]) -> Any:
    return np.asarray(v.val, _aval(v).dtype) if isinstance(v, Literal) else known[v]


def _aval(v: Any) -> Any:
    """Shape and type of a variable of a program."""
    return v.aval
