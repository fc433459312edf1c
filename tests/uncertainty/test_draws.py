"""What draws say of predictions and decisions, and their file."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxlaws import JaxlawsError, fit, law, positive, quantity
from jaxlaws import load as load_fit
from jaxlaws.uncertainty import Draws, bootstrap, load, save


@pytest.fixture(scope="module")
def draws(power_fit, power_rows):
    return bootstrap(power_fit, power_rows, resamples=256)


def test_predictions_are_those_of_each_draw(draws):
    x = np.array([1e7, 1e10])
    value, low, high = draws.predict(x=x)
    np.testing.assert_allclose(value, draws.center.predict(x=x))
    with jax.enable_x64(True):
        own = [draws.law(x=x, **{k: v[i] for k, v in draws.params.items()}) for i in range(len(draws))]
    expected = draws.ends(np.array(own), value)
    np.testing.assert_allclose((low, high), expected, rtol=1e-12)
    assert (low < value).all() and (value < high).all()
    assert (high - low)[1] > 2 * (high - low)[0], "far out is less certain"


def test_a_decision_is_a_function_of_each_draw(draws):
    # Where the law comes within .1 of its floor.
    decision = draws.decide(lambda p: {"x": (p["A"] / 0.1) ** (1.0 / p["alpha"]), "both": jnp.stack([p["E"], p["A"]])})
    np.testing.assert_allclose(
        decision.draws["x"], (draws.params["A"] / 0.1) ** (1.0 / draws.params["alpha"]), rtol=1e-9
    )
    assert decision.low["x"] < decision.value["x"] < decision.high["x"]
    np.testing.assert_allclose([decision.low["both"][1], decision.high["both"][1]], draws.interval()["A"])


def test_a_decision_need_not_be_one_that_jax_can_trace(draws):
    def size(params):  # NumPy, float() and `if`
        return np.log10(float(params["A"]) / 0.1) / params["alpha"] if params["alpha"] > 0 else np.nan

    failed = dataclasses.replace(draws, status=np.where(np.arange(len(draws)) == 7, 3, draws.status))
    here, there = (
        failed.decide(fn)
        for fn in (size, lambda p: jnp.log10(p["A"] / 0.1) / jnp.where(p["alpha"] > 0, p["alpha"], 1.0))
    )
    assert np.isnan(here.draws[7]) and np.isnan(here.draws).sum() == 1
    np.testing.assert_allclose((here.value, here.low, here.high), (there.value, there.low, there.high), rtol=1e-12)


def test_few_units_widen_by_the_quantile_of_student(draws):
    few = dataclasses.replace(draws, units=9, free=3)
    many = dataclasses.replace(draws, units=0)
    center = draws.center["E"]
    wide, plain = np.log(few.interval()["E"]) - np.log(center), np.log(many.interval()["E"]) - np.log(center)
    np.testing.assert_allclose(wide / plain, np.sqrt(9 / 6) * stats.t.ppf(0.975, 6) / stats.norm.ppf(0.975))


def test_a_failed_draw_is_left_out(draws):
    status = draws.status.copy()
    status[:200] = 3
    params = {k: np.where(np.arange(256) < 200, np.nan, v) for k, v in draws.params.items()}
    left = dataclasses.replace(draws, status=status, params=params)
    rest = dataclasses.replace(
        draws,
        status=status[200:],
        objective=draws.objective[200:],
        params={k: v[200:] for k, v in draws.params.items()},
    )
    assert left.interval() == rest.interval()


def test_file_gives_back_draws_and_fit(draws, tmp_path):
    draws.save(tmp_path / "draws.npz")
    back = load(tmp_path / "draws.npz")
    assert all(np.array_equal(back.params[k], v) for k, v in draws.params.items())
    assert back.interval() == draws.interval()
    assert (back.kind, back.notes, back.units, back.free) == (draws.kind, draws.notes, draws.units, draws.free)
    assert back.center.params == draws.center.params and back.law is draws.law


def test_draws_of_groups_come_back_by_key(draws, tmp_path):
    groups = {
        key: dataclasses.replace(draws, center=dataclasses.replace(draws.center, by=("size",), key=(key,)))
        for key in ("small", "large")
    }
    save(groups, tmp_path / "draws.npz")
    assert list(load(tmp_path / "draws.npz")) == ["small", "large"]


def test_a_marked_fit_prints_and_stores_its_intervals(draws, tmp_path):
    marked = draws.marked(0.9)
    assert "(" in str(marked) and "intervals: 90 % of 256 resamples, bootstrap by run" in str(marked)
    marked.save(tmp_path / "fit.json")
    assert load_fit(tmp_path / "fit.json").intervals == draws.interval(0.9)
    assert marked.summary()["intervals"]["A"] == list(draws.interval(0.9)["A"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"{}"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "draws.npz").write_bytes(content)
    with pytest.raises(JaxlawsError, match="are no stored draws"):
        load(tmp_path / "draws.npz")


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_level_is_a_share(draws, level):
    with pytest.raises(JaxlawsError, match="between 0 and 1"):
        draws.interval(level)


def test_widening_moves_no_end_inwards(draws):
    few = dataclasses.replace(draws, units=9, free=3)
    drawn = np.linspace(2.0, 3.0, 256)
    for value in (1.0, 2.5, 4.0, -1.0):
        low, high = few.ends(drawn, value)
        assert low <= np.quantile(drawn, 0.025) and high >= np.quantile(drawn, 0.975)


def test_a_decision_that_is_undefined_for_some_draws_says_so(draws):
    at = np.sort(draws.params["E"])
    few = draws.decide(lambda p: jnp.sqrt(p["E"] - at[8]))
    assert few.undefined == pytest.approx(8 / 256)
    assert np.isfinite([few.low, few.high]).all()
    with pytest.raises(JaxlawsError, match="NaN for 31% of the 256 draws, more than 10%"):
        draws.decide(lambda p: {"x": jnp.sqrt(p["E"] - at[80])})


def test_a_file_that_is_damaged_anywhere_is_one_sentence(draws, tmp_path):
    whole = tmp_path / "draws.npz"
    draws.save(whole)
    content = whole.read_bytes()
    said = set()
    for at in range(0, len(content), max(1, len(content) // 150)):
        broken = bytearray(content)
        broken[at] ^= 0x5A
        whole.write_bytes(bytes(broken))
        try:
            load(whole)
        except JaxlawsError as error:
            said.add("are no stored draws" in str(error))
    assert said == {True}


def test_predictions_along_schedules_are_in_float64():
    @law(
        inputs={"curve": quantity.CURVE},
        output=quantity.LOSS,
        params={"E": positive(start=(1.0, 3.0)), "A": positive(start=(0.1, 10.0))},
        linear=("E", "A"),
        source="a test",
    )
    def fall(curve, *, E, A):
        """E + A / sqrt(sum of rates)."""
        return E + A * jnp.exp(-0.5 * jnp.log(curve.area))

    step = np.arange(10, 330, 10)
    told = {"run": "a", "step": step, "lr": 1e-3, "loss": 2.0 + 1.0 / np.sqrt(step)}
    one = fit(fall, pd.DataFrame(told), starts=4)
    spec = "cosine(peak=1e-3, total=300)"
    same = Draws(one.law, {k: np.full(3, v) for k, v in one.params.items()}, np.zeros(3), np.zeros(3, int), "test", one)
    np.testing.assert_allclose(same.predict(schedule=spec)[0], one.predict(schedule=spec), rtol=1e-13)
