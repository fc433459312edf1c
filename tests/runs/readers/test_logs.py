"""Logs of single quantities as tables: no point lost, and a cell that was not logged told from a NaN that was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.readers import load, stream
from jaxlaws.runs.readers._parts import Names, joined, log_of

# Written by Lightning 2.6.6: CSVLogger and LearningRateMonitor, 40 steps logged every 5, validated every 10.
LIGHTNING = Path(__file__).parent / "lightning_2.6.6_metrics.csv"


def series(*points):
    steps, values = zip(*points, strict=True)
    return np.array(steps), np.array(values, dtype=float)


steps_and_values = st.lists(st.tuples(st.integers(0, 9), st.floats(width=32)), min_size=1, max_size=30)


@given(steps_and_values, steps_and_values)
def test_every_point_of_a_log_is_in_its_table_once(loss, lr):
    part = log_of("a", {"loss": series(*loss), "lr": series(*lr)})
    for name, points in (("loss", loss), ("lr", lr)):
        nan = part.nans.get(name, np.zeros(len(part.frame), dtype=bool))
        logged = part.frame[part.frame[name].notna() | nan]
        assert sorted(zip(logged["step"], logged[name].map(repr), strict=True)) == sorted(
            (s, repr(v)) for s, v in points
        )


def test_a_step_logged_again_makes_a_second_row():
    frame = log_of("a", {"loss": series((1, 3.0), (2, 2.0), (1, 2.5)), "lr": series((1, 0.1), (2, 0.2))}).frame
    assert frame["step"].tolist() == [1, 1, 2] and frame["loss"].tolist() == [3.0, 2.5, 2.0]


def test_rows_without_a_loss_are_left_out_and_counted(tmp_path):
    path = tmp_path / "trainer_state.json"
    log = [{"step": 10, "loss": 3.0, "learning_rate": 0.1}, {"step": 15, "eval_loss": 3.1}, {"step": 20, "loss": 2.0}]
    path.write_text(json.dumps({"log_history": log}))
    runs = read(path)
    assert runs.column("step").tolist() == [10, 20]
    (finding,) = runs.findings
    assert finding.kind == "unlogged" and finding.by_run == {tmp_path.name: 1}


def test_a_loss_that_is_logged_as_nan_is_still_refused(tmp_path):
    path = tmp_path / "trainer_state.json"
    path.write_text(
        '{"log_history": [{"step": 1, "loss": 3.0}, {"step": 2, "loss": NaN}, {"step": 3, "eval_loss": 3.0}]}'
    )
    with pytest.raises(TableError, match="loss is nan or empty"):
        read(path)
    assert len(read(path, policies={"nonfinite": "drop"})) == 1


def test_a_rate_logged_at_other_steps_than_the_loss_is_read_off_its_own_log(tmp_path):
    path = tmp_path / "trainer_state.json"
    log = [{"step": s, "learning_rate": 0.1 * s} for s in (0, 4, 8)] + [{"step": s, "loss": 3.0} for s in (2, 6)]
    path.write_text(json.dumps({"log_history": log}))
    runs = read(path).checked(["step", "loss", "lr"])
    np.testing.assert_allclose(runs.rates(runs.names[0]).lr, 0.1 * np.arange(7))


def test_furthest_checkpoint_of_each_run_is_read(tmp_path):
    for run in ("one", "two"):
        for last in (1, 2):
            folder = tmp_path / run / f"checkpoint-{last}"
            folder.mkdir(parents=True)
            log = [{"step": s, "loss": 3.0} for s in range(1, last + 1)]
            (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    runs = read(tmp_path)
    assert runs.names == ["one", "two"] and len(runs) == 4
    assert [len(part.frame) for part in stream(tmp_path)] == [2, 2]


@pytest.mark.parametrize("step", ["1", 1.5, -1, True, None, 2**60])
def test_a_trainer_entry_without_a_whole_step_is_named(tmp_path, step):
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": [{"step": 1, "loss": 3.0}, {"step": step, "loss": 2.0}]}))
    with pytest.raises(TableError, match="entry 2 of `log_history` has no whole `step`"):
        read(path)


def test_lightning_rows_of_a_step_become_one(tmp_path):
    folder = tmp_path / "logs" / "version_0"
    folder.mkdir(parents=True)
    shutil.copy(LIGHTNING, folder / "metrics.csv")
    runs = read(tmp_path / "logs", columns={"loss": "train_loss"})
    raw = pd.read_csv(LIGHTNING)
    assert runs.names == ["version_0"]
    assert runs.column("loss").tolist() == raw["train_loss"].dropna().tolist()
    assert runs.column("lr").tolist() == raw["lr-AdamW"].dropna().tolist()
    assert (
        read(tmp_path / "logs", columns={"loss": "val_loss"}).column("loss").tolist()
        == raw["val_loss"].dropna().tolist()
    )


CHART = 'Step,"one - train/loss","one - train/loss__MIN","one - train/loss__MAX","b - c - train/loss","b - c - train/loss__MIN","b - c - train/loss__MAX"\n'


def test_chart_of_wandb_is_read_run_by_run(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_text(CHART + "0,3.0,3.0,3.0,,,\n10,2.5,2.4,2.6,2.8,2.8,2.8\n")
    runs = read(path)
    rows = [("one", 0, 3.0), ("one", 10, 2.5), ("b - c", 10, 2.8)]
    assert list(runs.frame[["run", "step", "loss"]].itertuples(index=False, name=None)) == rows
    assert "1 of them averages of several" in runs.findings[0].message


def test_chart_over_time_is_refused(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_text(CHART.replace("Step", "Relative Time (Process)") + "0,3.0,3.0,3.0,,,\n")
    with pytest.raises(TableError, match="drawn over `Relative Time"):
        read(path)


HISTORY = pd.DataFrame(
    {
        "_step": [0, 1, 2, 3],
        "_timestamp": [1.0, 2.0, 3.0, 4.0],
        "train/loss": [3.0, None, 2.0, 1.0],
        "val/loss": [None, 3.1, None, None],
        "lr": [0.1, 0.1, 0.1, 0.1],
    }
)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_history_of_wandb_leaves_out_what_was_not_logged(tmp_path, ending):
    path = tmp_path / f"history.{ending}"
    HISTORY.to_csv(path, index=False) if ending == "csv" else HISTORY.to_parquet(path)
    runs = read(path, columns={"loss": "train/loss"})
    assert runs.names == ["history"] and runs.column("loss").tolist() == [3.0, 2.0, 1.0]
    assert [f.kind for f in runs.findings] == ["unlogged"]


def test_folder_of_histories_is_a_run_a_file(tmp_path):
    for run in ("a", "b"):
        (tmp_path / f"run-{run}-history").mkdir()
        HISTORY.to_parquet(tmp_path / f"run-{run}-history" / "0000.parquet")
    runs = read(tmp_path, columns={"loss": "train/loss"})
    assert runs.names == ["run-a-history", "run-b-history"] and len(runs) == 6


def test_a_folder_that_two_programs_wrote_to_asks_which(tmp_path):
    (tmp_path / "trainer_state.json").write_text('{"log_history": [{"step": 1, "loss": 3.0}]}')
    shutil.copy(LIGHTNING, tmp_path / "metrics.csv")
    with pytest.raises(
        TableError, match="what huggingface and lightning write; say which is meant, such as `huggingface:"
    ):
        read(tmp_path)
    assert len(read(f"huggingface:{tmp_path}")) == 1
    assert len(load(f"lightning:{tmp_path}").frame) == 12


def test_two_runs_of_one_name_stay_two():
    names = Names()
    assert [names.unique("a", "1f"), names.unique("a", "2f"), names.unique("", "3f")] == ["a", "a (2f)", "3f"]


def test_parts_join_with_their_nans():
    parts = [log_of("a", {"loss": series((1, 1.0))}), log_of("b", {"loss": series((1, np.nan), (2, 1.0))})]
    assert joined(parts).nans["loss"].tolist() == [False, True, False]
