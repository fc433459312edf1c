"""Helpers that keep formulas readable and their gradients finite."""

from __future__ import annotations

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
    return jnp.exp(exponent * jnp.log(jnp.maximum(base, jnp.finfo(dtype).tiny)))


def _floating(*values: Any) -> Any:
    """Floating dtype of the arrays among the values, as this process has it; JAX's default when there is none."""
    for value in values:
        dtype = getattr(value, "dtype", None)
        if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
            return jax.dtypes.canonicalize_dtype(dtype)
    return jnp.result_type(float)
