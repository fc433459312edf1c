"""What is known of a parameter before the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from jaxlaws.objectives._objective import check_positive


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Normal:
    """Normal prior on a parameter's value. `residual` is the residual that weighs as much as one `sd`."""

    mean: Any
    sd: Any
    residual: Any = None


def normal(mean: Any, sd: Any, *, residual: Any = None) -> Normal:
    r"""Adds $\frac12 (r (p - mean)/sd)^2$ to the objective, $r$ = `residual` (default: the objective's unit, Huber's
    delta).

    The objective then is $r^2$ times a negative log-posterior, and the fit a MAP.
    """
    check_positive("normal", "sd", sd)
    return Normal(mean, sd, residual)
