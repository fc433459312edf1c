"""Loss over size, batch and steps, or over rate and batch, on the Step Law runs: arXiv:2607.01487, arXiv:2507.21184 and our own basin."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws import catalogue, fit, published
from jaxlaws.objectives import huber


@pytest.fixture(scope="module")
def runs(data_dir):
    return published("steplaw").frame


def test_three_term_law_at_its_best_batch_is_chinchilla():
    law = catalogue["three_term"]
    p = {"E": 1.5, "A": 400.0, "P": 30.0, "Q": 100.0, "a": 0.34, "b": 0.4, "c": 0.6}
    with jax.enable_x64(True):
        chinchilla = law.derived["chinchilla_form"](**p)
        for D in (1e9, 1e12):
            best = law.derived["best_batch"](D, **p)
            there = law(N=1e9, batch=best["batch"], step=best["step"], **p)
            assert float(catalogue["chinchilla"](N=1e9, D=D, **chinchilla)) == pytest.approx(float(there), rel=1e-12)


@pytest.fixture(scope="module")
def tuned(runs):
    """For each size, data and batch the run of the best rate, where it comes within 2 % of the best batch."""
    best = runs.sort_values("loss").groupby(["N", "D", "batch"], as_index=False).first()
    near = best[best["loss"] < 1.02 * best.groupby(["N", "D"])["loss"].transform("min")]
    # Steps of the runs themselves are whole; D over the batch is not always.
    return near.assign(step=(near["D"] / near["batch"]).round(), run=range(len(near)))


def test_three_term_law_finds_the_reported_growth_of_the_best_batch(tuned):
    found = fit("three_term", tuned[["run", "N", "batch", "step", "loss"]], objective=huber(1e-3)).params
    # Reported, second-hand: D^.566. Which cells entered is not known: with those up to 5 or 10 % off it is .63 and .64 here.
    assert found["c"] / (found["b"] + found["c"]) == pytest.approx(0.566, abs=0.015)


@pytest.fixture(scope="module")
def basin(runs):
    """Rows within 5 % of the lowest loss of their size and data."""
    return runs[runs["loss"] < 1.05 * runs.groupby(["N", "D"])["loss"].transform("min")]


def explained(predicted, observed):
    return 1.0 - np.mean((predicted - observed) ** 2) / np.var(observed)


def test_published_surface_means_sequences_of_2048(basin):
    constants = catalogue["lr_batch_surface"].constants["steplaw"]
    inputs = {k: basin[k].to_numpy() for k in constants.law.inputs}
    with jax.enable_x64(True):
        by_unit = {
            unit: explained(
                np.asarray(constants.law(**inputs, **(constants.params | {"sequence": unit}))), basin["loss"]
            )
            for unit in (1.0, 1024.0, 2048.0, 4096.0)
        }
    # The unit is not stated: these runs' own one explains 94 % of the loss, the next 89 %.
    assert max(by_unit, key=by_unit.get) == 2048.0
    assert by_unit[2048.0] == pytest.approx(0.945, abs=1e-3)


@pytest.mark.slow
def test_basin_in_logarithms_holds_for_models_that_it_has_not_seen(basin):
    columns = ["N", "D", "lr", "batch", "loss"]
    large = basin["N"] > 5e8
    score = {}
    for law in ("lr_batch_basin", "lr_batch_surface"):
        found = fit(law, basin.loc[~large, columns], objective=huber(1e-3))
        score[law] = float(np.mean(np.abs(found.predict(basin.loc[large, columns]) - basin.loc[large, "loss"])))
    # Fitted to the three smaller sizes, scored on the two larger: mean absolute errors of .011 and .018 nats.
    assert score["lr_batch_basin"] < 0.012 < 0.017 < score["lr_batch_surface"], score
