"""What every law of the catalogue owes. A new law inherits all of it."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxlaws
from jaxlaws import Law, formula, huber
from jaxlaws.fitting import solve
from jaxlaws.fitting.engine import Plan, Problem, layout_of, limits, search, starting_points
from jaxlaws.fitting.problem import Data
from jaxlaws.solvers import Rung, Status, levenberg_marquardt

from .cases import LAWS, QUICK, each_law, evaluated, form_of, inputs_of, renamed, rows, start_points, truth_of, two_laws

# --- values and derivatives ---------------------------------------------------------------------------------------------------


@each_law
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_gradient_and_hessian_are_finite_over_the_start_box(law, dtype):
    out = evaluated(law, dtype)
    assert np.isfinite(out.value).all()
    assert np.isfinite(out.gradient).all()
    assert np.isfinite(out.hessian).all()
    assert all(np.isfinite(s).all() for s in out.slope.values())


@each_law
def test_float32_is_near_float64(law):
    single, double = evaluated(law, "float32"), evaluated(law, "float64")
    # exp(exponent * log(base)) with |exponent * log(base)| up to 30 keeps 30 units of the last place, 2e-6; sums over curves and terms
    # that cancel add to it, against the largest value of the law.
    np.testing.assert_allclose(single.value, double.value, rtol=5e-6, atol=5e-6 * np.abs(double.value).max())
    names = list(law.params)
    free = [names.index(n) for n, p in law.params.items() if p.fixed is None and p.reference is None]
    # Derivatives against the largest of their kind. A memory per step near 1 (`lam`, held unless freed) loses the digits of
    # 1/(1 - lam), two or three, with each derivative: its second one is not asked for.
    assert _worst(single.gradient, double.gradient) < 2e-3
    assert _worst(single.gradient[..., free], double.gradient[..., free]) < 2e-5
    block = [e.hessian[..., free, :][..., :, free] for e in (single, double)]
    assert _worst(*block) < 2e-4


def _worst(single: np.ndarray, double: np.ndarray) -> float:
    """Largest difference of any entry, against the largest of that entry over all points."""
    scale = np.abs(double).max(axis=0, keepdims=True)
    return float(np.max(np.abs(single - double) / np.where(scale > 0, scale, 1.0)))


@each_law
def test_gradient_is_what_differences_of_the_value_say(law):
    out, points = evaluated(law, "float64"), start_points(law)
    for point in (0, 17, 42):
        for j, name in enumerate(law.params):
            if law.params[name].reference:
                continue  # a reference is a number that the fit stores, not a parameter
            # Central differences: a step of 1e-5 leaves 1e-10 of truncation and 1e-11 of rounding, relative to the value.
            size = 0.0 if law.params[name].scale == "log" else 1e-2 * np.ptp(law.params[name].start)
            step = 1e-5 * max(abs(points[point, j]), size)
            sides = []
            for side in (step, -step):
                vector = points[point].copy()
                vector[j] += side
                value = rows(law, dict(zip(law.params, vector, strict=True)))
                sides.append(value.sum(axis=1) if law.is_curve else value[point])
            slope = (sides[0] - sides[1]) / (2.0 * step)
            floor = 1e-10 * np.abs(sides[0]).max() / step
            np.testing.assert_allclose(out.gradient[point][..., j], slope, rtol=1e-6, atol=floor, err_msg=name)


@each_law
def test_hessian_is_what_second_differences_of_the_value_say(law):
    # Along one direction that moves all parameters, by about their own size. Implicit derivatives of fits rest on it.
    out, points = evaluated(law, "float64"), start_points(law)
    moved = np.array([p.reference is None for p in law.params.values()])
    for point in (0, 17, 42):
        widths = [0.0 if p.scale == "log" else np.ptp(p.start) for p in law.params.values()]
        size = np.maximum(np.abs(points[point]), 1e-2 * np.array(widths))
        along = np.where(moved, size * np.random.default_rng(point).uniform(-1.0, 1.0, len(size)), 0.0)
        # Of the second difference, h^2 of truncation and 1e-16/h^2 of the value in rounding are left.
        h = 1e-4
        value = [rows(law, dict(zip(law.params, points[point] + t * h * along, strict=True))) for t in (-1.0, 0.0, 1.0)]
        low, middle, high = (v.sum(axis=1) if law.is_curve else v[point] for v in value)
        bend = np.einsum("i,...ij,j->...", along, out.hessian[point], along)
        floor = 1e-14 * np.abs(value[1]).max() * len(np.atleast_1d(value[1][0] if law.is_curve else 1.0)) / h**2
        np.testing.assert_allclose(bend, (high - 2.0 * middle + low) / h**2, rtol=1e-4, atol=floor)


@each_law
def test_linear_parameters_enter_linearly_together(law):
    out = evaluated(law, "float64")
    names = list(law.params)
    at = [names.index(n) for n in law.linear]
    block = out.hessian[..., at, :][..., :, at]
    assert np.abs(block).max(initial=0.0) <= 1e-12 * np.abs(out.gradient[..., at]).max(initial=1.0)


@each_law
def test_vmap_equals_a_loop(law):
    params = truth_of(law)
    batch = rows(law, params)[:4]
    with jax.enable_x64(True):
        alone = jax.jit(lambda *inputs: law(*inputs, **params), compiler_options=QUICK)
        ordered = [inputs_of(law)[name] for name in law.inputs]
        loop = np.stack([alone(*jax.tree.map(lambda x, r=r: x[r], ordered)) for r in range(len(batch))])
    # Vector and scalar code of exp and log differ in the last place, times |exponent * log(base)|, up to 30.
    np.testing.assert_allclose(batch, loop, rtol=1e-13)


# --- fits ----------------------------------------------------------------------------------------------------------------------

# From noiseless data these laws give back predictions, not parameters.
RIDGES = {
    "farseer": "a power in the exponent of a power: scale, exponent and shift of each trade off over two decades of N",
    "fsl_theory": "on a run of short intrinsic time the error and both noise terms are nearly the same function",
    "qqt_mixture": "pools that are alike, as here, cannot be told apart",
}


# The compiled search of `fit`, in a program that takes half as long to compile.
searched = jax.jit(search, static_argnums=0, compiler_options=QUICK)


def grouped(problem: Problem, starts: np.ndarray) -> tuple[Problem, np.ndarray]:
    """Problem and starts with a group axis of one."""
    return jax.tree.map(lambda x: np.asarray(x)[None], problem), starts[None]


@dataclasses.dataclass(frozen=True)
class Recovery:
    """The search of one law on its own noiseless data, as `fit` runs it: plan, problem, starts, and how often the law was traced."""

    law: Law
    plan: Plan
    problem: Problem
    starts: np.ndarray
    truth: dict[str, float]
    traced: list[int]

    def run(self, delta: float = 1e-3) -> Any:
        """Race over the starts, with a group axis of one, in float64."""
        with jax.enable_x64(True):
            problem = dataclasses.replace(self.problem, objective=huber(np.float64(delta)))
            return jax.device_get(searched(self.plan, *grouped(problem, self.starts)))


@functools.cache
def recovery(law: Law, starts: int = 16) -> Recovery:
    """Recovery of the truth from data of one padded shape, which all point laws share, and all curve laws. Laws that restate
    one form, on one scale and with the same free parameters, share its program."""
    traced = [0]

    def counting(*args: Any, **kwargs: Any) -> Any:
        traced[0] += 1
        return law.fn(*args, **kwargs)

    counted = dataclasses.replace(law, fn=counting) if law.form is None else _on_scale(form_of(law), law.output.scale)
    there = dict(zip(law.params, counted.params, strict=True))
    truth, inputs = truth_of(law), renamed(law, inputs_of(law))
    params = dict(law.params)
    for group in law.redundant:
        if not any(params[n].fixed is not None for n in group):  # data leave one direction open: close it
            params[group[0]] = dataclasses.replace(params[group[0]], fixed=truth[group[0]])
    observed = rows(law, truth)
    params, truth = ({there[k]: v for k, v in of.items()} for of in (params, truth))
    layout = layout_of(counted, params, {})
    low, high, floor = limits(layout, params)
    free = {slot.name for slot in layout}
    problem = Problem(
        data=Data(inputs, observed, np.ones_like(observed), {}),
        fixed={k: np.float64(v) for k, v in truth.items() if k not in free},
        objective=huber(np.float64(1e-3)),
        priors={},
        low=low,
        high=high,
        floor=floor,
    )
    solver = levenberg_marquardt(trips=150, polish=0)
    plan = Plan(counted, layout, solver, (Rung(None, solver.trips),), None, True)
    return Recovery(law, plan, problem, starting_points(counted, layout, params, starts, 1), truth, traced)


@functools.cache
def _on_scale(form: Law, scale: str) -> Law:
    return dataclasses.replace(form, output=dataclasses.replace(form.output, scale=scale))


@each_law
def test_law_recovers_its_own_parameters_from_noiseless_data(law):
    case = recovery(law)
    observed = case.problem.data.observed
    assert law.output.scale == "raw" or (observed > 0).all(), "the truth must be something that could be observed"
    found = case.run().best
    values = {s.name: float(np.exp(x) if s.log else x) for s, x in zip(case.plan.layout, found.x[0], strict=True)}
    # Rounding of float64 data leaves relative residuals of some 1e-16.
    tight = law.name not in RIDGES
    back = dict(zip(case.plan.law.params, law.params, strict=True))
    np.testing.assert_allclose(
        rows(law, {back[k]: v for k, v in (case.truth | values).items()}),
        observed,
        rtol=1e-12 if tight else 1e-6,
        atol=1e-13 * np.abs(observed).max(),
    )
    for name, value in values.items() if tight else ():
        # The worst conditioned normal matrices (1e12) turn 1e-16 in the data into 1e-10 of a parameter.
        np.testing.assert_allclose(value, case.truth[name], rtol=1e-8, err_msg=name)


def _redundancies() -> list[Any]:
    product = dataclasses.replace(formula("A*B/N^alpha", start={"alpha": (0.1, 1.0)}), redundant=(("A", "B"),))
    return [pytest.param(law, g, id=f"{law.name}-{'-'.join(g)}") for law in (product, *LAWS) for g in law.redundant]


@pytest.mark.parametrize(("law", "group"), _redundancies())
def test_fit_says_when_it_cannot_tell_redundant_parameters_apart(law, group):
    truth, inputs = truth_of(law), inputs_of(law)
    free = [n for n in group if law.params[n].fixed is not None]
    held = {g[0]: truth[g[0]] for g in law.redundant if g != group}

    def status(observed: Any) -> Any:
        solver = levenberg_marquardt(trips=30, polish=0)
        return solve(law, inputs, observed, starts=4, fix=held, free=free, solver=solver).status

    with jax.enable_x64(True):
        found = int(jax.jit(status, compiler_options=QUICK)(rows(law, truth)))
    assert Status(found) is Status.rank_deficient


@two_laws
def test_another_delta_compiles_nothing(law, compilations):
    case = recovery(law)
    case.run()
    held, count = searched._cache_size(), len(compilations)
    again = case.run(delta=3e-3)
    assert searched._cache_size() == held
    assert len(compilations) == count
    assert np.isfinite(again.best.objective).all()


def test_another_delta_compiles_nothing_in_fit(compilations):
    power = jaxlaws.catalogue["power"]
    x = np.geomspace(1e2, 1e6, 16)
    noise = 1.0 + 1e-3 * np.sin(np.arange(16.0))  # without any, a search is never done and `fit` adds rungs
    table = pd.DataFrame({"x": x, "loss": 8.0 * x**-0.1 * noise})
    first = jaxlaws.fit(power, table, starts=8)
    count = len(compilations)
    second = jaxlaws.fit(power, table, starts=8, objective=huber(5e-3))
    assert len(compilations) == count
    assert second.objective != first.objective


@two_laws
def test_law_is_traced_as_often_for_one_start_as_for_many(law):
    def traces(starts: int) -> int:
        case = recovery.__wrapped__(law, starts)
        with jax.enable_x64(True):
            jax.eval_shape(functools.partial(search, case.plan), *grouped(case.problem, case.starts))
        return case.traced[0]

    assert 0 < traces(1) == traces(64)


def test_solve_traces_the_law_once_for_data_of_equal_shape():
    power, calls = jaxlaws.catalogue["power"], []
    law = dataclasses.replace(power, fn=lambda *a, **k: calls.append(1) or power.fn(*a, **k))
    x = jnp.geomspace(1e2, 1e6, 16)
    solver = levenberg_marquardt(trips=5, polish=0)
    run = jax.jit(lambda observed: solve(law, {"x": x}, observed, starts=4, solver=solver).objective)
    run(8.0 * x**-0.1)
    once = len(calls)
    run(9.0 * x**-0.2)
    assert 0 < once == len(calls)


@pytest.fixture
def compilations():
    """An entry for each program that XLA compiles."""
    seen: list[str] = []

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


# --- the page ------------------------------------------------------------------------------------------------------------------


@each_law
def test_docstring_names_every_parameter_and_every_input(law):
    symbols = " ".join(re.findall(r"`[^`]+`|\$[^$]+\$", law.doc))
    # `t` names all of t1, t2, ... of a law that has one for each domain.
    names = [re.sub(r"\d+(_\d+)*$", "", n) if law.sizes else n for n in (*law.params, *law.inputs)]
    missing = [
        n
        for n, whole in zip(names, (*law.params, *law.inputs), strict=True)
        if not re.search(rf"(?<![A-Za-z_])({re.escape(n)}|{re.escape(whole)})(?![A-Za-z_])", symbols)
    ]
    assert missing == [], f"not between backticks or dollars in the docstring of {law.name}: {missing}"
    assert law.doc.splitlines()[0].strip(), "the first line says what is returned"


@each_law
def test_source_and_units_are_stated(law):
    assert law.source and len(law.source) > 10
    assert law.evidence != "unverified" or "unverified" in law.doc.lower(), "say in the docstring what is unverified"
    assert law.bibtex.startswith("@") and law.bibtex.count("{") == law.bibtex.count("}")
    for quantity in (*law.inputs.values(), law.output):
        assert quantity.unit and quantity.meaning and quantity.scale in ("log", "raw")
    assert all(law.limits) and law.limits, "every law has known limits: say them"


@each_law
def test_constants_evaluate_to_something_that_could_be_observed(law):
    for name, constants in law.constants.items():
        assert constants.about, f"constants {name} need their experiment and units"
        assert constants.law.name == law.name and (constants.law.fn is law.fn or law.sizes)
        for param, value in constants.params.items():
            box = constants.law.params[param]
            assert box.low <= value <= box.high, f"{name}: {param}={value} lies outside its box"
        value = rows(constants.law, constants.params)
        assert np.isfinite(value).all(), name
        # What is measured on its own scale may have either sign; a fraction leaves its range where losses are high.
        assert (value > 0).all() or law.output.scale == "raw", name


# --- other processes -----------------------------------------------------------------------------------------------------------

VARIANTS = [law.variant(**{k: v}) for law in LAWS for k, values in law.variants.items() for v in values[1:]]
VARIANTS += [law.variant(**{k: str(n + 2)}) for law in LAWS for k, n in law.sizes.items()]
TEXTS = [formula("E + A/N^alpha + B/D^beta"), formula("E + A*exp(-k*D)", start={"k": (1e-3, 1.0)})]


@pytest.mark.parametrize("law", [*LAWS, *VARIANTS, *TEXTS], ids=lambda law: law.label)
def test_law_pickles_to_the_same_object(law):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(law, protocol)) is law


@pytest.mark.parametrize("law", [*LAWS, *VARIANTS], ids=lambda law: law.label)
def test_law_is_found_by_its_label(law):
    assert jaxlaws.catalogue[law.label] is law
    for alias in law.aliases:
        assert jaxlaws.catalogue[alias] is jaxlaws.catalogue[law.name]


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(law: Law, params: Any, x: Any) -> Any:
    _TRACED.append(law.label)
    return law(x, **params)


_TRACED: list[str] = []


def _task(law: Law, x: float) -> tuple[float, int]:
    """What a worker is given: a law, anew each time, and a number. Gives the value, and how often a law was traced so far."""
    params = {k: jnp.float32(v) for k, v in truth_of(law).items()}
    return float(_evaluate(law, params, jnp.float32(x))), len(_TRACED)


def test_spawned_worker_traces_a_pickled_law_once_over_three_tasks(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # where the worker finds this module
    laws = [jaxlaws.catalogue["power"], formula("E + A/N^alpha")]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for before, law in enumerate(laws):
            answers = [pool.submit(_task, law, x).result(timeout=120) for x in (1e3, 1e4, 1e5)]
            assert [traced for _, traced in answers] == [before + 1] * 3
            own = [
                float(law(jnp.float32(x), **{k: jnp.float32(v) for k, v in truth_of(law).items()}))
                for x in (1e3, 1e4, 1e5)
            ]
            np.testing.assert_allclose([value for value, _ in answers], own, rtol=1e-6)
