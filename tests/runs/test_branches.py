"""Branches: the history before their own steps, or the name of the run that is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import published, read
from jaxlaws.runs.branches import families


def run(name, steps, lr, parent="", parent_step=np.nan, **labels):
    steps = np.asarray(steps)
    loss = 3.0 + 1.0 / (1.0 + steps)
    rate = np.full(len(steps), lr, dtype=float)
    return pd.DataFrame(
        {"run": name, "step": steps, "loss": loss, "lr": rate, "parent": parent, "parent_step": parent_step, **labels}
    )


TRUNK = run("trunk", range(0, 1001, 10), 1e-3, kind="constant")
BRANCH = run("cooldown", range(610, 801, 10), 5e-4, "trunk", 600, kind="wsd")
SECOND = run("again", range(705, 901, 10), 2e-4, "cooldown", 700, kind="wsd")


def table(*frames):
    return pd.concat(frames, ignore_index=True)


def test_a_branch_begins_with_its_parents_rows():
    runs = read(table(TRUNK, BRANCH), stitch=True)
    assert runs.names == ["trunk", "cooldown"]
    rows = runs.of("cooldown")
    assert rows["step"].tolist() == list(range(0, 801, 10))
    assert rows["lr"].tolist() == [1e-3] * 61 + [5e-4] * 20
    assert set(rows["kind"]) == {"wsd"} and len(runs.of("trunk")) == 101
    assert [f.by_run for f in runs.findings if f.kind == "stitched"] == [{"cooldown": 61}]


def test_a_branch_of_a_branch_goes_back_to_the_trunk():
    rows = read(table(SECOND, BRANCH, TRUNK), stitch=True).of("again")
    steps = rows["step"].to_numpy()
    assert (np.diff(steps) > 0).all() and steps[0] == 0
    assert rows["lr"].tolist() == [1e-3] * 61 + [5e-4] * 10 + [2e-4] * 20


def test_without_a_stated_step_the_parent_counts_up_to_the_branch():
    branch = BRANCH.assign(parent_step=np.nan)
    assert read(table(TRUNK, branch), stitch=True).of("cooldown")["step"].tolist() == list(range(0, 801, 10))


def test_own_rows_win_where_both_logged_a_step():
    branch = run("cooldown", range(500, 801, 10), 5e-4, "trunk", 600)
    rows = read(table(TRUNK, branch), stitch=True).of("cooldown")
    assert not rows["step"].duplicated().any() and rows.loc[rows["step"] >= 500, "lr"].eq(5e-4).all()


def test_logged_rates_of_a_branch_go_back_to_its_parents_without_stitching():
    runs = read(table(TRUNK, BRANCH))
    assert len(runs.of("cooldown")) == 20
    np.testing.assert_allclose(runs.rates("cooldown").lr[1:601], 1e-3)
    picked = runs.where("run == 'cooldown'")
    np.testing.assert_array_equal(picked.rates("cooldown").lr, runs.rates("cooldown").lr)


def test_stitched_rates_are_those_of_the_branch():
    apart, whole = read(table(TRUNK, BRANCH)), read(table(TRUNK, BRANCH), stitch=True)
    np.testing.assert_array_equal(apart.rates("cooldown").lr, whole.rates("cooldown").lr)


def test_an_absent_parent_is_named():
    with pytest.raises(TableError, match="'cooldown' from 'trunk'.*give `--policy orphan=drop`"):
        read(BRANCH, stitch=True)
    with pytest.raises(TableError, match="goes on from run 'trunk', which is not in the table"):
        read(BRANCH).rates("cooldown")


def test_an_orphan_is_dropped_with_its_branches_or_kept():
    frame = table(run("alone", range(10), 1e-3), BRANCH, SECOND)
    assert read(frame, stitch=True, policies={"orphan": "drop"}).names == ["alone"]
    kept = read(frame, stitch=True, policies={"orphan": "keep"})
    assert kept.names == ["alone", "cooldown", "again"] and kept.of("again")["step"].min() == 610


def test_a_run_that_comes_from_itself_is_refused():
    circle = table(BRANCH.assign(parent="again"), SECOND)
    with pytest.raises(TableError, match="goes on from itself, by way of"):
        read(circle, stitch=True)


def test_public_branches_are_stitched_or_named(data_dir):
    runs = published("lr_schedules")
    labels = runs.frame.drop_duplicates("run").set_index("run")
    # Those that are said to go on from step 0 have their whole log themselves.
    branches = labels["parent"][(labels["parent"] != "") & (labels["parent_step"] > 0)]
    there = set(runs.names)
    with pytest.raises(TableError) as error:
        runs.stitched()
    assert any(parent in str(error.value) for parent in branches if parent not in there)
    whole = read(runs, stitch=True, policies={"orphan": "drop"})
    stitched = next(f.by_run for f in whole.findings if f.kind == "stitched")
    left_out = next(f.by_run for f in whole.findings if f.kind == "orphan")
    assert len(there) == 150 and len(whole.names) + len(left_out) == 150
    assert set(stitched) | set(left_out) == set(branches.index)
    print(f"\nlr_schedules: 150 runs, {len(stitched)} branches stitched, {len(left_out)} without their parent")
    for name in stitched:
        rows = whole.of(name)
        assert (rows["step"].diff().dropna() > 0).all() and rows["step"].min() <= 50


def test_whole_numbers_name_runs_and_parents_alike():
    frame = table(TRUNK, BRANCH).assign(run=[7] * 101 + [8] * 20, parent=[np.nan] * 101 + [7.0] * 20)
    runs = read(frame)
    assert runs.lineage("8") == [("8", np.inf), ("7", 600.0)]
    assert read(frame, stitch=True).of("8")["step"].tolist() == list(range(0, 801, 10))


def test_a_family_is_a_trunk_with_its_branches():
    other = run("other", range(0, 901, 10), 1e-3).assign(loss=4.0)
    orphans = [
        run(n, range(610, 801, 10), 5e-4, "gone", 600).assign(loss=x) for n, x in (("left", 3.5), ("right", 3.6))
    ]
    runs = read(table(TRUNK, BRANCH, SECOND, other, *orphans))
    assert families(runs) == {
        "trunk": "trunk",
        "cooldown": "trunk",
        "again": "trunk",
        "other": "other",
        "left": "left",
        "right": "left",
    }
    assert set(families(read(table(TRUNK, BRANCH), stitch=True)).values()) == {"trunk"}  # which share their first rows
    assert families(runs.where("step > 700 and lr < 1e-3"))["again"] == "cooldown"
    points = read({"N": [1e8, 1e8], "loss": [3.0, 3.0]})
    assert families(points) == {"row 1": "row 1", "row 2": "row 2"}
