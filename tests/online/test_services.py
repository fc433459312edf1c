"""The loops that people have and the trackers they use, really run on tiny models."""

from __future__ import annotations

import importlib.util
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlaws
from jaxlaws.online import Watch, hooks, writers
from jaxlaws.runs.readers import load

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("default"),  # what the packages warn of in their own code is theirs
]

LINES = [(100, {"forecast/loss": 2.5, "forecast/low": 2.375, "forecast/high": 2.625})]
LINES += [(200, {"forecast/loss": 2.25, "forecast/low": 2.125, "forecast/high": 2.5})]

SETUP = """
    import numpy as np, jax, jax.numpy as jnp
    import jaxlaws
    from jaxlaws import online, schedules
    by = online.forecaster(jaxlaws.catalogue["multi_power"].constants["25M"], skip=20.0)
    random = np.random.default_rng(0)
    x = random.normal(size=(256, 8)).astype(np.float32)
    y = (x @ random.normal(size=(8, 1)) + 0.5 * random.normal(size=(256, 1))).astype(np.float32)
    schedule = schedules.cosine(1e-2, total=300, warmup=10)
"""

CHECK = """
    assert losses and [line.step for line in watch.finish()] == [100, 200], watch.lines
    assert int(watch.state.count[2]) == 299 and watch.lines[-1].sound, watch.lines
"""

LOOPS = {
    "plain": """
    import optax
    optimiser = optax.adam(lambda count: schedule(count + 1))
    w = jnp.zeros((8, 1)); state = optimiser.init(w)
    @jax.jit
    def step(w, state):
        loss, slope = jax.value_and_grad(lambda w: jnp.mean((x @ w - y) ** 2))(w)
        updates, state = optimiser.update(slope, state)
        return optax.apply_updates(w, updates), state, loss
    watch, losses = online.Watch(by, schedule), []
    for number in range(1, 300):
        w, state, loss = step(w, state)
        losses.append(loss)
        watch(number, loss)
    """,
    "flax": """
    import optax
    from flax import nnx
    model = nnx.Linear(8, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(lambda count: schedule(count + 1)), wrt=nnx.Param)
    @nnx.jit
    def step(model, optimizer):
        loss, slope = nnx.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2))(model)
        optimizer.update(model, slope)
        return loss
    watch, losses = online.Watch(by, schedule), []
    for number in range(1, 300):
        losses.append(step(model, optimizer))
        watch(number, losses[-1])
    """,
    "equinox": """
    import equinox as eqx, optax
    model = eqx.nn.Linear(8, 1, key=jax.random.key(0))
    optimiser = optax.adam(lambda count: schedule(count + 1))
    state = optimiser.init(eqx.filter(model, eqx.is_array))
    seen = by.init()  # carried through the step itself
    @eqx.filter_jit
    def step(model, state, seen, number):
        loss, slope = eqx.filter_value_and_grad(lambda m: jnp.mean((jax.vmap(m)(x) - y) ** 2))(model)
        updates, state = optimiser.update(slope, state)
        return eqx.apply_updates(model, updates), state, by.update(seen, number, loss, schedule(number)), loss
    watch, losses = online.Watch(by, schedule), []
    for number in range(1, 300):
        model, state, seen, loss = step(model, state, seen, jnp.asarray(number))
        losses.append(loss)
        watch(number, loss)
    assert int(seen.count[2]) == 299
    """,
    "keras": """
    import os
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from jaxlaws.schedules import cosine
    told = []
    class Told(online.Watch):
        def __call__(self, step, loss, lr=None):
            told.append((step, loss, lr))
            return super().__call__(step, loss, lr)
    watch, losses = Told(by, schedule), told
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    apart = []
    class Apart(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rows = slice(64 * batch, 64 * batch + 64)
            apart.append(float(np.mean((np.asarray(self.model(x[rows])) - y[rows]) ** 2)) if len(apart) < 8 else 0.0)
    model.fit(x, y, batch_size=64, epochs=75, shuffle=False, verbose=0, callbacks=[online.hooks.keras(watch)], steps_per_epoch=None)
    assert [row[0] for row in told] == list(range(1, 301))
    assert all(abs(row[2] - 1e-2) < 1e-8 for row in told)
    # A batch's loss, out of running means: 75 epochs of the same four batches, each below what it was before.
    values = np.array([row[1] for row in told]).reshape(75, 4)
    assert (values[40] < values[0]).all() and (values > 0).all() and values[0].std() > 1e-3
    losses = told[:-1]
    watch.state, watch.lines = watch.state, watch.lines[:2]
    lines = watch.lines
    assert [line.step for line in lines] == [100, 200], lines
    """,
}


