"""What leaving a run out would change, by the derivative, held against leaving it out."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import catalogue, fit, formula, published
from jaxlaws.errors import FitError
from jaxlaws.objectives import squared
from jaxlaws.uncertainty import jackknife
from jaxlaws.validate import influence


def test_influence_of_least_squares_is_the_closed_form(quick):
    # For a linear law leaving row i out moves parameters by -(X'X)^-1 x_i e_i, times 1/(1-h_i), which is second order.
    x = np.linspace(1.0, 4.0, 16)
    loss = 3.0 + 0.5 * x + 0.01 * np.random.default_rng(0).standard_normal(16)
    law = formula("E + A * x", inputs=("x",))
    found = fit(law, {"x": x, "loss": loss}, objective=squared(on="raw"), **quick)
    told = influence(found, {"x": x, "loss": loss}, objective=squared(on="raw"))
    design = np.stack([np.ones(16), x], axis=1)
    error = design @ [found["E"], found["A"]] - loss
    exact = (np.linalg.inv(design.T @ design) @ design.T * error).T
    np.testing.assert_allclose(told.params["E"], exact[:, 0], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(told.params["A"], exact[:, 1], rtol=1e-5, atol=1e-9)


def test_influence_agrees_with_leaving_each_run_out(data_dir):
    runs = published("chinchilla_epoch")
    found = fit("chinchilla", runs, starts=64)

    def best_size(params):
        return {"N": catalogue["chinchilla"].derived["compute_optimal"](C=1e24, **params)["N"]}

    told = influence(found, runs, best_size)
    left = jackknife(found, runs)
    assert told.units == left.left_out
    for name, change in told.params.items():
        assert np.corrcoef(change, left.without.params[name] - found[name])[0, 1] > 0.98, name
    moved = left.without.decide(best_size).draws["N"] - told.value["N"]
    assert np.corrcoef(told.decision["N"], moved)[0, 1] > 0.98
    assert "leaving out one run changes" in str(told) and len(told.strongest("N", 3)) == 3


def test_a_parameter_on_its_bound_and_a_fixed_one_do_not_move(powers, quick):
    found = fit(formula("E + A / N^alpha"), powers, bounds={"alpha": (0.4, 1.0)}, **quick)
    told = influence(found, powers, lambda p: jnp.log(p["E"]))
    assert found.at_bound == ("alpha",)
    np.testing.assert_array_equal(told.params["alpha"], 0.0)
    np.testing.assert_allclose(told.decision, told.params["E"] / found["E"], rtol=1e-9)
    held = influence(fit(formula("E + A / N^alpha"), powers, fix={"alpha": 0.35}, **quick), powers)
    assert "alpha" not in held.params


def test_influence_by_row_is_that_of_runs_of_one_row(powers, quick):
    found = fit(formula("E + A / N^alpha"), powers, **quick)
    runs, rows = influence(found, powers), influence(found, powers, by="row")
    np.testing.assert_array_equal(rows.params["alpha"], runs.params["alpha"])
    assert rows.units == runs.units


def test_a_decision_that_has_no_derivative_is_one_sentence(powers, quick):
    found = fit(formula("E + A / N^alpha"), powers, **quick)
    with pytest.raises(FitError, match="write it in jax.numpy"):
        influence(found, powers, lambda p: np.log(p["E"]))


def test_influence_by_a_column_is_the_sum_over_its_runs(powers, quick):
    found = fit(formula("E + A / N^alpha"), powers, **quick)
    alone, grouped = influence(found, powers), influence(found, powers, by="part")
    assert grouped.units == ("0", "1", "2", "3")
    np.testing.assert_allclose(grouped.params["alpha"], alone.params["alpha"].reshape(4, 4).sum(axis=1), rtol=1e-9)
    with pytest.raises(FitError, match="`width`"):
        influence(found, powers, by="width")
    with pytest.raises(FitError, match="`beta`"):
        alone.strongest("beta")
