"""The search over a unit cube: on functions whose minimum is known, in both precisions, and its derivative."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.solvers import lowest


def bowl(x, numbers):
    """Two valleys in one coordinate, a tilted one in the other; the lower valley is at `at`."""
    first = (x[0] - numbers["at"]) ** 2 * ((x[0] - 0.85) ** 2 + numbers["lift"])
    return first + 3.0 * (x[1] - 0.5 * x[0]) ** 2


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])
def test_the_lower_of_two_valleys_is_found(dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        numbers = {"at": jnp.asarray(0.2, dtype), "lift": jnp.asarray(0.01, dtype)}
        found = jax.jit(lambda n: lowest(bowl, 2, n, jnp.dtype(dtype)))(numbers)
        np.testing.assert_allclose(found.x, [0.2, 0.1], atol=tolerance)
        assert found.x.dtype == dtype and float(found.step) < tolerance


def test_a_face_stops_the_search_and_its_derivative():
    def slope(x, numbers):
        return numbers * x[0] + (x[1] - 0.3 * numbers) ** 2

    with jax.enable_x64(True):
        at = lambda n: lowest(slope, 2, n, jnp.float64).x  # noqa: E731
        x, change = jax.jvp(at, (jnp.float64(1.0),), (jnp.float64(1.0),))
    np.testing.assert_allclose(x, [0.0, 0.3], atol=1e-12)
    np.testing.assert_allclose(change, [0.0, 0.3], atol=1e-12)


def test_derivative_of_the_minimum_is_that_of_finite_differences():
    def steep(x, numbers):
        return jnp.exp(3.0 * x[0]) - numbers * x[0]  # least at ln(numbers / 3) / 3

    with jax.enable_x64(True):
        at = jax.jit(lambda n: lowest(steep, 1, n, jnp.float64).x[0])
        n = jnp.float64(8.0)
        assert float(jax.jit(jax.grad(at))(n)) == pytest.approx(1.0 / 24.0, rel=1e-9)
        assert float(at(n)) == pytest.approx(np.log(8.0 / 3.0) / 3.0, rel=1e-12)


def test_where_a_function_is_not_defined_is_avoided():
    def edge(x, numbers):
        inside = x[0] < 0.6
        return jnp.where(inside, -jnp.log(jnp.where(inside, x[0], 0.5)) + numbers * x[0], jnp.inf)

    found = lowest(edge, 1, jnp.float32(4.0), jnp.float32)
    assert float(found.x[0]) == pytest.approx(0.25, abs=1e-4)
