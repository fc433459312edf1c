"""Sources larger than memory: the same rows as `read`, whole runs at a time, in memory that does not grow."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import Faults, read, stream, write_generated
from jaxlaws.runs.readers import delimited, json_lines, parquet, sqlite

RUNS, POINTS = 300, 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("stream") / "db"
    return write_generated(place, RUNS, points=POINTS, faults=Faults(0.05, 0.0, 0.0, 0.0, 0.0)) / "curves"


@pytest.fixture(params=["folder", "file", "csv", "jsonl", "sqlite"])
def source(request, folder, tmp_path, monkeypatch):
    for reader, name, size in ((parquet, "ROWS", 1000), (json_lines, "ROWS", 700), (sqlite, "ROWS", 900)):
        monkeypatch.setattr(reader, name, size)
    monkeypatch.setattr(delimited, "BLOCK", 1 << 15)
    frame = pd.read_parquet(folder)
    match request.param:
        case "folder":
            return folder
        case "file":
            return next(folder.glob("*.parquet"))
        case "csv":
            frame.to_csv(tmp_path / "t.csv", index=False)
            return tmp_path / "t.csv"
        case "jsonl":
            frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True, double_precision=15)
            return tmp_path / "t.jsonl"
        case _:
            with sqlite3.connect(tmp_path / "t.db") as connection:
                frame.to_sql("t", connection, index=False)
            connection.close()
            return tmp_path / "t.db"


def test_a_stream_has_the_rows_of_the_whole_in_tables_of_whole_runs(source):
    whole, tables = read(source), list(stream(source, runs=64))
    assert [len(table.names) for table in tables] == [64, 64, 64, 64, 44]
    together = pd.concat([table.frame for table in tables])
    pd.testing.assert_frame_equal(together, whole.frame)


def test_logs_are_streamed_run_by_run(tmp_path):
    for run in range(5):
        (tmp_path / f"run{run}").mkdir()
        log = [{"step": s, "loss": 3.0} for s in range(4)] + [{"step": 9, "eval_loss": 3.0}]
        (tmp_path / f"run{run}" / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    tables = list(stream(tmp_path, runs=2))
    assert [table.names for table in tables] == [["run0", "run1"], ["run2", "run3"], ["run4"]]
    assert [len(table) for table in tables] == [8, 8, 4] and tables[0].findings[0].kind == "unlogged"


def test_a_run_in_two_places_is_named(tmp_path):
    frame = pd.DataFrame({"run": ["a", "b", "a"], "step": [1, 1, 2], "loss": 3.0})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="rows of run 'a' stand in two places"):
        list(stream(tmp_path / "t.csv", runs=1))


def test_options_are_those_of_read(tmp_path):
    pd.DataFrame({"params_total": [1, 2, 3], "ce": [3.0, 2.0, np.nan]}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "t.csv.toml").write_text('[columns]\nloss = "ce"')
    told = {"columns": {"N": "params_total"}, "units": {"N": "millions"}, "policies": {"nonfinite": "drop"}}
    (table,) = stream(tmp_path / "t.csv", **told)
    assert table.column("N").tolist() == [1e6, 2e6] and table.column("loss").tolist() == [3.0, 2.0]


def test_bad_cells_are_named_by_their_row_in_the_source(tmp_path):
    frame = pd.DataFrame({"N": np.arange(1, 31), "loss": 3.0})
    frame.loc[24, "loss"] = np.inf
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="row 25: loss is infinite"):
        list(stream(tmp_path / "t.csv", runs=10))


GROWTH = """
import json, resource, sys
from jaxlaws.runs import stream
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rows, after = 0, []
for table in stream(sys.argv[1], runs=1024):
    rows += len(table)
    after.append(peak())
print(json.dumps({"rows": rows, "early": after[len(after) // 4], "end": after[-1]}))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_runs(tmp_path, python):
    folder = write_generated(tmp_path / "db", 40_960, points=128, faults=Faults(nan=0.0, restarted=0.0)) / "curves"
    seen = json.loads(python("-c", GROWTH, str(folder)))
    print(
        f"\n40 960 runs, {seen['rows']} rows: {seen['early']:.0f} MiB after a quarter, {seen['end']:.0f} MiB at the end"
    )
    assert seen["rows"] > 5_000_000 and seen["end"] < seen["early"] + 100


@pytest.mark.parametrize("lossless", [[0], [2], [4], [1, 2, 3], [3, 4]])
@pytest.mark.parametrize("columns", [None, {"loss": "loss", "lr": "learning_rate"}])
def test_runs_of_a_tracker_without_a_loss_are_left_out_as_by_read(tmp_path, lossless, columns):
    for run in range(5):
        (tmp_path / f"run{run}").mkdir()
        names = ["loss", "learning_rate"] if run not in lossless else ["accuracy"]
        log = [{"step": s} | dict.fromkeys(names, 0.5) for s in range(4)]
        (tmp_path / f"run{run}" / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    whole, tables = read(tmp_path, columns=columns), list(stream(tmp_path, runs=1, columns=columns))
    assert [table.names for table in tables] == [[name] for name in whole.names]
    counted = [f.by_run for table in tables for f in table.findings if f.kind == "unlogged"]
    assert {run: n for part in counted for run, n in part.items()} == {f"run{run}": 4 for run in lossless}


def test_a_log_without_any_loss_is_told(tmp_path):
    for run in range(3):
        (tmp_path / f"run{run}").mkdir()
        log = [{"step": s, "accuracy": 0.5} for s in range(4)]
        (tmp_path / f"run{run}" / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    (table,) = stream(tmp_path, runs=1)
    with pytest.raises(TableError, match="no column `loss`|unknown column `loss`"):
        table.checked(["loss"])
