"""Forecasts: pure under every transformation, compiled once, and right where the law is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import catalogue
from jaxlaws.errors import FitError
from jaxlaws.online import forecaster, prior_from
from jaxlaws.online.history import path_of
from jaxlaws.online.prior import wider

from .cases import RUNS, TOTAL


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(("share", "error"), [(0.15, 0.03), (0.5, 0.01)])
def test_the_end_is_forecast_within_its_interval_and_a_percent_or_three(name, share, error, seen, cast, truth):
    found = cast(seen(name, int(share * TOTAL)), name)
    end = truth(name)[-1]
    assert bool(found.sound)
    assert found.low[0] < end < found.high[0]
    assert found.loss[0] == pytest.approx(end, rel=error)


def test_intervals_get_narrower_as_the_run_goes_on(seen, cast):
    widths = [float((f.high - f.low)[0]) for f in (cast(seen("wsd", n), "wsd") for n in (500, 1000, 2000, 4000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.3 * widths[0]


def test_without_losses_a_forecast_is_the_prior_and_says_so(watcher, seen, cast):
    found = cast(seen("wsd", 10), "wsd")
    assert not bool(found.sound)
    assert float(found.params["L0"]) == pytest.approx(2.3, rel=0.02)


def test_steps_that_are_over_give_the_fitted_loss(seen, cast, truth):
    found = cast(seen("cosine", 3000), "cosine", at=2000)
    assert found.loss[0] == pytest.approx(truth("cosine")[1999], rel=3e-3)


def test_curves_agree_with_those_made_from_the_schedule_itself(seen, cast):
    """What a law sees of the kept rates and the schedule ahead is what it sees of the schedule."""
    from jaxlaws.schedules.curve import Curve

    for law, constants in ((catalogue["multi_power"], "25M"), (catalogue["lr_annealing"], "594M")):
        known = law.constants[constants]
        by = forecaster(known)
        by = replace(by, skip=2.0 * TOTAL)  # so that nothing is fitted
        for name, schedule in RUNS.items():
            got = cast(seen(name, 1000), name, by=by).loss[0]
            with jax.enable_x64(True):
                warmup = law.options["warmup"]
                true = float(known(curve=Curve.of(schedule, at=[4000], warmup=warmup))[0])
            assert float(got) == pytest.approx(true, abs=3e-4), (law.name, name)


def test_another_schedule_another_step_and_another_prior_compile_nothing(watcher, seen, cast):
    cast(seen("wsd", 1000), "wsd")
    before = cast.compiled._cache_size()
    cast(seen("steps", 3000), "cosine", at=3500)
    cast(seen("wsd", 1000), "wsd", by=replace(watcher, prior=wider(watcher.prior, 2.0), noise=1e-3, width=2.0))
    assert cast.compiled._cache_size() == before


def test_it_compiles_once_for_a_whole_run(watcher):
    traces = []

    @partial(jax.jit, donate_argnums=1)
    def step(by, state, number, loss, lr):
        traces.append("update")
        return by.update(state, number, loss, lr)

    state = watcher.init()
    for number in range(1, 300):
        state = step(watcher, state, number, 3.0 + 1.0 / number, 1e-3)
    assert traces == ["update"]
    assert int(state.count[2]) == 299


def test_gradients_flow_to_the_rates_ahead_and_agree_with_differences(watcher, seen):
    """In float32, against differences in float64, which forecast the same."""
    state = seen("constant", 2000)
    steps = np.array([0, 2000, 2600, 3200, 3600, 4000], np.int32)
    rates = np.array([3e-3, 3e-3, 3e-3, 2e-3, 1e-3, 3e-4], np.float32)

    def loss(rates, state):
        return watcher.forecast(state, (steps, rates), 4000).loss[0]

    value, slope = jax.jit(jax.value_and_grad(loss))(rates, state)
    assert np.isfinite(slope).all() and slope[0] == 0.0  # what is over cannot be changed
    with jax.enable_x64(True):
        fine = replace(state, cells=state.cells.astype(jnp.float64), now=state.now.astype(jnp.float64))
        wide = jax.jit(loss)
        rates = rates.astype(np.float64)
        double = wide(rates, fine)
        assert double.dtype == jnp.float64 and float(value) == pytest.approx(float(double), rel=3e-4)
        for i in (2, 3, 4, 5):
            h = 1e-6 * np.eye(6)[i]
            numeric = (wide(rates + h, fine) - wide(rates - h, fine)) / 2e-6
            assert slope[i] == pytest.approx(float(numeric), rel=0.02, abs=0.02 * float(np.abs(slope).max()))


def test_update_and_forecast_work_in_scan_under_vmap_with_a_schedule_that_is_a_function(watcher, seen, cast):
    rows = jnp.arange(1, 1001)

    def many(noise):
        def body(state, row):
            number, loss = row
            return watcher.update(state, number, loss, RUNS["wsd"](number)), None

        state, _ = jax.lax.scan(body, watcher.init(), (rows, noise))
        return watcher.forecast(state, RUNS["wsd"], TOTAL).loss[0]

    known = seen("wsd", 1000)
    path = jax.tree.map(np.asarray, path_of(known))
    losses = np.interp(rows, path.at[path.weight > 0], path.loss[path.weight > 0]).astype(np.float32)
    both = jax.jit(jax.vmap(many))(np.stack([losses, losses]))
    assert both[0] == both[1]
    assert float(both[0]) == pytest.approx(float(cast(known, "wsd").loss[0]), rel=0.01)


def test_it_runs_replicated_on_several_devices(python):
    python(
        "-c",
        """
