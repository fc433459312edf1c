"""Lines of equal compute: parabolas against polynomial fits, and what they are off by."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws import catalogue, published
from jaxlaws.errors import PlanError
from jaxlaws.plan.budget import Transformer
from jaxlaws.plan.isoflop import isoflop, parabola
from jaxlaws.spec import Constants

BUDGETS = np.geomspace(1e18, 1e24, 4)


def test_parabola_is_that_of_numpy():
    random = np.random.default_rng(0)
    N = np.geomspace(1e8, 1e10, 7)
    loss = 2.0 + 0.03 * np.log(N / 2e9) ** 2 + 0.001 * random.normal(size=7)
    a, b, c = np.polyfit(np.log(N), loss, 2)
    with jax.enable_x64(True):
        found = parabola(N, loss, np.ones(7))
    assert float(found.size) == pytest.approx(np.exp(-b / (2 * a)), rel=1e-6)
    assert float(found.loss) == pytest.approx(c - b * b / (4 * a), rel=1e-6)
    assert float(found.bend) == pytest.approx(2 * a, rel=1e-6)


def test_a_law_symmetric_in_size_and_data_has_no_bias():
    params = {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.34, "beta": 0.34}
    found = isoflop(Constants(catalogue["chinchilla"], params, "made up"), BUDGETS)
    assert np.abs(found.bias).max() < 1e-9
    assert found.exponents["law"] == pytest.approx(0.5, rel=1e-9)


def test_the_bias_grows_with_the_width_and_the_offset_of_the_grid(chinchilla):
    def bias(**grid):
        return np.abs(isoflop(chinchilla, BUDGETS, **grid).bias).max()

    assert 5.0 * bias(width=4.0) < bias(width=64.0)
    assert bias(width=64.0, offset=3.0) > 3.0 * bias(width=64.0)


def test_a_grid_that_drifts_off_centre_bends_the_exponent(chinchilla):
    steady, drifting = (isoflop(chinchilla, BUDGETS, width=256.0, drift=drift) for drift in (0.0, 0.15))
    true = chinchilla.params["beta"] / (chinchilla.params["alpha"] + chinchilla.params["beta"])
    assert steady.exponents["law"] == pytest.approx(true, rel=1e-9)
    assert steady.exponents["parabola"] == pytest.approx(true, abs=1e-6)
    assert abs(drifting.exponents["parabola"] - true) > 1e-4


def test_digitised_lines_of_chinchilla_have_the_published_exponent(data_dir, chinchilla):
    found = isoflop(chinchilla, runs=published("chinchilla_epoch"))
    assert found.measured is not None and np.isfinite(found.measured).sum() >= 6
    # Hoffmann et al. give .49 by their parabolas, .50 by envelopes; the replication's law .514.
    assert found.exponents["measured"] == pytest.approx(0.49, abs=2.5 * found.exponent_errors["measured"])
    assert found.exponents["law"] == pytest.approx(0.5139, abs=1e-4)


def lines(chinchilla, sizes):
    """A table of lines of equal compute, a decade apart, with these sizes over 1e9 on each."""
    N = np.concatenate([1e9 * 3.0**i * np.array(some) for i, some in enumerate(sizes)])
    C = np.repeat(1e20 * 10.0 ** np.arange(len(sizes)), [len(some) for some in sizes])
    D = C / 6.0 / N
    p = chinchilla.params
    return {"N": N, "D": D, "loss": p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]}


def test_lines_are_rows_of_three_sizes_and_what_is_none_is_said(chinchilla):
    found = isoflop(chinchilla, runs=lines(chinchilla, [(0.3, 1, 3, 9), (0.3, 0.3, 2, 2), (0.5, 1, 2), (0.2, 1, 5, 9)]))
    np.testing.assert_allclose(found.best.budget, [1e20, 1e23], rtol=1e-9)
    assert found.notes == ("7 rows are left out: fewer than 4 rows, or 3 sizes, of their budget",)
    assert found.notes[0] in str(found) and found.notes[0] in found.summary()["notes"]
    # Losses without noise: what is measured is what the law says.
    np.testing.assert_allclose(found.measured, found.by_parabola, rtol=1e-6)
    np.testing.assert_allclose(found.measured_loss, found.parabola_loss, rtol=1e-9)
    assert (found.parabola_loss != found.best.loss).all()


def test_a_line_may_have_more_rows_than_a_program_holds(chinchilla):
    found = isoflop(chinchilla, runs=lines(chinchilla, [tuple(np.geomspace(0.2, 5.0, 100))]))
    assert np.isfinite(found.seen).sum() == 100 and not found.notes


def test_budgets_of_runs_are_counted_in_64_bits(chinchilla):
    cost = Transformer(context=0.0, vocabulary=0.0)  # 6 N D
    found = isoflop(chinchilla, runs=lines(chinchilla, [(0.3, 1, 3, 9)]), cost=cost)
    assert found.best.budget[0] == pytest.approx(1e20, rel=1e-12)


def test_draws_give_the_bias_an_interval(draws):
    found = isoflop(draws, BUDGETS)
    assert found.bias_interval is not None and found.bias_interval.shape == (4, 2)
    assert (found.bias_interval[:, 0] <= found.bias).all() and (found.bias <= found.bias_interval[:, 1]).all()


def test_bad_input_is_one_line(chinchilla):
    with pytest.raises(PlanError, match="give one of them"):
        isoflop(chinchilla)
    with pytest.raises(PlanError, match="points >= 3"):
        isoflop(chinchilla, 1e20, points=2)
    with pytest.raises(PlanError, match="needs a law in N and D"):
        isoflop(catalogue["data_constrained"].constants["C4"], 1e20)
    for sizes in [(1, 2, 3)], [(1, 1, 2, 2)]:
        with pytest.raises(PlanError, match="no line of equal compute: no 4 rows of 3 sizes"):
            isoflop(chinchilla, runs=lines(chinchilla, sizes))
    with pytest.raises(PlanError, match="must lie between 0 and 1"):
        isoflop(chinchilla, 1e20, level=0.0)
