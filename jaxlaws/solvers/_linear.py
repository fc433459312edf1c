"""Small dense linear algebra that batches well."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

_UNROLLED = 10  # LAPACK calls cost more than the arithmetic for matrices up to about this size


def solve_positive(matrix: Any, right: Any) -> Any:
    """Solution of `matrix @ x = right`, `(n, n)` and `(n,)`, for a symmetric positive (semi-)definite matrix with a
    unit-like scale. Many systems side by side: `(n, n, many)` and `(n, many)`."""
    n = right.shape[0]
    if n > _UNROLLED:
        if right.ndim == 2:
            return jax.vmap(solve_positive, in_axes=-1, out_axes=-1)(matrix, right)
        factor = jax.scipy.linalg.cho_factor(matrix + 1e-14 * jnp.eye(n, dtype=matrix.dtype), lower=True)
        return jax.scipy.linalg.cho_solve(factor, right)
    tiny = jnp.finfo(matrix.dtype).eps ** 2
    zero = jnp.zeros(right.shape[1:], right.dtype)
    lower: dict[tuple[int, int], Any] = {}
    inverse: list[Any] = []
    for j in range(n):
        pivot = matrix[j, j] - sum((lower[j, k] ** 2 for k in range(j)), start=zero)
        inverse.append(jax.lax.rsqrt(jnp.maximum(pivot, tiny)))
        for i in range(j + 1, n):
            dot = sum((lower[i, k] * lower[j, k] for k in range(j)), start=zero)
            lower[i, j] = (matrix[i, j] - dot) * inverse[j]
    half: list[Any] = []
    for i in range(n):
        half.append((right[i] - sum((lower[i, k] * half[k] for k in range(i)), start=zero)) * inverse[i])
    x: list[Any] = [None] * n
    for i in reversed(range(n)):
        dot = sum((lower[k, i] * x[k] for k in range(i + 1, n)), start=zero)
        x[i] = (half[i] - dot) * inverse[i]
    return jnp.stack(x)
