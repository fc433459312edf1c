"""What `fit` promises: the optimum of the stated objective over the stated parameters, against closed forms and SciPy."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import optax
import pytest
from scipy.optimize import least_squares, linprog, minimize

from jaxlaws import descent, fit, formula, normal
from jaxlaws.errors import FitError, LawError, TableError
from jaxlaws.objectives import absolute, asymmetric, huber, squared, student
from jaxlaws.solvers import levenberg_marquardt

PLAIN = squared(on="raw")


def least_squares_line(x, y, weight=None, degree=1):
    """Coefficients, constant first, of weighted least squares."""
    root = np.sqrt(np.ones_like(y) if weight is None else weight)
    columns = np.stack([x**k for k in range(degree + 1)], axis=1)
    return np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]


# --- parameters --------------------------------------------------------------------------------------------------------


def test_plain_least_squares_has_its_closed_form(parabola, line_rows, quick):
    found = fit(parabola, line_rows, objective=PLAIN, **quick)
    a, b = least_squares_line(line_rows["x"], line_rows["loss"])
    residuals = a + b * line_rows["x"] - line_rows["loss"]
    # Sums of 16 terms of size 1: 1e-15 each, times a condition of 10.
    assert found["a"] == pytest.approx(a, rel=1e-12)
    assert found["b"] == pytest.approx(b, rel=1e-12)
    assert found["c"] == 0.0 and found.fixed == ("c",)
    assert found.objective == pytest.approx(0.5 * np.sum(residuals**2), rel=1e-12)


def test_freed_parameter_is_fitted(parabola, line_rows, quick):
    found = fit(parabola, line_rows, objective=PLAIN, free=("c",), **quick)
    wanted = least_squares_line(line_rows["x"], line_rows["loss"], degree=2)
    assert found.fixed == ()
    for name, value in zip("abc", wanted, strict=True):
        assert found[name] == pytest.approx(value, rel=1e-11), name


def test_held_parameter_keeps_its_value_and_the_rest_is_refitted(parabola, line_rows, quick):
    found = fit(parabola, line_rows, objective=PLAIN, fix={"b": -0.4, "c": 0.1}, **quick)
    x, y = line_rows["x"], line_rows["loss"]
    assert (found["b"], found["c"], set(found.fixed)) == (-0.4, 0.1, {"b", "c"})
    assert found["a"] == pytest.approx(np.mean(y + 0.4 * x - 0.1 * x**2), rel=1e-12)


@pytest.mark.parametrize("bound", [(-0.3, 1.0), (-9.0, -0.7)])
def test_parameter_on_its_bound_is_exactly_there_and_named(parabola, line_rows, quick, bound):
    found = fit(parabola, line_rows, objective=PLAIN, bounds={"b": bound}, **quick)
    edge = min(bound, key=lambda v: abs(v + 0.5))  # the line's slope is near -1/2
    x, y = line_rows["x"], line_rows["loss"]
    assert found["b"] == edge
    assert (found.status.name, found.at_bound) == ("at_bound", ("b",))
    assert found["a"] == pytest.approx(np.mean(y - edge * x), rel=1e-12)
    assert "b ended on the bound" in str(found)


def test_parameter_on_the_log_scale_ends_exactly_on_its_bound(power_rows, quick):
    for high in (0.3, 0.31, 0.29871):
        found = fit("power_plus_constant", power_rows, bounds={"alpha": (0.1, high)}, **quick)
        assert found.at_bound == ("alpha",)
        assert found["alpha"] == high


def test_bounds_that_do_not_bind_change_nothing(power_rows, power_fit, quick):
    found = fit("power_plus_constant", power_rows, bounds={"alpha": (0.1, 0.9)}, **quick)
    assert found.status.name == "converged" and found.at_bound == ()
    # Other start boxes, the same minimum.
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)


def test_prior_makes_the_fit_the_maximum_of_the_posterior(parabola, line_rows, quick):
    sd, scale, mean = 0.02, 0.05, -0.2
    prior = {"b": normal(mean, sd, residual=scale)}
    found = fit(parabola, line_rows, objective=PLAIN, priors=prior, **quick)
    x, y = line_rows["x"], line_rows["loss"]
    # Normal equations of sum (a + b x - y)^2 / scale^2 + (b - mean)^2 / sd^2.
    pull = (scale / sd) ** 2
    matrix = np.array([[len(x), x.sum()], [x.sum(), x @ x + pull]])
    a, b = np.linalg.solve(matrix, [y.sum(), x @ y + pull * mean])
    assert found["a"] == pytest.approx(a, rel=1e-12)
    assert found["b"] == pytest.approx(b, rel=1e-12)
    cost = 0.5 * np.sum((a + b * x - y) ** 2) + 0.5 * pull * (b - mean) ** 2
    assert found.objective == pytest.approx(cost, rel=1e-12)
    assert found.priors == {"b": (mean, sd, scale)}


def test_prior_s_unit_is_the_objective_s_own(parabola, line_rows, quick):
    told = fit(parabola, line_rows, priors={"b": normal(0.0, 0.1, residual=1e-3)}, **quick)
    untold = fit(parabola, line_rows, priors={"b": normal(0.0, 0.1)}, **quick)  # Huber's delta
    assert untold.params == told.params


# --- objectives --------------------------------------------------------------------------------------------------------


def costs(u, kind):
    """Costs of residuals (prediction less observation) as the papers write them."""
    size, delta = np.abs(u), 1e-3
    robust = np.where(size <= delta, 0.5 * u**2, delta * (size - 0.5 * delta))
    return {
        "squared": 0.5 * u**2,
        "huber": robust,
        "student": 0.5 * 4.0 * 1e-6 * np.log1p(u**2 / (4.0 * 1e-6)),
        "asymmetric": np.where(u < 0, 0.1, 1.0) * robust,
    }[kind]


OBJECTIVES = {
    "squared": squared(),
    "huber": huber(1e-3),
    "student": student(1e-3),
    "asymmetric": asymmetric(huber(1e-3), under=0.1),
}
LINKS = {"log": np.log, "raw": lambda v: v, "logit": lambda v: np.log(v / (1.0 - v))}


@pytest.mark.parametrize(("kind", "on"), [(k, "log") for k in OBJECTIVES] + [("huber", "raw"), ("huber", "logit")])
def test_objective_is_minimised_and_reported_as_defined(power_rows, quick, kind, on):
    objective = OBJECTIVES[kind] if on == "log" else huber(1e-3, on=on)
    share = 0.1 if on == "logit" else 1.0  # logits need values below 1
    rows = power_rows | {"loss": power_rows["loss"] * share}
    found = fit("power_plus_constant", rows, objective=objective, **quick)
    link = LINKS[on]

    def total(params):
        E, A, alpha = np.exp(params)
        return np.sum(costs(link(E + A * rows["x"] ** -alpha) - link(rows["loss"]), kind))

    ours = np.log([found["E"], found["A"], found["alpha"]])
    # The costs are differences of logs of nearly equal numbers: 1e-16 in 1e-3.
    assert found.objective == pytest.approx(total(ours), rel=1e-11)
    step = np.array([0.01, 0.05, 0.01])
    for start in (ours, ours + step, ours - step):
        tight = {"xatol": 1e-12, "fatol": 1e-20, "maxiter": 2000, "maxfev": 2000}
        theirs = minimize(total, start, method="Nelder-Mead", options=tight)
        assert found.objective <= theirs.fun * (1 + 1e-9)
    assert found.objective_spec.startswith(kind)


def test_absolute_deviations_are_those_of_linear_programming(parabola, line_rows):
    x, y = line_rows["x"][:15], line_rows["loss"][:15]  # of an even number of rows the minimum may be a whole edge
    found = fit(parabola, {"x": x, "loss": y}, objective=absolute(on="raw"), starts=16)
    n = len(x)
    # min sum t with -t <= a + b x - y <= t.
    line = np.c_[np.ones(n), x]
    rows = np.block([[line, -np.eye(n)], [-line, -np.eye(n)]])
    best = linprog(np.r_[0, 0, np.ones(n)], A_ub=rows, b_ub=np.r_[y, -y], bounds=[(None, None)] * 2 + [(0, None)] * n)
    # Rounded within 1e-7 of zero, so that each of 15 costs lies up to 5e-8 lower.
    assert best.fun - 15 * 0.51e-7 <= found.objective <= best.fun * (1 + 1e-9)
    assert found["a"] == pytest.approx(best.x[0], abs=1e-6)
    assert found["b"] == pytest.approx(best.x[1], abs=1e-6)


def test_no_two_objectives_look_the_same_to_the_compiler():
    """Equal tree structures would let `jit` run the program of one objective for another."""
    kinds = [squared(), huber(), absolute(), student(), asymmetric(), asymmetric(student())]
    for one, other in itertools.combinations(kinds, 2):
        assert jax.tree.structure(one) != jax.tree.structure(other), (one, other)


# --- weights -----------------------------------------------------------------------------------------------------------


def test_weights_given_as_an_array_or_a_column_are_weights_of_the_costs(parabola, line_rows, quick):
    weight = np.linspace(0.5, 3.0, 16)
    a, b = least_squares_line(line_rows["x"], line_rows["loss"], weight)
    by_array = fit(parabola, line_rows, objective=PLAIN, weights=weight, **quick)
    by_column = fit(parabola, line_rows | {"trust": weight}, objective=PLAIN, weights="trust", **quick)
    assert by_array["a"] == pytest.approx(a, rel=1e-12)
    assert by_array["b"] == pytest.approx(b, rel=1e-12)
    assert by_column.params == by_array.params
    assert (by_array.weights, by_column.weights) == ("given", "trust")


def test_weights_by_run_let_every_run_count_the_same(parabola, line_rows, quick):
    x, y = line_rows["x"], line_rows["loss"]
    run = np.array(["short"] * 4 + ["long"] * 12)
    found = fit(parabola, {"run": run, "x": x, "loss": y}, objective=PLAIN, weights="run", **quick)
    weight = np.where(run == "short", 16 / (2 * 4), 16 / (2 * 12))
    a, b = least_squares_line(x, y, weight)
    assert found["a"] == pytest.approx(a, rel=1e-12)
    assert found["b"] == pytest.approx(b, rel=1e-12)


def test_weight_of_two_is_the_row_twice(power_rows, quick):
    weight = np.ones(16)
    weight[3] = 2.0
    once = fit("power_plus_constant", power_rows, weights=weight, **quick)
    twice = fit("power_plus_constant", {k: np.r_[v, v[3]] for k, v in power_rows.items()}, **quick)
    assert once.objective == pytest.approx(twice.objective, rel=1e-12)
    for name in once.params:
        # Another order of summation: 1e-16, times a condition of 1e5.
        assert once[name] == pytest.approx(twice[name], rel=1e-9), name


@pytest.mark.parametrize("absurd", [(1e-3, 1e6), (1.0, 1e30), (1e250, 1e-30), (1e-250, 1e300)])
def test_weight_of_zero_leaves_even_an_absurd_row_out(power_rows, power_fit, quick, absurd):
    rows = {k: np.r_[v, extra] for (k, v), extra in zip(power_rows.items(), absurd, strict=True)}
    found = fit("power_plus_constant", rows, weights=np.r_[np.ones(16), 0.0], **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)
    for name in found.params:
        assert found[name] == pytest.approx(power_fit[name], rel=1e-9), name


@pytest.mark.parametrize("weight", [np.ones(15), np.full(16, -1.0), np.zeros(16), np.r_[np.ones(15), np.nan]])
def test_impossible_weights_are_refused(line_rows, parabola, weight):
    with pytest.raises(FitError, match="weights"):
        fit(parabola, line_rows, weights=weight)


# --- groups ------------------------------------------------------------------------------------------------------------


def test_groups_are_fitted_as_if_alone(two_groups, quick):
    fits = fit("power_plus_constant", two_groups, by="size", **quick)
    assert list(fits) == ["small", "large"]
    for i, (key, found) in enumerate(fits.items()):
        rows = {k: v[16 * i : 16 * i + 16] for k, v in two_groups.items()}
        alone = fit("power_plus_constant", rows, **quick)
        assert (found.key, found.by, found.rows) == ((key,), ("size",), 16)
        # A batch of eight groups sums in another order than a batch of one.
        assert found.objective == pytest.approx(alone.objective, rel=1e-12)
        for name in alone.params:
            assert found[name] == pytest.approx(alone[name], rel=1e-9), (key, name)


def test_groups_by_two_columns_have_tuples_as_keys(two_groups, quick):
    fits = fit("power_plus_constant", two_groups | {"seed": [7] * 32}, by=("size", "seed"), **quick)
    assert list(fits) == [("small", 7), ("large", 7)]
    with pytest.raises(KeyError, match="no group 'small'; groups are"):
        fits["small"]


def test_weights_given_as_an_array_are_those_of_each_group_s_rows(two_groups, quick):
    weight = np.r_[np.linspace(0.5, 2.0, 16), np.linspace(2.0, 0.5, 16)]
    fits = fit("power_plus_constant", two_groups, by="size", weights=weight, **quick)
    columns = fit("power_plus_constant", two_groups | {"trust": weight}, by="size", weights="trust", **quick)
    for key, found in fits.items():
        assert found.reason == ""
        assert found.params == columns[key].params


@pytest.fixture(scope="module")
def shared(two_groups):
    return fit("power_plus_constant", two_groups, by="size", share=("alpha",), starts=16)


def test_shared_parameter_is_one_number_in_every_group(shared):
    small, large = shared["small"], shared["large"]
    assert small["alpha"] == large["alpha"]
    assert small["E"] != large["E"] and small["A"] != large["A"]
    assert small.shared == large.shared == ("alpha",)
    assert any("fitted jointly" in note for note in small.notes)


def test_sharing_costs_some_of_the_objective(shared, two_groups, quick):
    apart = fit("power_plus_constant", two_groups, by="size", **quick)
    # The separate optimum is free of a constraint, and the exponents differ by a tenth.
    assert shared["small"].objective == shared["large"].objective
    assert shared["small"].objective > 1.01 * sum(found.objective for found in apart.values())


def test_scipy_finds_the_same_joint_fit(shared, two_groups):
    x, y = two_groups["x"][:16], two_groups["loss"].reshape(2, 16)

    def residuals(p):
        E, A, alpha = np.exp(p[:2])[:, None], np.exp(p[2:4])[:, None], np.exp(p[4])
        return (np.log(E + A * x[None, :] ** -alpha) - np.log(y)).ravel()

    start = np.log([1.8, 2.0, 250.0, 250.0, 0.33])
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    found = least_squares(residuals, start, loss="huber", f_scale=1e-3, x_scale="jac", **tight)
    assert shared["small"].objective <= found.cost * (1 + 1e-9)
    ours = [
        shared[k][n] for n, k in [("E", "small"), ("E", "large"), ("A", "small"), ("A", "large"), ("alpha", "small")]
    ]
    # SciPy treats Huber's tails by its own rule and stops near 1e-8 of the objective: 1e-4 of the parameters.
    np.testing.assert_allclose(ours, np.exp(found.x), rtol=1e-4)


# --- starts and solvers ------------------------------------------------------------------------------------------------


def test_starts_given_as_an_array_are_used_as_they_are(power_rows, power_fit):
    lone = fit("power_plus_constant", power_rows, starts=np.array([[1.6, 250.0, 0.33]]))
    assert lone.starts == 1 and lone.agree == 1.0
    assert lone.objective == pytest.approx(power_fit.objective, rel=1e-12)
    still = fit(
        "power_plus_constant",
        power_rows,
        starts=np.array([[1.6, 250.0, 0.33]]),
        solver=levenberg_marquardt(trips=0, polish=0),
    )
    for name, value in zip(("E", "A", "alpha"), (1.6, 250.0, 0.33), strict=True):
        assert still[name] == pytest.approx(value, rel=1e-14), name


@pytest.fixture
def optax_promotes():
    """Optax raises floats to integer powers, which strict promotion forbids."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def test_adam_finds_the_minimum_of_a_line(parabola, line_rows, optax_promotes):
    solver = descent(optax.adam(1e-2), steps=1500)
    found = fit(parabola, line_rows, objective=PLAIN, starts=np.array([[2.8, -0.4]]), solver=solver)
    a, b = least_squares_line(line_rows["x"], line_rows["loss"])
    # Adam hovers around the minimum at a thousandth of its rate.
    assert found["a"] == pytest.approx(a, abs=1e-4)
    assert found["b"] == pytest.approx(b, abs=1e-4)


