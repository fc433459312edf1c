"""Bulk fits on a real Ray cluster, on Dask, and from a PostgreSQL that goes away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jaxlaws
from jaxlaws import formula
from jaxlaws.bulk import ray
from jaxlaws.errors import BulkError, TableError

from .cases import bits, fitted, table

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # what the packages warn of in their own code is theirs
]


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two CPUs on this machine, its workers on the jaxlaws under test."""
    ray_package = pytest.importorskip("ray")
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_UV_RUN_RUNTIME_ENV="0")
    paths = [str(Path(jaxlaws.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        ray_package.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
        yield ray_package
        ray_package.shutdown()


def test_ray_gives_the_same_bits(cluster, reference, curves, tmp_path):
    done = fitted(
        curves, tmp_path / "fits", engine=ray(cpus=0.5, workers=2, cache=str(tmp_path / "compiled")), partition=8
    )
    assert done.written == 8 and not done.lost
    assert bits(table(tmp_path / "fits")) == bits(reference)
    assert list((tmp_path / "compiled").iterdir())  # kept for the next worker
    assert cluster.is_initialized()  # a cluster that was there stays


def test_a_ray_worker_killed_midway_costs_nothing_but_time(cluster, reference, curves, tmp_path):
    out = tmp_path / "fits"
    killed = []

    def kill_one(so_far) -> None:
        if len(killed) < 2 and so_far.written > 2 * len(killed):
            actors = [p for p in _processes() if "_Worker" in p[1]]
            os.kill(actors[0][0], 9)
            killed.append(actors[0][0])

    done = fitted(curves, out, engine=ray(cpus=0.5, workers=2), partition=5, on_progress=kill_one)
    assert len(killed) == 2
    assert done.written == 12 and not done.lost
    assert bits(table(out)) == bits(reference)


def _processes() -> list[tuple[int, str]]:
    """Ray's workers by the name that they give themselves."""
    out = []
    for place in Path("/proc").iterdir():
        try:
            name = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode() if place.name.isdigit() else ""
        except OSError:
            continue
        if name.startswith("ray::"):
            out.append((int(place.name), name))
    return out


def test_what_the_door_says_comes_back_from_a_worker(cluster, curves, tmp_path):
    with pytest.raises(TableError, match="unknown column `lossy`"):
        fitted(curves, tmp_path / "fits", engine=ray(workers=1), columns={"loss": "lossy"})
    with pytest.raises(TableError, match="nosuch"):
        fitted(curves, tmp_path / "fits", engine=ray(workers=1), where="nosuch > 3")


def test_more_than_the_cluster_has_is_a_sentence(cluster, curves, tmp_path):
    with pytest.raises(BulkError, match="too few for one worker"):
        fitted(curves, tmp_path / "fits", engine=ray(cpus=64))
    with pytest.raises(BulkError, match="0 GPUs, too few"):
        fitted(curves, tmp_path / "fits", engine=ray(gpus=1))


def test_dasks_executor_gives_the_same_bits(reference, curves, tmp_path):
    pytest.importorskip("distributed")
    code = f"""
from distributed import Client, LocalCluster
from jaxlaws import formula
from jaxlaws.bulk import bulk_fit, executor
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        law = formula("E + A/step^alpha", inputs=("step",))
        bulk_fit({str(curves)!r}, law, out={str(tmp_path / "fits")!r}, starts=8, partition=8, engine=executor(client.get_executor()))
"""
    (tmp_path / "main.py").write_text(code)
    paths = [str(Path(jaxlaws.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py")], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert bits(table(tmp_path / "fits")) == bits(reference)


def test_the_query_in_readme_joins_fits_with_runs(curves, tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (query,) = re.findall(r"^```sql\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    fitted(curves, tmp_path / "fits", formula("L0 + A/step^alpha", inputs=("step",)))
    (tmp_path / "runs").symlink_to(curves)
    monkeypatch.chdir(tmp_path)
    found = duckdb.sql(query).fetchall()
    assert {row[0] for row in found} == {"constant", "cosine", "wsd", "step-down"}
    good = pd.read_parquet(tmp_path / "fits").query("status == 'converged'")
    assert sum(row[1] for row in found) == len(good)


def test_the_query_in_scale_lists_runs_by_their_distance(curves, tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    (query,) = re.findall(r"^```sql\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    fitted(curves, tmp_path / "by_schedule", by="schedule")
    monkeypatch.chdir(tmp_path)
    found = duckdb.sql(query).fetchall()
    fits = pd.read_parquet(tmp_path / "by_schedule")
    expected = [(row.schedule, *pair) for row in fits.itertuples() for pair in row.distance_by_run]
    assert len(expected) == fits.loc[fits["status"] == "converged", "runs"].sum() > 20
    assert found == sorted(expected, key=lambda row: -row[2])[:10]


def test_a_database_stopped_midway_is_a_sentence_and_the_folder_goes_on(postgres, tmp_path, monkeypatch):
    """120 runs of 1000 rows; the server goes when a few partitions are there."""
    from jaxlaws.runs.readers import sql

    monkeypatch.setattr(sql, "ROWS", 2000)
    query = (
        "SELECT run, step, loss + 0.001 * (step % 7) AS loss FROM curves WHERE step BETWEEN 1 AND 30 ORDER BY run, step"
    )
    out = tmp_path / "fits"
    stopped = threading.Event()

    def stop(so_far) -> None:
        if so_far.written == 3 and not stopped.is_set():
            stopped.set()
            postgres.stop()

    try:
        with pytest.raises(TableError, match=r"the database says after \d+ rows"):
            fitted(postgres.url, out, query=query, partition=5, on_progress=stop, where="step < 30")
    finally:
        postgres.start()
    some = table(out)
    assert stopped.is_set() and 15 <= len(some) < 120
    again = fitted(postgres.url, out, query=query, partition=5, where="step < 30")
    assert again.kept == len(some) // 5
    found = table(out)
    assert len(found) == found["run"].nunique() == 120
    np.testing.assert_array_equal(found["rows"], 29)
