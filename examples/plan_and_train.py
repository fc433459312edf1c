"""Does a run end lower when its learning rate, batch and schedule are planned from short runs?

Trains a small transformer on 102 400 and 409 600 bytes with several rates and batches, fits a loss surface to the final
losses, its growth with the bytes held at Step Law's exponents, and asks it for the rate and batch of 1 638 400 bytes; trains
four short runs with those, fits a law of whole curves to them and asks it for the schedule; then really trains with that plan
and with the usual schedules, each of them at its own best peak, on three seeds. Model, text and optimiser are those of
`train_tiny_transformers.py`, size 25k.

    python examples/plan_and_train.py --out examples/plan_and_train

Every finished run is kept in the output folder, so that an interrupted session goes on where it stopped. `--table` makes
plan and table again from the curves that are there; `--quick` trains one run of 50 steps, which is what the tests do.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from train_tiny_transformers import (
    CHUNK,
    CONTEXT,
    HELD_OUT_SEQUENCES,
    SIZES,
    Run,
    corpus,
    described,
    init,
    loss_fn,
    sequences,
)

from jaxlaws import fit, plan
from jaxlaws.runs import read
from jaxlaws.schedules import parse
from jaxlaws.uncertainty import bootstrap

SIZE = "25k"
SHORT, LONG = (102_400, 409_600), 1_638_400  # bytes
BATCHES = (1, 2, 4, 8, 16)  # sequences
SWEEP = (8e-3, 1.6e-2, 3.2e-2)  # peak rates at 8 sequences; they grow with the root of the batch
NEAR = 0.08  # of so few runs, within how much of the lowest loss of as many bytes they count
HELD = {
    "delta": 0.307,
    "epsilon": 0.571,
}  # how rate and batch move with the bytes: Step Law's, as two amounts cannot say
BOX = {"batch": (CONTEXT, 256.0 * CONTEXT)}  # bytes: one sequence at least
ROWS = {"sweep": 1, "curve": 40, "long": 10, "quick": 2}  # of a run's curve: each costs as much as some 30 steps
LAW = "progress_noise"
SEEDS = (0, 1, 2)

OPTIMISER = optax.chain(
    optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95), optax.add_decayed_weights(0.01)
)


@jax.jit
def many_steps(model: Any, state: Any, batches: jax.Array, rates: jax.Array) -> tuple[Any, Any, jax.Array]:
    """A chunk of updates; rates are data, so that all schedules of one batch are one program."""

    def step(carry: Any, now: Any) -> tuple[Any, jax.Array]:
        model, state = carry
        tokens, rate = now
        loss, gradient = jax.value_and_grad(loss_fn)(model, tokens)
        updates, state = OPTIMISER.update(gradient, state, model)
        return (optax.apply_updates(model, jax.tree.map(lambda u: -rate * u, updates)), state), loss

    (model, state), losses = jax.lax.scan(step, (model, state), (batches, rates))
    return model, state, losses


evaluate = jax.jit(loss_fn)


def train(run: Run, data: np.ndarray, held_out: np.ndarray) -> pd.DataFrame:
    """Loss curve of one run. Runs of one seed begin alike and see the same bytes in the same order."""
    schedule = parse(run.lr_schedule)
    total = schedule.total
    assert total is not None and total % CHUNK == 0, run
    rates = schedule.as_array(total).astype(np.float32)
    every = max(total // ROWS[run.kind] // CHUNK, 1) * CHUNK
    model = init(jax.random.key(run.seed), *SIZES[run.size])
    state = OPTIMISER.init(model)
    rng = np.random.default_rng(run.seed)
    held = jnp.asarray(sequences(held_out, np.random.default_rng(0), HELD_OUT_SEQUENCES))
    rows = []
    for last in range(CHUNK, total + 1, CHUNK):
        batches = sequences(data, rng, CHUNK, run.sequences)
        now = jnp.asarray(rates[last - CHUNK + 1 : last + 1])
        model, state, losses = many_steps(model, state, jnp.asarray(batches), now)
        if last % every == 0 or last == total:
            mean = float(jnp.mean(losses))
            rows.append({"step": last, "loss": float(evaluate(model, held)), "train_loss": float(losses[-1])})
            rows[-1] |= {"train_loss_smooth": mean, "lr": float(schedule(last))}
    return pd.DataFrame(rows)


class Missing(Exception):
    """A run that is only to be read was not trained."""


@dataclass
class Kept:
    """Runs in a folder: those that are there are read, the others trained."""

    folder: Path
    only_read: bool
    text: tuple[np.ndarray, np.ndarray] | None = None

    def of(self, runs: list[Run]) -> pd.DataFrame:
        return pd.concat([self.one(run) for run in runs], ignore_index=True)

    def one(self, run: Run) -> pd.DataFrame:
        stored = self.folder / "curves.parquet"
        if stored.exists():
            curves = pd.read_parquet(stored)
            if (curves["run"] == run.name).any():
                return of_schedule(run, curves[curves["run"] == run.name])
        part = self.folder / "parts" / f"{run.name}.parquet"
        if part.exists():
            return of_schedule(run, pd.read_parquet(part))
        if self.only_read:
            raise Missing(f"run {run.name} is not in {self.folder}")
        part.parent.mkdir(parents=True, exist_ok=True)
        self.text = self.text or corpus()[:2]
        clock, used = time.perf_counter(), time.process_time()
        curve = described(run, train(run, *self.text))
        curve["seconds"] = round(time.perf_counter() - clock, 1)
        curve["cpu_seconds"] = round(time.process_time() - used, 1)
        curve.to_parquet(part.with_suffix(".tmp"))
        part.with_suffix(".tmp").rename(part)
        last = curve.iloc[-1]
        print(f"{run.name}: {last['loss']:.4f} nats a byte, {last['cpu_seconds']} s of a core", file=sys.stderr)
        return curve


def of_schedule(run: Run, curve: pd.DataFrame) -> pd.DataFrame:
    there, wanted = (
        parse(spec).as_array(curve["step"].iloc[-1]) for spec in (curve["lr_schedule"].iloc[0], run.lr_schedule)
    )
    # A plan made again elsewhere has other corners, and the same loss: its optimum is flat.
    if np.abs(there - wanted).mean() > 0.01 * wanted.max():
        raise SystemExit(f"{run.name} is there with {curve['lr_schedule'].iloc[0]}, and {run.lr_schedule} is wanted.")
    return curve


def run_of(kind: str, label: str, spec: str, batch: int, seed: int) -> Run:
    peak = parse(spec).args.get("peak", 0.0) or float(np.max(parse(spec).as_array(parse(spec).total or 1)))
    name = f"{kind}-{label.replace(' ', '_')}-lr{peak:.4g}-b{batch}-{parse(spec).total}-s{seed}"
    return Run(name, kind, SIZE, label, spec, batch, seed)


def usual(label: str, peak: float, total: int) -> str:
    """The usual schedules, each with a warm-up over the first twentieth."""
    peak, head = float(f"{peak:.4g}"), f"total={total}, warmup={total // 20}"
    return {
        "cosine": f"cosine(peak={peak}, {head}, end={peak / 10})",
        "wsd": f"wsd(peak={peak}, {head}, hold={total - round(0.2 * (total - total // 20))}, end=0, decay=linear)",
        "constant": f"constant(peak={peak}, {head})",
        "two stages": f"multistep(peak={peak}, {head}, at={total // 2}, to={0.3 * peak})",
    }[label]


def steps(size: int, batch: int) -> int:
    return size // (batch * CONTEXT)


def sweep() -> list[Run]:
    return [
        run_of("sweep", "cosine", usual("cosine", rate * np.sqrt(batch / 8), steps(size, batch)), batch, 0)
        for size in SHORT
        for batch in BATCHES
        for rate in SWEEP
    ]


def last_rows(curves: pd.DataFrame) -> pd.DataFrame:
    return curves.sort_values("step").groupby("run", sort=False).tail(1)


@dataclass(frozen=True)
class Planned:
    """What was chosen before any long run: the rate and batch (tokens), and the schedule."""

    rates: plan.Rates
    peak: float
    batch: int  # sequences
    law: Any
    schedule: plan.SchedulePlan


def planned(kept: Kept) -> Planned:
    swept = last_rows(kept.of(sweep()))
    basin = plan.surface(
        read(swept[["run", "N", "D", "lr_schedule", "batch", "loss"]].assign(lr=peaks(swept))), near=NEAR, fix=HELD
    )
    rates = plan.learning_rate(basin, N=swept["N"].iloc[0], D=float(LONG), bounds=BOX)
    batch = min(BATCHES, key=lambda b: abs(np.log(b * CONTEXT / rates.batch[0])))
    peak = float(f"{rates.changed(batch * CONTEXT)[0][0]:.4g}")
    total, short = steps(LONG, batch), steps(SHORT[-1], batch)
    labels = ("constant", "cosine", "wsd", "two stages")
    curves = kept.of([run_of("curve", label, usual(label, peak, short), batch, 0) for label in labels])
    rows = read(curves[curves["step"] > short // 20])
    found = fit(LAW, rows, weights="run")
    draws = bootstrap(found, rows, resamples=200)
    chosen = plan.schedule(draws, total=total, peak=peak, warmup=total // 20)
    return Planned(rates, peak, batch, found, chosen)


def peaks(curves: pd.DataFrame) -> list[float]:
    return [parse(spec).args["peak"] for spec in curves["lr_schedule"]]


def long_runs(kept: Kept, made: Planned) -> Iterator[tuple[str, float, str, pd.DataFrame]]:
    """Label, peak, spec and final rows of the three seeds: of the plan, and of each usual schedule at its best peak."""
    total = steps(LONG, made.batch)

    def final(label: str, spec: str, seed: int) -> pd.DataFrame:
        return last_rows(kept.one(run_of("long", label, spec, made.batch, seed)))

    def at_best_peak(label: str) -> tuple[str, float, str, pd.DataFrame]:
        losses: dict[float, float] = {}
        tried = [made.peak * 2.0**k for k in (0, -1, 1)]
        while tried:
            peak = tried.pop(0)
            losses[peak] = final(label, usual(label, peak, total), 0)["loss"].iloc[0]
            best = min(losses, key=losses.__getitem__)
            if not tried and len(losses) < 6 and best in (min(losses), max(losses)):
                tried.append(best / 2.0 if best == min(losses) else best * 2.0)
        spec = usual(label, best, total)
        return label, best, spec, pd.concat([final(label, spec, s) for s in SEEDS])

    yield "planned", made.peak, made.schedule.spec, pd.concat([final("planned", made.schedule.spec, s) for s in SEEDS])
    for label in ("cosine", "wsd", "constant"):
        try:
            yield at_best_peak(label)
        except Missing as missing:
            print(f"{label} is left out: {missing}", file=sys.stderr)


def table(kept: Kept, made: Planned) -> pd.DataFrame:
    """Predicted and measured final losses, a row a schedule."""
    rows = []
    for label, peak, spec, ends in long_runs(kept, made):
        guess = made.schedule.gain({label: spec})[label]
        loss = ends["loss"].to_numpy()
        rows.append(
            {"schedule": label, "peak": peak, "predicted": guess.loss, "measured": loss.mean()}
            | {f"seed {s}": v for s, v in zip(SEEDS, loss, strict=True)}
            | {"spec": spec}
        )
    return pd.DataFrame(rows)


def written(found: pd.DataFrame, made: Planned) -> str:
    """The table as Markdown, with what was chosen."""
    head = ["schedule", "peak", "predicted", "measured, mean", *(f"seed {s}" for s in SEEDS), "above the plan"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    plain = found[[f"seed {s}" for s in SEEDS]].to_numpy()
    off = plain - plain[0]
    for i, row in found.iterrows():
        more = "" if i == 0 else f"{off[i].mean():+.4f} ± {off[i].std(ddof=1) / np.sqrt(len(SEEDS)):.4f}"
        cells = [row["schedule"], f"{row['peak']:.4g}", f"{row['predicted']:.4f}", f"{row['measured']:.4f}"]
        lines.append(f"| {' | '.join([*cells, *(f'{v:.4f}' for v in plain[i]), more])} |")
    rates = made.rates
    told = [
        f"Surface: best rate {rates.lr[0]:.3g}, best batch {rates.batch[0]:.4g} bytes; trained with {made.batch} sequences "
        f"of {CONTEXT} bytes and peak {made.peak:.4g}.",
        f"Schedule, by `{made.law.law.label}`: `{made.schedule.spec}`",
    ]
    return "\n".join([*lines, "", *told]) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True, help="folder of the curves, their facts and the table")
    arguments.add_argument("--table", action="store_true", help="train nothing: plan and table from what is there")
    arguments.add_argument("--quick", action="store_true", help="train one run of 50 steps")
    options = arguments.parse_args()
    kept = Kept(options.out, options.table)
    if options.quick:
        run = run_of("quick", "constant", usual("constant", 4e-3, 50), 2, 0)
        print(last_rows(kept.one(run)).to_string(index=False))
        return
    made = planned(kept)
    print(made.rates, made.schedule, sep="\n\n", end="\n\n", flush=True)
    found = table(kept, made)
    print(written(found, made))
    parts = sorted((options.out / "parts").glob("*.parquet"))
    if not parts:
        return
    curves = pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True)
    seconds = curves.groupby("run")[["seconds", "cpu_seconds"]].first()
    floats = dict.fromkeys(("loss", "train_loss", "train_loss_smooth"), "float32")
    curves.drop(columns=["seconds", "cpu_seconds"]).astype(floats).to_parquet(
        options.out / "curves.parquet", compression="zstd"
    )
    _, _, digest = corpus()
    facts = {
        "runs": len(parts),
        "seconds": float(seconds["seconds"].sum()),
        "cpu_seconds": float(seconds["cpu_seconds"].sum()),
        "corpus": digest,
        "seeds": list(SEEDS),
        "versions": {"python": platform.python_version(), "jax": jax.__version__, "optax": optax.__version__},
        "machine": f"{platform.machine()}, CPU, other work beside it",
        "schedule": made.schedule.spec,
        "table": json.loads(found.to_json(orient="records")),
    }
    (options.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    (options.out / "table.md").write_text(written(found, made))


if __name__ == "__main__":
    main()
