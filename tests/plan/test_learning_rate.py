"""Rate and batch: surfaces fitted to sweeps, their optimum and its flatness, and published rules beside them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import griddata

from jaxlaws import catalogue, published
from jaxlaws.errors import PlanError
from jaxlaws.plan import best_rate, half_widths, learning_rate, rules, surface
from jaxlaws.plan._basin import basin
from jaxlaws.spec import Constants

TRUE = {
    "U": 0.006,
    "V": 0.005,
    "rho": -0.4,
    "lr0": 2e-3,
    "gamma": 0.6,
    "delta": 0.15,
    "batch0": 4e5,
    "nu": -0.1,
    "epsilon": 0.5,
}
TRUE |= {"floor": 2.5, "N0": 1e9, "D0": 2e10}


@pytest.fixture(scope="module")
def sweep():
    """Four cells of 49 runs on a lattice in logarithms that is not centred; those of a high rate diverged."""
    rows = []
    for N in (2e8, 1e9):
        for D in (5e9, 5e10):
            for lr in np.geomspace(3e-4, 1.2e-2, 7):
                for batch in np.geomspace(5e4, 3e6, 7):
                    loss = float(basin.fn(N, D, lr, batch, **(TRUE | {"floor": 1.7 + 90 * N**-0.25})))
                    rows.append({"N": N, "D": D, "lr": lr, "batch": batch, "loss": loss if lr < 5e-3 else loss + 1.0})
    return pd.DataFrame(rows).assign(run=range(len(rows)))


@pytest.fixture(scope="module")
def fitted(sweep):
    return surface(sweep, near=0.02, starts=8)


def test_surface_is_found_again_beside_diverged_runs(fitted):
    for name in ("U", "V", "rho", "lr0", "gamma", "delta", "batch0", "nu", "epsilon"):
        # Losses of the laws above are float32.
        assert fitted[name] == pytest.approx(TRUE[name], rel=2e-3), name


def test_best_pair_and_its_flat_region(fitted):
    found = learning_rate(fitted, N=[7e9, 1e9], D=[1.4e12, 2e10], within=0.004)
    assert found.lr[1] == pytest.approx(TRUE["lr0"], rel=2e-3) and found.batch[1] == pytest.approx(
        TRUE["batch0"], rel=2e-3
    )
    assert found.lr[0] == pytest.approx(2e-3 * 7**-0.6 * 70**0.15, rel=1e-2)
    # At the end of the flat region the other one follows: the price there is the share that was asked for.
    lr, price = found.changed(found.batch_flat[:, 1])
    np.testing.assert_allclose(price, 0.004, rtol=1e-6)
    assert (lr > found.lr).all()  # rho is below 0: a larger batch wants a larger rate
    np.testing.assert_allclose(found.price(found.lr, found.batch), 0.0, atol=1e-12)


def test_another_batch_is_looked_at_within_the_same_bounds(fitted):
    free = learning_rate(fitted, N=1e9, D=2e10)
    bound = learning_rate(fitted, N=1e9, D=2e10, bounds={"lr": (1e-5, 2.5e-3)})
    lr, _ = free.changed(3e6)
    assert lr[0] > 2.5e-3 and bound.lr[0] == pytest.approx(free.lr[0], rel=1e-6)
    with pytest.raises(PlanError, match="improves without end"):
        bound.changed(3e6)


def test_what_is_chosen_is_compared_with_what_was_fitted(fitted):
    far = learning_rate(fitted, N=1e9, D=2e14)
    assert far.reach["batch"][0] == pytest.approx(far.batch[0] / 3e6, rel=0.6) and far.reach["batch"][0] > 1.0
    assert "batch is" in str(far) and "lr" in far.reach


def test_draws_without_an_optimum_inside_are_counted(draws):
    scatter = np.random.default_rng(0).normal(0.0, 0.3, 20)
    params = {k: np.full(20, float(v)) for k, v in TRUE.items()} | {"lr0": TRUE["lr0"] * np.exp(scatter)}
    found = learning_rate(type(draws)(basin, params, dict(TRUE)), N=1e9, D=2e10, bounds={"lr": (1e-5, 2.5e-3)})
    assert found.silent == np.sum(params["lr0"] > 2.5e-3) > 0
    assert f"{found.silent} draws have no answer" in str(found)


def test_size_and_data_that_grow_together_need_to_be_told_apart(sweep):
    line = sweep[(sweep["N"] == 2e8) == (sweep["D"] == 5e9)]
    with pytest.raises(PlanError, match=r'lie on one line, .*`fix=\{"delta": 0.0, "epsilon": 0.0\}`'):
        surface(line, near=0.02, starts=8)
    held = surface(line, near=0.02, starts=8, fix={"delta": 0.0, "epsilon": 0.0})
    assert held["delta"] == 0.0
    # Along the line D grows tenfold where N grows fivefold.
    assert held["gamma"] == pytest.approx(TRUE["gamma"] - TRUE["delta"] / np.log10(5.0), rel=1e-2)


def test_one_cell_has_a_surface_that_moves_with_nothing(sweep):
    one = sweep[(sweep["N"] == 1e9) & (sweep["D"] == 5e9)]
    found = surface(one, near=0.02, starts=8)
    assert set(found.fixed) >= {"gamma", "nu", "delta", "epsilon"}
    best = learning_rate(found, N=1e9, D=5e9)
    assert best.lr[0] == pytest.approx(TRUE["lr0"] * 0.25 ** TRUE["delta"], rel=2e-3)
    assert best.batch[0] == pytest.approx(TRUE["batch0"] * 0.25 ** TRUE["epsilon"], rel=2e-3)


def test_gradient_search_is_the_closed_form_of_the_catalogue():
    law = catalogue["lr_batch_basin"]
    params = {
        "E": 1.5,
        "A": 240.0,
        "B": 155.0,
        "U": 0.016,
        "V": 0.015,
        "rho": -0.36,
        "alpha": 0.31,
        "beta": 0.25,
        "c": 0.1,
    }
    params |= {"gamma": 0.5, "delta": 0.23, "d": 0.11, "epsilon": 0.63}
    found = learning_rate(Constants(law, params, "near Step Law's"), N=7e9, D=1.4e12)
    held = learning_rate(Constants(law, params, "near Step Law's"), N=7e9, D=1.4e12, batch=1e6)
    with jax.enable_x64(True):
        best = law.derived["best"](7e9, 1.4e12, **params)
        at_batch = law.derived["best_lr_at_batch"](7e9, 1.4e12, 1e6, **params)
    assert found.lr[0] == pytest.approx(float(best["lr"]), rel=1e-6)
    assert found.batch[0] == pytest.approx(float(best["batch"]), rel=1e-6)
    assert held.lr[0] == pytest.approx(float(at_batch["lr"]), rel=1e-6) and held.batch[0] == 1e6


def test_pure_search_is_differentiable_and_batched():
    def rate(N):
        return jnp.log(
            best_rate(basin, {k: jnp.float64(v) for k, v in TRUE.items()}, {"N": N, "D": jnp.float64(2e10)}).lr
        )

    with jax.enable_x64(True):
        N = jnp.geomspace(1e8, 1e10, 8)
        slopes = jax.jit(jax.vmap(jax.grad(rate)))(N) * N
        np.testing.assert_allclose(slopes, -TRUE["gamma"], rtol=1e-9)
        widths = half_widths(jnp.diag(jnp.array([2.0, 8.0])), 0.01)
    np.testing.assert_allclose(widths, np.sqrt(np.log(1.01) / np.array([1.0, 4.0])), rtol=1e-12)


def measured(cell, lr, batch):
    """Measured loss at a pair between the runs of a cell, over the cell's lowest, less 1: linear between them in logarithms."""
    points = np.log(cell[["lr", "batch"]].to_numpy())
    loss = griddata(points, cell["loss"].to_numpy(), np.log([[lr, batch]]), method="linear")[0]
    return loss / cell["loss"].min() - 1.0


