"""`bulk_fit`: a source in, a folder of fits out."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxlaws.bulk._work import Done, Job, Task, taken
from jaxlaws.bulk.engines import Engine, Lost, serial
from jaxlaws.bulk.forecast import suits, target
from jaxlaws.bulk.partition import Cut, Partition, partitions, rows_of, spelled
from jaxlaws.bulk.store import Folder, Stored, opened
from jaxlaws.bulk.summary import Summary, Tally
from jaxlaws.errors import BulkError, TracerError, nearest
from jaxlaws.fitting.engine import boxes
from jaxlaws.objectives import Normal, Objective, huber, parse
from jaxlaws.runs import Runs
from jaxlaws.runs.beside import beside
from jaxlaws.runs.checks import resolved
from jaxlaws.runs.columns import NUMERIC
from jaxlaws.solvers import Solver
from jaxlaws.spec import Law, find

GROUPS = 1024  # in a partition
BUDGET = 2 << 30
ROW_BYTES = 4096  # of the budget that a row may take, with everything that is made of it, in as many partitions as are under way
SWOLLEN = 8  # times larger are rows in memory than in a file
MANY = 64  # groups that are refused for one reason: it is no accident
FOR_MANY = {
    "nonfinite": "drop",
    "nonpositive_loss": "drop",
    "nonpositive": "drop",
    "negative_lr": "drop",
    "duplicated_steps": "drop",
    "unsorted_steps": "keep",
    "orphan": "drop",
}


def bulk_fit(
    source: Any,
    law: Law | str | Sequence[Law | str],
    *,
    out: str | os.PathLike[str],
    by: str | Sequence[str] = "run",
    engine: Engine | None = None,
    budget: int = BUDGET,
    partition: int = GROUPS,
    fresh: bool = False,
    where: str | None = None,
    at: Sequence[int | Mapping[str, float]] = (),
    intervals: bool = False,
    on_progress: Callable[[Summary], None] | None = None,
    objective: Objective | str | None = None,
    weights: str = "row",
    starts: int | None = None,
    fix: Mapping[str, float] | None = None,
    free: Sequence[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Normal] | None = None,
    solver: Solver | None = None,
    seed: int = 0,
    bins: int | None = 512,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    schedules: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    warmup: str | None = None,
    lr_after_step: bool = False,
    query: str | None = None,
    stitch: bool = False,
) -> Summary:
    """Fit every group of `source` apart, by one law or several, and keep the fits in the folder `out` as Parquet files.

    `source` is what `read` takes; one on disk or behind an address is read in parts, and what is in memory stays within
    about `budget` bytes above the libraries. A partition has `partition` groups, or fewer where those have many rows. `where`
    chooses the rows to fit. `at` are steps, or inputs, to forecast: a column each. `intervals` adds the ends of each free
    parameter's 95 % interval, by `uncertainty.sandwich`. The other arguments are those of `fit` and `read`; what is said of
    parameters goes to the laws that have them. Unless `policies` say otherwise, the door leaves bad rows out (of steps that are
    there twice, the first stays) and each group's row says how many; under `raise` the group that they are in has status
    `refused`.

    A second call goes on where the first one ended, however it did: partitions whose input is the same are kept, and of the
    others the groups whose input is the same. `fresh` begins anew. Raises `BulkError`, `TableError` or `FitError`, one sentence,
    for what concerns all groups.
    """
    here = jnp.asarray(np.zeros(()))  # a tracer under `jit`
    if any(isinstance(leaf, Tracer) for leaf in (here, *jax.tree.leaves((fix, bounds, priors, objective)))):
        raise TracerError("`bulk_fit` is a host function; inside jit, vmap or grad use `fitting.solve`.")
    began = time.perf_counter()
    if partition < 1 or budget < ROW_BYTES:
        raise BulkError(
            f"`bulk_fit(partition, budget)` must be at least 1 and {ROW_BYTES}; got {partition} and {budget}."
        )
    by = (by,) if isinstance(by, str) else tuple(by)
    settings = {
        "objective": parse(objective) if isinstance(objective, str) else objective or huber(),
        "weights": weights,
        "starts": starts,
        "fix": dict(fix or {}),
        "free": tuple(free),
        "bounds": dict(bounds or {}),
        "priors": dict(priors or {}),
        "solver": solver,
        "seed": seed,
        "bins": bins,
    }
    job = _job(law, by, where, at, intervals, settings)
    resolved(policies or {})  # raises before anything is read
    said = (beside(os.fspath(source)) if isinstance(source, str | os.PathLike) else None) or ("", {})
    reading = {
        "columns": columns,
        "units": units,
        "policies": {**FOR_MANY, **(said[1].get("policies") or {}), **(policies or {})},
        "schedules": schedules,
        "warmup": warmup,
        "lr_after_step": lr_after_step,
        "query": query,
        "stitch": stitch or bool(said[1].get("stitch")),
    }
    path = Path(out)
    request = _request(job, reading)
    with opened(path, request, fresh=fresh) as (folder, before):
        cut = Cut(partition, max(budget // ROW_BYTES, 1), _buckets(source, budget))
        cut = Cut(**before["cut"]) if before else cut  # other cuts would make other partitions of the same groups
        found = partitions(source, job.by, cut, reading, path / ".buckets")
        first = next(found, None)
        if first is None:
            raise BulkError("the source has no rows to fit.")
        job = replace(job, numeric=tuple(before["numeric"]) if before else _numeric(first, job.by))
        about = {"request": request, "cut": vars(cut), "numeric": list(job.numeric)}
        folder.describe({**about, "finished": False})
        count = _Count(str(path), began, rows_of(source), on_progress)
        tasks = _tasks(itertools.chain([first], found), folder, count)
        for done in (engine or serial()).run(job, tasks):
            if isinstance(done, Lost):
                count.lose(done)
                continue
            _look(done, count)
            folder.write(done.number, done.sha256, done.tally, done.table)
            count.wrote(done)
        if not count.lost and not count.tally.statuses:
            raise BulkError(f"`bulk_fit(where={where!r})`: no row of the source matches; nothing was fitted.")
        count.removed = folder.forget(count.partitions)
        folder.describe({**about, "finished": not count.lost, "partitions": count.partitions, **count.tally.document()})
        return count.summary()


class _Count:
    """What one call has come to so far."""

    def __init__(
        self, out: str, began: float, total: int | None, on_progress: Callable[[Summary], None] | None
    ) -> None:
        self._out, self._began, self._total, self._on_progress = out, began, total, on_progress
        self.tally = Tally()
        self.partitions = self.written = self.kept = self.reused = self.removed = self.fitted = 0
        self.lost: list[str] = []
        self.notes: list[str] = []

    def keep(self, stored: Stored) -> None:
        self.kept += 1
        self.tally.add(stored.tally)
        self._told()

    def wrote(self, done: Done) -> None:
        self.written += 1
        self.reused += done.reused
        self.fitted += done.table.num_rows - done.reused
        self.tally.add(done.tally)
        self._told()

    def lose(self, lost: Lost) -> None:
        self.lost.append(lost.reason)
        self._told()

    def summary(self) -> Summary:
        return Summary(
            self._out,
            **self.tally.document(),
            written=self.written,
            kept=self.kept,
            reused=self.reused,
            removed=self.removed,
            lost=tuple(self.lost),
            notes=tuple(self.notes),
            seconds=time.perf_counter() - self._began,
            fitted_now=self.fitted,
            total_rows=self._total,
        )

    def _told(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.summary())


def _tasks(found: Iterator[Partition], folder: Folder, count: _Count) -> Iterator[Task]:
    """Partitions to fit: those that are not there already, with the same input."""
    for one in found:
        count.partitions += 1
        stored, wrong = folder.stored(one.number)
        if wrong:
            count.notes.append(wrong)
        if stored is not None and stored.sha256 == one.sha256:
            count.keep(stored)
        else:
            yield Task(one, None if stored is None else stored.table)


def _look(done: Done, count: _Count) -> None:
    """Raises what the door says of every group of the first partition: then it is the source's fault, not theirs."""
    statuses = set(done.table["status"].to_pylist())
    first = not (count.written or count.kept) and done.table.num_rows >= MANY
    if first and statuses == {"refused"} and len(done.tally["reasons"]) == 1:
        raise BulkError(f"none of the first {done.table.num_rows} groups can be fitted: {done.table['reason'][0]}")


