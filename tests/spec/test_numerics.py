"""`power`: a power written so that it is cheap, and finite where the base vanishes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.spec import power

BASES = np.array([1e-30, 1e-12, 1e-3, 0.5, 1.0, 2.0, 1e4, 1e12, 1e30])
EXPONENTS = np.array([-2.5, -0.3, 0.0, 0.076, 1.0, 3.0])


def test_power_is_the_power():
    with jax.enable_x64(True):
        for e in EXPONENTS:
            # exp(y) of y = e log(base) has a relative error of |y| units in the last place; |y| is up to 210 here.
            np.testing.assert_allclose(power(BASES, e), BASES**e, rtol=210 * 2.3e-16)


def test_what_is_no_number_has_no_power():
    assert np.isnan(power(np.nan, 0.5)) and np.isnan(power(2.0, np.nan))


def test_power_has_the_derivatives_of_the_power():
    with jax.enable_x64(True):
        gradient = jax.vmap(jax.grad(power, argnums=(0, 1)), in_axes=(0, None))
        for e in EXPONENTS:
            b = jnp.asarray(BASES[2:])
            to_base, to_exponent = gradient(b, jnp.asarray(e))
            np.testing.assert_allclose(to_base, e * b ** (e - 1.0), rtol=1e-13)
            np.testing.assert_allclose(to_exponent, b**e * jnp.log(b), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("base", [0.0, 1e-39, 1e-3])
@pytest.mark.parametrize("e", [0.8, -0.8])
def test_value_gradient_and_hessian_are_finite_down_to_a_base_of_0(base, e, dtype):
    # A learning rate starts its climb at 0 and may end its decay there: laws raise it to powers of either sign.
    with jax.enable_x64(dtype == "float64"):
        at = jnp.asarray(base, dtype), jnp.asarray(e, dtype)
        value = power(*at)
        gradient = jax.grad(power, argnums=(0, 1))(*at)
        hessian = jax.hessian(power, argnums=(0, 1))(*at)
    # float32 holds 1e-39 only as a subnormal number, which counts as 0; float64 holds the power of it.
    if e > 0 or base == 1e-3:
        assert np.isfinite(value)
    assert np.isfinite(jax.tree.leaves(gradient)).all(), gradient
    assert np.isfinite(jax.tree.leaves(hessian)).all(), hessian


def test_power_keeps_the_type_of_arrays_and_lets_numbers_follow():
    single = jnp.float32(2.0)
    assert power(single, 0.5).dtype == power(0.5, single).dtype == power(2, single).dtype == jnp.float32
    assert power(jnp.int32(2), single).dtype == jnp.float32
    assert power(np.float64(2.0), 0.5).dtype == jnp.float32  # 64-bit types are off
    assert power(2, 3).dtype == jnp.float32 and float(power(2, 3)) == pytest.approx(8.0, rel=1e-6)
    with jax.enable_x64(True):
        assert power(np.float64(2.0), 0.5).dtype == power(2, 3).dtype == jnp.float64
        assert power(single, 0.5).dtype == jnp.float32


def test_power_works_under_jit_vmap_and_grad_in_a_strict_process():
    out = jax.jit(jax.vmap(jax.grad(lambda b: power(b, 0.5) + power(2.0, b))))(jnp.arange(1.0, 4.0))
    b = np.arange(1.0, 4.0)
    np.testing.assert_allclose(out, 0.5 / np.sqrt(b) + np.log(2.0) * 2.0**b, rtol=1e-6)
