"""A logged run, as if it had been watched."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.online.forecaster import Forecaster
from jaxlaws.online.history import State


def replay(forecaster: Forecaster, steps: Any, losses: Any, rates: Any, *, state: State | None = None) -> State:
    """State after logged steps, their losses and rates, arrays `(steps,)`, in their order. Pure.

    Goes on from `state`, by default from before the first step. Steps of 0 are ignored: use them as padding.
    """
    begun = forecaster.init() if state is None else state
    dtype = begun.now.dtype
    rows = jnp.asarray(steps, jnp.int32), jnp.asarray(losses, dtype), jnp.asarray(rates, dtype)
    return jax.lax.scan(lambda state, row: (forecaster.update(state, *row), None), begun, rows)[0]
