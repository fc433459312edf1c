"""`Runs`: choosing rows, reading columns, its hash, and its way to a worker."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from jaxlaws.errors import ExpressionError, TableError
from jaxlaws.runs import read, split

TABLE = {
    "run": ["b", "b", "a", "a"],
    "step": [10, 20, 10, 20],
    "loss": [3.0, 2.9, 3.1, 3.0],
    "lr": [1.0, 0.5, 1.0, 0.5],
    "size": ["25M", "25M", "100M", "100M"],
}


def test_table_knows_its_runs_rows_and_source():
    runs = read(TABLE)
    assert (runs.names, len(runs), runs.source) == (["b", "a"], 4, "dict")
    assert runs.of("a").index.tolist() == [3, 4]
    assert "2 runs, 4 rows" in repr(runs)


def test_rows_keep_their_number_through_choices():
    runs = read(TABLE).where("step == 20").where("size == '100M'")
    assert runs.frame.index.tolist() == [4] and runs.frame.index.name == "row"


def test_choice_may_be_empty():
    assert len(read(TABLE).where("step > 100")) == 0 and read(TABLE).where("step > 100").names == []


def test_select_and_where_agree():
    runs = read(TABLE)
    assert runs.select(runs.column("step") > 10).sha256 == runs.where("step > 10").sha256


def test_unknown_run_names_the_nearest():
    with pytest.raises(TableError, match="unknown run `c`"):
        read(TABLE).of("c")


def test_hash_says_what_the_table_says(tmp_path):
    frame = pd.DataFrame(TABLE)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    hashes = {read(source).sha256 for source in (TABLE, frame, tmp_path / "t.csv", tmp_path / "t.parquet")}
    assert len(hashes) == 1
    assert read(frame.astype({"step": float})).sha256 in hashes
    assert read(frame[["loss", "size", "step", "run", "lr"]]).sha256 in hashes


@pytest.mark.parametrize("change", [{"loss": [3.0, 2.9, 3.1, 3.0001]}, {"run": ["b", "b", "a", "a "]}, {"more": 1.0}])
def test_hash_changes_with_the_table(change):
    if change.get("run"):
        change["run"] = ["b", "b", "c", "c"]
    assert read({**TABLE, **change}).sha256 != read(TABLE).sha256


def test_hash_tells_a_missing_cell_from_any_text():
    assert read({**TABLE, "note": [None, "x", "y", "z"]}).sha256 != read({**TABLE, "note": ["", "x", "y", "z"]}).sha256


def test_groups_have_the_rows_and_hash_of_a_table_of_their_own():
    frame = pd.DataFrame(
        {
            "run": ["b", "a", "b", "a", "a", "b", "c"],
            "step": [1, 1, 2, 2, 3, 3, 1],
            "loss": [3.0, 3.1, 2.9, 2.8, 2.7, 2.6, 2.5],
            "lr": [0.0, -0.0, np.nan, 1e-3, 1e-3, 1e-3, 1e-3],
            "note": ["z", None, "y", "x", "z", "y", None],
        }
    )
    groups = dict(read(frame).groups(["run"]))
    assert list(groups) == [("b",), ("a",), ("c",)]
    for (run,), own in groups.items():
        alone = frame[frame["run"] == run]
        assert own.names == [run]
        assert own.column("step").tolist() == alone["step"].tolist()
        assert own.frame["note"].isna().tolist() == alone["note"].isna().tolist()
        assert own.sha256 == read(alone).sha256


def test_run_picked_out_of_a_table_is_pickled_without_the_rest():
    steps = np.arange(1000)
    table = {"run": np.repeat(["a", "b"], 1000), "step": [*steps, *steps], "loss": 3.0, "lr": 1.0}
    runs = read(table, schedules={"b": np.ones(2000)})
    one = runs.where("run == 'a' and step > 500")
    again = pickle.loads(pickle.dumps(one))
    assert again.whole is not None and again.whole.names == ["a"] and dict(again.schedules) == {}
    np.testing.assert_array_equal(again.rates("a").lr, one.rates("a").lr)
    assert again.sha256 == one.sha256


def test_table_is_read_as_it_is():
    runs = read(TABLE)
    assert read(runs) is runs


def test_table_is_read_again_with_further_options():
    runs = read(read(TABLE), warmup="4", schedules={"a": "constant(peak=1.0)"})
    assert runs.rates("a").source == "schedule" and runs.rates("b").warmup == 4
    assert runs.frame.index.tolist() == [1, 2, 3, 4]


def test_where_alone_gives_rows_to_fit():
    fit, held, both = split(read(TABLE), "size == '25M'")
    assert (fit.names, held, both) == (["b"], None, 0)


def test_neither_gives_every_row():
    assert len(split(read(TABLE))[0]) == 4


def test_holdout_alone_leaves_the_rest_to_fit():
    fit, held, both = split(read(TABLE), None, "step == 20")
    assert held is not None
    assert (fit.frame.index.tolist(), held.frame.index.tolist(), both) == ([1, 3], [2, 4], 0)


def test_rows_in_both_are_scored_not_fitted_and_counted():
    fit, held, both = split(read(TABLE), "size == '25M'", "step == 20")
    assert held is not None
    assert (fit.frame.index.tolist(), held.frame.index.tolist(), both) == ([1], [2, 4], 1)


@pytest.mark.parametrize(
    ("where", "holdout", "words"),
    [
        ("step > 100", None, "`--where step > 100` matches none of 4 rows"),
        (None, "step > 100", "`--holdout step > 100` matches none of 4 rows"),
        (None, "step > 0", "`--holdout step > 0` leaves nothing to fit: it matches every row."),
        ("step > 10", "step > 0", "leaves nothing to fit: it matches every row of `--where step > 10`"),
        ("stepp > 10", None, "unknown column `stepp`; nearest: `step`"),
    ],
)
def test_choice_of_nothing_is_an_error(where, holdout, words):
    with pytest.raises(ExpressionError) as error:
        split(read(TABLE), where, holdout)
    assert words in str(error.value)
