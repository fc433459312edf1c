"""One forecaster and one shape for all tests of the room, so that little is compiled."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws.online import ahead, forecaster
from jaxlaws.online._compiled import forecast, replayed
from jaxlaws.online.calibrate import BLOCK
from jaxlaws.schedules.curve import Curve
from jaxlaws.spec.law import Constants

from .cases import HELD, LAW, RUNS, TOTAL, TRUE


@pytest.fixture(scope="session")
def watcher():
    """Forecaster whose prior is a wrong model of the same law: a sibling of another size."""
    known = {**TRUE, "L0": 2.3, "A": 0.8, "B": 0.13}
    return forecaster(Constants(LAW, {**known, **HELD}, "another size"), noise=2e-3)


@pytest.fixture(scope="session")
def truth():
    """True loss of a run at every step, by the exact sum over changes: `(TOTAL,)`."""
    made = {}

    def loss(name: str) -> np.ndarray:
        if name not in made:
            with jax.enable_x64(True):
                curve = Curve.of(RUNS[name], at=np.arange(1, TOTAL + 1), anneal=False)
                made[name] = np.asarray(jax.jit(lambda c: LAW(c, **TRUE, **HELD))(curve))
        return made[name]

    return loss


@pytest.fixture(scope="session")
def step_by_step(watcher):
    """State after any steps, losses and rates, told one by one."""

    def state(steps, losses, rates):
        state = watcher.init()
        for i in range(0, len(steps), BLOCK):
            rows = [
                np.append(x[i : i + BLOCK], np.zeros(BLOCK - len(x[i : i + BLOCK]))) for x in (steps, losses, rates)
            ]
            state = replayed(watcher, state, rows[0].astype(np.int32), *(x.astype(np.float32) for x in rows[1:]))
        return state

    return state


@pytest.fixture(scope="session")
def seen(step_by_step, truth):
    """State of a run after its first `until` steps, watched with noise; steps after it are padding."""
    steps = np.arange(1, TOTAL + 1)

    def state(name: str, until: int, *, noise: float = 0.02, seed: int = 0):
        loss = truth(name) + noise * np.random.default_rng(seed).normal(size=TOTAL)
        some = np.where(steps <= until, steps, 0)
        return step_by_step(some, loss, RUNS[name].as_array(TOTAL)[1:])

    return state


@pytest.fixture(scope="session")
def cast(watcher):
    """Forecast of the end of a run, compiled once."""

    def end(state, name: str, at: int = TOTAL, by=watcher):
        steps, rates = ahead(RUNS[name])
        return forecast(by, state, (steps.astype(np.int32), rates.astype(np.float32)), np.array([at], np.int32))

    end.compiled = forecast
    return end