def test_exploring_with_adam_leads_to_the_same_minimum(power_rows, power_fit, quick, optax_promotes):
    found = fit("power_plus_constant", power_rows, explore=descent(optax.adam(1e-2), steps=50), **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-9)


# --- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({"fix": {"alpa": 1.0}}, FitError, "nearest: `alpha`"),
        ({"free": ("gamma",)}, FitError, "unknown parameter `gamma`"),
        ({"fix": {"E": 1.0}, "free": ("E",)}, FitError, "both fixed and freed"),
        ({"fix": {"E": 1.0, "A": 1.0, "alpha": 0.3}}, FitError, "every parameter of `power_plus_constant` is fixed"),
        ({"bounds": {"E": (2.0, 1.0)}}, FitError, "0 < low < high"),
        ({"bounds": {"E": (0.0, 1.0)}}, FitError, "0 < low < high"),
        ({"priors": {"B": normal(0.0, 1.0)}}, FitError, "unknown free parameter `B`"),
        ({"share": ("alpha",)}, FitError, "name the groups by `by=`"),
        ({"starts": 0}, FitError, "must be at least 1; got 0"),
        ({"starts": np.ones((4, 2))}, FitError, "a column for each of"),
        ({"starts": -np.ones((4, 3))}, FitError, "above 0"),
        ({"by": "sise"}, TableError, "sise"),
        ({"weights": "wieght"}, TableError, "wieght"),
    ],
)
def test_senseless_choices_are_refused_in_one_sentence(power_rows, choice, error, words):
    with pytest.raises(error, match=words) as caught:
        fit("power_plus_constant", power_rows, **choice)
    assert "\n" not in str(caught.value)


def test_unknown_law_names_the_nearest():
    with pytest.raises(LawError, match="nearest: `chinchilla`"):
        fit("chinchila", {"N": [1.0], "D": [1.0], "loss": [1.0]})


def test_formula_is_fitted_like_the_law_it_spells(power_rows, power_fit, quick):
    law = formula("E + A/x^alpha", inputs=["x"], start={"E": (0.1, 3.0), "A": (0.1, 1e4), "alpha": (0.05, 1.0)})
    found = fit(law, power_rows, **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-9)
    assert found["alpha"] == pytest.approx(power_fit["alpha"], rel=1e-6)


def test_an_objective_may_be_text():
    x = np.geomspace(1e6, 1e9, 12)
    rows = {"x": x, "loss": (1.7 + 300.0 * x**-0.34) * np.exp(1e-3 * np.sin(np.arange(12.0)))}
    there = fit("power_plus_constant", rows, objective=huber(1e-4), starts=4)
    assert fit("power_plus_constant", rows, objective="huber:1e-4", starts=4).params == there.params
    with pytest.raises(FitError, match="`hubr`"):
        fit("power_plus_constant", rows, objective="hubr", starts=4)
