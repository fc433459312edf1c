"""Warnings, siblings and cooldowns."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws import schedules
from jaxlaws.online import behind, cooldown, ends_worse, signals
from jaxlaws.schedules.curve import Curve

from .cases import HELD, LAW, PEAK, TOTAL, TRUE


def watched(step_by_step, losses):
    return jax.tree.map(
        np.asarray, signals(step_by_step(np.arange(1, len(losses) + 1), losses, np.full(len(losses), 1e-3)))
    )


@pytest.fixture
def calm():
    random = np.random.default_rng(0)
    return 2.5 + 20.0 / (np.arange(1, 401) + 10.0) + 0.02 * random.normal(size=400)


def test_a_calm_run_raises_no_warning(calm, step_by_step):
    for until in (5, 50, 200, 400):
        found = watched(step_by_step, calm[:until])
        assert not found.spike and not found.diverging


def test_a_spike_is_one_and_is_over_after_it(calm, step_by_step):
    calm[299] += 1.0
    assert watched(step_by_step, calm[:300]).spike
    found = watched(step_by_step, calm[:310])
    assert not found.spike and not found.diverging and found.spikes >= 1


@pytest.mark.parametrize("rise", [0.01, 0.1])
def test_a_loss_that_climbs_diverges(rise, calm, step_by_step):
    calm[250:] += rise * np.arange(150)
    assert not watched(step_by_step, calm[:250]).diverging
    found = watched(step_by_step, calm)
    assert found.diverging and found.risen > 0.05


def test_losses_that_are_not_finite_in_a_row_diverge(calm, step_by_step):
    calm[300] = np.nan
    one = watched(step_by_step, calm[:301])
    assert one.spike and not one.diverging and one.bad == 1
    calm[300:303] = np.inf
    assert watched(step_by_step, calm[:303]).diverging


def test_a_run_whose_law_is_worse_ends_worse_and_is_behind(seen, cast, truth):
    good, bad = cast(seen("wsd", 2000), "wsd"), cast(seen("constant", 2000), "constant")
    better = truth("wsd")[-1] < truth("constant")[-1]
    assert better and float(ends_worse(bad, good)[0]) > 0.5
    np.testing.assert_allclose(ends_worse(bad, good) + ends_worse(good, bad), 1.0, atol=1e-6)
    assert float(ends_worse(good, good)[0]) == pytest.approx(0.5)
    assert not bool(behind(good, good)[0])
    assert not bool(behind(bad, cast(seen("wsd", 10), "wsd"))[0])  # what is not sound says nothing


def test_a_rate_that_is_too_high_is_behind_its_sibling(seen, cast, step_by_step):
    """Two runs of one schedule whose losses are 4 % apart."""
    state = seen("wsd", 2000)
    worse = type(state)(state.end, state.cells.at[3].multiply(1.04), state.now, state.count)
    assert bool(behind(cast(worse, "wsd"), cast(state, "wsd"))[0])


def test_the_best_cooldown_is_where_the_law_has_it_and_its_loss_is_the_laws(watcher, seen):
    """Against the true law at every start, by the exact sum; and the gain of starting at once against the same."""
    state = seen("constant", 1500)
    found = jax.tree.map(
        np.asarray, jax.jit(lambda by, s, total, end: cooldown(by, s, total, end=end))(watcher, state, TOTAL, 3e-4)
    )

    def true(begin: int) -> float:
        schedule = schedules.wsd(PEAK, warmup=200, hold=begin, total=TOTAL, end=3e-4)
        with jax.enable_x64(True):
            return float(LAW(Curve.of(schedule, at=[TOTAL], anneal=False), **TRUE, **HELD)[0])

    starts = [1500, 2000, 2500, 3000, 3500, 3900]
    exact = np.array([true(s) for s in starts])
    np.testing.assert_allclose(np.interp(starts, found.starts, found.loss), exact, rtol=0.01)
    # Both are flat around their minimum: what counts is the loss that is lost.
    assert true(round(float(found.best))) <= min(exact) + 3e-3
    assert found.regret >= 0.0
    assert found.gain == pytest.approx(float(found.held - found.loss[0]), abs=1e-6)
