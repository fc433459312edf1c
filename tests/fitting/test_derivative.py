"""Derivatives of the optimum with respect to what it was fitted to, against central differences of re-fits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import catalogue
from jaxlaws.fitting import solve
from jaxlaws.solvers import Status, levenberg_marquardt

LAW = catalogue["power_plus_constant"]
SOLVER = levenberg_marquardt(trips=60, polish=0)
ZERO = 5  # the row of weight 0
# Small enough that no residual crosses from Huber's parabola into its tails; weights move the optimum a thousand times less.
STEP = np.r_[np.full(16, 1e-5), np.full(16, 5e-3), np.full(17, 1e-5)]


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def layout(rows):
    """What the derivative is taken of, as one vector: log losses, weights, log inputs, the held floor."""
    weight = np.linspace(0.5, 1.5, 16)
    weight[ZERO] = 0.0
    return np.concatenate([np.log(rows["loss"]), weight, np.log(rows["x"]), [1.69]])


def fitted(z, **more):
    """A and alpha of Huber's objective, whose tails about a third of the rows are in, from the vector."""
    found = solve(
        LAW,
        {"x": jnp.exp(z[32:48])},
        jnp.exp(z[:16]),
        weights=z[16:32],
        fix={"E": z[48]},
        starts=4,
        solver=SOLVER,
        **more,
    )
    return jnp.stack([found.params["A"], found.params["alpha"]])


def differences(z, f):
    """Jacobian of `f` by central differences of re-fits; for the weight of 0, forwards, as it cannot be negative."""
    steps = np.diag(STEP)
    forwards, twice = z + steps, z + 2 * steps
    backwards = z - steps
    backwards[16 + ZERO] = z
    refits = jax.jit(jax.vmap(f))(np.concatenate([forwards, backwards, twice, z[None]]))
    up, down, far, here = np.split(np.asarray(refits), [49, 98, 147])
    slopes = (up - down) / (2 * STEP[:, None])
    slopes[16 + ZERO] = (-3 * here[0] + 4 * up[16 + ZERO] - far[16 + ZERO]) / (2 * STEP[16 + ZERO])
    return slopes.T


CHOICES = {
    "free": {},
    "bounded": {"bounds": {"alpha": (0.1, 0.3)}},
}
PARTS = {"losses": slice(0, 16), "weights": slice(16, 32), "inputs": slice(32, 48), "floor": slice(48, 49)}


@pytest.mark.parametrize(("choice", "mode"), [("free", jax.jacrev), ("bounded", jax.jacfwd)])
def test_derivative_is_that_of_refitting(power_rows, choice, mode):
    def optimum(z):
        return fitted(z, **CHOICES[choice])

    z = layout(power_rows)
    exact = np.asarray(jax.jit(mode(optimum))(z))
    measured = differences(z, optimum)
    for name, part in PARTS.items():
        # A search ends where the objective's last digit stands still, some 1e-9 of a parameter from the optimum: divided by
        # the steps, and with their squares, that is at most 1e-3 of the largest slope.
        for ours, theirs in zip(exact[:, part], measured[:, part], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=max(1e-3 * np.abs(theirs).max(), 1e-6), err_msg=name)
        assert np.abs(exact[0, part]).max() > 0
    assert (exact[1] == 0).all() == (choice == "bounded")


@pytest.fixture(scope="module")
def at_one_x():
    """Status and derivative of the floor with respect to losses that were all measured at one x, by precision."""
    programs = {}

    def run(precision, losses):
        if precision not in programs:
            x = jnp.full(16, 1e7, precision)

            def floor(y):
                found = solve(LAW, {"x": x}, y, starts=4, solver=SOLVER)
                return found.params["E"], found.status

            programs[precision] = jax.jit(jax.value_and_grad(floor, has_aux=True))
        (_, status), slope = programs[precision](jnp.asarray(losses, precision))
        return Status(int(status)), slope

    return run


@pytest.mark.parametrize("spread", [1e-4, 0.2], ids=["in the parabola", "in the tails"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_derivative_of_what_the_data_do_not_determine_is_nan(at_one_x, precision, spread):
    """At a single x nothing tells floor, amplitude and exponent apart, with or without curvature of the costs."""
    status, slope = at_one_x(precision, 2.0 * np.exp(spread * np.linspace(-1.0, 1.0, 16) ** 3))
    assert status is Status.rank_deficient
    assert np.isnan(slope).all()
