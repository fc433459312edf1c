"""Weights & Biases: runs that were logged offline, histories as CSV or Parquet, and the CSV of a chart.

| the source is                                             | holds                                           |
|-----------------------------------------------------------|-------------------------------------------------|
| a folder `wandb` or `offline-run-...`, a file `*.wandb`   | every point, the configuration as `config.NAME` |
| a history as Parquet or CSV, with a column `_step`        | what was exported: `scan_history()` gives all   |
|                                                           | points, `history()` a sample                    |
| a chart's CSV, columns `RUN - METRIC`                     | the points that the chart drew                  |
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.checks import Finding
from jaxlaws.runs.readers._optional import package
from jaxlaws.runs.readers._parts import Names, Part, Told, damage, joined, log_of, logs_in

if TYPE_CHECKING:
    import pyarrow as pa

STEP = "_step"
BETWEEN = " - "

# A log of LevelDB's form behind 7 bytes of W&B's own: blocks of 32 KiB, records of a checksum, a length and a kind.
_MAGIC = b":W&B"
_OPENING, _BLOCK, _HEAD = 7, 32768, struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def files_in(folder: Path) -> list[Path]:
    """Offline runs in `folder` and below it."""
    return sorted(path for path in folder.rglob("run-*.wandb") if path.is_file())


def read(path: Path, told: Told) -> Iterator[Part]:
    """Every offline run below `path`, or the one file that it is. A resumed run is in several files and is one run."""
    runs: dict[str, list[Path]] = {}
    for file in [path] if path.is_file() else files_in(path):
        runs.setdefault(file.stem.removeprefix("run-"), []).append(file)
    names = Names()
    for identity, files in runs.items():
        yield _run(files, identity, names, told)


def is_history(columns: list[str]) -> bool:
    """Whether a table with these columns is a run's history: a row for each call of `log`."""
    return STEP in columns and bool({"_timestamp", "_runtime"} & set(columns))


def history(table: pa.Table, name: str, stem: str) -> Part:
    """Rows of one or more histories, in which an empty cell was not logged."""
    from jaxlaws.runs.columns import canonical

    run = next((column for column in table.column_names if canonical(column) == "run"), None)
    return joined(logs_in(table, STEP, run, stem, source=name))


def is_chart(columns: list[str]) -> bool:
    """Whether a table with these columns is a chart's: steps, then a column for each run."""
    rest = [column for column in columns[1:] if not column.endswith(("__MIN", "__MAX"))]
    return bool(rest) and all(BETWEEN in column for column in rest) and len(rest) < len(columns) - 1


def chart(table: pa.Table, name: str) -> Part:
    """A chart's points, one row for each run and step."""
    first, *others = table.column_names
    if first not in ("Step", "_step", "global_step", "trainer/global_step"):
        raise TableError(f"{name}: the chart is drawn over `{first}`; export it with the step on its x axis.")
    steps = table[first].to_numpy()
    runs: dict[str, dict[str, Any]] = {}
    averaged = 0
    for column in others:
        if column.endswith(("__MIN", "__MAX")):
            continue
        run, _, metric = column.rpartition(BETWEEN)
        there = table[column].is_valid().to_numpy()
        values = _numbers(table[column], column, name)
        runs.setdefault(run, {})[metric] = (steps[there], values)
        if {f"{column}__MIN", f"{column}__MAX"} <= set(others):
            low, high = (_numbers(table[f"{column}__{end}"], column, name) for end in ("MIN", "MAX"))
            averaged += int((low != high).sum()) if len(low) == len(high) else 0
    note = f"{name}: a chart's export holds the points that the chart drew"
    note += f", {averaged} of them averages of several" if averaged else "; W&B draws a sample of long runs"
    finding = Finding("source", "keep", averaged, (), tuple(runs), f"{note}; `scan_history()` exports every point.")
    part = joined(log_of(run, series) for run, series in runs.items())
    return Part(part.frame, True, part.nans, (finding,))


def _numbers(column: pa.ChunkedArray, label: str, name: str) -> np.ndarray:
    try:
        return column.drop_null().to_numpy().astype(np.float64)
    except (TypeError, ValueError):
        raise TableError(f"{name}: column `{label}` must hold numbers.") from None


