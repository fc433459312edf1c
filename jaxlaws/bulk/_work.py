"""One partition: through the door, fitted group by group, one row a group and law. Runs in any process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxlaws.bulk import anomalies, intervals
from jaxlaws.bulk.forecast import Target, forecasts
from jaxlaws.bulk.partition import Partition, keys_of, no_row, plain_key, split
from jaxlaws.bulk.summary import counted
from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.fitting._programs import few_programs
from jaxlaws.fitting.assemble import columns_of, numeric_columns
from jaxlaws.fitting.fit import fit_groups
from jaxlaws.runs import Runs
from jaxlaws.runs.stream import Block
from jaxlaws.spec import Law

if TYPE_CHECKING:
    import pyarrow as pa

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """What is the same for all partitions. `numeric` are the columns of `by` that hold numbers."""

    laws: tuple[Law, ...]
    by: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    where: str | None = None
    at: tuple[Target, ...] = ()
    intervals: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def settings_of(self, law: Law) -> dict[str, Any]:
        """Arguments of `fit`: what is said of parameters, for those that this law has."""
        told = dict(self.settings)
        for name in ("fix", "bounds", "priors"):
            told[name] = {k: v for k, v in (told.get(name) or {}).items() if k in law.params}
        told["free"] = tuple(k for k in told.get("free", ()) if k in law.params)
        return told


@dataclass(frozen=True)
class Task:
    """A partition to fit, and its fits of before, where there are some."""

    partition: Partition
    previous: pa.Table | None = None


@dataclass(frozen=True)
class Done:
    """The fits of a partition, and what they come to. `reused` of them are those of before."""

    number: int
    sha256: str
    table: pa.Table
    tally: Mapping[str, Any]
    reused: int


def fit_partition(job: Job, task: Task) -> Done:
    """Fits every group of a partition. A group that cannot be fitted has a row that says why."""
    import pyarrow as pa

    few_programs()
    rows = task.partition.rows
    runs, refused = _admitted(rows, job.by) if len(rows) else (None, {})
    own: set[str] | None = None
    refused |= task.partition.gone
    out: list[dict[str, Any]] = []
    reused = 0
    dropped: dict[str, int] = {}
    if runs is not None:
        refused |= _vanished(job, rows, runs, refused)
        gone = [key[0] for key in task.partition.gone] if job.by == ("run",) else []
        own = {*runs.names, *gone} if isinstance(rows, Runs) else None
        dropped = _dropped(runs, own)
        spikes, diverged = anomalies.spikes(runs), anomalies.diverged(runs)
        runs = runs.where(job.where) if job.where else runs
    for law in job.laws:
        if runs is not None and len(runs):
            weights = job.settings.get("weights", "row")
            for column in [*columns_of(law), *job.by, *([] if weights in ("row", "run") else [weights])]:
                if column not in runs.frame.columns:
                    runs.column(column)  # raises, naming the nearest: this is not one group's fault
            more, again, checked = _law(job, law, runs, spikes, diverged, task.previous)
            out += more
            reused += again
            # Each law's own columns are checked after the door's: most that any of them left out.
            dropped |= {kind: max(n, dropped.get(kind, 0)) for kind, n in _dropped(checked, own).items()}
        out += [_refusal(job, law, key, "refused", reason) for key, reason in refused.items()]
    fields = schema(job)
    table = pa.Table.from_pylist(out, schema=fields)
    return Done(task.partition.number, task.partition.sha256, table, _tally(out, dropped, len(rows)), reused)


def schema(job: Job) -> pa.Schema:
    """Columns of the data set: the same in every file, whatever is in it."""
    import pyarrow as pa

    text, number, whole, texts = pa.string(), pa.float64(), pa.int64(), pa.list_(pa.string())
    columns = {"law": text, **{name: number if name in job.numeric else text for name in job.by}}
    columns |= {"status": text, "reason": text}
    for law in job.laws:
        copied = _copied(job, law)
        columns |= {
            f"{p}_by_run" if p in copied else p: pa.map_(text, number) if p in copied else number for p in law.params
        }
        if job.intervals:
            for p in law.params:
                kind = pa.map_(text, number) if p in copied else number
                columns |= dict.fromkeys(intervals.columns(p, copied=p in copied), kind)
    if job.intervals:
        columns |= {"interval_of": text}
    columns |= dict.fromkeys(("objective", "misfit", "agree", "remaining", "condition"), number)
    columns |= {"at_bound": texts, "trade_offs": texts, "rows": whole, "runs": whole, "last_step": number}
    columns |= {"spikes": whole, "diverged": pa.bool_()}
    if "run" not in job.by:
        columns |= {"distance_by_run": pa.map_(text, number), "far_runs": texts}
    columns |= {"dropped": whole, "findings": texts, "rates": texts, "notes": texts}
    each = number if "run" in job.by else pa.map_(text, number)
    columns |= {target.column: each if target.inputs is None else number for target in job.at}
    return pa.schema([*columns.items(), ("input_hash", text)])


def taken(job: Job) -> set[str]:
    """Names of columns that are not those of groups."""
    return set(schema(Job(job.laws, (), at=job.at, intervals=job.intervals, settings=job.settings)).names)


def _copied(job: Job, law: Law) -> set[str]:
    """Parameters that have a value for each run, or for each label of another column."""
    told = job.settings_of(law)
    return {
        name
        for name, param in law.params.items()
        if param.per is not None and name not in told["fix"] and (param.fixed is None or name in told["free"])
    }


# --- the door ------------------------------------------------------------------------------------------------------------------


def _admitted(rows: Block | Runs, by: Sequence[str]) -> tuple[Runs | None, dict[Key, str]]:
    """Groups that the door lets in, as one table, and of each other group why not."""
    if isinstance(rows, Runs):
        return rows, {}
    try:
        return rows.admitted(), {}
    except JaxlawsError as error:
        refused, left = _culprits(rows, by, str(error))
    return (None if left is None else left.admitted()), refused


def _culprits(rows: Block, by: Sequence[str], reason: str) -> tuple[dict[Key, str], Block | None]:
    """Groups that the door refuses by themselves, and the rows of the others."""
    halves = split(rows, by)
    if halves is None:
        return {plain_key(keys_of(rows, by)[0]): reason}, None
    refused: dict[Key, str] = {}
    kept: list[np.ndarray] = []
    for half in halves:
        left: Block | None = half
        try:
            half.admitted()
        except JaxlawsError as error:
            more, left = _culprits(half, by, str(error))
            refused |= more
        if left is not None:
            kept.append(left.part.frame.index.to_numpy())
    if not kept:
        return refused, None
    return refused, rows.select(np.isin(rows.part.frame.index.to_numpy(), np.concatenate(kept)))


def _vanished(job: Job, rows: Block | Runs, runs: Runs, refused: Mapping[Key, str]) -> dict[Key, str]:
    """Groups of the source of which the door left no row."""
    if isinstance(rows, Runs):
        return {}
    numeric = [name in job.numeric for name in job.by]
    there = {plain_key(key) for key in keys_of(runs, job.by)} | set(refused)
    gone = [key for key in (plain_key(key, numeric) for key in keys_of(rows, job.by)) if key not in there]
    return dict.fromkeys(gone, no_row(f for f in runs.findings if f.policy == "drop"))


# --- one law -------------------------------------------------------------------------------------------------------------------


def _law(
    job: Job, law: Law, runs: Runs, spikes: Mapping[str, int], diverged: set[str], previous: pa.Table | None
) -> tuple[list[dict[str, Any]], int, Runs]:
    """A row of each group under one law, how many are those of before, and the table after the checks of its columns."""
    checked, groups, failed = _grouped(law, runs, job.by)
    before = {} if previous is None else _unchanged(job, law, groups, previous)
    fits, more = _on_devices(job, law, [(key, own) for key, own in groups.items() if key not in before])
    failed |= more
    gone = ("refused", "no row is left after the checks of the columns that the law uses.")
    out = []
    for key in map(plain_key, keys_of(runs, job.by)):
        if key in before:
            out.append(before[key])
        elif key in fits:
            out.append(_row(job, law, fits[key], groups[key], spikes, diverged))
        else:
            out.append(_refusal(job, law, key, *failed.get(key, gone)))
    return out, len(before), checked


def _grouped(law: Law, runs: Runs, by: Sequence[str]) -> tuple[Runs, dict[Key, Runs], dict[Key, tuple[str, str]]]:
    """The table after the checks of the columns that a law uses, its groups, and what is said of those that are refused."""
    columns = numeric_columns(law)
    try:
        checked = runs.checked(columns)
        return checked, {plain_key(key): own for key, own in checked.groups(by)}, {}
    except JaxlawsError:  # concerns some of the groups, or leaves none of the rows
        groups: dict[Key, Runs] = {}
        failed: dict[Key, tuple[str, str]] = {}
        for key, own in runs.groups(by):
            try:
                groups[plain_key(key)] = own.checked(columns)
            except JaxlawsError as error:
                failed[plain_key(key)] = ("refused", str(error))
        return runs, groups, failed


def _unchanged(job: Job, law: Law, groups: Mapping[Key, Runs], previous: pa.Table) -> dict[Key, dict[str, Any]]:
    """Rows of before whose input is the same."""
    import pyarrow.compute as pc

    rows = previous.filter(pc.equal(previous["law"], law.label)).to_pylist()
    known = {plain_key(tuple(row[name] for name in job.by)): row for row in rows if row["input_hash"]}
    return {key: row for key, row in known.items() if key in groups and row["input_hash"] == groups[key].sha256}


Found = tuple[dict[Key, Fit], dict[Key, tuple[str, str]]]
"""Fits by key, and status and reason of groups that have none."""


def _on_devices(job: Job, law: Law, groups: Sequence[tuple[Key, Runs]]) -> Found:
    """Fits of the groups, which are dealt to the devices of this process."""
    devices = jax.local_devices()
    if len(devices) == 1 or len(groups) < 2 * len(devices):
        return _fits(job, law, groups)
    edges = [len(groups) * i // len(devices) for i in range(len(devices) + 1)]

    def one(i: int) -> Found:
        with jax.default_device(devices[i]):
            return _fits(job, law, groups[edges[i] : edges[i + 1]])

    with ThreadPoolExecutor(len(devices)) as threads:
        parts = list(threads.map(one, range(len(devices))))
    return {k: v for found, _ in parts for k, v in found.items()}, {k: v for _, bad in parts for k, v in bad.items()}


def _fits(job: Job, law: Law, groups: Sequence[tuple[Key, Runs]]) -> Found:
    if not groups:
        return {}, {}
    try:
        found = fit_groups(law, groups, job.by, **job.settings_of(law))
        return {key: one for (key, _), one in zip(groups, found, strict=True)}, {}
    except Exception as error:
        if len(groups) == 1:
            known = isinstance(error, JaxlawsError)
            reason = str(error) if known else f"{type(error).__name__}: {str(error)[:200]}"
            return {}, {groups[0][0]: ("refused" if known else "error", reason)}
    half = len(groups) // 2
    (fits, failed), (more, bad) = _fits(job, law, groups[:half]), _fits(job, law, groups[half:])
    return fits | more, failed | bad


# --- one row -------------------------------------------------------------------------------------------------------------------


def _row(job: Job, law: Law, one: Fit, runs: Runs, spikes: Mapping[str, int], diverged: set[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"law": law.label, **_cells(job, one.key)}
    row |= {"status": one.status.name, "reason": one.reason or None}
    for name, value in one.params.items():
        if isinstance(value, Mapping):
            row[f"{name}_by_run"] = list(value.items())
        else:
            row[name] = _number(value)
    for name in ("objective", "agree", "remaining", "condition"):
        row[name] = _number(getattr(one, name))
    row["misfit"] = _number(np.sqrt(2.0 * one.objective / one.rows)) if one.rows else None
    row |= {"at_bound": list(one.at_bound), "trade_offs": [", ".join(names) for names in one.trade_offs]}
    row |= {"rows": one.rows, "runs": len(one.runs), "input_hash": one.data_hash}
    row["last_step"] = float(runs.column("step").max()) if "step" in runs.frame.columns else None
    names = runs.names
    row["spikes"] = sum(spikes.get(name, 0) for name in names)
    row["diverged"] = any(name in diverged for name in names)
    if "run" not in job.by:
        distance = {} if one.status.failed else _distances(one, runs)
        row |= {"distance_by_run": list(distance.items()), "far_runs": anomalies.far(distance, len(runs))}
    count, findings = _findings(runs, names)
    table = {finding.message for finding in runs.findings}
    row |= {"dropped": count, "findings": findings, "rates": list(one.schedules.values())}
    row["notes"] = [note for note in one.notes if note not in table]
    if job.intervals and not one.status.failed:
        row |= intervals.intervals(one, runs, job.settings["objective"])
    return row | ({} if one.status.failed else forecasts(one, runs, job.at, each="run" in job.by))


def _distances(one: Fit, runs: Runs) -> dict[str, float]:
    try:
        return anomalies.distances(one, runs) if len(runs.names) > 1 else {}
    except JaxlawsError:  # rows that cannot be predicted are nobody's anomaly
        return {}


def _refusal(job: Job, law: Law, key: Key, status: str, reason: str) -> dict[str, Any]:
    return {"law": law.label, **_cells(job, key), "status": status, "reason": reason}


def _cells(job: Job, key: Key) -> dict[str, Any]:
    """The key's cells, of the kinds that their columns have."""
    out = {}
    for name, text in zip(job.by, plain_key(key), strict=True):
        out[name] = text if text is None or name not in job.numeric else float(text)
    return out


