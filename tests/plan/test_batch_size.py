"""Steps against tokens: critical batches by their definitions, and batches that grow."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxlaws import catalogue
from jaxlaws.errors import PlanError
from jaxlaws.plan import batch_ramp, batch_size
from jaxlaws.spec import Constants

ZHANG = catalogue["steps_to_target"].constants["302M"]
KAPLAN = catalogue["su_traj"].constants["kaplan"]


def test_definitions_of_the_critical_batch():
    found = batch_size(ZHANG)
    p = ZHANG.params
    ratio, overhead, tokens = found.critical.values()
    assert ratio == pytest.approx(p["Emin"] / p["Smin"], rel=1e-9)
    assert overhead / 512 == pytest.approx(1393.727, rel=2e-5)  # as the released notebook has it
    assert tokens == pytest.approx(0.1 * ratio, rel=1e-12)
    at = batch_size(ZHANG, batch=[ratio])
    assert at.steps[0] == pytest.approx(2 * p["Smin"], rel=1e-9) and at.tokens[0] == pytest.approx(
        2 * p["Emin"], rel=1e-9
    )


def test_hyperbola_of_a_trajectory_is_its_critical_batch():
    loss = 2.6
    found = batch_size(KAPLAN, N=1e9, loss=loss, batch=[1e5, 1e7])
    p = KAPLAN.params
    assert found.least_tokens / found.least_steps == pytest.approx(p["Bstar"] / loss ** (1 / p["alpha_B"]), rel=1e-6)
    with jax.enable_x64(True):
        back = [float(KAPLAN(N=1e9, step=s, batch=b)) for s, b in zip(found.steps, found.batch, strict=True)]
    np.testing.assert_allclose(back, loss, rtol=1e-9)


def test_ramp_spends_as_many_tokens_in_fewer_steps():
    found = batch_ramp(KAPLAN, N=1e9, loss=2.6, batch=1e6)
    at = batch_size(KAPLAN, N=1e9, loss=2.6, batch=[1e6])
    assert found.constant_steps == pytest.approx(at.steps[0], rel=1e-6)
    assert found.tokens[-1] == pytest.approx(at.tokens[0], rel=1e-6)
    assert found.steps[-1] < found.constant_steps
    assert (np.diff(found.batch) >= 0).all() and found.loss[-1] == pytest.approx(2.6, rel=1e-9)


def test_no_other_ramp_of_as_many_tokens_takes_fewer_steps():
    p, N, goal = KAPLAN.params, 1e9, 2.6
    found = batch_ramp(KAPLAN, N=N, loss=goal, batch=1e6)
    # The law by hand: steps that an endless batch needs to each loss, and those that noise adds to them at a batch.
    endless = p["Sc"] * (found.loss - (p["Nc"] / N) ** p["alpha_N"]) ** (-1.0 / p["alpha_S"])
    width = np.diff(endless, prepend=0.0)
    local = np.diff(endless * p["Bstar"] * found.loss ** (-1.0 / p["alpha_B"]), prepend=0.0) / width
    knots, share = np.linspace(0.0, 1.0, 12), np.linspace(0.0, 1.0, len(width))

    def batches(z):
        return np.exp(np.interp(share, knots, z))

    def steps(z):
        return np.sum((1.0 + local / batches(z)) * width) / found.steps[-1]

    spent = {"type": "eq", "fun": lambda z: np.sum((batches(z) + local) * width) / found.tokens[-1] - 1.0}
    best = minimize(steps, np.full(12, np.log(1e6)), constraints=[spent], method="SLSQP", options={"ftol": 1e-12})
    assert best.success
    # SciPy's ramp is a broken line, so that it may only come near.
    assert 1.0 - 1e-6 <= best.fun <= 1.001
    middle = slice(len(width) // 3, None)
    np.testing.assert_allclose(batches(best.x)[middle], found.batch[middle], rtol=0.05)


def test_a_law_without_a_hyperbola_has_no_critical_batch():
    params = {"E": 1.5, "A": 400.0, "P": 30.0, "Q": 100.0, "a": 0.34, "b": 0.4, "c": 0.6}
    law = Constants(catalogue["three_term"], params, "made up")
    for ask in (batch_size, lambda law, **more: batch_ramp(law, batch=1e6, **more)):
        with pytest.raises(PlanError, match="steps against tokens are no hyperbola"):
            ask(law, N=1e9, loss=2.5)
    with pytest.raises(PlanError, match="needs a law of steps at a batch"):
        batch_size(catalogue["kaplan_smin"].constants["kaplan"], loss=2.5)


def test_bad_input_is_one_line():
    with pytest.raises(PlanError, match="may lie below its floor"):
        batch_size(KAPLAN, N=1e9, loss=0.5)
    with pytest.raises(PlanError, match="needs N, loss"):
        batch_size(KAPLAN, N=1e9)
    with pytest.raises(PlanError, match="needs a law of steps at a batch"):
        batch_size(catalogue["chinchilla"].constants["besiroglu"])
    with pytest.raises(PlanError, match="needs a law of a loss in step and batch"):
        batch_ramp(ZHANG, batch=1e6)
    with pytest.raises(PlanError, match="above 0"):
        batch_size(ZHANG, batch=[-1.0])
