"""Steps against tokens: critical batches by their definitions, and batches that grow."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxlaws import catalogue
from jaxlaws.errors import PlanError
from jaxlaws.plan import batch_ramp, batch_size

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
    # Ten segments of progress, each with its own batch, by SciPy: the closed form in small.
    random = np.random.default_rng(0)
    width, local = random.uniform(0.5, 2.0, 10), np.sort(random.uniform(1.0, 50.0, 10))
    constant = 7.0
    batch = constant * width.sum() / (np.sqrt(local) * width).sum() * np.sqrt(local)

    def steps(log_batch):
        return np.sum((1.0 + local / np.exp(log_batch)) * width)

    spent = np.sum((constant + local) * width)
    same = {"type": "eq", "fun": lambda z: np.sum((np.exp(z) + local) * width) / spent - 1.0}
    best = minimize(steps, np.full(10, np.log(constant)), constraints=[same], method="SLSQP", options={"ftol": 1e-14})
    assert best.success
    np.testing.assert_allclose(np.exp(best.x), batch, rtol=1e-3)
    assert steps(np.log(batch)) <= best.fun * (1.0 + 1e-9)


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