def _job(
    law: Law | str | Sequence[Law | str],
    by: tuple[str, ...],
    where: str | None,
    at: Sequence[int | Mapping[str, float]],
    intervals: bool,
    settings: Mapping[str, Any],
) -> Job:
    """The job, after a look at everything that would be wrong in every group."""
    laws = tuple(find(one) for one in ([law] if isinstance(law, Law | str) else law))
    if not laws or len({one.label for one in laws}) < len(laws):
        raise BulkError(f"`bulk_fit` needs one law or several different ones; got {[one.label for one in laws]}.")
    if not by or len(set(by)) < len(by):
        raise BulkError(f"`bulk_fit(by=...)` needs one column or several different ones; got {list(by)}.")
    starts = settings["starts"]
    if starts is not None and (not isinstance(starts, int | np.integer) or starts < 1):
        raise BulkError(f"`bulk_fit(starts=...)` must be a whole number of at least 1; got {starts!r}.")
    job = Job(laws, by, where=where, at=tuple(map(target, at)), intervals=intervals, settings=settings)
    known = {name for one in laws for name in one.params}
    for name in [*settings["fix"], *settings["free"], *settings["bounds"], *settings["priors"]]:
        if name not in known:
            raise BulkError(f"`bulk_fit`: {nearest(name, known, what='parameter')}")
    for one in laws:
        told = job.settings_of(one)
        free = boxes(one, fix=told["fix"], free=told["free"], bounds=told["bounds"])
        if all(p.fixed is not None or p.reference is not None for p in free.values()):
            raise BulkError(f"`bulk_fit`: every parameter of `{one.name}` is fixed; free one to fit.")
        held = [name for name in told["priors"] if free[name].fixed is not None or free[name].reference is not None]
        if held:
            raise BulkError(f"`bulk_fit(priors=...)`: parameter `{held[0]}` of `{one.name}` is held.")
    for place in job.at:
        if not any(suits(place, one) for one in laws):
            what = f"step {place.step}" if place.inputs is None else ", ".join(name for name, _ in place.inputs)
            raise BulkError(f"`bulk_fit(at=...)`: none of the laws can be evaluated at {what} alone.")
    clash = taken(job) & {name.lower() for name in by} | taken(job) & set(by)
    if clash:
        raise BulkError(
            f"`bulk_fit(by=...)`: `{min(clash)}` is also a column of the fits; rename the source's with `--column`."
        )
    return job


