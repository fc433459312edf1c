"""What host code of this room runs: compiled once for each law and shape, and shared."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.online.forecaster import Forecast, Forecaster
from jaxlaws.online.history import State
from jaxlaws.online.replay import replay


@jax.jit
def updated(forecaster: Forecaster, state: State, step: Any, loss: Any, lr: Any) -> State:
    """State after one more step; of several losses, their mean."""
    return forecaster.update(state, step, jnp.mean(loss), lr)


@jax.jit
def replayed(forecaster: Forecaster, state: State, steps: Any, losses: Any, rates: Any) -> State:
    """State after logged steps."""
    return replay(forecaster, steps, losses, rates, state=state)


@jax.jit
def forecast(forecaster: Forecaster, state: State, path: tuple[Any, Any], at: Any) -> Forecast:
    """Forecast at steps `at` along a path of steps and rates."""
    return forecaster.forecast(state, path, at)
