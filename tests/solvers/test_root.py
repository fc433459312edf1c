"""One unknown in one equation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

from jaxlaws.solvers import bracketed_root

# name: (function of (xp, x), low, high)
EQUATIONS = {
    "cosine": (lambda xp, x: xp.cos(x) - x, 0.0, 1.0),
    "cubic": (lambda xp, x: x**3 - 2.0 * x - 5.0, 2.0, 3.0),
    "falling": (lambda xp, x: 3.0 - xp.exp(x), 0.0, 10.0),
    "wide": (lambda xp, x: xp.log(x) - 1.0, 1e-3, 1e3),
    "steep": (lambda xp, x: xp.tanh(50.0 * (x - 0.3)), -4.0, 7.0),
    "flat ends": (lambda xp, x: xp.arctan(1e3 * (x - 1.234)), -50.0, 90.0),
    "high power": (lambda xp, x: x**15 - 0.5, 0.0, 2.0),
    "kink": (lambda xp, x: xp.where(x < 0.7, 10.0 * (x - 0.7), 0.1 * (x - 0.7)), 0.0, 1.0),
    # Loss on both sides, as in Su et al. (2024): the batch term depends on the loss itself.
    "loss": (
        lambda xp, x: x - (1.5e14 / 1e9) ** 0.076 * 0.3 - (2.6e3 / 1e4 * (1.0 + 1.7e8 / (5e5 * x**4.9))) ** 0.67,
        0.5,
        20.0,
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_root_is_brents(name):
    f, low, high = EQUATIONS[name]
    expected = brentq(lambda x: float(f(np, x)), low, high, xtol=1e-15, rtol=1e-15)
    with jax.enable_x64(True):
        got = jax.jit(lambda a, b: bracketed_root(lambda x: f(jnp, x), a, b))(low, high)
        turned = jax.jit(lambda a, b: bracketed_root(lambda x: -f(jnp, x), a, b))(low, high)
    # Sixty trips, every other one a bisection at least: 2^-30 of the bracket where the function has a kink, rounding elsewhere.
    near = 2.0**-30 * (high - low) if name == "kink" else 1e-12
    assert float(got) == pytest.approx(expected, rel=1e-10, abs=near)
    assert float(turned) == pytest.approx(expected, rel=1e-10, abs=near)


@pytest.mark.parametrize("name", EQUATIONS)
def test_root_in_float32_is_one_of_float32(name):
    f, low, high = EQUATIONS[name]
    expected = brentq(lambda x: float(f(np, x)), low, high, xtol=1e-15, rtol=1e-15)
    got = jax.jit(lambda a, b: bracketed_root(lambda x: f(jnp, x), a, b))(jnp.float32(low), jnp.float32(high))
    assert got.dtype == jnp.float32
    assert float(got) == pytest.approx(expected, rel=5e-6)


def test_root_on_an_end_of_the_bracket_is_found():
    with jax.enable_x64(True):
        assert float(bracketed_root(lambda x: x - 1.0, 1.0, 5.0)) == pytest.approx(1.0, abs=1e-12)
        assert float(bracketed_root(lambda x: x - 5.0, 1.0, 5.0)) == pytest.approx(5.0, abs=1e-12)


@pytest.mark.parametrize(("low", "high"), [(2.0, 3.0), (-3.0, -2.0), (-2.0, 2.0)])
def test_bracket_without_a_change_of_sign_gives_nan(low, high):
    with jax.enable_x64(True):
        assert np.isnan(bracketed_root(lambda x: x**2 - 1.0, low, high))
        lone = jax.jit(jax.vmap(lambda a: bracketed_root(lambda x: x - a, 0.0, 1.0)))(jnp.array([0.25, 2.0, 0.75]))
    np.testing.assert_allclose(lone, [0.25, np.nan, 0.75], rtol=1e-12)


def test_derivative_is_that_of_the_closed_form():
    # x e^x = a has the root W(a), whose derivative is W/(a (1 + W)).
    a = np.array([0.1, 1.0, 5.0, 50.0])
    w = lambertw(a).real
    with jax.enable_x64(True):

        def root(a):
            return bracketed_root(lambda x: x * jnp.exp(x) - a, 0.0, 10.0)

        value, slope = jax.jit(jax.vmap(jax.value_and_grad(root)))(jnp.asarray(a))
        _, forwards = jax.jvp(root, (5.0,), (1.0,))
    np.testing.assert_allclose(value, w, rtol=1e-12)
    np.testing.assert_allclose(slope, w / (a * (1.0 + w)), rtol=1e-9)
    assert float(forwards) == pytest.approx(w[2] / (a[2] * (1.0 + w[2])), rel=1e-9)


def test_derivative_is_that_of_differences():
    def equation(xp, x, n, b):
        return x - n**-0.076 * 3.0 - (0.26 * (1.0 + 340.0 / (b * x**4.9))) ** 0.67

    with jax.enable_x64(True):
        slope = jax.jit(
            jax.grad(lambda n, b: bracketed_root(lambda x: equation(jnp, x, n, b), 0.2, 20.0), argnums=(0, 1))
        )(2.0, 7.0)
    for i, at in enumerate((2.0, 7.0)):
        sides = []
        for h in (1e-4, -1e-4):
            n, b = (2.0 + h, 7.0) if i == 0 else (2.0, 7.0 + h)
            sides.append(brentq(lambda x, n=n, b=b: equation(np, x, n, b), 0.2, 20.0, xtol=1e-15, rtol=1e-15))
        assert float(slope[i]) == pytest.approx((sides[0] - sides[1]) / 2e-4, rel=1e-6), at


def test_second_derivative_is_that_of_the_closed_form():
    # sqrt(a): the Hessian of a fit goes through such a root where a law has the loss on both sides.
    with jax.enable_x64(True):

        def root(a):
            return bracketed_root(lambda x: x * x - a, 0.0, 10.0)

        for second in (jax.grad(jax.grad(root)), jax.jacfwd(jax.grad(root)), jax.jacfwd(jax.jacfwd(root))):
            assert float(second(4.0)) == pytest.approx(-0.25 * 4.0**-1.5, rel=1e-9)


def test_bracket_contributes_nothing_to_the_derivative():
    with jax.enable_x64(True):
        slope = jax.grad(lambda low, high: bracketed_root(lambda x: x**2 - 2.0, low, high), argnums=(0, 1))(1.0, 2.0)
    np.testing.assert_allclose(slope, [0.0, 0.0], atol=1e-12)


def test_root_works_under_jit_vmap_and_grad_at_once_in_a_strict_float32_process():
    a = jnp.array([0.5, 1.0, 2.0, 4.0])
    slope = jax.jit(jax.vmap(jax.grad(lambda a: bracketed_root(lambda x: x**3 - a, 0.0, 3.0))))(a)
    assert slope.dtype == jnp.float32
    np.testing.assert_allclose(slope, np.asarray(a) ** (-2.0 / 3.0) / 3.0, rtol=1e-5)


def test_bracket_of_whole_numbers_is_a_bracket():
    assert float(bracketed_root(lambda x: x**2 - 2.0, 1, 2)) == pytest.approx(2.0**0.5, rel=1e-6)