def script(python, code: str) -> None:
    """Runs code that imports a framework, apart, in the test's folder."""
    python("-c", textwrap.dedent(code))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_is_watched(loop, python):
    if loop != "plain" and importlib.util.find_spec(loop) is None:
        pytest.skip(f"needs {loop}")
    script(python, SETUP + LOOPS[loop] + ("" if loop == "keras" else CHECK))


def test_what_transformers_log_is_told():
    pytest.importorskip("transformers")
    from transformers.trainer_callback import TrainerControl, TrainerState

    told = []

    class Told(Watch):
        def __call__(self, step, loss, lr=None):
            told.append((step, loss, lr))

    law = jaxlaws.catalogue["multi_power"].constants["25M"]
    callback = hooks.huggingface(Told(jaxlaws.online.forecaster(law), "cosine(peak=0.001, total=1000)"))
    state, control = TrainerState(), TrainerControl()
    callback.on_train_begin(None, state, control)
    for step in (10, 20):
        state.global_step = step
        callback.on_log(
            None, state, control, logs={"loss": 3.0 / step, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": 0.1}
        )
    callback.on_log(None, state, control, logs={"eval_loss": 2.0})
    callback.on_log(None, state, control, logs={"train_runtime": 2.0, "train_loss": 1.0})
    callback.on_train_end(None, state, control)
    assert told == [(10, 0.3, 1e-3), (20, 0.15, 1e-3)]


def test_tensorboard_gets_every_forecast(tmp_path):
    pytest.importorskip("tensorboard")
    write = writers.tensorboard(tmp_path / "forecast")
    for step, scalars in LINES:
        write(step, scalars)
    assert points(load(tmp_path).frame, "step") == LINES


def test_wandb_gets_every_forecast_offline(tmp_path, python):
    pytest.importorskip("wandb")
    script(
        python,
        f"""
        import wandb
        from jaxlaws.online import writers
        settings = wandb.Settings(console="off", x_disable_stats=True)
        run = wandb.init(mode="offline", project="p", name="a", settings=settings)
        write = writers.wandb(run)
        for step, scalars in {LINES!r}:
            run.log({{"loss": 3.0}})
            write(step, scalars)
        run.finish()
        """,
    )
    frame = load(tmp_path / "wandb").frame
    assert points(frame[frame["forecast/step"].notna()], "forecast/step") == LINES


def test_mlflow_gets_every_forecast(tmp_path, python):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    script(
        python,
        f"""
        import mlflow
        from jaxlaws.online import writers
        mlflow.set_tracking_uri("sqlite:///store.db")
        with mlflow.start_run():
            write = writers.mlflow()
            for step, scalars in {LINES!r}:
                write(step, scalars)
        """,
    )
    assert points(load(tmp_path / "store.db").frame, "step") == LINES


def points(frame, step: str):
    """Forecasts of a tracker's table, as they were written."""
    names = list(LINES[0][1])
    return [(int(row[step]), {n: row[n] for n in names}) for row in frame.sort_values(step).to_dict("records")]


def test_a_checkpoint_by_orbax_forecasts_the_same(watcher, seen, cast, tmp_path):
    checkpoint = pytest.importorskip("orbax.checkpoint")
    state = seen("wsd", 2000)
    with checkpoint.StandardCheckpointer() as saver:
        saver.save(tmp_path / "state", state)
    with checkpoint.StandardCheckpointer() as reader:
        back = reader.restore(tmp_path / "state", jax.tree.map(jnp.zeros_like, state))
    jax.tree.map(np.testing.assert_array_equal, back, state)
    jax.tree.map(np.testing.assert_array_equal, cast(back, "wsd"), cast(state, "wsd"))
