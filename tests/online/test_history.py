"""What is kept of a run: bounded, close to the truth, and sane whatever the loop does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.online.history import Count, Now, path_of

from .cases import PEAK, RUNS, TOTAL


def counted(state) -> Count:
    return Count(*np.asarray(state.count).tolist())


def kept(state) -> tuple[np.ndarray, np.ndarray]:
    """Edges and rates of a state, without padding."""
    path = jax.tree.map(np.asarray, path_of(state))
    keep = np.append(True, np.diff(path.edges) > 0)
    return path.edges[keep], path.lr[keep]


@pytest.mark.parametrize("name", RUNS)
def test_rates_stay_within_the_stated_tolerance_of_the_true_ones(name, seen, watcher):
    edges, rates = kept(seen(name, TOTAL))
    true = RUNS[name].as_array(TOTAL)
    steps = np.arange(1, TOTAL + 1)
    assert edges[-1] == TOTAL
    assert len(edges) <= watcher.cells + 2
    # The rate at step 0 is not told; the first step's stands for it.
    assert np.abs(np.interp(steps, edges, rates) - true[1:]).max() <= 1.01 * watcher.tolerance * PEAK


def test_a_jump_is_kept_exactly(seen):
    edges, rates = kept(seen("steps", TOTAL))
    assert {1999, 2000} <= set(edges.astype(int).tolist())
    np.testing.assert_allclose(
        np.interp([1999, 2000], edges, rates), RUNS["steps"].as_array(TOTAL)[1999:2001], rtol=1e-6
    )


def test_a_jump_between_logged_steps_is_placed_at_the_later_one(watcher, step_by_step):
    steps = np.arange(50, TOTAL + 1, 50)
    state = step_by_step(steps, np.full(len(steps), 3.0), RUNS["steps"].as_array(TOTAL)[steps])
    edges, rates = kept(state)
    np.testing.assert_allclose(np.interp([1999, 2000], edges, rates), [PEAK, 0.3 * PEAK], rtol=1e-5)


def test_memory_is_four_arrays_below_64_kb_however_long_the_run(watcher, seen):
    leaves = jax.tree.leaves(seen("cosine", TOTAL))
    assert len(leaves) == 4
    assert sum(leaf.nbytes for leaf in leaves) <= 65536
    assert jax.tree.map(jnp.shape, seen("cosine", TOTAL)) == jax.tree.map(jnp.shape, watcher.init())


def test_cells_average_the_losses_in_them(seen, truth):
    path = jax.tree.map(np.asarray, path_of(seen("wsd", TOTAL)))
    used = (path.weight > 20) & (path.at > 400)
    true = np.interp(path.at[used], np.arange(1, TOTAL + 1), truth("wsd"))
    assert used.sum() > 50
    # Noise of a mean, 4.5 sd of the worst of a hundred, and what bends inside a cell.
    assert np.abs(path.loss[used] - true).max() < 4.5 * 0.02 / np.sqrt(20.0) + 2e-3
    assert path.weight.sum() == TOTAL


def test_losses_that_are_not_finite_are_counted_and_left_out(seen, step_by_step):
    rates = RUNS["wsd"].as_array(TOTAL)
    losses = np.full(300, 3.0)
    losses[[0, 100, 101, 299]] = np.nan, np.inf, -np.inf, np.nan
    state = step_by_step(np.arange(1, 301), losses, rates[1:301])
    assert counted(state).bad == 4
    assert counted(state).streak == 1
    assert counted(state).last == 300
    assert all(np.isfinite(leaf).all() for leaf in (state.cells, path_of(state).loss))
    assert path_of(state).weight.sum() == 296


def test_rates_that_are_not_finite_are_taken_as_unchanged(step_by_step):
    rates = np.full(50, 1e-3)
    rates[[20, 30]] = np.nan, -1.0
    _, kept_rates = kept(step_by_step(np.arange(1, 51), np.full(50, 3.0), rates))
    np.testing.assert_allclose(kept_rates, 1e-3, rtol=1e-6)


def test_a_spike_hardly_moves_the_level(step_by_step):
    losses = 3.0 + 0.01 * np.random.default_rng(0).normal(size=400)
    calm = step_by_step(np.arange(1, 401), losses, np.full(400, 1e-3))
    losses[350:353] = 9.0
    spiky = step_by_step(np.arange(1, 401), losses, np.full(400, 1e-3))
    assert counted(spiky).spikes >= counted(calm).spikes + 3
    assert abs(Now(*spiky.now).level - Now(*calm.now).level) < 0.02
    assert np.abs(path_of(spiky).loss - path_of(calm).loss).max() < 0.15


def test_a_step_that_comes_again_is_ignored(step_by_step):
    steps = np.arange(1, 101)
    losses = 3.0 + 1.0 / steps
    once = step_by_step(steps, losses, np.full(100, 1e-3))
    twice = step_by_step(np.repeat(steps, 2), np.repeat(losses, 2) + np.tile([0.0, 5.0], 100), np.full(200, 1e-3))
    jax.tree.map(np.testing.assert_array_equal, once, twice)


def test_steps_below_one_are_ignored(watcher, step_by_step):
    state = step_by_step(np.array([0, -5]), np.array([3.0, 3.0]), np.array([1e-3, 1e-3]))
    jax.tree.map(np.testing.assert_array_equal, state, watcher.init())


@pytest.mark.parametrize("back", [950, 701, 250, 1], ids=["last cells", "inside", "early", "from scratch"])
def test_going_back_to_a_checkpoint_forgets_what_came_after_it(back, step_by_step):
    """The state of a run that was repeated from step `back` on is close to that of a run that never stopped."""
    steps = np.arange(1, 1001)
    rates = RUNS["cosine"].as_array(TOTAL)[1:1001]
    losses = 3.0 + 30.0 / (steps + 30.0)
    once = step_by_step(steps, losses, rates)
    wrong = np.concatenate([losses, losses[back - 1 :]])
    wrong[back - 1 : 1000] = 7.0  # what is forgotten
    again = step_by_step(np.concatenate([steps, steps[back - 1 :]]), wrong, np.concatenate([rates, rates[back - 1 :]]))
    assert counted(again).rewinds == 1
    assert counted(again).last == 1000
    edges, lr = kept(again)
    assert (np.diff(edges) > 0).all()
    np.testing.assert_allclose(np.interp(steps, edges, lr), rates, atol=1.3e-3 * PEAK)
    a, b = jax.tree.map(np.asarray, (path_of(once), path_of(again)))
    late = (b.at > 1.1 * back + 60) & (b.weight > 0)
    np.testing.assert_allclose(b.loss[late], np.interp(b.at[late], a.at, a.loss), rtol=0.01)


def test_a_rate_of_many_jumps_stays_in_memory_and_keeps_its_area(step_by_step, watcher):
    steps = np.arange(1, 2001)
    rates = 1e-3 * (1.0 + 0.5 * ((steps // 5) % 2))
    state = step_by_step(steps, np.full(2000, 3.0), rates)
    edges, lr = kept(state)
    assert len(edges) <= watcher.cells + 2
    area = np.sum(np.interp(steps, edges, lr))
    assert area == pytest.approx(rates.sum(), rel=0.05)
