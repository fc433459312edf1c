"""Costs of a residual, their signed roots, and their specs."""

from __future__ import annotations

import math
import string

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlaws import objectives
from jaxlaws.errors import FitError
from jaxlaws.objectives import absolute, asymmetric, huber, normal, parse, squared, student

ALL = [
    squared(),
    absolute(),
    huber(1e-3),
    huber(0.5, on="raw"),
    student(),
    student(0.02, dof=1.0),
    asymmetric(),
    asymmetric(squared(), under=0.3),
    asymmetric(student(0.1), under=2.0),
]
SIZES = np.geomspace(1e-12, 10.0, 61)
RESIDUALS = np.concatenate([-SIZES, [0.0], SIZES])

each = pytest.mark.parametrize("objective", ALL, ids=str)


# --- costs ---------------------------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_the_root_squared_is_the_cost(objective, dtype):
    with jax.enable_x64(dtype == "float64"):
        u = jnp.asarray(RESIDUALS, dtype)
        rho, root = np.asarray(objective.rho(u)), np.asarray(objective.root(u))
    assert rho.dtype == root.dtype == dtype
    eps = np.finfo(dtype).eps
    # In float32 the squares of the smallest residuals, 1e-24, are near the smallest normal number times 1/delta: an absolute floor.
    # Student's root is a series of two terms below u^2 = 1e-6 dof scale^2, which leaves 13/48 of 1e-12.
    np.testing.assert_allclose(0.5 * root * root, rho, rtol=max(20 * eps, 3e-13), atol=1e-30)
    np.testing.assert_array_equal(np.sign(root), np.sign(RESIDUALS))


@each
def test_root_and_cost_have_the_same_derivative_and_it_is_that_of_differences(objective):
    with jax.enable_x64(True):
        u = jnp.asarray(RESIDUALS)
        slope = jax.vmap(jax.grad(objective.rho))(u)
        through_root = jax.vmap(jax.grad(lambda v: 0.5 * objective.root(v) ** 2))(u)
        root_slope = jax.vmap(jax.grad(objective.root))(u)
        np.testing.assert_allclose(through_root, slope, rtol=1e-12, atol=1e-24)
        assert np.isfinite(root_slope).all(), "the root has a slope everywhere, at 0 too"
        assert (np.asarray(root_slope) > 0).all(), "the root grows with the residual"
        # Central differences with a step that follows the size; the residuals next to kinks (0, delta) lie far enough off.
        step = 1e-6 * np.abs(RESIDUALS)
        far = step > 0
        differences = (objective.rho(u + step) - objective.rho(u - step))[far] / (2.0 * step[far])
    np.testing.assert_allclose(slope[far], differences, rtol=1e-6)


@each
def test_small_residuals_cost_half_their_square_and_larger_ones_never_less(objective):
    tiny = 1e-9
    with jax.enable_x64(True):
        cost = objective.rho(jnp.asarray([tiny]))[0]
        rising = objective.rho(jnp.asarray(SIZES))
    scale = 1e-7 if "absolute" in str(objective) else 1.0  # |u| is rounded within 1e-7 of 0: a parabola of that unit
    assert float(cost) == pytest.approx(0.5 * tiny**2 / scale, rel=1e-6)
    assert (np.diff(rising) >= 0).all()


@pytest.mark.parametrize("delta", [1e-4, 1e-3, 0.3, 5.0])
def test_huber_is_scipys_and_optaxs(delta):
    with jax.enable_x64(True):
        cost = huber(delta).rho(jnp.asarray(RESIDUALS))
        np.testing.assert_allclose(cost, optax.huber_loss(jnp.asarray(RESIDUALS), delta=delta), rtol=1e-12, atol=1e-30)
    np.testing.assert_allclose(cost, scipy.special.huber(delta, RESIDUALS), rtol=1e-13)


@pytest.mark.parametrize(("scale", "dof"), [(1e-3, 4.0), (0.2, 1.0), (1.0, 30.0)])
def test_student_is_the_negative_log_density_of_students_t(scale, dof):
    with jax.enable_x64(True):
        cost = student(scale, dof=dof).rho(jnp.asarray(RESIDUALS))
    density = scipy.stats.t(dof)
    expected = scale**2 * dof / (dof + 1.0) * (density.logpdf(0.0) - density.logpdf(RESIDUALS / scale))
    # The difference of two log-densities has an absolute error of 1e-16.
    np.testing.assert_allclose(cost, expected, rtol=1e-9, atol=1e-15 * scale**2)


def test_absolute_is_the_size_up_to_the_rounding_it_states():
    with jax.enable_x64(True):
        cost = np.asarray(absolute().rho(jnp.asarray(RESIDUALS)))
    assert np.abs(cost - np.abs(RESIDUALS)).max() <= 5.1e-8
    assert np.asarray(squared().rho(RESIDUALS)) == pytest.approx(RESIDUALS**2 / 2)