@pytest.fixture(scope="module")
def steplaw(data_dir):
    return published("steplaw").frame


@pytest.mark.slow
def test_step_law_cells_that_were_left_out_are_predicted_to_a_thousandth(steplaw):
    cells = steplaw.groupby(["N", "D"])
    largest = sorted(cells.groups)[-2:]
    rest = steplaw[~steplaw.set_index(["N", "D"]).index.isin(largest)]
    found = learning_rate(surface(rest), N=[N for N, _ in largest], D=[D for _, D in largest])
    for key, lr, batch in zip(largest, found.lr, found.batch, strict=True):
        # Linear interpolation over a basin errs upwards.
        assert measured(cells.get_group(key), lr, batch) < 1e-3, key


@pytest.mark.slow
def test_flat_region_of_step_law_contains_the_measured_optimum(steplaw):
    inside = []
    for (N, D), cell in steplaw.groupby(["N", "D"]):
        rest = steplaw[(steplaw["N"] != N) | (steplaw["D"] != D)]
        found = learning_rate(surface(rest), N=N, D=D)
        best = cell.loc[cell["loss"].idxmin()]
        inside.append(found.price(best["lr"], best["batch"])[0])
    inside = np.array(inside)
    assert len(inside) == 17
    # The region as it is told is within .25 %; a little more than half of that is enough.
    assert (inside <= 0.0015).sum() >= 15, inside


