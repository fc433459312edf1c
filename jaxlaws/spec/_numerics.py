"""Helpers that keep formulas readable and their gradients finite."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp


def power(base: Any, exponent: Any) -> jax.Array:
    """`base ** exponent` for base above 0, as `exp(exponent * log(base))`.

    `pow` costs six to ten times `exp` on CPUs, and with the logarithm written out XLA hoists `log(base)` out of the
    solver's loop where the base is data. A base at or below the smallest normal number counts as that number.
    """
    dtype = _floating(base, exponent)  # Python numbers are weak: they do not decide it
    base, exponent = jnp.asarray(base, dtype=dtype), jnp.asarray(exponent, dtype=dtype)
    tiny = float(jnp.finfo(dtype).tiny)
    inside = ~(base <= tiny)  # NaN stays NaN
    # Two wheres: the branch that is not taken must be finite too, or its derivatives are NaN.
    logarithm = jnp.where(inside, jnp.log(jnp.where(inside, base, 1.0)), math.log(tiny))
    return jnp.exp(exponent * logarithm)


def _floating(*values: Any) -> Any:
    """Floating dtype of the arrays among the values, as this process has it; JAX's default when there is none."""
    for value in values:
        dtype = getattr(value, "dtype", None)
        if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
            return jax.dtypes.canonicalize_dtype(dtype)
    return jnp.result_type(float)
