"""The door: what it refuses, drops or keeps, and how it says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import check_columns, read

POINT = {"N": [1e6, 2e6, 3e6], "D": [1e9, 2e9, 4e9], "loss": [3.0, 2.9, 2.8]}
CURVE = {"run": ["a", "a", "b", "b"], "step": [1, 2, 1, 2], "loss": [3.0, 2.9, 3.1, 3.0], "lr": [1.0, 1.0, 1.0, 1.0]}


def changed(table, **columns):
    return pd.DataFrame({**table, **columns})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (changed(POINT, loss=[3.0, np.nan, 2.8]), "row 2: loss is nan or empty; give `--policy nonfinite=drop`"),
        (changed(CURVE, loss=[3.0, np.nan, 3.1, np.nan]), "2 rows (2, 4; runs 'a', 'b'): loss is nan"),
        (changed(POINT, loss=[3.0, 2.9, np.inf]), "row 3: loss is infinite; give `--policy nonfinite=drop`"),
        (
            changed(POINT, loss=[3.0, 0.0, 2.8]),
            "row 2: loss is 0, and must be above 0; give `--policy nonpositive_loss=drop`",
        ),
        (changed(CURVE, loss=[3.0, 2.9, -1.5, 3.0]), "row 3 (run 'b'): loss is -1.5, and must be above 0"),
        (
            changed(CURVE, step=[1, 1, 1, 2]),
            "row 2 (run 'a'): step 1 is there already; give `--policy duplicated_steps=drop`",
        ),
        (changed(CURVE, step=[2, 1, 1, 2]), "row 2 (run 'a'): step 1 comes after a later one"),
        (changed(CURVE, step=[2, 1, 1, 2]), "give `--policy unsorted_steps=keep` to sort them"),
        (changed(CURVE, step=[1, np.nan, 1, 2]), "row 2 (run 'a'): step is nan or empty"),
        (changed(CURVE, step=[1, 2.5, 1, 2]), "row 2: step is 2.5; steps are whole numbers of at least 0"),
        (changed(CURVE, step=[1, -2, 1, 2]), "row 2: step is -2; steps are whole numbers"),
        (changed(CURVE, run=["a", None, "b", "b"]), "row 2 names no run in column `run`"),
        (changed(POINT, loss=[3.0, "high", 2.8]), "row 2: column `loss` must hold numbers; got 'high'"),
        (changed(POINT, N=["1e6", "2,000", "x"]), "row 2 (and 1 more): column `N` must hold numbers; got '2,000'"),
        (changed(POINT, D=[True, False, True]), "row 1 (and 2 more): column `D` must hold numbers; got 'True'"),
    ],
)
def test_table_is_refused_at_the_door(table, words):
    with pytest.raises(TableError) as error:
        read(table)
    assert str(error.value).startswith("DataFrame: ") and words in str(error.value)


@pytest.mark.parametrize(
    ("table", "used", "words"),
    [
        (changed(POINT, N=[1e6, np.nan, 3e6]), "N", "row 2: N is nan or empty; give `--policy nonfinite=drop`"),
        (changed(POINT, D=[1e9, 0, 4e9]), "D", "row 2: D is 0, and must be above 0; give `--policy nonpositive=drop`"),
        (changed(POINT, C=[1e19, 1e19, -1]), "C", "row 3: C is -1, and must be above 0"),
        (changed(POINT, batch=[1, 1, 0]), "batch", "row 3: batch is 0, and must be above 0"),
        (changed(CURVE, lr=[1.0, np.inf, 1.0, 1.0]), "lr", "row 2 (run 'a'): lr is nan, empty or infinite"),
        (changed(CURVE, lr=[1.0, 1.0, -1e-3, 1.0]), "lr", "row 3 (run 'b'): lr is -0.001, and must be at least 0"),
        (changed(POINT, M=[1.0, np.nan, 2.0]), "M", "row 2: M is nan or empty"),
        (changed(POINT, M=["a", "b", "c"]), "M", "row 1 (and 2 more): column `M` must hold numbers; got 'a'"),
    ],
)
def test_column_is_checked_only_when_it_is_used(table, used, words):
    runs = read(table)
    runs.checked(["loss"])
    with pytest.raises(TableError) as error:
        runs.checked(["loss", used])
    assert words in str(error.value)


def test_drop_leaves_the_rows_out_and_says_so():
    runs = read(changed(POINT, loss=[3.0, np.nan, 2.8]), policies={"nonfinite": "drop"})
    assert runs.frame.index.tolist() == [1, 3]
    (finding,) = runs.findings
    assert (finding.kind, finding.policy, finding.count, finding.rows) == ("nonfinite", "drop", 1, (2,))
    assert finding.message == "DataFrame: row 2: loss is nan or empty; left out."


def test_keep_leaves_the_rows_in_and_says_so():
    runs = read(changed(POINT, loss=[3.0, np.nan, 2.8]), policies={"nonfinite": "keep"})
    assert len(runs) == 3 and [f.policy for f in runs.findings] == ["keep"]


def test_drop_of_duplicated_steps_keeps_the_first():
    runs = read(changed(CURVE, step=[1, 1, 1, 2]), policies={"duplicated_steps": "drop"})
    assert runs.column("loss").tolist() == [3.0, 3.1, 3.0]


def test_keep_of_unsorted_steps_sorts_within_runs():
    runs = read(changed(CURVE, step=[2, 1, 1, 2]), policies={"unsorted_steps": "keep"})
    assert runs.column("step").tolist() == [1, 2, 1, 2] and runs.frame.index.tolist() == [2, 1, 3, 4]
    assert runs.findings[0].message.endswith("sorted.")


def test_drop_of_unsorted_steps_leaves_out_those_that_go_back():
    runs = read(changed(CURVE, step=[2, 1, 1, 2]), policies={"unsorted_steps": "drop"})
    assert runs.frame.index.tolist() == [1, 3, 4]


def test_interleaved_runs_are_not_unsorted():
    table = changed(CURVE, run=["a", "b", "a", "b"], step=[1, 1, 2, 2])
    assert read(table).findings == ()


def test_row_without_a_step_cannot_be_kept():
    with pytest.raises(TableError, match="nonfinite=drop"):
        read(changed(CURVE, step=[1, np.nan, 1, 2]), policies={"nonfinite": "keep"})
    left = read(changed(CURVE, step=[1, np.nan, 1, 2]), policies={"nonfinite": "drop"})
    assert left.frame["step"].dtype == np.int64 and len(left) == 3


def curve(losses):
    return {"step": np.arange(len(losses)), "loss": losses}


def test_run_that_ends_far_above_its_lowest_loss_is_noted_as_diverged():
    losses = np.concatenate([np.linspace(6, 3, 40), np.linspace(3, 7, 20)])
    (finding,) = read(curve(losses)).findings
    assert (finding.kind, finding.policy) == ("diverged", "keep")
    assert "the loss ends above 1.5 x its lowest" in finding.message


@pytest.mark.parametrize("losses", [np.linspace(6, 3, 40), [6, 3], [3.0], np.append(np.linspace(6, 3, 40), 9.0)])
def test_run_that_falls_or_has_one_spike_is_not_diverged(losses):
    assert read(curve(losses)).findings == ()


def test_diverged_run_is_left_out_whole_when_told_so():
    falls, blows = np.linspace(6, 3, 40), np.concatenate([np.linspace(6, 3, 30), np.full(10, 8.0)])
    table = {"run": ["a"] * 40 + ["b"] * 40, "step": [*range(40)] * 2, "loss": [*falls, *blows]}
    runs = read(table, policies={"diverged": "drop"})
    assert runs.names == ["a"] and runs.findings[0].runs == ("b",)


def test_input_with_one_value_is_noted():
    runs = read(changed(POINT, N=[1e6, 1e6, 1e6])).checked(["N", "D", "loss"])
    (finding,) = runs.findings
    assert finding.kind == "constant_input" and "N is 1e+06 in every row" in finding.message


def test_checking_twice_changes_nothing():
    table = changed(POINT, N=[1e6, 1e6, 1e6], D=[1e9, np.nan, 3e9])
    once = read(table, policies={"nonfinite": "drop"}).checked(["N", "D", "loss"])
    twice = once.checked(["N", "D", "loss"])
    assert twice.findings == once.findings and twice.sha256 == once.sha256


def test_exact_schedule_makes_the_logged_rate_unused():
    table = changed(CURVE, lr=[np.nan, 1.0, -1.0, 1.0])
    runs = read(table, schedules={"a": "constant(peak=1.0)", "b": "constant(peak=1.0)"})
    assert len(runs.checked(["loss", "lr"])) == 4


def test_nothing_left_is_an_error():
    with pytest.raises(TableError, match="no row is left after `--policy nonfinite=drop`"):
        read({"loss": [np.nan, np.nan]}, policies={"nonfinite": "drop"})


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"nonfinit": "drop"}, "`--policy nonfinit=drop`: unknown check `nonfinit`; nearest: `nonfinite`"),
        ({"nonfinite": "ignore"}, "the policy must be one of raise, drop, keep"),
        ({"constant_input": "drop"}, "the policy must be one of raise, keep"),
    ],
)
def test_unknown_policy_is_refused(policies, words):
    with pytest.raises(TableError) as error:
        read(POINT, policies=policies)
    assert words in str(error.value)


def test_policies_may_be_given_to_the_check_itself():
    runs = read(changed(POINT, D=[1e9, 0.0, 3e9]))
    assert len(check_columns(runs, ["D"], {"nonpositive": "drop"})) == 2


def test_interleaved_runs_of_different_lengths_are_looked_at_one_by_one():
    falls, blows = np.linspace(6, 3, 40), np.concatenate([np.linspace(6, 3, 15), np.full(5, 9.0)])
    rows = [("a", s, falls[s]) for s in range(40)] + [("b", s, blows[s]) for s in range(20)]
    rows.sort(key=lambda row: (row[1], row[0]))  # b ends before a does
    (finding,) = read(pd.DataFrame(rows, columns=["run", "step", "loss"])).findings
    assert finding.kind == "diverged" and finding.by_run == {"b": 20}