def test_asymmetric_weighs_observations_above_the_law_by_under():
    base = huber(0.1)
    with jax.enable_x64(True):
        cost = asymmetric(base, under=0.3).rho(jnp.asarray([-1.0, 1.0, -1e-3, 1e-3]))
        whole = np.asarray(base.rho(jnp.asarray([1.0, 1.0, 1e-3, 1e-3])))
    # A residual is prediction - observation: below 0, the run is worse than the law.
    np.testing.assert_allclose(cost, whole * np.array([0.3, 1.0, 0.3, 1.0]), rtol=1e-12)


@each
def test_objective_is_a_pytree_whose_numbers_compile_nothing(objective):
    traces = []

    @jax.jit
    def cost(o, u):
        traces.append(1)
        return jnp.sum(o.rho(u)) + jnp.sum(o.root(u))

    u = jnp.linspace(-1.0, 1.0, 7)
    values = [cost(jax.tree.map(lambda x, f=f: jnp.float32(x * f), objective), u) for f in (1.0, 2.0, 3.0)]
    assert len(traces) == 1
    assert np.isfinite(values).all()
    assert len(jax.tree.leaves(objective)) >= 1


def test_residuals_scale_is_static():
    assert jax.tree.structure(huber(1e-3, on="raw")) != jax.tree.structure(huber(1e-3, on="log"))


# --- scales --------------------------------------------------------------------------------------------------------------------

TINY = 1e-6


def test_link_is_the_scale_inside_its_domain():
    x = np.linspace(1e-3, 0.999, 50)
    with jax.enable_x64(True):
        np.testing.assert_allclose(objectives.link(jnp.asarray(x), "log"), np.log(x), rtol=1e-14)
        np.testing.assert_allclose(
            objectives.link(jnp.asarray(x), "logit"), scipy.special.logit(x), rtol=1e-12, atol=1e-15
        )
        np.testing.assert_array_equal(objectives.link(jnp.asarray(x), "raw"), x)


@pytest.mark.parametrize(("on", "edges"), [("log", [TINY]), ("logit", [TINY, 1.0 - TINY])])
def test_link_goes_on_as_its_tangent_at_the_edge_of_the_domain(on, edges):
    with jax.enable_x64(True):

        def link(x):
            return objectives.link(x, on)

        for edge in edges:
            near = edge + np.array([-1e-3, -1e-6, 1e-6, 1e-3]) * TINY
            values, slopes = jax.vmap(jax.value_and_grad(link))(jnp.asarray(near))
            # No jump in value or slope: over 1e-6 of the distance to 0, both change by some 1e-6.
            assert abs(values[2] - values[1]) == pytest.approx(2e-6, rel=1e-3)
            assert slopes[1] == pytest.approx(float(slopes[2]), rel=1e-5)
            # Straight outside: equal slopes at two points there, and far out.
            outward = -1.0 if edge < 0.5 else 1.0
            outside = edge + outward * np.array([1e-3 * TINY, 1.0, 1e3])
            beyond = jax.vmap(jax.grad(link))(jnp.asarray(outside))
            np.testing.assert_allclose(beyond, beyond[0], rtol=1e-12)
            assert beyond[0] == pytest.approx(float(slopes[2 if edge < 0.5 else 1]), rel=1e-5)


@pytest.mark.parametrize("on", ["log", "raw", "logit"])
def test_link_rises_and_has_finite_derivatives_everywhere(on):
    x = np.array([-10.0, -1e-3, 0.0, 1e-9, 1e-6, 0.3, 1.0 - 1e-5, 1.0, 1.5, 1e3], np.float32)
    values, slopes = jax.vmap(jax.value_and_grad(lambda v: objectives.link(v, on)))(jnp.asarray(x))
    bends = jax.vmap(jax.grad(jax.grad(lambda v: objectives.link(v, on))))(jnp.asarray(x))
    assert np.isfinite(values).all() and np.isfinite(slopes).all() and np.isfinite(bends).all()
    assert (np.diff(values) > 0).all() and (np.asarray(slopes) > 0).all()


# --- specs ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "objective"),
    [
        ("squared", squared()),
        ("squared:log", squared(on="log")),
        ("absolute:raw", absolute(on="raw")),
        ("huber", huber(1e-3)),
        ("huber:logit", huber(1e-3, on="logit")),
        ("huber:1e-3:raw", huber(1e-3, on="raw")),
        ("huber:0.0001", huber(1e-4)),
        ("student", student(1e-3, dof=4.0)),
        ("student:0.01:3:log", student(0.01, dof=3.0, on="log")),
        ("asymmetric", asymmetric(huber(1e-3), under=0.1)),
        ("asymmetric:0.2:1e-2:raw", asymmetric(huber(1e-2, on="raw"), under=0.2)),
    ],
)
def test_spec_names_this_objective(spec, objective):
    assert parse(spec) == objective


