"""A run watched from a loop on the host, and what is written of it."""

from __future__ import annotations

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.errors import JaxlawsError
from jaxlaws.online import Watch, ahead, calibrated, hooks, writers
from jaxlaws.online.calibrate import Logged

from .cases import RUNS, TOTAL


@pytest.fixture
def losses(truth):
    return truth("wsd") + 0.02 * np.random.default_rng(1).normal(size=TOTAL)


def test_a_plain_loop_gets_a_line_every_so_many_steps_and_a_writer_too(watcher, losses, truth, tmp_path):
    told = []
    watch = Watch(
        watcher, RUNS["wsd"], every=250, writers=[lambda *row: told.append(row), writers.csv(tmp_path / "f.csv")]
    )
    for step in range(1, 2001):
        watch(step, jnp.float32(losses[step - 1]))
    lines = watch.finish()
    assert [line.step for line in lines] == list(range(250, 2001, 250))
    sound = [line for line in lines if line.sound]
    assert [step for step, _ in told] == [line.step for line in sound]
    assert sound[-1].low < truth("wsd")[-1] < sound[-1].high
    assert (tmp_path / "f.csv").read_text().splitlines()[0] == "step,forecast/loss,forecast/low,forecast/high"
    assert len((tmp_path / "f.csv").read_text().splitlines()) == len(sound) + 1


def test_a_watch_goes_on_from_a_checkpoint_and_takes_another_schedule(watcher, losses):
    whole, half = (Watch(watcher, RUNS["wsd"], every=500) for _ in range(2))
    for step in range(1, 1001):
        whole(step, losses[step - 1])
        half(step, losses[step - 1])
    again = Watch(watcher, RUNS["wsd"], every=500)
    again.state = jax.tree.map(jnp.asarray, jax.tree.map(np.asarray, half.state))
    for step in range(1001, 1501):
        whole(step, losses[step - 1])
        again(step, losses[step - 1])
    assert again.finish()[-1] == whole.finish()[-1]
    before = whole.lines[-1].loss
    whole.schedule = ahead(RUNS["constant"])
    for step in range(1501, 2001):
        whole(step, losses[step - 1])
    assert whole.finish()[-1].loss > before  # the cooldown is called off


def test_a_run_that_diverges_is_warned_of_once(watcher, losses):
    said = []
    watch = Watch(watcher, RUNS["wsd"], every=100, warn=said.append)
    losses[600:] += 0.01 * np.arange(TOTAL - 600)
    for step in range(1, 1201):
        watch(step, losses[step - 1])
    watch.finish()
    assert len(said) == 1 and "diverges" in said[0]


def test_intervals_are_as_wide_as_logged_runs_need(watcher, truth):
    steps = np.arange(20, TOTAL + 1, 20)
    runs = [
        Logged(
            steps,
            truth(n)[steps - 1] + 0.01 * np.random.default_rng(i).normal(size=len(steps)),
            RUNS[n](steps),
            RUNS[n],
        )
        for i, n in enumerate(("cosine", "wsd", "constant", "steps"))
    ]
    wide = calibrated(watcher, runs, shares=(0.2, 0.3, 0.5), level=0.9)
    assert 0.0 < wide.width < 3.0
    with pytest.raises(JaxlawsError, match="3 sound forecasts are too few for intervals of 90 %"):
        calibrated(watcher, runs[:1], shares=(0.2, 0.3, 0.5), level=0.9)


# --- callbacks, as the trainers call them


class Trainer:
    """What PyTorch Lightning hands to a callback, as far as it is read."""

    def __init__(self) -> None:
        self.global_step = 0
        self.optimizers = [type("Optimizer", (), {"param_groups": [{"lr": 1e-3}]})()]


def test_a_lightning_callback_tells_losses_and_rates(monkeypatch, watcher):
    monkeypatch.setattr(sys.modules["jaxlaws.online.hooks.lightning"], "_base", lambda: object)
    told = []
    callback = hooks.lightning(lambda *row: told.append(row), every=10)
    trainer = Trainer()
    for step in range(1, 31):
        trainer.global_step = step
        callback.on_train_batch_end(trainer, None, {"loss": np.float32(3.0 / step)}, None, step - 1)
    assert told == [(step, float(np.float32(3.0 / step)), 1e-3) for step in (10, 20, 30)]


def test_trackers_that_are_not_installed_are_a_sentence(monkeypatch):
    def missing(name: str):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    for make in (lambda: writers.tensorboard("x"), writers.mlflow, lambda: hooks.lightning(None)):
        with pytest.raises(JaxlawsError, match=r"needs"):
            make()
