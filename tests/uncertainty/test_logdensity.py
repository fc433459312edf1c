"""A fit as a log density: its shape, and a sampler's intervals against the profile's."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import JaxlawsError
from jaxlaws.uncertainty import profile


def test_it_is_the_objective_over_the_dispersion(alone, alone_fit):
    """Of least squares: half the sum of squares over the residual variance."""
    density = alone_fit.logdensity(alone)
    noise = 2.0 * alone_fit.objective / 62
    assert density.scale == pytest.approx(noise, rel=1e-9)
    with jax.enable_x64(True):
        at = {"a": jnp.float64(3.1), "b": jnp.float64(-0.6)}
        miss = alone.column("loss") - 3.1 + 0.6 * alone.column("x")
        assert float(density(at)) == pytest.approx(-0.5 * np.sum(miss**2) / noise, rel=1e-9)
        assert float(density({"a": jnp.float64(101.0), "b": jnp.float64(0.0)})) == -np.inf
        slope = jax.jit(jax.grad(density))({k: jnp.asarray(v) for k, v in density.start.items()})
    assert max(abs(float(v)) for v in slope.values()) < 1e-3


def test_it_computes_in_the_dtype_of_its_argument(power_rows, power_fit):
    density = power_fit.logdensity(power_rows)
    at = {k: jnp.float32(v) for k, v in density.start.items()}
    value = jax.jit(density)(at)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(-power_fit.objective / density.scale, rel=1e-3)
    np.testing.assert_allclose(density.params(at)["A"], power_fit["A"], rtol=1e-5)


def test_a_scale_of_nothing_is_refused(power_rows, power_fit):
    with pytest.raises(JaxlawsError, match="must be a finite number above 0"):
        power_fit.logdensity(power_rows, scale=0.0)


def test_a_sampler_finds_the_intervals_of_the_profile(alone, alone_fit):
    """NUTS on the density of a line, flat in its parameters: the posterior is the profile's normal."""
    blackjax = pytest.importorskip("blackjax")
    density = alone_fit.logdensity(alone)
    with warnings.catch_warnings(), jax.enable_x64(True):
        warnings.simplefilter("ignore")
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            start = {k: jnp.asarray(v) for k, v in density.start.items()}
            tuned, _ = blackjax.window_adaptation(blackjax.nuts, density).run(jax.random.key(0), start, 500)
            step = blackjax.nuts(density, **tuned.parameters).step

            def one(state, key):
                state, _ = step(key, state)
                return state, state.position

            _, drawn = jax.jit(lambda s: jax.lax.scan(one, s, jax.random.split(jax.random.key(1), 8000)))(tuned.state)
    found = profile(alone_fit, alone)
    for name, (low, high) in found.interval().items():
        # 8000 draws of a chain know the ends of their interval to some 2 % of its width.
        np.testing.assert_allclose(
            np.quantile(drawn[name], [0.025, 0.975]), (low, high), atol=0.04 * (high - low), rtol=0
        )