def _findings(runs: Runs, names: Sequence[str]) -> tuple[int, list[str]]:
    """How many rows of these runs the door left out, and each thing that it saw in them."""
    dropped, told = 0, []
    for finding in runs.findings:
        count = sum(finding.by_run.get(name, 0) for name in names)
        if count and finding.kind != "constant_input":
            dropped += count if finding.policy == "drop" else 0
            told.append(f"{finding.kind}: {count} rows, {finding.policy}")
    return dropped, told


def _dropped(runs: Runs, names: set[str] | None) -> dict[str, int]:
    """Rows that the door left out, by kind: of these runs, or of all."""
    out: dict[str, int] = {}
    for finding in runs.findings:
        if finding.policy == "drop":
            count = finding.count if names is None else sum(n for run, n in finding.by_run.items() if run in names)
            out[finding.kind] = out.get(finding.kind, 0) + count
    return out


def _number(value: Any) -> float | None:
    """A number that is one: queries take NaN for the largest of all."""
    return float(value) if np.isfinite(value) else None


def _tally(rows: Sequence[Mapping[str, Any]], dropped: Mapping[str, int], count: int) -> dict[str, Any]:
    laws = list(dict.fromkeys(row["law"] for row in rows))
    strange = {
        "spikes": sum(bool(row.get("spikes")) for row in rows),
        "diverged": sum(bool(row.get("diverged")) for row in rows),
        "far runs": sum(bool(row.get("far_runs")) for row in rows),
    }
    return {
        "statuses": {law: counted(row["status"] for row in rows if row["law"] == law) for law in laws},
        "reasons": counted(_general(row["reason"]) for row in rows if row.get("reason")),
        "dropped": {kind: n for kind, n in dropped.items() if n},
        "anomalies": {kind: n for kind, n in strange.items() if n},
        "rows": count,
    }


def _general(reason: str) -> str:
    """A reason without the names and numbers of one group, so that reasons can be counted."""
    reason = re.sub(r"^\S+: ", "", reason)  # the source
    return re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "#", re.sub(r"'[^']*'", "'...'", reason))[:200]
