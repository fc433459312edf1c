"""Two layers: `fit` is for the host and says so under a trace; `solve` is pure, in the precision of its data."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import catalogue, fit, normal
from jaxlaws.errors import TracerError
from jaxlaws.fitting import engine, solve
from jaxlaws.objectives import huber, squared
from jaxlaws.schedules import cosine
from jaxlaws.schedules.curve import Curve
from jaxlaws.solvers import Status, levenberg_marquardt

POWER = catalogue["power_plus_constant"]
SOLVER = levenberg_marquardt(trips=40, polish=0)


# --- the host's side ---------------------------------------------------------------------------------------------------


def fitted_under(transform, traced):
    """Objective of a fit one of whose arguments is a tracer of `transform`."""
    x = np.geomspace(1e6, 1e9, 16)
    table = {"x": x, "loss": 1.7 + 300.0 * x**-0.35}
    arguments = {
        "loss": lambda v: (table | {"loss": v * table["loss"]}, {}),
        "fix": lambda v: (table, {"fix": {"E": v}}),
        "bounds": lambda v: (table, {"bounds": {"E": (0.5, v)}}),
        "starts": lambda v: (table, {"starts": jnp.ones((1, 3)) * v}),
        "weights": lambda v: (table, {"weights": jnp.ones(16) * v}),
        "objective": lambda v: (table, {"objective": huber(v)}),
        "priors": lambda v: (table, {"priors": {"E": normal(v, 1.0)}}),
        "nothing": lambda v: (table, {"starts": 4}),
    }

    def objective(v):
        rows, more = arguments[traced](v)
        return fit("power_plus_constant", rows, **more).objective

    return transform(objective)


@pytest.mark.parametrize("traced", ["loss", "fix", "bounds", "starts", "weights", "objective", "priors", "nothing"])
def test_fit_under_jit_names_the_pure_function(traced):
    with pytest.raises(TracerError, match=r"`fit` is a host function.*fitting\.solve"):
        fitted_under(jax.jit, traced)(1.0)


@pytest.mark.parametrize("transform", [jax.grad, lambda f: lambda v: jax.vmap(f)(jnp.stack([v, v]))])
@pytest.mark.parametrize("traced", ["loss", "fix", "weights"])
def test_fit_under_grad_and_vmap_names_the_pure_function(transform, traced):
    with pytest.raises(TracerError, match=r"`fit` is a host function.*fitting\.solve"):
        fitted_under(transform, traced)(jnp.asarray(1.0))


def test_predict_under_jit_names_the_law(power_fit):
    with pytest.raises(TracerError, match="host function"):
        jax.jit(lambda v: power_fit.predict(x=v))(1e8)


def test_fit_leaves_the_process_in_its_precision(power_rows, quick):
    before = jax.config.jax_enable_x64
    found = fit("power_plus_constant", power_rows, **quick)
    assert jax.config.jax_enable_x64 is before
    assert jnp.ones(1).dtype == jnp.float32
    assert found.predict(x=power_rows["x"]).dtype == np.float64


# --- the pure side -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def process(request):
    """A process of either precision, all warnings being errors."""
    with jax.enable_x64(request.param):
        yield jnp.dtype("float64" if request.param else "float32")


@pytest.fixture
def rows(process, power_rows):
    return jnp.asarray(power_rows["x"], process), jnp.asarray(power_rows["loss"], process)


def floor(x, y):
    return solve(POWER, {"x": x}, y, starts=4, solver=SOLVER).params["E"]


def close(process):
    # Float32 keeps 7 digits of the losses, whose third digit E moves: 1e-4 remain. Float64 meets `fit` to its own accuracy.
    return {"rel": 1e-4 if process == jnp.float32 else 1e-9}


def test_solve_under_jit_agrees_with_fit(process, rows, power_fit):
    found = jax.jit(lambda x, y: solve(POWER, {"x": x}, y, starts=4, solver=SOLVER))(*rows)
    assert {leaf.dtype for leaf in found.params.values()} == {process}
    assert found.objective.dtype == process and found.status.dtype == jnp.int32
    assert Status(int(found.status)) is Status.converged
    assert list(POWER.params) == sorted(found.params, key=list(POWER.params).index)
    for name, value in found.params.items():
        assert float(value) == pytest.approx(power_fit[name], **close(process)), name


def test_solve_under_vmap_fits_every_member(process, rows, power_fit):
    x, y = rows
    scale = jnp.asarray([1.0, 2.0, 0.5], process)
    floors = jax.jit(jax.vmap(lambda s: floor(x, s * y)))(scale)
    # Scaled losses have scaled floors: residuals are logarithms.
    np.testing.assert_allclose(floors, np.array(scale) * power_fit["E"], rtol=close(process)["rel"])


@pytest.mark.parametrize(("levels", "together"), [(1, 8), (2, 8), (1, 3)])
def test_members_under_vmap_are_what_each_is_alone(process, rows, levels, together, monkeypatch):
    x, y = rows
    monkeypatch.setattr(engine, "TOGETHER", together)  # of four members: two turns, the second of which is filled up
    monkeypatch.setattr(engine, "in_cache", lambda numbers: 1)
    weights = jnp.asarray(np.random.default_rng(0).uniform(0.5, 2.0, (4, len(y))), process)

    def one(w):
        found = solve(
            POWER, {"x": x}, y * w**0.01, weights=w, starts=4, solver=SOLVER, fix={"alpha": 0.35 + 0.01 * w[0]}
        )
        return found.params | {"status": found.status, "agree": found.agree}

    alone = [jax.jit(one)(w) for w in weights]
    mapped = jax.jit(jax.vmap(one) if levels == 1 else jax.vmap(jax.vmap(one)))
    found = mapped(weights if levels == 1 else weights.reshape(2, 2, -1))
    for name, values in found.items():
        expected = [float(a[name]) for a in alone]
        rtol = max(close(process)["rel"], 1e-6)  # sums of a wider batch are rounded otherwise
        np.testing.assert_allclose(np.ravel(values), expected, rtol=rtol, err_msg=name)


def test_members_under_vmap_may_differ_in_priors(process, rows):
    x, y = rows
    means = jnp.asarray([1.0, 1.7, 2.5], process)

    def floor_near(mean):
        tight = {"E": normal(mean, 1e-3)}
        return solve(POWER, {"x": x}, y, priors=tight, starts=4, solver=SOLVER).params["E"]

    np.testing.assert_allclose(jax.jit(jax.vmap(floor_near))(means), means, rtol=2e-2)


def test_members_under_vmap_have_their_own_derivatives(process, parabola, line_rows):
    x = jnp.asarray(line_rows["x"], process)
    losses = jnp.stack([jnp.asarray(line_rows["loss"], process) * k for k in (1.0, 2.0)])
    few = levenberg_marquardt(trips=2, polish=0)

    def slope(y):
        return solve(parabola, {"x": x}, y, starts=1, objective=squared(on="raw"), solver=few).params["b"]

    centred = line_rows["x"] - line_rows["x"].mean()
    exact = centred / (centred @ centred)
    found = jax.jit(jax.vmap(jax.grad(slope)))(losses)
    np.testing.assert_allclose(found, np.stack([exact, exact]), rtol=0, atol=1e-6 if process == jnp.float32 else 1e-13)


def slopes_of_a_line(process, law, rows, transform):
    """Derivatives of a line's fitted slope with respect to the 16 losses, and what they are."""
    x, y = (jnp.asarray(rows[k], process) for k in ("x", "loss"))
    few = levenberg_marquardt(trips=2, polish=0)

    def slope(y):
        return solve(law, {"x": x}, y, starts=1, objective=squared(on="raw"), solver=few).params["b"]

    centred = rows["x"] - rows["x"].mean()
    return transform(slope)(y), centred / (centred @ centred)


