"""Where will this run end, and when should its cooldown begin? Asked while it trains.

Trains small transformers on the CPU, those of `train_tiny_transformers.py`, with a forecaster inside the compiled training
step. Its prior is a fit of the shipped runs of another size. Three runs keep to a cosine, a cooldown over the last fifth
and a constant rate; in the fourth the forecaster picks the cooldown's start as it goes, which is compared with the fixed
one over seeds. Draws the forecasts and their intervals against the step.

    python examples/forecast_while_training.py --out forecasts

Runs already in the output folder are kept. `--quick` trains 60 steps, which is what the tests do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from train_tiny_transformers import HELD_OUT_SEQUENCES, PEAK, SIZES, corpus, init, loss_fn, sequences

import jaxlaws
from jaxlaws import schedules
from jaxlaws.online import Forecaster, ahead, cooldown, forecaster

TOTAL, WARMUP, CHUNK, BATCH = 1500, 100, 25, 16
FIXED = 0.8  # of the run: where the fixed cooldown begins
FITTED = "size == '83k' and seed == 0 and kind == 'schedule' and step >= 300"


def prior() -> Forecaster:
    """Forecaster that knows the shipped runs of another size, by their training loss."""
    frame = jaxlaws.shipped("tiny_transformers").where(FITTED).frame
    table = frame.assign(loss=frame["train_loss_smooth"])[["run", "step", "loss", "lr", "lr_schedule"]]
    fitted = jaxlaws.fit("progress_noise", table, weights="run", starts=16)
    return forecaster(fitted, peak=PEAK, noise=5e-3)


def schedule_of(name: str, total: int) -> schedules.Schedule:
    hold = int(FIXED * total)
    return {
        "cosine": schedules.cosine(PEAK, total=total, end=PEAK / 10, warmup=WARMUP),
        "wsd": schedules.wsd(PEAK, warmup=WARMUP, hold=hold, total=total, end=PEAK / 10),
        "constant": schedules.constant(PEAK, total=total, warmup=WARMUP),
    }[name]


def train(name: str, seed: int, watch: Forecaster, total: int, texts: tuple[np.ndarray, np.ndarray]) -> dict:
    """One run, its forecasts every `CHUNK` steps, and its final losses. `live` picks its cooldown's start as it goes."""
    live = name == "live"
    width, layers = SIZES["25k"]
    # The rate is an argument of the step, so that a new schedule compiles nothing.
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.inject_hyperparams(optax.adamw)(0.0, b1=0.9, b2=0.95, weight_decay=0.01),
    )
    model = init(jax.random.key(seed), width, layers)
    state = optimiser.init(model)

    @jax.jit
    def many_steps(model, state, seen, batches, numbers, rates):  # noqa: ANN001, ANN202
        def step(carry, now):  # noqa: ANN001, ANN202
            model, state, seen = carry
            tokens, number, rate = now
            state[1].hyperparams["learning_rate"] = rate
            loss, gradient = jax.value_and_grad(loss_fn)(model, tokens)
            updates, state = optimiser.update(gradient, state, model)
            seen = watch.update(seen, number, loss, rate)
            return (optax.apply_updates(model, updates), state, seen), loss

        return jax.lax.scan(step, (model, state, seen), (batches, numbers, rates))

    plan = schedule_of("wsd" if live else name, total)
    rates = plan.as_array(total)
    begin = total if live else None
    # Runs of one seed see the same data in the same order: what sets them apart is the rate.
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"forecast-{seed}".encode()).digest()[:8], "big"))
    seen, lines, losses = watch.init(), [], []
    if live:
        rates = schedule_of("constant", total).as_array(total)
    for last in range(CHUNK, total + 1, CHUNK):
        batches = jnp.asarray(sequences(texts[0], rng, CHUNK, BATCH))
        numbers = np.arange(last - CHUNK + 1, last + 1)
        now = jnp.asarray(rates[numbers], jnp.float32)
        (model, state, seen), loss = many_steps(model, state, seen, batches, jnp.asarray(numbers), now)
        losses.append(np.asarray(loss))
        if last >= 4 * WARMUP and last < total:
            if live and begin == total:
                found = jax.device_get(COOLDOWN(watch, seen, total, PEAK / 10))
                if found.best <= last + CHUNK / 2:  # now, rather than after the next chunk
                    begin = last
                    steps = np.arange(last, total + 1)
                    rates[last:] = PEAK + (PEAK / 10 - PEAK) * (steps - last) / (total - last)
            steps, path = ahead(rates)
            forecast = jax.device_get(FORECAST(watch, seen, (steps.astype(np.int32), path.astype(np.float32)), total))
            low, middle, high = (float(v[0]) for v in (forecast.low, forecast.loss, forecast.high))
            lines.append({"run": name, "step": last, "loss": middle, "low": low, "high": high})
    held = sequences(texts[1], np.random.default_rng(0), HELD_OUT_SEQUENCES)
    return {
        "run": name,
        "seed": seed,
        "begin": begin,
        "final": float(np.concatenate(losses)[-100:].mean()),
        "held_out": float(jax.jit(loss_fn)(model, jnp.asarray(held))),
        "lines": lines,
    }


FORECAST = jax.jit(lambda watch, seen, path, at: watch.forecast(seen, path, at))
COOLDOWN = jax.jit(lambda watch, seen, total, end: cooldown(watch, seen, total, end=end))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True, help="folder that receives forecasts.json and a chart")
    arguments.add_argument("--seeds", type=int, default=2, help="of the runs whose cooldowns are compared")
    arguments.add_argument("--quick", action="store_true", help="two runs of 500 steps, no chart")
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    watch, total = prior(), 500 if options.quick else TOTAL
    train_text, held_text, _ = corpus()
    runs = [("live", 0), ("wsd", 0), ("cosine", 0), ("constant", 0)]
    runs += [(name, seed) for seed in range(1, options.seeds) for name in ("wsd", "live")]
    done = []
    for name, seed in runs[:1] if options.quick else runs:
        part = options.out / f"{name}-{seed}.json"
        if not part.exists():
            part.write_text(json.dumps(train(name, seed, watch, total, (train_text, held_text))))
        done.append(json.loads(part.read_text()))
        told = {k: v for k, v in done[-1].items() if k != "lines"}
        print(told, file=sys.stderr)
    (options.out / "forecasts.json").write_text(json.dumps(done, indent=1) + "\n")
    if not options.quick:
        from jaxlaws import plot

        first = [run for run in done if run["seed"] == 0]
        ends = {run["run"]: run["final"] for run in first}
        chart = plot.forecast_chart([line for run in first for line in run["lines"]], ends)
        plot.save(chart, options.out / "forecasts.png")


if __name__ == "__main__":
    main()
