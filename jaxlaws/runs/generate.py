"""Databases of runs that look like real ones, with the truth beside them: for tests and benchmarks, at any scale.

A run has a size, a batch and a schedule, logs its loss and rate at evenly spaced steps, and loses

    L(s) = L0 + A S1(s)^-alpha - C S2(s)

with the sum S1 of rates so far and the annealing area S2 (Tissue et al. (2024), arXiv:2408.11029; the memory is .999 a
step), a warm-up counting as if at the peak. Its rate is linear between logged steps, or drops at one of them, so that the
logged rates say everything. On that come noise that is correlated along a run, and the faults of real logs.

Runs are made in blocks of 1024 from (seed, number of the block) alone: a database is the same however it is cut up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1024

MEMORY = 0.999  # a step
SCHEDULES = ("constant", "cosine", "wsd", "step-down")
SHARES = (0.2, 0.4, 0.3, 0.1)
SIZES = (25e6, 50e6, 100e6, 200e6, 400e6, 800e6, 1.6e9, 3.2e9, 6.4e9)


@dataclass(frozen=True)
class Faults:
    """What is wrong with a log, as shares: of points, those `missing`, logged as `nan` and in a `spike`; of runs, those
    `restarted` (their last few points are there twice, with other losses) and `diverged`."""

    missing: float = 0.01
    nan: float = 1e-4
    spike: float = 1e-3
    restarted: float = 0.02
    diverged: float = 0.01


FAULTS = Faults()


@dataclass(frozen=True)
class Block:
    """Some runs: `curves` has a row a logged point, `truth` a row a run with its parameters and its faults."""

    curves: pa.Table
    truth: pa.Table


def generate(
    runs: int,
    *,
    points: int = 256,
    seed: int = 0,
    noise: float = 0.002,
    correlation: float = 0.5,
    faults: Faults = FAULTS,
) -> Iterator[Block]:
    """`runs` runs of `points` logged points in blocks of 1024.

    `noise` is the relative standard deviation of a logged loss, `correlation` that of two points in a row. Raises
    `TableError` where a number makes no sense.
    """
    if runs < 1 or points < 16:
        raise TableError(f"`generate(runs, points=...)` must be at least 1 and 16; got {runs} and {points}.")
    if not (0 <= noise < 1 and 0 <= correlation < 1 and all(0 <= share <= 1 for share in astuple(faults))):
        raise TableError("`generate(...)`: noise, correlation and the faults are shares from 0 to below 1.")
    for block in range(math.ceil(runs / BLOCK)):
        yield _block(block, min(BLOCK, runs - block * BLOCK), points, seed, noise, correlation, faults)


def write_generated(folder: str | Path, runs: int, *, blocks_a_file: int = 8, **options: object) -> Path:
    """Writes `generate(runs, ...)` below a new `folder`, as Parquet files in `curves` and `truth`. Returns the folder."""
    import pyarrow as pa
    from pyarrow import parquet

    place = Path(folder)
    if place.exists():
        raise TableError(f"{place}: is there already; name a new folder.")
    for name in ("curves", "truth"):
        (place / name).mkdir(parents=True)
    kept: list[Block] = []
    blocks = generate(runs, **options)  # type: ignore[arg-type]  # checked there
    for number, block in enumerate(blocks, start=1):
        kept.append(block)
        if len(kept) == blocks_a_file or number * BLOCK >= runs:
            file = f"part-{(number - 1) // blocks_a_file:06d}.parquet"
            parquet.write_table(pa.concat_tables([one.curves for one in kept]), place / "curves" / file)
            parquet.write_table(pa.concat_tables([one.truth for one in kept]), place / "truth" / file)
            kept = []
    return place


def _block(block: int, runs: int, points: int, seed: int, noise: float, correlation: float, faults: Faults) -> Block:
    import pyarrow as pa

    random = np.random.default_rng([seed, block])
    # Drawn for all of a block, whatever part of it is wanted.
    kind = random.choice(len(SCHEDULES), BLOCK, p=SHARES)
    n = random.choice(SIZES, BLOCK)
    truth = _parameters(n, random)
    peak = 6e-4 * (n / SIZES[0]) ** -0.2 * np.exp(random.normal(0.0, 0.2, BLOCK))
    stride = np.round(np.exp(random.uniform(np.log(8), np.log(200), BLOCK)) * 256 / points).astype(np.int64).clip(1)
    warm = random.integers(1, max(points // 32, 2), BLOCK)
    lr, drops_at = _schedules(kind, points, warm, random)
    lr *= peak[:, None]
    clean = _losses(truth, lr, drops_at, stride, warm, peak)
    spread = noise * _correlated(random, points, correlation)
    again = noise * _correlated(random, points, correlation)
    spikes = np.where(random.random((BLOCK, points)) < faults.spike, random.uniform(1.05, 1.5, (BLOCK, points)), 1.0)
    blown, diverged = _divergence(random, points, faults.diverged)
    loss = clean * np.exp(spread) * spikes * blown
    loss[random.random((BLOCK, points)) < faults.nan] = np.nan
    there = random.random((BLOCK, points)) >= faults.missing
    restarted, at, back = (
        random.random(BLOCK) < faults.restarted,
        random.integers(8, points, BLOCK),
        random.integers(2, 8, BLOCK),
    )

    number = block * BLOCK + np.arange(BLOCK)
    names = np.array([f"r{i:09d}" for i in number], dtype=object)
    rows, columns = np.nonzero(there[:runs])
    order = columns.astype(float)
    twice = restarted[:, None] & (np.arange(points) > (at - back)[:, None]) & (np.arange(points) <= at[:, None]) & there
    more, columns_again = np.nonzero(twice[:runs])
    rows, columns = np.concatenate([rows, more]), np.concatenate([columns, columns_again])
    # A restart's rows come after the point at which the run had stopped.
    order = np.concatenate([order, at[more] + 0.5 + columns_again / points / 4])
    second = np.arange(len(rows)) >= len(rows) - len(more)
    losses = np.where(second, (clean * np.exp(again) * blown)[rows, columns], loss[rows, columns])
    sort = np.lexsort((order, rows))
    rows, columns, losses = rows[sort], columns[sort], losses[sort]
    batch = np.exp2(np.round(np.log2(2.5e5 * (n / SIZES[0]) ** 0.4)))
    curves = {
        "run": pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(names[:runs])).dictionary_decode(),
        "step": (columns + 1) * stride[rows],
        "loss": losses,
        "lr": lr[rows, columns + 1],
        "N": n[rows],
        "batch": batch[rows],
        "schedule": pa.array(np.array(SCHEDULES, dtype=object)[kind[rows]]),
    }
    known = {
        "run": names,
        "N": n,
        **truth,
        "peak": peak,
        "schedule": np.array(SCHEDULES, dtype=object)[kind],
        "total": stride * points,
        "points": there.sum(1) + twice.sum(1),
        "repeated": twice.sum(1),
        "diverged": diverged,
    }
    return Block(pa.table(curves), pa.table({name: values[:runs] for name, values in known.items()}))


def _parameters(n: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Larger models end lower; the rest varies by a few per cent from run to run."""
    near = np.exp(random.normal(0.0, [[0.003], [0.05], [0.1], [0.03]], (4, len(n))))
    return {
        "L0": (1.8 + 0.9 * (n / SIZES[0]) ** -0.25) * near[0],
        "A": 0.5 * near[1],
        "C": 0.4 * near[2],
        "alpha": 0.45 * near[3],
    }