def test_solve_under_grad_has_the_derivative_of_the_closed_form(process, parabola, line_rows):
    found, exact = slopes_of_a_line(process, parabola, line_rows, lambda f: jax.grad(jax.jit(f)))
    assert found.dtype == process
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 if process == jnp.float32 else 1e-13)


@pytest.mark.slow  # every operation compiles by itself
def test_solve_under_grad_needs_no_jit(process, parabola, line_rows):
    found, exact = slopes_of_a_line(process, parabola, line_rows, jax.grad)
    assert found.dtype == process
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 if process == jnp.float32 else 1e-13)


def test_jit_of_grad_of_solve_obeys_euler(process, rows):
    x, y = rows

    def smooth(v):
        return solve(POWER, {"x": x}, v, starts=4, solver=SOLVER, objective=squared()).params["E"]

    value, slope = jax.jit(jax.value_and_grad(smooth))(y)
    assert slope.dtype == process
    # Homogeneous of degree one in the losses: the derivative along them is the value itself. The Hessian's condition of 1e3
    # leaves four digits in float32.
    assert float(slope @ y) == pytest.approx(float(value), rel=1e-3 if process == jnp.float32 else 1e-9)


def test_solve_inside_a_scan_of_a_training_loop(process, rows, power_fit):
    x, y = rows

    def step(carry, _):
        found = solve(POWER, {"x": x}, y * carry, starts=4, solver=SOLVER)
        return carry * 2.0, found.params["E"]

    last, floors = jax.jit(lambda c: jax.lax.scan(step, c, length=3))(jnp.asarray(1.0, process))
    assert last.dtype == floors.dtype == process
    np.testing.assert_allclose(floors, power_fit["E"] * np.array([1.0, 2.0, 4.0]), rtol=close(process)["rel"])


def test_solve_of_data_without_noise_converges(process, rows):
    x, _ = rows
    found = jax.jit(lambda x: solve(POWER, {"x": x}, 1.7 + 300.0 * x**-0.35, starts=4, solver=SOLVER))(x)
    assert Status(int(found.status)) is Status.converged
    assert float(found.params["E"]) == pytest.approx(1.7, **close(process))


@pytest.mark.parametrize("process", [False, pytest.param(True, marks=pytest.mark.slow)], indirect=True)
def test_solve_takes_stacked_curves(process):
    law = catalogue["lr_annealing"]
    steps = np.arange(50, 1001, 50)
    curves = [Curve.of(cosine(3e-4, total=1000, end=end), at=steps) for end in (0.0, 1e-4)]
    stacked = jax.tree.map(lambda *x: jnp.asarray(np.stack(x)), *curves)
    true = {"L0": 2.6, "A": 0.45, "C": 0.9, "alpha": 0.5}

    @jax.jit
    def both(curves):
        observed = jax.vmap(lambda c: law(curve=c, lam=0.999, **true))(curves).astype(process)
        return solve(law, {"curve": curves}, observed, starts=8, solver=SOLVER, objective=squared())

    found = both(stacked)
    for name, value in true.items():
        # A hundredth of the loss falls by annealing, so C has two digits fewer than the losses have in float32.
        assert float(found.params[name]) == pytest.approx(value, rel=1e-3 if process == jnp.float32 else 1e-7), name
    assert float(found.params["lam"]) == pytest.approx(0.999)
