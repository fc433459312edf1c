"""MLflow stores: the SQLite file and the folder `mlruns`, both as MLflow writes them, read without MLflow.

MLflow's own client opens a database for writing and brings its tables up to date, and asks once for each metric of each
run; here the store is read as it is. Parameters become columns `params.NAME`, so that a parameter `lr` is not taken for
the logged learning rate. `mlflow:ADDRESS` asks a tracking server, through the client.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.checks import Finding
from jaxlaws.runs.readers._optional import package
from jaxlaws.runs.readers._parts import Names, Part, Series, Told, damage, log_of, plain
from jaxlaws.runs.readers.sql import shown

TABLES = {"metrics", "runs", "params", "experiments"}
ROWS = 50_000

# What MLflow's SQL store writes for an infinity, which not every database holds.
LARGEST = 1.7976931348623157e308


def is_store(folder: Path) -> bool:
    """Whether `folder` holds experiments as MLflow's file store keeps them, or is one experiment or run."""
    return any(next(folder.glob(f"{below}meta.yaml"), None) is not None for below in ("", "*/", "*/*/"))


def read_database(connection: sqlite3.Connection, name: str) -> Iterator[Part]:
    """Every active run of an SQLite store, one at a time."""
    runs = connection.execute(
        "SELECT run_uuid, name, lifecycle_stage FROM runs ORDER BY start_time, run_uuid"
    ).fetchall()
    names, gone = Names(), [uuid for uuid, _, stage in runs if stage == "deleted"]
    yield from _deleted(gone, name)
    for uuid, title, stage in runs:
        if stage == "deleted":
            continue
        labels = connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (uuid,)).fetchall()
        logged = connection.execute(
            "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, rowid", (uuid,)
        )
        series = {key: _database_series(list(rows)) for key, rows in groupby(logged, key=lambda row: row[0])}
        yield log_of(names.unique(title, uuid), series, _labels(uuid, labels))


def _database_series(rows: list[tuple[Any, ...]]) -> Series:
    steps = np.array([step for _, step, _, _ in rows], dtype=np.int64)
    return steps, _values([np.nan if is_nan else value for _, _, value, is_nan in rows])


def _values(stored: list[float]) -> np.ndarray:
    values = np.array(stored, dtype=np.float64)
    return np.where(np.abs(values) >= LARGEST, np.copysign(np.inf, values), values)


def read_folder(path: Path, told: Told) -> Iterator[Part]:
    """Every active run of a file store, one at a time."""
    folders = sorted(path.glob("**/meta.yaml"))
    runs = [meta.parent for meta in folders if ".trash" not in meta.parts and _field(meta, "run_id")]
    gone = [run.name for run in runs if _field(run / "meta.yaml", "lifecycle_stage") in ("deleted", "2")]
    names = Names()
    yield from _deleted(gone, str(path))
    if not runs:
        raise TableError(f"{path}: the MLflow store holds no runs.")
    for run in runs:
        if run.name in gone:
            continue
        title = names.unique(_field(run / "meta.yaml", "run_name"), run.name)
        metrics = sorted(file for file in (run / "metrics").rglob("*") if file.is_file())
        findings: list[Finding] = []
        series = {
            file.relative_to(run / "metrics").as_posix(): _file_series(file, title, told, findings) for file in metrics
        }
        kept = sorted(file for file in (run / "params").rglob("*") if file.is_file())
        labels = [(f.relative_to(run / "params").as_posix(), f.read_text("utf-8", "replace").strip()) for f in kept]
        part = log_of(title, series, _labels(run.name, labels))
        yield Part(part.frame, part.sparse, part.nans, tuple(findings))


def _file_series(file: Path, run: str, told: Told, findings: list[Finding]) -> Series:
    """Steps and values of one metric: lines `TIMESTAMP VALUE [STEP [DATASET DIGEST]]`, in the order they were written."""
    steps, values = [], []
    text = file.read_text("utf-8", "replace")
    for i, line in enumerate(text.splitlines(keepends=True), start=1):
        cells = line.split()
        try:
            step, value = int(cells[2]) if len(cells) > 2 else 0, float(cells[1])
            whole = len(cells) in (2, 3, 5) and cells[0].isdecimal() and abs(step) < 2**53 and line.endswith("\n")
        except (ValueError, IndexError):
            whole = False
        if not whole:
            what = f"line {i} is no whole entry `TIMESTAMP VALUE STEP`: the file was cut off or damaged"
            findings.append(damage(str(file), run, what, told))
            break
        steps.append(step)
        values.append(value)
    return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)


def _field(meta: Path, name: str) -> str:
    """A plain field of a `meta.yaml`, which MLflow writes as lines `name: value`."""
    for line in meta.read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition(": ")
        if key == name:
            return value.strip().strip("'\"")
    return ""


def _labels(uuid: str, params: list[tuple[str, str]]) -> dict[str, Any]:
    return {"id": uuid, **{f"params.{key}": plain(value) for key, value in params}}


def _deleted(gone: list[str], name: str) -> Iterator[Part]:
    if gone:
        import pandas as pd

        note = f"{name}: {len(gone)} runs are marked as deleted ({', '.join(gone[:3])}); left out."
        yield Part(pd.DataFrame(), sparse=True, findings=(Finding("source", "drop", 0, (), tuple(gone), note),))


def read_address(address: str, told: Told) -> Iterator[Part]:
    """Every active run that the tracking server or store at `address` has, one at a time, through MLflow's client."""
    name = f"mlflow:{shown(address)}"
    mlflow = package("mlflow", name, "a tracking server is asked through MLflow", "mlflow")
    del told
    names = Names()
    try:
        client = mlflow.MlflowClient(tracking_uri=address)
        for run in _runs_of(client):
            series = {key: _history(client, run.info.run_id, key) for key in sorted(run.data.metrics)}
            title = names.unique(run.info.run_name, run.info.run_id)
            yield log_of(title, series, _labels(run.info.run_id, sorted(run.data.params.items())))
    except mlflow.MlflowException as error:
        raise TableError(f"{name}: {str(error).replace(address, shown(address)).splitlines()[0][:200]}.") from None


def _runs_of(client: Any) -> Iterator[Any]:
    for experiment in client.search_experiments():
        token = None
        while token != "":
            page = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"], page_token=token)
            yield from page
            token = page.token or ""


def _history(client: Any, run: str, key: str) -> Series:
    points = sorted(client.get_metric_history(run, key), key=lambda point: point.timestamp)
    steps = np.array([point.step for point in points], dtype=np.int64)
    return steps, _values([point.value for point in points])