def test_published_rules_stand_side_by_side_in_their_units():
    found = {rule.name: rule for rule in rules(catalogue.values(), N=7e9, D=1.4e12)}
    assert found["step_law@dense"].value == pytest.approx(1.79 * 7e9**-0.713 * 1.4e12**0.307, rel=1e-6)
    assert found["deepseek_lr@deepseek"].value == pytest.approx(0.3118 * (6 * 7e9 * 1.4e12) ** -0.125, rel=1e-6)
    assert found["deepseek_batch@deepseek"].unit == "tokens"
    # Kaplan's rule asks for PF-days: 6 N D FLOP are 681 of them.
    law = catalogue["kaplan_batch"]
    with jax.enable_x64(True):
        expected = float(law.constants["kaplan"](C=6 * 7e9 * 1.4e12 / 8.64e19))
    assert found["kaplan_batch@kaplan"].value == pytest.approx(expected, rel=1e-9)
    assert "replicas" in found["diloco_lr"].missing and "loss" in found["minicpm_bs"].missing
    assert found["power_lines_batch"].missing == "no published constants"
    with_loss = {rule.name: rule for rule in rules(catalogue.values(), N=7e9, D=1.4e12, loss=2.0)}
    assert with_loss["minicpm_bs@C4"].value == pytest.approx(1.21e9 / 2.0**6.24, rel=1e-6)


def test_bad_input_is_one_line(fitted, sweep):
    with pytest.raises(PlanError, match="needs a law over lr and batch"):
        learning_rate(catalogue["chinchilla"].constants["besiroglu"], N=1e9, D=1e10)
    with pytest.raises(PlanError, match="needs N, D"):
        learning_rate(fitted, N=1e9)
    with pytest.raises(PlanError, match="improves without end"):
        learning_rate(fitted, N=1e9, D=2e10, bounds={"lr": (1e-5, 1e-3)})
    for bounds, words in (
        ({"batches": (1e3, 1e6)}, "nearest: `batch`"),
        ({"lr": (1e-3, 1e-5)}, "lr needs two numbers 0 < low < high"),
        ({"lr": (float("nan"), 1.0)}, "lr needs two numbers 0 < low < high"),
    ):
        with pytest.raises(PlanError, match=words):
            learning_rate(fitted, N=1e9, D=2e10, bounds=bounds)
    with pytest.raises(PlanError, match="between 0 and 1; got 2"):
        learning_rate(fitted, N=1e9, D=2e10, level=2)
    with pytest.raises(PlanError, match="must be above 0"):
        learning_rate(fitted, N=1e9, D=2e10, within=0.0)
    with pytest.raises(PlanError, match="needs at least 13"):
        surface(sweep, near=1e-5)
    with pytest.raises(PlanError, match="between 0 and 1"):
        surface(sweep, near=2.0)
