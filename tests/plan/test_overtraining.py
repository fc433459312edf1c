"""Prices of other sizes than the best."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws.errors import PlanError
from jaxlaws.plan.budget import Lifetime
from jaxlaws.plan.overtraining import overtraining


def test_the_best_size_costs_least_and_all_reach_its_loss(chinchilla):
    found = overtraining(chinchilla, 1e23, factors=[0.3, 0.7, 1.0, 1.5, 3.0])
    assert found.price[2] == pytest.approx(1.0, rel=1e-9)
    assert (np.delete(found.price, 2) > 1.0).all()
    losses = [float(chinchilla(N=N, D=D)) for N, D in zip(found.N, found.D, strict=True)]
    np.testing.assert_allclose(losses, found.best.loss[0], rtol=1e-6)
    # D in closed form: what the size leaves of the loss.
    p = chinchilla.params
    D = (p["B"] / (found.best.loss[0] - p["E"] - p["A"] * found.N ** -p["alpha"])) ** (1.0 / p["beta"])
    np.testing.assert_allclose(found.D, D, rtol=1e-8)


def test_served_so_long_a_smaller_model_has_cost_the_same(chinchilla):
    found = overtraining(chinchilla, 1e23, factors=[0.5])
    N, D, served = found.N[0], found.D[0], found.serve[0]
    best = found.best.inputs
    assert 6 * N * D + 2 * N * served == pytest.approx(1e23 + 2 * best["N"][0] * served, rel=1e-9)


def test_serving_that_the_cost_counts_is_not_counted_twice(chinchilla):
    cost = Lifetime(tokens=1e13, price=1.5)
    found = overtraining(chinchilla, 1e24, factors=[0.5], cost=cost)
    N, D, served = found.N[0], found.D[0], found.serve[0]
    best = {n: v[0] for n, v in found.best.inputs.items()}
    assert 6 * N * D + 3 * N * served == pytest.approx(6 * best["N"] * best["D"] + 3 * best["N"] * served, rel=1e-9)
    lifetime = (6 * N * D + 3 * N * 1e13) / 1e24
    assert found.price[0] == pytest.approx(lifetime, rel=1e-9)


def test_a_model_too_small_for_the_loss_is_out_of_reach(chinchilla):
    found = overtraining(chinchilla, 1e23, factors=[0.05])
    assert np.isnan(found.price[0]) and "out of reach" in str(found)


def test_draws_give_prices_an_interval(draws):
    found = overtraining(draws, 1e23, factors=[0.5, 1.0])
    assert found.intervals is not None
    low, high = found.intervals[0]
    assert 1.0 < low < found.price[0] < high


def test_bad_input_is_one_line(chinchilla):
    with pytest.raises(PlanError, match="above 0"):
        overtraining(chinchilla, 1e23, factors=[-1.0])
    with pytest.raises(PlanError, match="one budget"):
        overtraining(chinchilla, [1e22, 1e23])