def _numeric(first: Partition, by: Sequence[str]) -> tuple[str, ...]:
    """Columns of `by` that hold numbers."""
    out = []
    for name in by:
        rows = first.rows
        column = rows.frame.get(name) if isinstance(rows, Runs) else rows.column(name)
        if name != "run" and (name in NUMERIC or (column is not None and column.dtype.kind in "iuf")):
            out.append(name)
    return tuple(out)


def _request(job: Job, reading: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the numbers, but for the rows themselves, as plain JSON."""
    schedules = reading["schedules"]
    if isinstance(schedules, str | os.PathLike):
        with contextlib.suppress(OSError):  # the door says what is wrong with it
            reading = {**reading, "schedules": hashlib.sha256(Path(schedules).read_bytes()).hexdigest()}
    whole = {
        "laws": [{"label": law.label, "found": list(law.found)} for law in job.laws],
        "by": list(job.by),
        "where": job.where,
        "at": [place.column for place in job.at],
        "intervals": job.intervals,
        "fit": {**job.settings, "objective": str(job.settings["objective"]), "solver": repr(job.settings["solver"])},
        "read": dict(reading),
        "versions": {name: _version(name) for name in ("jaxlaws", "jax")},
    }
    return json.loads(json.dumps(whole, default=spelled))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _buckets(source: Any, budget: int) -> int:
    """Files that rows are sorted into where those of a group stand apart: one of them must fit into memory."""
    if not isinstance(source, str | os.PathLike) or not os.path.exists(source):
        return 64
    place = Path(source)
    files = [p for p in place.rglob("*") if p.is_file()] if place.is_dir() else [place]
    return int(np.clip(SWOLLEN * sum(p.stat().st_size for p in files) / (budget / 8), 8, 512))
