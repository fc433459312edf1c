"""100 000 curves of 256 logged steps, each its own fit of `lr_annealing` from 16 starts, from partitioned Parquet to a folder of fits.

The database is `generate`'s, with the faults of real logs. What is not spent in `fit_groups` is overhead: reading, the door,
hashes, anomalies, writing. It is counted in seconds of processor time, which others' work on the machine does not change
much. Every engine fits 10 000 runs, and its fits are compared bit for bit with those of one process.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._apart import peak_mb
from benchmarks._harness import Aim, Failed, Report, Row, apart, row

CURVES, ALIKE, LOGGED, STARTS = 100_000, 10_000, 256, 16
PARTITION = 1024
BUDGET_MB = 2048
PATIENCE = 3 * 3600.0


def report(*, quick: bool) -> Report:
    folder = Path(tempfile.mkdtemp(prefix="jaxlaws-bulk-"))
    try:
        return _report(folder, quick=quick)
    finally:
        shutil.rmtree(folder)


def _report(folder: Path, *, quick: bool) -> Report:
    partition = 500 if quick else PARTITION
    small = made(folder / "small", 2000 if quick else ALIKE)
    rows, said = [], {}
    for engine in ("serial",) if quick else ("serial", "pool", "ray"):
        try:
            got = apart(
                "bulk:ours",
                timeout=PATIENCE,
                source=small,
                out=str(folder / engine),
                engine=engine,
                partition=partition,
            )
        except Failed as why:
            rows.append(Row(f"{engine}, fewer curves", missing=str(why)[-160:]))
            continue
        said[engine] = got
        rows.append(row(f"{engine}, fewer curves", got, count=got["count"], claimed=CURVES, failed=got["failed"]))
    same = sum(fits_of(folder / engine) == fits_of(folder / "serial") for engine in said)
    whole, source = said["serial"], small
    if not quick:
        source = made(folder / "whole", CURVES)
        whole = apart(
            "bulk:ours", timeout=PATIENCE, source=source, out=str(folder / "all"), engine="serial", partition=partition
        )
        rows.insert(0, row("serial, all curves", whole, count=whole["count"], claimed=CURVES, failed=whole["failed"]))
    read = apart("bulk:reading", source=source, partition=partition)
    rows.append(row("reading, cutting and hashing alone", read, count=read["count"], claimed=CURVES))
    over = whole["cpu"] / whole["cpu_of_fit"] - 1.0
    aims = [
        Aim("overhead over the time inside fit", 0.25, over, at_most=True),
        Aim("memory above import, MB", BUDGET_MB, whole["memory_mb"], at_most=True),
        Aim("engines with the same bits", len(said), same),
    ]
    notes = [
        f"cold is until the first partition of {partition} is there, warm what follows",
        f"processor time a curve: {1e3 * whole['cpu'] / whole['count']:.2f} ms, of which reading {1e3 * read['cpu'] / read['count']:.2f} ms, "
        f"fit {1e3 * whole['cpu_of_fit'] / whole['count']:.2f} ms",
    ]
    return Report("bulk", "100 000 curves from Parquet to fits", rows, aims, notes, compare=False)


def made(folder: Path, count: int) -> str:
    """A database of so many runs; its curves' folder."""
    from jaxlaws.runs import write_generated

    return str(write_generated(folder, count, points=LOGGED) / "curves")


def ours(source: str, out: str, engine: str, partition: int) -> dict[str, Any]:
    """Seconds until the first partition is there, and from then to the end."""
    import jax
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    from jaxlaws import bulk
    from jaxlaws.bulk import _work

    inside = [0.0]
    plain = _work.fit_groups

    def timed(*arguments: Any, **told: Any) -> Any:
        began = time.process_time()
        try:
            return plain(*arguments, **told)
        finally:
            inside[0] += time.process_time() - began

    _work.fit_groups = timed  # of this process alone: the fits of other engines are elsewhere
    jax.devices()
    before = peak_mb()
    began = time.perf_counter()
    first: list[tuple[float, float, float, int]] = []

    def note(so_far: bulk.Summary) -> None:
        if not first:
            first.append((time.perf_counter() - began, time.process_time(), inside[0], so_far.fits))

    engines = {"serial": bulk.serial, "pool": bulk.pool, "ray": bulk.ray}
    done = bulk.bulk_fit(
        source, "lr_annealing", out=out, starts=STARTS, partition=partition, engine=engines[engine](), on_progress=note
    )
    total, cpu = time.perf_counter() - began, time.process_time()
    cold, cpu_cold, fit_cold, early = first[0]
    assert len(pd.read_parquet(out, columns=["run"])) == done.fits
    return {
        "cold": cold,
        "warm": [total - cold],
        "cpu": cpu - cpu_cold,
        "cpu_of_fit": inside[0] - fit_cold,
        "memory_mb": peak_mb() - before,
        "count": done.fits - early,
        "failed": done.failed,
    }


def reading(source: str, partition: int) -> dict[str, Any]:
    """Seconds of the one process that reads a source for all workers."""
    from jaxlaws.bulk.fit import FOR_MANY
    from jaxlaws.bulk.partition import Cut, partitions

    told = {"columns": None, "units": None, "policies": FOR_MANY, "schedules": None, "warmup": None}
    told |= {"lr_after_step": False, "query": None, "stitch": False}
    before, count, began, cpu = peak_mb(), 0, time.perf_counter(), time.process_time()
    for one in partitions(source, ("run",), Cut(partition, 1 << 19, 8), told, Path("unused")):
        count += one.rows.column("run").nunique()
    cpu = time.process_time() - cpu
    return {"warm": [time.perf_counter() - began], "cpu": cpu, "count": count, "memory_mb": peak_mb() - before}


def fits_of(folder: Path) -> list[tuple[Any, ...]]:
    """Every fit's key, status, and numbers by their bits."""
    import pandas as pd

    frame = pd.read_parquet(folder).sort_values("run")
    numbers = frame[["L0", "A", "C", "alpha", "objective", "agree"]].to_numpy(np.float64)
    return [
        (run, status, line.tobytes()) for run, status, line in zip(frame["run"], frame["status"], numbers, strict=True)
    ]
