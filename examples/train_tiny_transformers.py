"""What do the loss curves of small transformers look like under different learning-rate schedules?

Trains decoder-only transformers in JAX with optax on the bytes of the Python standard library's own source files, one run
per (size, schedule, seed), and a sweep over learning rate and batch size at the smallest size. Each run logs the raw and
smoothed training loss, the loss on held-out files, the learning rate, the batch and the step. The curves that ship with
jaxlaws as `shipped:tiny_transformers` were made by

    python examples/train_tiny_transformers.py --out jaxlaws/runs/shipped

Runs already in the output folder are kept, so that an interrupted session goes on where it stopped. `--quick` trains one
run of 50 steps, which is what the tests do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import sysconfig
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxlaws.schedules import parse

CONTEXT = 64
CHUNK = 25  # optimiser steps in one compiled call; also the smoothing window of `train_loss_smooth`
HELD_OUT_SEQUENCES = 512
PEAK = 3e-3
WARMUP = 200

SIZES = {"25k": (32, 2), "83k": (48, 3), "197k": (64, 4)}  # width, layers

SCHEDULES = {
    "constant_6000": f"constant(peak={PEAK}, total=6000, warmup={WARMUP})",
    "cosine_3000": f"cosine(peak={PEAK}, total=3000, end={PEAK / 10}, warmup={WARMUP})",
    "cosine_6000": f"cosine(peak={PEAK}, total=6000, end={PEAK / 10}, warmup={WARMUP})",
    "wsd_linear_6000": f"wsd(peak={PEAK}, warmup={WARMUP}, hold=4800, total=6000, end={PEAK / 10}, decay=linear)",
    "wsd_1-sqrt_6000": f"wsd(peak={PEAK}, warmup={WARMUP}, hold=4800, total=6000, end={PEAK / 10}, decay=1-sqrt)",
    "two_stage_4500": f"multistep(peak={PEAK}, warmup={WARMUP}, at=3000, to={0.3 * PEAK}, total=4500)",
}

SWEEP_TOKENS = 4_096_000
SWEEP_RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
SWEEP_BATCHES = (8, 16, 32, 64)  # sequences


@dataclass(frozen=True)
class Run:
    """One training run: everything that decides its curve."""

    name: str
    kind: str  # "schedule" or "sweep"
    size: str
    schedule: str  # label
    lr_schedule: str  # spec string
    sequences: int
    seed: int


class Model(NamedTuple):
    embed: jax.Array
    blocks: dict[str, jax.Array]  # each with a leading axis `layers`
    norm: jax.Array


def init(key: jax.Array, width: int, layers: int) -> Model:
    keys = jax.random.split(key, 5)

    def normal(key: jax.Array, *shape: int, fan: int) -> jax.Array:
        return jax.random.normal(key, shape) / np.sqrt(fan).astype(np.float32)

    blocks = {
        "qkv": normal(keys[1], layers, width, 3 * width, fan=width),
        "out": normal(keys[2], layers, width, width, fan=width * 2 * layers),
        "up": normal(keys[3], layers, width, 4 * width, fan=width),
        "down": normal(keys[4], layers, 4 * width, width, fan=4 * width * 2 * layers),
        "norm_attention": jnp.ones((layers, width)),
        "norm_mlp": jnp.ones((layers, width)),
    }
    return Model(0.02 * jax.random.normal(keys[0], (256, width)), blocks, jnp.ones(width))


def rms_norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6) * scale


def rotate(x: jax.Array) -> jax.Array:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) for `x` of shape (..., context, heads, channels)."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[-3])[:, None, None] * 10_000.0 ** (-np.arange(half) / half)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def logits(model: Model, tokens: jax.Array) -> jax.Array:
    """Next-byte logits, shape (sequences, context, 256)."""
    width = model.embed.shape[1]
    heads = width // 16
    causal = np.tril(np.ones((tokens.shape[1], tokens.shape[1]), dtype=bool))

    def block(x: jax.Array, w: dict[str, jax.Array]) -> tuple[jax.Array, None]:
        qkv = rms_norm(x, w["norm_attention"]) @ w["qkv"]
        q, k, v = jnp.split(qkv.reshape(*x.shape[:2], heads, 48), 3, axis=-1)
        scores = jnp.einsum("bqhc,bkhc->bhqk", rotate(q), rotate(k)) * 0.25
        weights = jax.nn.softmax(jnp.where(causal, scores, -1e9), axis=-1)
        x = x + jnp.einsum("bhqk,bkhc->bqhc", weights, v).reshape(x.shape) @ w["out"]
        return x + jax.nn.gelu(rms_norm(x, w["norm_mlp"]) @ w["up"]) @ w["down"], None

    x, _ = jax.lax.scan(block, model.embed[tokens] * np.float32(np.sqrt(width)), model.blocks)
    return rms_norm(x, model.norm) @ model.embed.T


def loss_fn(model: Model, tokens: jax.Array) -> jax.Array:
    """Mean cross-entropy in nats a byte over sequences of `CONTEXT + 1` bytes."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits(model, tokens[:, :-1]), tokens[:, 1:])
    return jnp.mean(losses)