NUMBERS = st.floats(min_value=1e-9, max_value=1e6, allow_nan=False)
SCALES = st.sampled_from([None, "log", "raw", "logit"])
OBJECTIVES = st.one_of(
    st.builds(lambda on: squared(on=on), SCALES),
    st.builds(lambda on: absolute(on=on), SCALES),
    st.builds(lambda d, on: huber(d, on=on), NUMBERS, SCALES),
    st.builds(lambda s, d, on: student(s, dof=d, on=on), NUMBERS, NUMBERS, SCALES),
    st.builds(lambda u, d, on: asymmetric(huber(d, on=on), under=u), NUMBERS, NUMBERS, SCALES),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(OBJECTIVES)
def test_str_is_a_spec_that_reads_back_as_the_same_objective(objective):
    # A fit stores this string: what it names must be what was fitted.
    assert parse(str(objective)) == objective
    assert str(parse(str(objective))) == str(objective)


@pytest.mark.parametrize("base", [squared(), absolute(), student(0.01)], ids=str)
def test_asymmetric_of_another_base_does_not_print_as_one_of_huber(base):
    spec = str(asymmetric(base, under=0.3))
    try:
        read = parse(spec)
    except FitError:
        return  # a spec that cannot be read misleads no one
    assert read == asymmetric(base, under=0.3), spec


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hubber", "unknown objective `hubber`; nearest: `huber`"),
        ("", "unknown objective"),
        ("huber:x", "expected huber[:number][:log|raw|logit]"),
        ("huber:", "expected huber"),
        ("huber:1e-3:1e-3", "expected huber"),
        ("huber:1e-3:Log", "expected huber"),
        ("huber:log:1e-3", "expected huber"),
        ("huber:0", "`huber(delta=...)` must be a finite number above 0; got 0.0"),
        ("huber:-1", "must be a finite number above 0"),
        ("huber:nan", "must be a finite number above 0"),
        ("huber:inf", "must be a finite number above 0"),
        ("student:1:0", "`student(dof=...)`"),
        ("asymmetric:0", "`asymmetric(under=...)`"),
        ("squared:1", "expected squared"),
    ],
)
def test_spec_that_makes_no_sense_is_refused_in_one_sentence(spec, words):
    with pytest.raises(FitError) as caught:
        parse(spec)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"`--objective {spec}`:")


TEXTS = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.one_of(
            st.sampled_from(["squared", "absolute", "huber", "student", "asymmetric", "log", "raw", "logit", "", "x"]),
            st.floats().map(str),
            st.integers().map(str),
            st.text(string.printable, max_size=3),
        ),
        max_size=5,
    ).map(":".join),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS)
def test_arbitrary_text_raises_only_fit_errors(text):
    try:
        objective = parse(text)
    except FitError as error:
        assert str(error)
    else:
        assert isinstance(objective, objectives.Objective)
        assert all(math.isfinite(leaf) for leaf in jax.tree.leaves(objective))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: huber(0.0), "`huber(delta=...)` must be a finite number above 0; got 0.0"),
        (lambda: huber(1e-3, on="ln"), "`huber(on=...)` must be one of log, raw, logit; got 'ln'"),
        (lambda: squared(on="ln"), "`squared(on=...)`"),
        (lambda: squared(unit=0.0), "`squared(unit=...)`"),
        (lambda: absolute(on="ln"), "`absolute(on=...)`"),
        (lambda: absolute(unit=-1.0), "`absolute(unit=...)`"),
        (lambda: student(-1.0), "`student(scale=...)`"),
        (lambda: student(dof=float("inf")), "`student(dof=...)`"),
        (lambda: student(on="ln"), "`student(on=...)`"),
        (lambda: asymmetric(under=0.0), "`asymmetric(under=...)`"),
        (lambda: normal(0.0, 0.0), "`normal(sd=...)`"),
        (lambda: normal(0.0, float("nan")), "`normal(sd=...)`"),
    ],
)
def test_argument_that_makes_no_sense_is_refused_in_one_sentence(make, words):
    with pytest.raises(FitError) as caught:
        make()
    assert words in str(caught.value)


def test_prior_is_a_pytree_that_leaves_the_unit_to_the_objective():
    assert jax.tree.leaves(normal(1.0, 2.0)) == [1.0, 2.0]
    assert jax.tree.leaves(normal(1.0, 2.0, residual=5e-4)) == [1.0, 2.0, 5e-4]
    assert [o.unit for o in (huber(2e-3), student(3e-3), squared(unit=0.1), absolute(), asymmetric(huber(2e-3)))] == [
        2e-3,
        3e-3,
        0.1,
        1e-3,
        2e-3,
    ]
