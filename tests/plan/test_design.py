"""Runs to add: expected information against refits, and greedy designs against random ones and ladders, on simulations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxlaws import catalogue, fit, huber
from jaxlaws.errors import PlanError
from jaxlaws.fitting import solve
from jaxlaws.objectives import normal, squared
from jaxlaws.plan import BestSize, Prediction, design, greedy, grid, shrunk
from jaxlaws.plan.budget import Sparse
from jaxlaws.spec import Constants

LAW = catalogue["chinchilla"]
TRUE = dict(LAW.constants["besiroglu"].params)
NOISE, SPEND, DECISION = 0.003, 1e21, BestSize(1e23)
GRID = grid(N=np.geomspace(5e7, 6.4e9, 8), D=np.geomspace(1e9, 1.28e11, 8))


def ladder(ratio, steps):
    """Sizes in even steps at a fixed ratio of tokens to parameters, the largest as the budget allows."""
    shape = np.geomspace(1e-2, 1.0, steps)
    largest = np.sqrt(SPEND / np.sum(6.0 * ratio * shape**2))
    return {"N": largest * shape, "D": ratio * largest * shape}


def isoflop_ladder():
    """Three lines of equal compute of five sizes each, ten times apart."""
    C = np.repeat(np.array([0.01, 0.1, 1.0]), 5)
    C *= SPEND / C.sum()
    N = np.sqrt(C / 6.0 / 20.0) * np.tile(np.geomspace(0.25, 4.0, 5), 3)
    return {"N": N, "D": C / 6.0 / N}


# Whatever a ladder may take the planner may take.
CANDIDATES = {n: np.r_[GRID[n], ladder(20.0, 8)[n], isoflop_ladder()[n]] for n in ("N", "D")}


@pytest.fixture(scope="module")
def small():
    """Twelve small runs, as one has them before planning."""
    runs = pd.DataFrame(grid(N=np.geomspace(5e7, 4e8, 4), D=np.geomspace(1e9, 8e9, 3)))
    random = np.random.default_rng(3)
    loss = np.asarray(LAW.constants["besiroglu"](N=runs["N"].to_numpy(), D=runs["D"].to_numpy()), dtype=float)
    return runs.assign(loss=loss * np.exp(NOISE * random.normal(size=len(runs))), run=range(len(runs)))


@pytest.fixture(scope="module")
def fitted(small):
    return fit("chinchilla", small, objective=squared(), starts=32)


@pytest.fixture(scope="module")
def chosen(fitted, small):
    return design(fitted, small, CANDIDATES, DECISION, spend=SPEND, noise=NOISE)


def test_design_spends_no_more_than_there_is_and_shrinks_with_every_run(chosen):
    assert chosen.cost.sum() <= SPEND and len(set(chosen.index.tolist())) == len(chosen.index)
    assert (np.diff(np.r_[chosen.sd_before, chosen.sd_after]) < 0).all()
    assert chosen.sd_after[-1] < 0.3 * chosen.sd_before


def test_greedy_takes_the_best_run_and_then_the_best_beside_it():
    random = np.random.default_rng(0)
    rows, covariance = random.normal(size=(8, 3)), np.diag([1.0, 4.0, 9.0])
    slope = np.array([0.1, 0.2, 1.0])
    with jax.enable_x64(True):
        found = greedy(jnp.asarray(covariance), jnp.asarray(slope), jnp.asarray(rows), jnp.ones(8), 2.0, 0.5, picks=4)
        first = [float(shrunk(covariance, slope, rows, np.eye(8)[i], 0.5)) for i in range(8)]
        one = int(found.index[0])
        pairs = [float(shrunk(covariance, slope, rows, np.eye(8)[one] + np.eye(8)[i], 0.5)) for i in range(8)]
    # Variances by the formula for a sum of information, which `shrunk` does not use.
    by_hand = [slope @ np.linalg.inv(np.linalg.inv(covariance) + 4.0 * np.outer(r, r)) @ slope for r in rows]
    np.testing.assert_allclose(first, by_hand, rtol=1e-9)
    assert one == int(np.argmin(first)) and float(found.variance[0]) == pytest.approx(min(first), rel=1e-9)
    pairs[one] = np.inf  # a candidate is taken once
    assert int(found.index[1]) == int(np.argmin(pairs))
    assert float(found.variance[1]) == pytest.approx(min(pairs), rel=1e-9)
    assert found.index.tolist()[2:] == [-1, -1]  # the budget is spent


def at_random(seed):
    random, cost = np.random.default_rng(seed), 6.0 * CANDIDATES["N"] * CANDIDATES["D"]
    kept, left = [], SPEND
    for i in random.permutation(len(cost)):
        if cost[i] <= left and len(kept) < 64:
            kept.append(i)
            left -= cost[i]
    return {n: v[kept] for n, v in CANDIDATES.items()}


def test_greedy_design_beats_random_ones_and_ladders_on_simulated_runs(chosen, small):
    sets = {"greedy": chosen.inputs, "ladder": ladder(20.0, 8), "isoflop": isoflop_ladder()}
    sets |= {f"random {i}": at_random(i) for i in range(6)}
    rows, simulations = 64 + len(small), 200
    N, D, weight = (np.ones((len(sets), rows)) for _ in range(3))
    for i, one in enumerate(sets.values()):
        count = len(one["N"])
        N[i] = np.pad(np.r_[small["N"], one["N"]], (0, rows - len(small) - count), mode="edge")
        D[i] = np.pad(np.r_[small["D"], one["D"]], (0, rows - len(small) - count), mode="edge")
        weight[i] = np.arange(rows) < len(small) + count
    with jax.enable_x64(True):
        clean = LAW(N, D, **TRUE)
        noise = NOISE * jax.random.normal(jax.random.key(0), (simulations, 1, rows), dtype=jnp.float64)
        observed = clean[None] * jnp.exp(noise)
        start = np.array([[TRUE[k] for k in LAW.params]])

        def error(N, D, weight, observed):
            found = solve(LAW, {"N": N, "D": D}, observed, weights=weight, starts=start, objective=squared())
            return DECISION(LAW, found.params) - DECISION(LAW, {k: jnp.float64(v) for k, v in TRUE.items()})

        over_designs = jax.vmap(error)
        errors = jax.jit(jax.vmap(lambda y: over_designs(jnp.asarray(N), jnp.asarray(D), jnp.asarray(weight), y)))(
            observed
        )
    rms = dict(zip(sets, np.sqrt(np.mean(np.square(np.asarray(errors)), axis=0)), strict=True))
    others = {k: v for k, v in rms.items() if k != "greedy"}
    assert rms["greedy"] < min(others.values()), rms
    # What is expected to first order is what happens, within the noise of the simulations and the curvature of the law.
    assert rms["greedy"] == pytest.approx(chosen.sd_after[-1], rel=0.5), rms


def test_what_is_known_has_the_weights_priors_and_scale_of_the_fit():
    x = np.geomspace(1.0, 1e3, 40)
    loss = 3.0 * x**-0.2 * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
    table = {"x": x, "loss": loss, "w": np.where(x < 10.0, 1.0, 0.01)}

    def before(objective=squared(), noise=None, **more):
        found = fit("power", table, objective=objective, starts=8, **more)
        asked = Prediction((("x", 1e5),))
        return design(found, table, {"x": [1e4]}, asked, spend=1.0, cost=lambda x: 0.5 * x / 1e4, noise=noise)

    plain, held = before(), before(priors={"alpha": normal(0.2, 1e-6)})
    assert before(weights="w", noise=0.01).sd_before > 2.0 * before(noise=0.01).sd_before
    assert held.sd_before < 0.5 * plain.sd_before
    raw = before(objective=squared(on="raw"))
    assert raw.on == "raw" and "on the scale raw" in str(raw)
    # Residuals grow with the loss: their scatter on the raw scale is .01 of it, its root mean square 1.65.
    assert raw.noise == pytest.approx(0.01 * np.sqrt(np.mean(loss**2)), rel=0.3)
    # The decision is a logarithm on either scale: the same rows leave it as uncertain, up to how they are weighed.
    assert raw.sd_before == pytest.approx(plain.sd_before, rel=1.0)


def test_noise_of_a_robust_fit_is_what_makes_it_so_uncertain():
    x = np.geomspace(1.0, 1e3, 400)
    random = np.random.default_rng(0)
    loss = 3.0 * x**-0.2 * np.exp(0.01 * random.normal(size=400))
    table = {"x": x, "loss": loss}
    plans = [
        design(
            fit("power", table, objective=objective, starts=8),
            table,
            {"x": [1e4]},
            Prediction((("x", 1e5),)),
            spend=1.0,
            cost=lambda x: 0.5 * x / 1e4,
        )
        for objective in (squared(), huber(3e-3))
    ]
    assert plans[0].noise == pytest.approx(0.01, rel=0.1)
    # Of normal noise, with the cost bent at .3 of it: sqrt(E psi²) / E psi' = .2755 / .2358.
    assert plans[1].noise == pytest.approx(0.01 * 1.168, rel=0.15)


def test_bad_input_is_one_line(fitted, small):
    with pytest.raises(PlanError, match="do not pay for the cheapest candidate"):
        design(fitted, small, CANDIDATES, DECISION, spend=1e15)
    with pytest.raises(PlanError, match="candidates need N, D"):
        design(fitted, small, {"N": [1e9]}, DECISION, spend=1e21)
    with pytest.raises(PlanError, match="finite numbers above 0"):
        design(fitted, small, {"N": [1e9], "D": [-1.0]}, DECISION, spend=1e21)
    with pytest.raises(PlanError, match="takes a fit of a law of single rows"):
        design(Constants(LAW, TRUE, "published"), small, CANDIDATES, DECISION, spend=1e21)
    with pytest.raises(PlanError, match=r"noise=...\)` must be a finite number above 0"):
        design(fitted, small, CANDIDATES, DECISION, spend=1e21, noise=0.0)
    with pytest.raises(PlanError, match="a prediction of `chinchilla` is at N, D; got N"):
        design(fitted, small, CANDIDATES, Prediction((("N", 1e9),)), spend=1e21)
    with pytest.raises(PlanError, match="needs S, which `chinchilla`"):
        design(fitted, small, CANDIDATES, DECISION, spend=1e21, cost=Sparse())
    with pytest.raises(PlanError, match="on these rows the fit's objective is"):
        design(fitted, small.iloc[:6], CANDIDATES, DECISION, spend=1e21)
