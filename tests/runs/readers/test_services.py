"""Readers against what the real programs write: a server, trackers and packages that the default tests do without."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.readers import load, sql, stream

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("default"),  # what the packages warn of in their own code is theirs
]


def in_a_child(folder: Path, code: str) -> None:
    """Runs code that uses a tracker, apart: trackers start threads and processes of their own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def points(frame: pd.DataFrame, *names: str) -> list[tuple]:
    """Rows as comparable tuples, in order."""
    return sorted(tuple(repr(cell) for cell in row) for row in frame[list(names)].itertuples(index=False))


# --- TensorBoard


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    pytest.importorskip("tensorboard")
    folder = tmp_path_factory.mktemp("events")
    in_a_child(
        folder,
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary import Writer
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
        import numpy as np
        for run, steps in (("long", 20_000), ("deep/short", 100)):
            new = Writer(run)  # scalars as tensors
            for step in range(steps):
                new.add_scalar("train/loss", 2 + 1 / (1 + step), step)
                if step % 100 == 0:
                    new.add_scalar("lr", 1e-3, step)
            new.close()
        old = EventFileWriter("old")  # scalars as simple values, and what is no scalar
        for step in range(50):
            values = [Summary.Value(tag="loss", simple_value=3.0), Summary.Value(tag="weights", histo={"num": 3.0})]
            old.add_event(Event(step=step, summary=Summary(value=values)))
        old.close()
        """,
    )
    return folder


def test_every_scalar_of_tensorboard_is_read(events):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    frame = load(events).frame
    assert set(frame["run"]) == {"long", "deep/short", "old"}
    for run in ("long", "deep/short"):
        oracle = EventAccumulator(str(events / run), size_guidance={"tensors": 0, "scalars": 0}).Reload()
        rows = frame[frame["run"] == run]
        for tag in ("train/loss", "lr"):
            known = [(event.step, event.tensor_proto.float_val[0]) for event in oracle.Tensors(tag)]
            logged = rows[rows[tag].notna()]
            assert list(zip(logged["step"], logged[tag].astype(np.float32), strict=True)) == known
    assert len(frame[frame["run"] == "long"]) == 20_000


def test_what_is_no_scalar_is_counted(events):
    (finding,) = load(events / "old").part.findings
    assert finding.count == 50 and "weights" in finding.message


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_event_file_says_so(events, tmp_path, harm):
    (whole,) = (events / "long").iterdir()
    content = bytearray(whole.read_bytes())
    half = len(content) // 2
    content = content[:half] if harm == "cut" else content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    path = tmp_path / whole.name
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"ends or is damaged after \d+ points: \d+ of \d+ bytes"):
        read(path)
    runs = read(path, policies={"damaged": "keep"})
    assert 9_000 < len(runs) < 11_000
    assert "what comes before is used" in runs.findings[0].message


def test_tensorboard_run_by_run(events):
    assert [len(part.frame) for part in stream(events)] == [100, 20_000, 50]


# --- W&B


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    pytest.importorskip("wandb")
    folder = tmp_path_factory.mktemp("offline")
    code = """
        import math, os, wandb
        settings = wandb.Settings(console="off", x_disable_stats=True)
        config = {{"lr": 3e-4, "model": {{"n_params": 1e8}}}}
        run = wandb.init(mode="offline", project="p", name="{name}", config=config, settings=settings)
        for step in range(0, 15000, 10):
            run.log({{"train/loss": 2 + 1 / (1 + step), "lr": 3e-4}}, step=step)
            if step % 5000 == 0:
                run.log({{"val/loss": 3.1, "note": "text", "weights": wandb.Histogram([1, 2])}}, step=step)
        run.log({{"train/loss": math.nan}}, step=15000)
        {end}
    """
    in_a_child(folder, code.format(name="whole", end="run.finish()"))
    return folder / "wandb"


def test_every_point_of_an_offline_run_is_read(offline):
    loaded = load(offline)
    frame, nans = loaded.frame, loaded.part.nans["train/loss"]
    steps = np.arange(0, 15000, 10)
    logged = frame[frame["train/loss"].notna()]
    assert logged["_step"].tolist() == steps.tolist()
    np.testing.assert_array_equal(logged["train/loss"], 2 + 1 / (1 + steps))
    assert frame["_step"][nans].tolist() == [15000]
    assert frame["val/loss"].notna().sum() == 3
    assert set(frame["run"]) == {"whole"} and set(frame["config.model.n_params"]) == {1e8}
    (finding,) = loaded.part.findings
    assert "are no numbers" in finding.message and "note" in finding.message


def test_an_offline_run_passes_the_door(offline):
    runs = read(offline, columns={"loss": "train/loss", "N": "config.model.n_params"}, policies={"nonfinite": "drop"})
    assert len(runs) == 1500 and {f.kind for f in runs.findings} == {"source", "nonfinite"}


@pytest.mark.parametrize("harm", ["cut", "flip", "unfinished"])
def test_a_damaged_offline_run_says_so(offline, tmp_path, harm):
    (whole,) = offline.glob("offline-run-*/*.wandb")
    content = bytearray(whole.read_bytes())
    path = tmp_path / whole.name
    half = len(content) // 2
    if harm == "unfinished":
        path.write_bytes(ended_early(content))
        assert any("has no end" in finding.message for finding in load(path).part.findings)
        return
    path.write_bytes(
        content[:half] if harm == "cut" else content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    )
    with pytest.raises(TableError, match="the file is cut off"):
        read(path)
    kept = load(path, damaged="keep")
    assert 500 < kept.frame["train/loss"].notna().sum() < 1000


def ended_early(content: bytes) -> bytes:
    """The log up to a whole record near its middle, as a process that was killed leaves it."""
    from jaxlaws.runs.readers.wandb import _framed

    return content[: [at for at, _ in _framed(bytes(content))][-200]]


# --- MLflow


@pytest.mark.parametrize("store", ["mlflow_store", "mlflow_folder"])
def test_every_point_of_an_mlflow_store_is_read(store, request):
    path, known = request.getfixturevalue(store)
    loaded = load(path)
    frame = loaded.frame
    nan = loaded.part.nans["train/loss"]
    logged = frame[frame["train/loss"].notna() | nan].rename(columns={"train/loss": "loss"})
    assert points(logged, "id", "step", "loss") == points(known, "id", "step", "loss")
    names = list(dict.fromkeys(frame["run"]))
    assert names[0] == "a" and names[1].startswith("a (") and len(names) == 2
    assert set(frame["params.n_params"]) == {1e8} and set(frame["params.lr"]) == {3e-4}
    assert frame["lr"].notna().sum() == 8
    assert "1 runs are marked as deleted" in loaded.part.findings[0].message


def test_a_store_is_not_changed(mlflow_store):
    path, _ = mlflow_store
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    load(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_the_client_gives_what_the_file_has(mlflow_store):
    path, _ = mlflow_store
    own, asked = load(path).frame, load(f"mlflow:sqlite:///{path}").frame
    pd.testing.assert_frame_equal(own.sort_index(axis=1), asked.sort_index(axis=1))


def test_a_store_can_be_queried(mlflow_store):
    path, _ = mlflow_store
    assert len(load(path, query="SELECT * FROM params").frame) == 6


def test_a_metric_file_that_is_cut_off_says_so(mlflow_folder, tmp_path):
    path, _ = mlflow_folder
    shutil.copytree(path, tmp_path / "mlruns")
    metrics = (tmp_path / "mlruns").glob("*/*/metrics/train/loss")
    metric = next(m for m in metrics if "lifecycle_stage: active" in (m.parents[2] / "meta.yaml").read_text())
    metric.write_bytes(metric.read_bytes()[:-3])
    with pytest.raises(TableError, match="line 41 is no whole entry"):
        read(tmp_path / "mlruns")


# --- databases


def test_postgres_is_read_whole_and_in_parts(postgres):
    query = "SELECT * FROM curves ORDER BY run, step"
    frame = load(postgres.url, query=query).frame
    assert len(frame) == 120_000 and frame["lr"].dtype == np.float64
    assert len(load(postgres.url).frame) == 120_000  # its one table
    sizes = [len(part.frame) for part in stream(postgres.url, query=query)]
    assert sum(sizes) == 120_000 and max(sizes) <= sql.ROWS
    assert len(read(postgres.url, query="SELECT * FROM curves WHERE run LIKE '%n 7' AND step % 2 = 0")) == 500


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE curves",
        "SELECT 1; DROP TABLE curves",
        "WITH gone AS (DELETE FROM curves RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copied FROM curves",
        "SELECT setval('numbers', 99)",
        "COPY curves TO PROGRAM 'touch /tmp/jaxlaws-was-here'",
        "SELECT lo_create(4711)",
    ],
)
def test_sql_of_the_user_reads_only(postgres, query):
    postgres.told("CREATE SEQUENCE IF NOT EXISTS numbers")
    before = postgres.told(
        "SELECT count(*) FROM curves",
        "SELECT last_value FROM numbers",
        "SELECT count(*) FROM pg_tables",
        "SELECT count(*) FROM pg_largeobject_metadata",
    )
    if "lo_create" in query:
        load(
            postgres.url, query=query
        )  # PostgreSQL before 16 lets it pass where only reading is allowed: it is rolled back
    else:
        with pytest.raises(TableError) as error:
            load(postgres.url, query=query)
        assert "\n" not in str(error.value) and "secret" not in str(error.value)
    after = postgres.told(
        "SELECT count(*) FROM curves",
        "SELECT last_value FROM numbers",
        "SELECT count(*) FROM pg_tables",
        "SELECT count(*) FROM pg_largeobject_metadata",
    )
    assert before == after


def test_the_password_of_a_database_is_not_shown(postgres):
    runs = read(postgres.url, query="SELECT * FROM curves WHERE step < 3")
    assert "secret" not in runs.source and "***" in runs.source


def test_a_server_that_stops_midway_is_a_sentence(postgres):
    parts = stream(postgres.url, query="SELECT * FROM curves")
    rows = len(next(parts).frame)
    postgres.stop()
    try:
        with pytest.raises(TableError, match=rf"the database says after {rows} rows: ") as error:
            for part in parts:
                rows += len(part.frame)
        with pytest.raises(TableError, match="the database says: connection"):
            load(postgres.url)
        assert "\n" not in str(error.value)
    finally:
        postgres.start()
    assert len(load(postgres.url).frame) == 120_000


@pytest.fixture
def duck(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "runs.db"  # the name does not tell it from SQLite
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE curves AS SELECT 'a' AS run, range AS step, 3.0::DOUBLE AS loss FROM range(100000)"
        )
    return path


def test_duckdb_is_read_whole(duck):
    assert len(read(duck)) == 100_000
    assert len(read(f"duckdb:///{duck}", query="FROM curves WHERE step < 10")) == 10


@pytest.mark.parametrize(
    "query",
    ["COPY curves TO 'out.csv'", "SELECT * FROM read_csv('secret.csv')", "DELETE FROM curves", "FROM 'secret.csv'"],
)
def test_duckdb_reads_its_own_file_and_writes_none(duck, query, monkeypatch):
    monkeypatch.chdir(duck.parent)
    Path("secret.csv").write_text("a\n1\n")
    with pytest.raises(TableError):
        load(duck, query=query)
    assert sorted(os.listdir()) == ["runs.db", "secret.csv"]


# --- other packages


def test_trainer_state_as_transformers_writes_it(tmp_path):
    callback = pytest.importorskip("transformers.trainer_callback")
    state = callback.TrainerState()
    for step in range(10, 110, 10):
        state.log_history.append({"loss": 3.0 - step / 100, "learning_rate": 1e-3, "epoch": step / 50, "step": step})
        if step % 50 == 0:
            state.log_history.append({"eval_loss": 3.0, "epoch": step / 50, "step": step})
    state.log_history.append({"train_loss": 2.5, "train_runtime": 3.0, "epoch": 2.0, "step": 100})
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    runs = read(tmp_path)
    assert runs.column("step").tolist() == list(range(10, 110, 10))
    np.testing.assert_array_equal(runs.column("loss"), 3.0 - np.arange(10, 110, 10) / 100)
    assert runs.column("lr").tolist() == [1e-3] * 10


def test_polars_is_a_table():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"run": ["a", "b"], "N": [1, 2], "loss": [3.0, 2.0]})
    assert read(frame).sha256 == read(frame.to_arrow()).sha256 == read(frame.to_dict(as_series=False)).sha256


def test_an_address_gives_what_the_place_has(events, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    frame = pd.DataFrame({"run": "a", "step": range(10), "loss": 3.0})
    frame.to_parquet(tmp_path / "0.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    memory.put(str(tmp_path / "0.parquet"), "/runs/parts/0.parquet")
    memory.put(str(tmp_path / "t.csv"), "/runs/t.csv")
    memory.put(str(events / "deep"), "/runs/events", recursive=True)
    assert read("memory://runs/parts").sha256 == read("memory://runs/t.csv").sha256 == read(frame).sha256
    assert len(load("memory://runs/events").frame) == 100