def _run(files: list[Path], identity: str, names: Names, told: Told) -> Part:
    points: dict[str, tuple[list[int], list[float]]] = {}
    others: Counter[str] = Counter()
    labels: dict[str, Any] = {"id": identity}
    title, findings = None, []
    for file in files:
        ended = False
        try:
            for record in _records(file):
                kind = record.WhichOneof("record_type")
                if kind == "history":
                    _keep(record.history, points, others)
                elif kind == "run":
                    title = record.run.display_name or title
                    labels |= _config(record.run.config.update)
                elif kind == "config":
                    labels |= _config(record.config.update)
                ended |= kind == "exit"
        except _Damaged as error:
            findings.append(damage(str(file), identity, str(error), told))
        else:
            if not ended:
                note = f"{file}: the run has no end: it was cut off, or still runs; what is there is read."
                findings.append(Finding("source", "keep", 0, (), (identity,), note))
    if others:
        some = ", ".join(list(others)[:5]) + (", ..." if len(others) > 5 else "")
        note = f"{files[0]}: {others.total()} values of {len(others)} keys are no numbers ({some}); left out."
        findings.append(Finding("source", "drop", others.total(), (), (identity,), note))
    series = {
        key: (np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))
        for key, (steps, values) in points.items()
    }
    part = log_of(names.unique(title, identity), series, labels, step=STEP)
    return Part(part.frame, part.sparse, part.nans, tuple(findings))


def _keep(history: Any, points: dict[str, tuple[list[int], list[float]]], others: Counter[str]) -> None:
    for item in history.item:
        key = item.key or ".".join(item.nested_key)
        if key == STEP:
            continue
        try:
            value = json.loads(item.value_json)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            value = float(value)
        if isinstance(value, bool | int | float):
            steps, values = points.setdefault(key, ([], []))
            steps.append(history.step.num)
            values.append(float(value))
        else:
            others[key] += 1


def _config(update: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in update:
        try:
            _flatten("config." + (item.key or ".".join(item.nested_key)), json.loads(item.value_json), out)
        except (ValueError, RecursionError):
            continue
    return {key: value for key, value in out.items() if not key.startswith("config._wandb")}


def _flatten(key: str, value: Any, out: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _flatten(f"{key}.{name}", inner, out)
    elif isinstance(value, bool | int | float | str):
        out[key] = value


class _Damaged(Exception):
    pass


def _records(file: Path) -> Iterator[Any]:
    messages = package("wandb.proto.wandb_internal_pb2", str(file), "an offline run needs W&B's own messages", "wandb")
    undecodable = import_module("google.protobuf.message").DecodeError
    for at, data in _framed(file.read_bytes()):
        try:
            record = messages.Record.FromString(data)
        except undecodable:
            raise _Damaged(f"the record before byte {at} is no message of W&B's") from None
        yield record


def _framed(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of a log, each with where it ends. Raises where a checksum, a length or an order is wrong."""
    if content[:4] != _MAGIC:
        raise _Damaged("the file does not begin as W&B's logs do")
    at, parts = _OPENING, None
    while at < len(content):
        left = _BLOCK - at % _BLOCK
        if left < _HEAD.size:
            if any(content[at : at + left]):
                raise _Damaged(f"the file is damaged at byte {at} of {len(content)}")
            at += left
            continue
        head = content[at : at + _HEAD.size]
        if len(head) < _HEAD.size:
            raise _Damaged(f"the file is cut off: its last {len(head)} bytes of {len(content)} are no whole record")
        checksum, length, kind = _HEAD.unpack(head)
        data = content[at + _HEAD.size : at + _HEAD.size + length]
        if len(data) < length or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
            raise _Damaged(f"the file is cut off or damaged at byte {at} of {len(content)}")
        at += _HEAD.size + length
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or (kind in (_FULL, _FIRST)) != (parts is None):
            raise _Damaged(f"the records are out of order at byte {at} of {len(content)}")
        parts = [*(parts or []), data]
        if kind in (_FULL, _LAST):
            yield at, b"".join(parts)
            parts = None
    if parts is not None:
        raise _Damaged("the file is cut off inside its last record")