def _schedules(
    kind: np.ndarray, points: int, warm: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rates over peaks at logged points 0, 1, ..., of shape `(runs, points + 1)`, and the point of each run's drop, or 0."""
    at = np.arange(points + 1)
    done = np.clip((at - warm[:, None]) / (points - warm)[:, None], 0.0, 1.0)
    hold = random.uniform(0.6, 0.9, (len(kind), 1))
    low = random.choice([0.1, 0.2, 0.3, 0.5], (len(kind), 1))
    cosine = 0.1 + 0.45 * (1.0 + np.cos(np.pi * done))
    wsd = 1.0 - 0.95 * np.clip((done - hold) / (1.0 - hold), 0.0, 1.0)
    down = np.where(done < hold, 1.0, low)
    shapes = np.choose(kind[:, None], [np.ones_like(done), cosine, wsd, down])
    drop = np.where(kind == SCHEDULES.index("step-down"), np.argmax(done >= hold, axis=1), 0)
    return shapes * np.clip(at / warm[:, None], 0.0, 1.0), drop


def _losses(
    truth: dict[str, np.ndarray],
    lr: np.ndarray,
    drops_at: np.ndarray,
    stride: np.ndarray,
    warm: np.ndarray,
    peak: np.ndarray,
) -> np.ndarray:
    """Losses at points 1, 2, ..., of shape `(runs, points)`: both sums in closed form from one logged point to the next."""
    kept = MEMORY**stride
    fade = MEMORY * (1.0 - kept) / (1.0 - MEMORY)  # sum of MEMORY^1, ..., MEMORY^stride
    area, annealed, memory = np.zeros(len(lr)), np.zeros(len(lr)), np.zeros(len(lr))
    out = np.empty((len(lr), lr.shape[1] - 1))
    for k in range(1, lr.shape[1]):
        before, now = lr[:, k - 1], lr[:, k]
        warming, jumps = k <= warm, k == drops_at
        slope = np.where(warming | jumps, 0.0, (before - now) / stride)
        jump = np.where(jumps & ~warming, before - now, 0.0)
        straight = stride * before - slope * stride * (stride + 1) / 2.0 - jump
        area += np.where(warming, stride * peak, straight)
        annealed += memory * fade + slope * (stride - fade) / (1.0 - MEMORY) + jump
        memory = kept * memory + slope * (1.0 - kept) / (1.0 - MEMORY) + jump
        out[:, k - 1] = truth["L0"] + truth["A"] * area ** -truth["alpha"] - truth["C"] * annealed
    return out


def _correlated(random: np.random.Generator, points: int, correlation: float) -> np.ndarray:
    """Noise of variance 1 along each run, of shape `(runs, points)`: an autoregression of first order."""
    fresh = random.standard_normal((BLOCK, points))
    out = np.empty_like(fresh)
    out[:, 0] = fresh[:, 0]
    for k in range(1, points):
        out[:, k] = correlation * out[:, k - 1] + math.sqrt(1.0 - correlation**2) * fresh[:, k]
    return out


def _divergence(random: np.random.Generator, points: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Factor on each loss, which grows to more than 2 in a run that diverges, and which runs do."""
    diverged = random.random(BLOCK) < share
    begin = random.integers(points // 4, points - points // 8, BLOCK)
    height = random.uniform(2.0, 3.0, BLOCK)
    grown = np.clip((np.arange(points) - begin[:, None]) / (points / 16), 0.0, 1.0)
    return np.where(diverged[:, None], 1.0 + (height[:, None] - 1.0) * grown, 1.0), diverged
