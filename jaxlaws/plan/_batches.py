"""Many problems in batches of fixed size, so that their number compiles nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

SIZES = (8, 512)  # never 1, whose last bit differs from that of others


def in_batches(run: Callable[[Any], Any], problems: Any) -> Any:
    """`run` over problems, a pytree of arrays `(problems, ...)`, in batches that repeat the last problem to fill up.

    `run` is a compiled function of such a tree, and returns one; all leaves are NumPy.
    """
    count = len(jax.tree.leaves(problems)[0])
    size = SIZES[0] if count <= SIZES[0] else SIZES[1]
    parts = []
    for begin in range(0, count, size):
        rows = np.minimum(np.arange(begin, begin + size), count - 1)
        parts.append(jax.device_get(run(jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[rows], problems))))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:count], *parts)