import jax, numpy as np
from jax.sharding import Mesh, PartitionSpec as P
import jaxlaws
from jaxlaws.online import ahead, forecaster
assert len(jax.devices()) == 2
f = forecaster(jaxlaws.catalogue["multi_power"].constants["25M"])
mesh = Mesh(np.array(jax.devices()), ("data",))
def step(state, number, losses):
    loss = jax.lax.pmean(losses.mean(), "data")
    return f.update(state, number, loss, 3e-4)
step = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=(P(), P(), P("data")), out_specs=P()), donate_argnums=0)
state = f.init()
for i in range(1, 301):
    state = step(state, i, np.full(4, 3.0 + 1.0 / i, np.float32))
assert int(state.count[2]) == 300, state.count
""",
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )


def test_a_restart_midway_forecasts_what_an_unbroken_run_does(watcher, seen, cast):
    """The state goes to a checkpoint as any pytree of arrays: through NumPy here, with orbax under `-m services`."""
    half = jax.tree.map(np.asarray, seen("wsd", 2000))
    state = jax.tree.map(jnp.asarray, half)
    jax.tree.map(np.testing.assert_array_equal, cast(state, "wsd"), cast(seen("wsd", 2000), "wsd"))


# --- where the prior comes from


def test_a_prior_of_several_sets_has_their_mean_and_spread():
    law = catalogue["multi_power"]
    sets = [law.constants[k] for k in ("25M", "100M", "400M")]
    prior = prior_from(sets)
    logs = np.log([[s.params[n] for n in prior.free if n != "gamma"] for s in sets])
    at = [i for i, n in enumerate(prior.free) if n != "gamma"]
    np.testing.assert_allclose(np.asarray(prior.mean)[at], logs.mean(axis=0))
    assert min(prior.sd().values()) > 0.02


def test_a_prior_of_one_set_has_the_stated_spread():
    prior = prior_from(catalogue["multi_power"].constants["25M"], spread=0.3)
    assert prior.sd()["L0"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: catalogue["chinchilla"].constants["besiroglu"], "law of curves; got `chinchilla`"),
        (lambda: 3.0, "law of curves; got float"),
        (lambda: [], "needs a fit that did not fail"),
        (
            lambda: [catalogue["multi_power"].constants["25M"], catalogue["lr_annealing"].constants["594M"]],
            "one law; got `multi_power` and `lr_annealing`",
        ),
    ],
)
def test_a_source_that_is_none_is_a_sentence(source, message):
    with pytest.raises(FitError, match=message):
        prior_from(source())


def test_missing_inputs_are_a_sentence():
    with pytest.raises(FitError, match="needs N; see N"):
        forecaster(catalogue["lr_annealing_n"].constants["A"])
