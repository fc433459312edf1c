"""Schedules by law: closed forms, published optima, limits kept, what is refused."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.signal import lfilter

import jaxlaws
from jaxlaws import plan, schedules
from jaxlaws.errors import JaxlawsError
from jaxlaws.plan import _corners

RELEASED = {
    "25M": 3.14968,
    "100M": 2.79414,
}  # final losses that the authors' optimisation logs, drops after the warm-up only
RUN = {"total": 24_000, "peak": 3e-4, "warmup": 2160}
ANNEALING = {"total": 20_000, "peak": 2e-4, "warmup": 500}


@dataclasses.dataclass(frozen=True)
class Known:
    """A law with parameters, or draws of them, as planners take it."""

    law: object
    params: dict
    center: dict | None = None


def of_multi_power(size):
    law = jaxlaws.catalogue["multi_power"]
    return Known(law.variant(warmup="excluded"), dict(law.constants[size].params))


def draws_of(size, count=5):
    law = jaxlaws.catalogue["multi_power"]
    centre = dict(law.constants[size].params)
    scatter = np.random.default_rng(0).normal(0.0, 0.01, (count, len(centre)))
    params = {k: v * np.exp(scatter[:, i]) for i, (k, v) in enumerate(centre.items())}
    return Known(law.variant(warmup="excluded"), params, centre)


def double_sum(lr, climb, *, L0, A, alpha, B, C, beta, gamma):
    """The law as Luo et al. write it, every change after the climb by itself."""
    area = np.cumsum(lr[1:])
    drop, rate = -np.diff(lr)[climb:], lr[climb + 1 :]
    since = area[-1] - np.concatenate([[0.0], area[:-1]])[climb:]
    return L0 + A * area[-1] ** -alpha - B * np.sum(drop * (1.0 - (1.0 + C * rate**-gamma * since) ** -beta))


@pytest.fixture(scope="module")
def best():
    return plan.schedule(of_multi_power("25M"), **RUN)


@pytest.mark.parametrize("size", ["25M", "100M"])
def test_multi_power_ends_below_the_released_optimum_with_its_shape(size):
    found = plan.schedule(of_multi_power(size), **RUN)
    rates, step = found.as_array(), np.arange(24_001)
    assert found.loss <= RELEASED[size]
    params = found.belief.centre
    assert found.loss == pytest.approx(double_sum(rates, 2160, **params), abs=1e-9)
    assert 21_300 <= step[(step > 2160) & (rates < 0.99 * 3e-4)][0] <= 21_700
    assert 22_200 <= step[(step > 2160) & (rates < 0.5 * 3e-4)][0] <= 22_500
    assert found.residual < 1e-6 and found.gap < 1e-6
    assert all(g.gain > 0.001 and g.interval is None for g in found.gains.values())


def test_limits_are_kept_at_every_step(best):
    fall = -np.diff(best.as_array()[2160:])
    assert (fall >= -1e-18).all() and (fall <= 0.02 * 3e-4 * (1 + 1e-4)).all()
    assert best.as_array()[2160] == 3e-4 and best.as_array()[0] == 0.0


def test_under_a_cap_lr_annealing_holds_the_peak_and_drops_to_zero_where_the_closed_form_says():
    law = jaxlaws.catalogue["lr_annealing"].constants["594M"]
    found = plan.schedule(law, floor=0.0, max_slope=math.inf, **ANNEALING)
    p, lr = law.params, 2e-4
    # Tissue et al. count the warm-up as if at the peak. With the peak until j and 0 after, a step more gains alpha A S^(-alpha-1)
    # and costs C lam^(s - j) of annealing.
    j = np.arange(1, 20_001)
    gain = p["alpha"] * p["A"] * (j * lr) ** (-p["alpha"] - 1) - p["C"] * p["lam"] ** (20_000 - j)
    last = int(j[gain > 0][-1])
    rates = found.as_array()
    assert (rates[500 : last - 10] > 0.999 * lr).all()
    assert (rates[last + 10 :] < 1e-3 * lr).all()
    closed = np.where(np.arange(20_001) <= last, lr, 0.0)
    momentum = lfilter([1.0], [1.0, -p["lam"]], np.concatenate([[0.0], closed[:-1] - closed[1:]]))
    lowest = p["L0"] + p["A"] * closed[1:].sum() ** -p["alpha"] - p["C"] * momentum.sum()
    assert lowest - 1e-9 <= found.loss <= lowest + 1e-6
    assert any("at rate 0" in note for note in found.notes)


def test_several_at_once_are_what_each_is_alone(best):
    many = plan.schedule(of_multi_power("25M"), total=[12_000, 24_000], peak=3e-4, warmup=2160)
    assert [p.constraints.total for p in many] == [12_000, 24_000]
    assert many[1].loss == pytest.approx(best.loss, abs=1e-6)


def test_several_horizons_may_weigh_steps_before_their_end():
    weights = {6000: 0.5, 12_000: 0.5}
    many = plan.schedule(of_multi_power("25M"), total=[12_000, 24_000], peak=3e-4, warmup=2160, path=weights)
    for one in many:
        values = [double_sum(one.as_array(step), 2160, **one.belief.centre) for step in weights]
        assert one.loss == pytest.approx(np.mean(values), abs=1e-9)


def test_an_end_that_is_given_is_the_last_rate_and_none_is_below_it():
    found = plan.schedule(of_multi_power("25M"), **RUN, end=2e-8)  # nearer to 0 than a search keeps off its limits
    rates = found.as_array()
    assert rates[-1] == pytest.approx(2e-8, rel=1e-12)
    assert rates[2160:].min() == rates[-1] and (np.diff(rates[2160:]) <= 1e-18).all()


def test_a_plan_says_nothing_of_steps_that_it_does_not_have(best):
    steps, losses, _, _ = best.curve(at=[12_000, 24_000])
    assert steps.tolist() == [12_000, 24_000] and losses[1] == pytest.approx(best.loss, abs=1e-9)
    for at in (30_000, 0, 0.5, [], [24_000, 12_000]):
        with pytest.raises(JaxlawsError, match=r"`plan.curve\(at=...\)` must"):
            best.curve(at=at)


def test_a_family_gives_its_best_member_and_no_member_beats_the_free_path(best):
    found = plan.schedule(of_multi_power("25M"), family=schedules.wsd, decay="linear", **RUN)
    hold, end = found.schedule.args["hold"], found.schedule.args["end"]
    for other in (hold - 200, hold + 200):
        worse = found.gain({"a": schedules.wsd(3e-4, hold=other, total=24_000, end=end, warmup=2160)})["a"]
        assert worse.gain > 0
    worse = found.gain({"a": schedules.wsd(3e-4, hold=hold, total=24_000, end=2 * end, warmup=2160)})["a"]
    assert worse.gain > 0
    assert best.loss < found.loss < best.gains["wsd"].loss


def test_draws_give_intervals_and_the_worst_case_guards_against_the_worst_draw():
    some = draws_of("25M")
    centre = plan.schedule(some, **RUN)
    worst = plan.schedule(some, risk="worst", **RUN)
    low, high = centre.interval
    assert low < centre.loss < high
    assert all(g.interval[0] < g.gain < g.interval[1] for g in centre.gains.values())
    mine = centre._losses([centre.schedule, worst.schedule])[:, 1:]
    assert worst.loss == pytest.approx(mine[1].max(), abs=1e-9)
    assert mine[1].max() <= mine[0].max() + 1e-7


@pytest.mark.parametrize(
    "more",
    [{"floor": 3e-5}, {"end": 1e-5}, {"cooldown": 4000}, {"start": 1e-5, "ramp": "cosine"}, {"max_slope": 0.001}],
    ids=lambda m: next(iter(m)),
)
def test_each_limit_is_kept(more):
    found = plan.schedule(of_multi_power("25M"), **RUN, **more)
    rates = found.as_array()
    after = rates[2160:]
    assert after.min() >= more.get("floor", 0.0) * (1 - 1e-12)
    assert rates[0] == pytest.approx(more.get("start", 0.0))
    assert np.diff(after).min() >= -more.get("max_slope", 0.02) * 3e-4 * (1 + 1e-4)
    assert rates[-1] == pytest.approx(more.get("end", rates[-1]))
    if "cooldown" in more:
        assert (after[: 24_000 - 4000 - 2160] == 3e-4).all()
    assert found.gains["constant"].gain > 0


def test_the_schedule_drives_optax_under_jit_and_resumes_from_any_step(best, tmp_path):
    best.save(tmp_path / "plan.json")
    rate = plan.load(tmp_path / "plan.json").as_optax()
    optimizer = optax.sgd(rate)
    slope = jax.grad(lambda w: 0.5 * jnp.sum(jnp.square(w)))

    @jax.jit
    def step(w, state):
        updates, state = optimizer.update(slope(w), state)
        return optax.apply_updates(w, updates), state

    w = jnp.full(2, 1e3, dtype=jnp.float32)
    state = optimizer.init(w)
    for _ in range(5):
        w, state = step(w, state)
    expected = 1e3 * np.prod(1.0 - best.as_array()[1:6])
    np.testing.assert_allclose(w, expected, rtol=1e-6)
    for made in (0, 1, 2159, 2160, 21_700, 23_999):
        again = float(jax.jit(best.as_optax(begin=made))(jnp.zeros((), jnp.int32)))
        assert again == pytest.approx(best.as_array()[made + 1], rel=1e-5)
        assert float(jax.jit(rate)(jnp.asarray(made))) == pytest.approx(again, rel=1e-6)


def test_a_stored_plan_comes_back_with_its_gains(best, tmp_path):
    best.save(tmp_path / "plan.json")
    again = plan.load(tmp_path / "plan.json")
    assert again.spec == best.spec and again.constraints == best.constraints and str(again) == str(best)
    assert {k: g.gain for k, g in again.gains.items()} == {k: g.gain for k, g in best.gains.items()}
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(JaxlawsError, match="is no stored schedule plan"):
        plan.load(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"floor": 4e-4}, "must be below the peak of 0.0003"),
        ({"end": 1e-5, "cooldown": 10}, "from 0.0003 to end=1e-05 in 10 steps is steeper than max_slope=0.02"),
        ({"warmup": 30_000}, "the warm-up of 30000 steps leaves nothing of 24000"),
        ({"peak": -1.0}, r"`schedule\(peak=...\)` must be a finite number above 0; got -1.0"),
        ({"total": 0}, r"`schedule\(total=...\)` must be a whole number of at least 1"),
        ({"cooldown": 23_000}, "must be at most the 21840 steps after the warm-up"),
        ({"lowest_peak": 1e-3}, "must be at most peak=0.0003"),
        ({"risk": "worst"}, "needs draws"),
        ({"path": {30_000: 1.0}}, "up to 24000"),
        ({"inputs": {"N": 3.0}}, "has no input N"),
        ({"knots": 3}, "at least 8"),
        ({"family": schedules.constant}, "unknown family `constant`"),
        ({"family": schedules.cosine, "max_slope": 0.1}, "takes no max_slope"),
        ({"decay": "linear"}, "give family=schedules.wsd"),
        ({"peak": [1e-4, 2e-4], "total": [100, 200, 300]}, "do not match"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(change, message):
    with pytest.raises(JaxlawsError, match=message):
        plan.schedule(of_multi_power("25M"), **{**RUN, **change})


def test_a_law_that_cannot_say_refuses():
    annealing = jaxlaws.catalogue["lr_annealing"].constants["594M"]
    with pytest.raises(JaxlawsError, match="still lowers the loss in steps at rate 0"):
        plan.schedule(annealing, **ANNEALING)
    # Each of several: the longest run has no use for idle steps.
    with pytest.raises(JaxlawsError, match="still lowers the loss in steps at rate 0"):
        plan.schedule(annealing, total=[20_000, 90_000], peak=2e-4, warmup=500)
    with pytest.raises(JaxlawsError, match="ever lower losses as rates grow"):
        plan.schedule(annealing, floor=0.0, lowest_peak=1e-4, **ANNEALING)
    with pytest.raises(JaxlawsError, match="does not see learning rates"):
        plan.schedule(jaxlaws.catalogue["chinchilla"].constants["besiroglu"], **RUN)
    with pytest.raises(JaxlawsError, match="also needs N"):
        plan.schedule(jaxlaws.catalogue["lr_annealing_n"].constants["A"], **ANNEALING)


def test_corners_are_as_many_as_asked_for_and_follow_bends():
    steps = _corners.first_corners(100, 20_000, 64)
    bent = _corners.placed(steps, np.interp(steps, [100, 9000, 10_000, 20_000], [1.0, 1.0, 0.1, 0.1]), 64)
    for some in (steps, bent):
        assert len(some) == 64 and some[0] == 100 and some[-1] == 20_000 and (np.diff(some) >= 1).all()
    near = [np.sum((some > 8500) & (some < 10_500)) for some in (steps, bent)]
    assert near[1] > 2 * near[0]