def corpus() -> tuple[np.ndarray, np.ndarray, str]:
    """Training bytes, held-out bytes, and the sha256 of both. A file is held out when the hash of its name says so: 1 in 20."""
    root = Path(sysconfig.get_paths()["stdlib"])
    parts: dict[bool, list[bytes]] = {False: [], True: []}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if "site-packages" not in name and "__pycache__" not in name:
            held_out = hashlib.sha256(name.encode()).digest()[0] < 13
            parts[held_out].append(path.read_bytes() + b"\n\n")
    train, held = b"".join(parts[False]), b"".join(parts[True])
    digest = hashlib.sha256(train + held).hexdigest()
    return np.frombuffer(train, np.uint8), np.frombuffer(held, np.uint8), digest


def sequences(data: np.ndarray, rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Windows of `CONTEXT + 1` bytes at random places, shape (*shape, CONTEXT + 1)."""
    starts = rng.integers(0, len(data) - CONTEXT - 1, size=shape)
    return data[starts[..., None] + np.arange(CONTEXT + 1)].astype(np.int32)


def train(run: Run, data: np.ndarray, held_out: np.ndarray) -> pd.DataFrame:
    """Loss curve of one run: a row every 50 steps."""
    schedule = parse(run.lr_schedule)
    total = schedule.total
    assert total is not None
    width, layers = SIZES[run.size]
    # Update number s (from 1) uses schedule(s); optax counts from 0.
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(lambda count: schedule(count + 1), b1=0.9, b2=0.95, weight_decay=0.01),
    )
    model = init(jax.random.key(run.seed), width, layers)
    state = optimiser.init(model)

    @jax.jit
    def many_steps(model: Model, state: optax.OptState, batches: jax.Array):  # noqa: ANN202
        def step(carry, tokens):  # noqa: ANN001, ANN202
            model, state = carry
            loss, gradient = jax.value_and_grad(loss_fn)(model, tokens)
            updates, state = optimiser.update(gradient, state, model)
            return (optax.apply_updates(model, updates), state), loss

        return jax.lax.scan(step, (model, state), batches)

    # The order of the data belongs to the run, not to the size: two schedules of one size do not share their noise.
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(run.name.encode()).digest()[:8], "big"))
    held = jnp.asarray(sequences(held_out, np.random.default_rng(0), HELD_OUT_SEQUENCES))
    evaluate = jax.jit(loss_fn)
    rows = []
    for last in range(CHUNK, total + 1, CHUNK):
        batches = sequences(data, rng, CHUNK, run.sequences)
        (model, state), losses = many_steps(model, state, jnp.asarray(batches))
        if last % 50 == 0 or last == total:
            rows.append(
                {
                    "step": last,
                    "loss": float(evaluate(model, held)),
                    "train_loss": float(losses[-1]),
                    "train_loss_smooth": float(jnp.mean(losses)),
                    "lr": float(schedule(last)),
                }
            )
    return pd.DataFrame(rows)


def plan() -> list[Run]:
    """All runs, the main ones first."""
    batch = 16
    runs = [
        Run(f"{size}-{label}-s{seed}", "schedule", size, label, spec, batch, seed)
        for seed, labels in ((0, SCHEDULES), (1, ("cosine_3000", "cosine_6000")))
        for size in SIZES
        for label, spec in SCHEDULES.items()
        if label in labels
    ]
    schedules, repeats = runs[: len(SIZES) * len(SCHEDULES)], runs[len(SIZES) * len(SCHEDULES) :]
    sweep = []
    for rate in SWEEP_RATES:
        for n in SWEEP_BATCHES:
            total = SWEEP_TOKENS // (n * CONTEXT)
            spec = f"cosine(peak={rate}, total={total}, end={rate / 10}, warmup={total // 20})"
            sweep.append(Run(f"sweep-lr{rate:g}-b{n}", "sweep", "25k", "cosine_sweep", spec, n, 0))
    return schedules + sweep + repeats


def described(run: Run, curve: pd.DataFrame) -> pd.DataFrame:
    """The curve with its run's facts in every row."""
    width, layers = SIZES[run.size]
    facts = {
        "run": run.name,
        "kind": run.kind,
        "size": run.size,
        "N": 12.0 * layers * width**2,
        "schedule": run.schedule,
        "lr_schedule": run.lr_schedule,
        "batch": float(run.sequences * CONTEXT),
        "seed": run.seed,
    }
    curve = curve.assign(**facts)
    curve["D"] = curve["step"] * curve["batch"]
    return curve[[*facts, "step", "D", "lr", "loss", "train_loss", "train_loss_smooth"]]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--out", type=Path, required=True, help="folder that receives the Parquet file and its facts"
    )
    arguments.add_argument("--quick", action="store_true", help="one run of 50 steps")
    options = arguments.parse_args()
    data, held_out, digest = corpus()
    runs = plan()
    if options.quick:
        runs = [Run("quick", "schedule", "25k", "cosine_50", f"cosine(peak={PEAK}, total=50, warmup=5)", 4, 0)]
    parts = options.out / "tiny_transformers.parts"
    parts.mkdir(parents=True, exist_ok=True)
    for i, run in enumerate(runs):
        part = parts / f"{run.name}.parquet"
        if part.exists():
            continue
        began = time.perf_counter()
        curve = described(run, train(run, data, held_out))
        curve["seconds"] = round(time.perf_counter() - began, 1)
        curve.to_parquet(part.with_suffix(".tmp"))
        part.with_suffix(".tmp").rename(part)
        last = curve.iloc[-1]
        print(f"{i + 1}/{len(runs)} {run.name}: {last['loss']:.4f} nats a byte, {last['seconds']} s", file=sys.stderr)
    table = pd.concat([pd.read_parquet(parts / f"{run.name}.parquet") for run in runs], ignore_index=True)
    seconds = table.groupby("run")["seconds"].first()
    floats = {c: "float32" for c in ("loss", "train_loss", "train_loss_smooth")}
    table.drop(columns="seconds").astype(floats).to_parquet(
        options.out / "tiny_transformers.parquet", compression="zstd"
    )
    facts = {
        "runs": [asdict(run) | {"seconds": float(seconds[run.name])} for run in runs],
        "seconds": float(seconds.sum()),
        "corpus": {"train_bytes": len(data), "held_out_bytes": len(held_out), "sha256": digest},
        "versions": {"python": platform.python_version(), "jax": jax.__version__, "optax": optax.__version__},
        "machine": f"{platform.machine()}, one core, CPU",
    }
    (options.out / "tiny_transformers.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
