"""Where will this run end, and when should its cooldown begin? Asked while it trains.

Trains small transformers on the CPU, those of `train_tiny_transformers.py`, with a forecaster inside the compiled training
step. Its prior is a fit of the shipped runs of another size. Three runs keep to a cosine, a cooldown over the last fifth
and a constant rate; in the fourth the forecaster picks the cooldown's start as it goes, which is compared with the fixed
one over seeds. How a run ended is the loss of its last weights on 8192 windows of the training text, the same for all runs.

    python examples/forecast_while_training.py --out examples/forecast_while_training --plot docs/forecast.svg

Every finished run is kept in the output folder, so that an interrupted session goes on where it stopped, and the chart is drawn
from what is there. `--quick` trains one run of 450 steps, which is what the tests do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

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
WINDOWS = 8192  # of the training text, on which the end of a run is measured
SEEDS = 3

# The rate is an argument of the step, so that a new schedule compiles nothing.
OPTIMISER = optax.chain(
    optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95), optax.add_decayed_weights(0.01)
)


def prior() -> Forecaster:
    """Forecaster that knows the shipped runs of another size, by their training loss."""
    frame = jaxlaws.shipped("tiny_transformers").where(FITTED).frame
    table = frame.assign(loss=frame["train_loss_smooth"])[["run", "step", "loss", "lr", "lr_schedule"]]
    fitted = jaxlaws.fit("progress_noise", table, weights="run", starts=16)
    return forecaster(fitted, peak=PEAK, noise=5e-3)


def schedule_of(name: str, total: int) -> schedules.Schedule:
    return {
        "cosine": schedules.cosine(PEAK, total=total, end=PEAK / 10, warmup=WARMUP),
        "wsd": schedules.wsd(PEAK, warmup=WARMUP, hold=int(FIXED * total), total=total, end=PEAK / 10),
        "constant": schedules.constant(PEAK, total=total, warmup=WARMUP),
    }[name]


@jax.jit
def many_steps(watch: Forecaster, carry: Any, batches: jax.Array, numbers: jax.Array, rates: jax.Array) -> Any:
    """A chunk of updates, each of which tells its loss and rate to the forecaster."""

    def step(carry: Any, now: Any) -> tuple[Any, None]:
        model, state, seen = carry
        tokens, number, rate = now
        loss, gradient = jax.value_and_grad(loss_fn)(model, tokens)
        updates, state = OPTIMISER.update(gradient, state, model)
        model = optax.apply_updates(model, jax.tree.map(lambda u: -rate * u, updates))
        return (model, state, watch.update(seen, number, loss, rate)), None

    return jax.lax.scan(step, carry, (batches, numbers, rates))[0]


forecast = jax.jit(lambda watch, seen, path, at: watch.forecast(seen, path, at))
best_start = jax.jit(lambda watch, seen, total: cooldown(watch, seen, total, end=PEAK / 10).best)
evaluate = jax.jit(lambda model, windows: jnp.mean(jax.lax.map(lambda w: loss_fn(model, w), windows)))


def train(name: str, seed: int, watch: Forecaster, total: int, texts: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """One run, its forecasts every `CHUNK` steps, and how it ended. `live` picks its cooldown's start as it goes."""
    used = time.process_time()
    live = name == "live"
    rates = schedule_of("constant" if live else name, total).as_array(total)
    begin = None
    model = init(jax.random.key(seed), *SIZES["25k"])
    carry = model, OPTIMISER.init(model), watch.init()
    # Runs of one seed see the same data in the same order: what sets them apart is the rate.
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"forecast-{seed}".encode()).digest()[:8], "big"))
    lines = []
    for last in range(CHUNK, total + 1, CHUNK):
        batches = jnp.asarray(sequences(texts[0], rng, CHUNK, BATCH))
        numbers = np.arange(last - CHUNK + 1, last + 1)
        carry = many_steps(watch, carry, batches, jnp.asarray(numbers), jnp.asarray(rates[numbers], jnp.float32))
        if last < 4 * WARMUP or last == total:
            continue
        if live and begin is None and float(best_start(watch, carry[2], total)) <= last + CHUNK / 2:
            begin = last  # now, rather than after the next chunk
            rates[last:] = np.linspace(PEAK, PEAK / 10, total - last + 1)
        steps, path = ahead(rates)
        found = jax.device_get(forecast(watch, carry[2], (steps.astype(np.int32), path.astype(np.float32)), total))
        low, middle, high = (round(float(v[0]), 5) for v in (found.low, found.loss, found.high))
        lines.append({"run": name, "step": last, "loss": middle, "low": low, "high": high})
    windows = [
        sequences(text, np.random.default_rng(0), count // 256, 256)
        for text, count in zip(texts, (WINDOWS, HELD_OUT_SEQUENCES), strict=True)
    ]
    end, held = (round(float(evaluate(carry[0], jnp.asarray(w))), 5) for w in windows)
    cpu = round(time.process_time() - used, 1)
    return {"run": name, "seed": seed, "begin": begin, "end": end, "held_out": held, "cpu_seconds": cpu, "lines": lines}


def errors(runs: list[dict[str, Any]]) -> str:
    """How far forecasts were off the end, and how many of their intervals held it."""
    rows = [
        "| run | end | forecast at step 400 | 800 | 1200 | 90 % intervals that held the end |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        cells = [
            f"{line['loss']:.3f}, off by {100 * (line['loss'] / run['end'] - 1):+.1f} %" for line in run["lines"][::16]
        ]
        held = sum(line["low"] < run["end"] < line["high"] for line in run["lines"])
        rows.append(f"| {run['run']} | {run['end']:.4f} | {' | '.join(cells)} | {held} of {len(run['lines'])} |")
    return "\n".join(rows)


def compared(runs: list[dict[str, Any]]) -> str:
    """What the start that was picked live gained over the fixed one, by seed."""
    ends = {(run["run"], run["seed"]): run for run in runs}
    seeds = [seed for name, seed in ends if name == "live" and ("wsd", seed) in ends]
    gains = np.array([ends["wsd", seed]["end"] - ends["live", seed]["end"] for seed in seeds])
    rows = ["| seed | fixed start | end | start picked live | end | live is lower by |", "|---|---|---|---|---|---|"]
    for seed, gain in zip(seeds, gains, strict=True):
        fixed, live = ends["wsd", seed], ends["live", seed]
        rows.append(
            f"| {seed} | {int(FIXED * TOTAL)} | {fixed['end']:.4f} | {live['begin']} | {live['end']:.4f} | {gain:+.4f} |"
        )
    if len(seeds) > 1:
        error = gains.std(ddof=1) / np.sqrt(len(seeds))
        rows.append(f"| mean | | | | | {gains.mean():+.4f} ± {error:.4f} |")
    return "\n".join(rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True, help="folder that receives the runs")
    arguments.add_argument("--plot", help="a .svg, .png, .pdf or .html file: forecasts of the first four runs")
    arguments.add_argument("--quick", action="store_true", help="one run of 450 steps, by published constants")
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    runs = [("wsd", 0), ("live", 0), ("cosine", 0), ("constant", 0)]
    runs += [(name, seed) for seed in range(1, SEEDS) for name in ("wsd", "live")]
    total, watch, texts = TOTAL, None, None
    if options.quick:
        runs, total = [("live", 0)], 450
        watch = forecaster(jaxlaws.catalogue["multi_power"].constants["25M"], peak=PEAK)
    done = []
    for name, seed in runs:
        part = options.out / f"{name}-{seed}.json"
        if not part.exists():
            watch, texts = watch or prior(), texts or corpus()[:2]
            part.write_text(json.dumps(train(name, seed, watch, total, texts)) + "\n")
        done.append(json.loads(part.read_text()))
        print({k: v for k, v in done[-1].items() if k != "lines"}, file=sys.stderr)
    facts = {
        "cpu_seconds": round(sum(run["cpu_seconds"] for run in done), 1),
        "versions": {"python": platform.python_version(), "jax": jax.__version__, "optax": optax.__version__},
        "machine": f"{platform.machine()}, CPU",
    }
    (options.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(errors([run for run in done[:4] if run["run"] != "live"]), compared(done), sep="\n\n")
    if options.plot:
        from jaxlaws import plot

        names = {run["run"]: f"live: held until {run['begin']}" if run["begin"] else run["run"] for run in done[:4]}
        lines = [line | {"run": names[line["run"]]} for run in done[:4] for line in run["lines"]]
        ends = {names[run["run"]]: run["end"] for run in done[:4]}
        plot.save(plot.forecast_chart(lines, ends), options.plot)


if __name__ == "__main__":
    main()
