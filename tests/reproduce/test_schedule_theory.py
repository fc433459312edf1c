"""Laws of schedules that come from theory: the convex bound, the functional scaling law, collapse. Against plain sums and quadrature."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize, minimize_scalar

from jaxlaws import Curve, catalogue, schedules

COSINE = schedules.cosine(3e-4, total=24000, end=3e-5, warmup=2160)
WSD = schedules.wsd(3e-4, hold=20000, total=24000, end=3e-5, decay="linear", warmup=2160)
CONSTANT = schedules.constant(3e-4, total=24000, warmup=2160)
JUMP = schedules.multistep(3e-4, at=[16000], to=[9e-5], total=24000, warmup=2160)


def rates(schedule, last):
    return np.asarray(schedule(np.arange(last + 1)), dtype=float)[1:]


# --- convex bound: Schaipp et al. (2025), arXiv:2501.18965 --------------------------------------------------------------------


def printed_bound(lr, D, G):
    """The three sums of the bound as printed, with gradients of size G."""
    S, Q = np.r_[0.0, np.cumsum(lr)], np.r_[0.0, np.cumsum(lr**2)] * G**2
    k = np.arange(len(lr) - 1)
    tail = (S[-1] - S[k + 1], S[-1] - S[k], Q[-1] - Q[k])
    return D**2 / (2 * S[-1]) + Q[-1] / (2 * S[-1]) + 0.5 * np.sum(lr[k] / tail[0] * tail[2] / tail[1])


@pytest.mark.parametrize("schedule", [COSINE, WSD, CONSTANT, JUMP], ids=["cosine", "wsd", "constant", "jump"])
def test_convex_bound_is_the_printed_one(schedule):
    at = [5000, 12000, 20000, 24000]
    with jax.enable_x64(True):
        ours = catalogue["convex_bound"](Curve.of(schedule, at=at), L0=0.0, A=0.02, B=500.0)
    theirs = [printed_bound(rates(schedule, s), 0.2, np.sqrt(1000.0)) for s in at]
    # Of the last terms only the sum of their errors is kept (Euler's constant): 5e-4 of the bound at the end of a straight decay.
    np.testing.assert_allclose(ours, theirs, rtol=6e-4)


def test_convex_bound_s_best_scale_is_the_numeric_one():
    law, params = catalogue["convex_bound"], {"L0": 2.5, "A": 0.02, "B": 500.0}
    with jax.enable_x64(True):
        best = law.derived["best_scale"](Curve.of(COSINE, at=[24000]), **params)

        def loss(log_scale):
            scaled = schedules.cosine(3e-4 * np.exp(log_scale), total=24000, end=3e-5 * np.exp(log_scale), warmup=2160)
            return float(law(Curve.of(scaled, at=[24000]), **params)[0])

        found = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-8})
    assert np.log(float(best["scale"][0])) == pytest.approx(found.x, abs=1e-4)
    assert float(best["loss"][0]) == pytest.approx(found.fun, rel=1e-9)


def test_convex_bound_sees_the_drop_of_a_decay():
    with jax.enable_x64(True):
        held, decayed = (
            catalogue["convex_bound"](Curve.of(s, at=[24000]), L0=0.0, A=0.02, B=500.0)[0] for s in (CONSTANT, WSD)
        )
    assert float(decayed) < float(held)


# --- functional scaling law: Li et al. (2025), arXiv:2509.19189 ---------------------------------------------------------------


@pytest.mark.parametrize("schedule", [COSINE, WSD, JUMP], ids=["cosine", "wsd", "jump"])
def test_practical_functional_law_is_its_sum(schedule):
    p = {"L0": 2.6, "c1": 0.5, "c2": 200.0, "c3": 1.5, "c4": 2000.0, "s": 0.4, "gamma": 0.6}
    at = [4000, 16001, 17000, 24000]
    lr = np.r_[0.0, rates(schedule, 24000)]
    T, k = np.cumsum(lr), np.arange(2161, 24001)
    exact = []
    for s in at:
        j = k[k <= s]
        forgotten = 1 - (1 + p["c4"] * (T[s] - T[j])) ** -p["gamma"]
        drop = np.sum((lr[j - 1] - lr[j]) * (p["c3"] + T[j] ** -p["s"]) * forgotten)
        exact.append(p["L0"] + p["c1"] * T[s] ** -p["s"] - p["c2"] * drop)
    with jax.enable_x64(True):
        ours = catalogue["fsl_practical"](Curve.of(schedule, at=at, warmup="excluded"), **p)
    np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-5)  # merged nodes, at constants that nobody published


def test_theory_is_the_integral_over_the_run():
    p = {"L0": 0.1, "c0": 2.0, "c1": 1.0, "c2": 5.0, "c3": 0.7, "s": 0.6, "beta": 1.8, "k": 3.0}
    schedule = schedules.wsd(0.02, hold=1500, total=2000, end=1e-4, decay="linear")
    a = 2 - 1 / p["beta"]
    lr = rates(schedule, 2000)
    T = np.r_[0.0, np.cumsum(lr)]

    def risk(last):
        # Each step's rate held over its stretch of intrinsic time.
        def stretch(j):
            def f(z):
                forgotten = (1 + p["k"] * (T[last] - z)) ** -a
                return forgotten * (p["c2"] * (1 + p["k"] * z) ** -p["s"] + p["c3"]) * lr[j]

            x, w = np.polynomial.legendre.leggauss(4)
            middle, radius = 0.5 * (T[j] + T[j + 1]), 0.5 * (T[j + 1] - T[j])
            return radius * sum(wi * f(middle + radius * xi) for xi, wi in zip(x, w, strict=True))

        noise = sum(stretch(j) for j in range(last))
        return p["L0"] + p["c0"] * 1e3 ** (-p["s"] * p["beta"]) + p["c1"] * (1 + p["k"] * T[last]) ** -p["s"] + noise

    at = [700, 1600, 2000]
    with jax.enable_x64(True):
        ours = catalogue["fsl_theory"](Curve.of(schedule, at=at), jnp.full(3, 1e3), **p)
    # Four points of Gauss on either side of the kernel's bend.
    np.testing.assert_allclose(ours, [risk(s) for s in at], rtol=3e-5)


def test_constant_batch_closed_form_is_the_integral():
    p = {"E": 2.5, "A": 1.2, "B": 1e6, "s": 0.4, "beta": 1.7, "lr_unit": 1.0}
    t = 1e4 * 1e-3
    noise = quad(lambda u: (1 + u) ** -(2 - 1 / p["beta"]), 0, t)[0]
    with jax.enable_x64(True):
        ours = catalogue["fsl_batch"](step=1e4, lr=1e-3, batch=5e5, **p)
    assert float(ours) == pytest.approx(2.5 + 1.2 * (1 + t) ** -0.4 + 1e6 * 1e-3 / 5e5 * noise, rel=1e-10)


def test_best_batches_are_stationary_among_those_of_one_budget():
    # Minimise the kernel over the batch, summed over the run, at a fixed sum of batches: numerically, by the shape's gradient.
    beta, before = 1.7, np.arange(60) * 0.5
    kernel = (1 + before) ** -(2 - 1 / beta)

    def noise(logits):
        batch = np.exp(logits) / np.exp(logits).sum()
        return np.log(np.sum(kernel / batch))

    found = minimize(noise, np.zeros(60), method="BFGS", options={"gtol": 1e-9}).x
    law = catalogue["fsl_batch"]
    with jax.enable_x64(True):
        shape = law.derived["best_batches"](before, E=0.0, A=1.0, B=1.0, s=1.0, beta=beta, lr_unit=1.0)["batch"]
    np.testing.assert_allclose(np.exp(found - found[0]), np.asarray(shape), rtol=1e-4)


def test_best_decay_is_a_power_of_what_is_left():
    decay = catalogue["fsl_opt_lr"].derived["best_decay"]
    with jax.enable_x64(True):
        left = [float(decay(share, c=1.0, s=1.0, beta=2.0)["lr"]) for share in (0.0, 0.5, 0.9)]
    np.testing.assert_allclose(left, [1.0, 0.125, 1e-3], rtol=1e-9)


# --- collapse: Qiu et al. (2025), arXiv:2507.02119 ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e6, 1e8, 1e10])
def test_curves_of_all_sizes_fall_on_one_at_their_best_horizon(size):
    a, b, mu, nu = 5.0, 40.0, 0.5, 0.3
    # The horizon that minimises a t^-mu + b p^-nu at a fixed product of t and p.
    compute = minimize_scalar(
        lambda log_c: abs(best_size(np.exp(log_c), a, b, mu, nu) - size) / size, bounds=(1, 80), method="bounded"
    )
    horizon = np.exp(compute.x) / size
    x = np.linspace(0.05, 1.0, 20)
    measured = (a * (x * horizon) ** -mu + b * size**-nu) / (a * horizon**-mu + b * size**-nu)
    with jax.enable_x64(True):
        np.testing.assert_allclose(catalogue["collapse"](x, mu=mu, nu=nu), measured, rtol=1e-5)


def best_size(C, a, b, mu, nu):
    return ((nu * b) / (mu * a) * C**mu) ** (1 / (mu + nu))
