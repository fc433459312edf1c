"""Size and data for a budget: against closed forms, published numbers, other optimisers and each other."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from jaxlaws import catalogue, formula
from jaxlaws.errors import PlanError, TracerError
from jaxlaws.plan.allocate import allocate
from jaxlaws.plan.budget import AtPrecision, Lifetime, Sparse, Transformer
from jaxlaws.plan.optimum import optimum
from jaxlaws.spec import Constants

GOPHER = 5.76e23  # FLOP, the budget of Gopher and of Chinchilla
BOX = {"N": (1e3, 1e17)}


@pytest.mark.parametrize(
    ("constants", "N"), [("hoffmann-unrounded", 40.4e9), ("hoffmann", 32.2e9), ("besiroglu-printed", 72.4e9)]
)
def test_chinchilla_at_the_budget_of_gopher(constants, N):
    plan = allocate(catalogue["chinchilla"].constants[constants], GOPHER)
    assert plan.inputs["N"][0] == pytest.approx(N, abs=0.5e8)
    assert plan.agreement < 1e-6, "closed form and gradient"
    assert 6.0 * plan.inputs["N"][0] * plan.inputs["D"][0] == pytest.approx(GOPHER, rel=1e-12)


def test_a_law_without_a_closed_form_is_planned_by_gradient():
    # The same formula as a user would type it.
    published = catalogue["chinchilla"].constants["besiroglu"]
    typed = formula("E + A/N^alpha + B/D^beta")

    budgets = [1e19, GOPHER]
    plan, known = allocate(Constants(typed, published.params, "typed"), budgets), allocate(published, budgets)
    assert np.isnan(plan.agreement)
    for name in ("N", "D"):
        np.testing.assert_allclose(plan.inputs[name], known.inputs[name], rtol=1e-9)
    p = published.params
    assert plan.exponents["N"] == pytest.approx([p["beta"] / (p["alpha"] + p["beta"])] * 2, rel=1e-9)


COSTS = [
    Lifetime(tokens=2e12),
    Transformer(context=8192.0, vocabulary=5e4),
    Transformer(context=8192.0, vocabulary=5e4, embeddings=2, causal=True),
]


@pytest.mark.parametrize("cost", COSTS, ids=["serving", "attention", "embeddings"])
def test_every_cost_is_spent_and_its_optimum_is_that_of_scipy(cost, chinchilla):
    budget = 1e23
    plan = allocate(chinchilla, budget, cost=cost)
    with jax.enable_x64(True):
        values = {name: jnp.float64(v[0]) for name, v in plan.inputs.items()}
        assert float(cost(values)) == pytest.approx(budget, rel=1e-9)

        def loss(log_N):
            N = jnp.exp(jnp.float64(log_N))
            fixed = cost({"N": N, "D": 0.0})
            D = 1e15 * (budget - fixed) / (cost({"N": N, "D": 1e15}) - fixed)
            return float(chinchilla(N=N, D=D)) if D > 0 else np.inf

        found = minimize_scalar(loss, bracket=(np.log(1e9), np.log(3e10)), tol=1e-12)
    # Values of a function are flat to its root of rounding: SciPy's answer has seven digits.
    assert plan.inputs["N"][0] == pytest.approx(np.exp(found.x), rel=1e-5)


def test_serving_makes_the_best_model_smaller(chinchilla):
    loss = 2.0
    served, unserved = (allocate(chinchilla, loss=loss, cost=Lifetime(tokens=tokens)) for tokens in (1e13, 1.0))
    assert served.inputs["N"][0] < 0.6 * unserved.inputs["N"][0]
    assert served.loss[0] == pytest.approx(loss, rel=1e-9)


def test_least_budget_for_a_loss_undoes_the_best_loss_for_a_budget(chinchilla):
    budgets = np.array([1e20, 1e22, 1e25])
    there = allocate(chinchilla, budgets)
    back = allocate(chinchilla, loss=there.loss)
    np.testing.assert_allclose(back.budget, budgets, rtol=1e-8)
    np.testing.assert_allclose(back.inputs["N"], there.inputs["N"], rtol=1e-8)


def test_limited_data_is_an_edge(chinchilla):
    plan = allocate(chinchilla, GOPHER, bounds={"D": (1e9, 5e11)})
    assert plan.inputs["D"][0] == pytest.approx(5e11, rel=1e-9) and plan.edges == (("D",),)
    assert plan.inputs["N"][0] == pytest.approx(GOPHER / 6.0 / 5e11, rel=1e-9)
    small = allocate(chinchilla, GOPHER, bounds={"N": (1e8, 7e9)})
    assert small.inputs["N"][0] == pytest.approx(7e9, rel=1e-9) and small.edges == (("N",),)


def test_the_least_budget_for_a_loss_keeps_to_bounds_on_data(chinchilla):
    loss, most = 2.2, 3e10
    free, plan = allocate(chinchilla, loss=loss), allocate(chinchilla, loss=loss, bounds={"D": (1e9, most)})
    assert free.inputs["D"][0] > most
    p = chinchilla.params
    N = ((loss - p["E"] - p["B"] * most ** -p["beta"]) / p["A"]) ** (-1.0 / p["alpha"])
    assert plan.inputs["D"][0] == pytest.approx(most, rel=1e-6)
    assert plan.inputs["N"][0] == pytest.approx(N, rel=1e-5) and plan.loss[0] == pytest.approx(loss, rel=1e-8)
    assert plan.budget[0] == pytest.approx(6.0 * N * most, rel=1e-5) and plan.edges == (("D",),)


def test_a_loss_that_the_cheapest_choice_reaches_costs_that_choice(chinchilla):
    plan = allocate(chinchilla, loss=3.5, bounds={"N": (1e9, 1e12), "D": (1e11, 1e13)})
    assert plan.budget[0] == pytest.approx(6.0 * 1e9 * 1e11, rel=1e-6)
    assert plan.loss[0] == pytest.approx(float(chinchilla(N=1e9, D=1e11)), rel=1e-6)
    assert "the cheapest choice within the bounds is enough for 3.5" in str(plan)


def test_nothing_is_chosen_where_the_budget_breaks_a_bound():
    # Batches below 1.7e7 tokens would take more steps than are allowed, whatever the size, and end lower.
    params = {"E": 1.5, "A": 400.0, "P": 30.0, "Q": 100.0, "a": 0.34, "b": 0.4, "c": 0.6}
    law = Constants(catalogue["three_term"], params, "made up")
    plan = allocate(law, 1e21, bounds={"N": (1e8, 1e9), "step": (1e3, 1e4)})
    assert 1e3 * (1 - 1e-6) <= plan.inputs["step"][0] <= 1e4 * (1 + 1e-6)
    assert 6.0 * np.prod([plan.inputs[n][0] for n in ("N", "batch", "step")]) == pytest.approx(1e21, rel=1e-9)


def test_draws_without_an_answer_are_counted(draws):
    plan = allocate(draws, loss=[1.85, 2.2])
    assert 50 > plan.silent >= np.sum(np.asarray(draws.params["E"]) >= 1.85) > 0
    assert f"{plan.silent} draws have no answer" in str(plan) and plan.summary()["silent"] == plan.silent
    assert np.isnan(plan.every["N"][0, 1:]).sum() == plan.silent


def test_a_closed_form_that_is_off_is_not_claimed(chinchilla):
    plan = allocate(chinchilla, GOPHER)
    assert "closed form; the gradient's optimum agrees to" in str(plan)
    assert "off by up to 1.0e-03, and is not used" in str(dataclasses.replace(plan, agreement=1e-3))


def test_few_unique_tokens_are_repeated_less_than_a_model_grows():
    law = catalogue["data_constrained"].constants["C4"]
    rich, poor = (allocate(law, 1e22, held={"U": U}) for U in (1e13, 1e10))
    once = law.law.derived["unlimited_optimal"](1e22, **law.params)
    assert rich.inputs["N"][0] == pytest.approx(float(once["N"]), rel=1e-3)
    assert poor.loss[0] > rich.loss[0] and poor.inputs["D"][0] > 1e10


def test_bits_tied_together_are_the_published_optimum():
    law = catalogue["precision_train"].constants["integer"]
    plan = allocate(law, [1e20, 1e24], ties={"P": ("P_w", "P_a", "P_kv")}, cost=AtPrecision())
    with jax.enable_x64(True):
        bits = float(law.law.derived["optimal_precision"](**law.params)["P"])
    np.testing.assert_allclose(plan.inputs["P"], bits, rtol=1e-6)


def test_steps_and_batch_are_chosen_like_data():
    params = {"E": 1.5, "A": 400.0, "P": 30.0, "Q": 100.0, "a": 0.34, "b": 0.4, "c": 0.6}
    law = catalogue["three_term"]
    plan = allocate(Constants(law, params, "made up"), 1e22)
    D = plan.inputs["batch"][0] * plan.inputs["step"][0]
    with jax.enable_x64(True):
        best = law.derived["best_batch"](D, **params)
    assert plan.inputs["batch"][0] == pytest.approx(float(best["batch"]), rel=1e-8)


def test_draws_give_intervals_and_a_thousand_problems_are_one_batch(draws):
    plan = allocate(draws, np.geomspace(1e20, 1e24, 20))
    low, high = plan.intervals["N"].T
    assert (low < plan.inputs["N"]).all() and (plan.inputs["N"] < high).all()
    assert plan.every["N"].shape == (20, 51)
    alone = allocate(draws.law.constants["besiroglu"], 1e20)
    assert plan.inputs["N"][0] == pytest.approx(alone.inputs["N"][0], rel=1e-12)


def test_pure_planner_follows_the_dtype_and_is_differentiable_in_all_its_numbers(chinchilla):
    law, params = chinchilla.law, {k: jnp.float32(v) for k, v in chinchilla.params.items()}
    best = jax.jit(lambda p, C: optimum(law, p, C, box=BOX))(params, jnp.float32(1e21))
    known = law.derived["compute_optimal"](1e21, **chinchilla.params)
    assert best.loss.dtype == jnp.float32
    assert float(best.inputs["N"]) == pytest.approx(float(known["N"]), rel=1e-2)  # flat: float32 has no more
    with jax.enable_x64(True):
        params = {k: jnp.float64(v) for k, v in chinchilla.params.items()}
        size = lambda p, C: jnp.log(optimum(law, p, C, box=BOX).inputs["N"])  # noqa: E731
        closed = lambda p, C: jnp.log(law.derived["compute_optimal"](C, **p)["N"])  # noqa: E731
        ours, theirs = (jax.jit(jax.grad(f, (0, 1)))(params, jnp.float64(1e21)) for f in (size, closed))
    for name in params:
        assert float(ours[0][name]) == pytest.approx(float(theirs[0][name]), rel=1e-6, abs=1e-12)
    assert float(ours[1]) == pytest.approx(float(theirs[1]), rel=1e-6)


BAD = {
    "smallest model": (
        {"budget": 1e10, "bounds": {"N": (1e8, 1e9), "D": (1e9, 1e12)}},
        "below the smallest model: N = 1e",
    ),
    "too much": ({"budget": 1e30, "bounds": {"N": (1e8, 1e9), "D": (1e9, 1e12)}}, "cannot be spent within the bounds"),
    "below the floor": ({"loss": 1.5}, "at its end stands 1.817"),
    "neither": ({}, "give one of them"),
    "negative": ({"budget": -1.0}, "finite numbers above 0"),
    "no number": ({"budget": "much"}, "must be numbers"),
    "unknown bound": ({"budget": 1e20, "bounds": {"M": (1.0, 2.0)}}, "unknown choice `M`"),
    "wrong bound": ({"budget": 1e20, "bounds": {"N": (2e9, 1e9)}}, "0 < low < high"),
    "unknown held": ({"budget": 1e20, "held": {"U": 1e9}}, "unknown input of chinchilla `U`"),
    "nothing to choose": ({"budget": 1e20, "held": {"N": 1e9}}, "nothing to choose"),
    "no cost": ({"budget": 1e20, "cost": 6.0}, "a cost is one of"),
    "cost of what is not there": ({"budget": 1e20, "cost": Sparse()}, "needs S, which `chinchilla`"),
    "bent cost": ({"budget": 1e20, "cost": lambda N, D: 6.0 * N * D**1.1}, "must grow with D in a straight line"),
    "cost without data": ({"budget": 1e20, "cost": lambda N: 6.0 * N}, "must grow with D in a straight line"),
    "level": ({"budget": 1e20, "level": 95.0}, r"level=...\)` must lie between 0 and 1; got 95.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, chinchilla):
    arguments, words = BAD[case]
    with pytest.raises(PlanError, match=words) as caught:
        allocate(chinchilla, **arguments)
    assert "\n" not in str(caught.value)


def test_laws_without_sizes_are_refused():
    with pytest.raises(PlanError, match="use `plan.schedule`"):
        allocate(catalogue["multi_power"].constants["100M"], 1e20)
    with pytest.raises(PlanError, match="no amount of data"):
        allocate(catalogue["porian_size"].constants["tuned"], 1e20)
    with pytest.raises(PlanError, match="takes a fit"):
        allocate(3.0, 1e20)


def test_the_host_function_refuses_tracers(chinchilla):
    with pytest.raises(TracerError, match="pure functions"):
        jax.jit(lambda C: allocate(chinchilla, C))(1e20)
