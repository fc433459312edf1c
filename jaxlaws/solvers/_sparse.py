"""Columns of a linear map, each computed from what its own parameter moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal


def sparse_columns(linear: Callable[[tuple[Any, ...]], Any], like: Sequence[Any]) -> list[Any]:
    """`linear` of ones for each of its arguments in turn, zeros for the others.

    Zeros are not multiplied out but dropped from the program, as `jax.jvp` along one argument would, and the
    coefficients are computed once for all columns.
    """
    closed = jax.make_jaxpr(linear)(tuple(like))
    # Behind a barrier, or XLA on CPUs computes them again inside the loop of every column.
    coefficients = jax.lax.optimization_barrier(tuple(closed.consts))
    shape = jax.eval_shape(linear, tuple(like))
    found = []
    for i in range(len(like)):
        tangents = [jnp.ones_like(v) if j == i else None for j, v in enumerate(like)]
        (out,) = _evaluate(closed.jaxpr, coefficients, tangents)
        found.append(jnp.zeros(shape.shape, shape.dtype) if out is None else out)
    return found


def _evaluate(jaxpr: Jaxpr, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    """The program with None for zeros: what has only zeros to start from is zero."""
    moved: dict[Any, Any] = dict(zip(jaxpr.invars, arguments, strict=True))  # linear in the arguments
    still: dict[Any, Any] = dict(zip(jaxpr.constvars, constants, strict=True))

    def read(v: Any) -> Any:
        return v.val if isinstance(v, Literal) else moved[v] if v in moved else still[v]

    for step in jaxpr.eqns:
        live = [v for v in step.invars if not isinstance(v, Literal) and v in moved]
        if live and all(moved[v] is None for v in live):
            moved |= dict.fromkeys(step.outvars)
            continue
        given = [_zeros(v.aval) if (value := read(v)) is None else value for v in step.invars]
        out = step.primitive.bind(*given, **step.params)
        results = out if step.primitive.multiple_results else [out]
        (moved if live else still).update(zip(step.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _zeros(aval: Any) -> Any:
    return jnp.zeros(aval.shape, aval.dtype)
