"""A table as the door sees it."""

from __future__ import annotations

import pytest

BAD = "run,step,loss,lr\na,1,4.0,0.1\na,2,nan,0.1\na,2,3.0,0.1\na,4,-1.0,0.1\n"


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(BAD)
    return path


def test_a_good_table_shows_columns_runs_and_rates(jaxlaws, curves):
    seen = jaxlaws("check", curves, "--law", "lr_annealing", "--json").document
    assert seen["ok"] and seen["problems"] == [] and seen["rows"] == 78
    assert [(r["run"], r["rows"], r["first"], r["last"]) for r in seen["runs"]] == [
        ("one", 39, 10, 390),
        ("two", 39, 10, 390),
    ]
    assert all("linear from 0" in r["rate"] for r in seen["runs"])
    assert "No problems." in jaxlaws("check", curves).out


def test_columns_that_go_by_another_name_are_shown(jaxlaws, powers):
    seen = jaxlaws("check", powers, "--column", "D=x", "--json").document
    assert {"name": "D", "from": "x"} in seen["columns"]


def test_all_problems_are_shown_at_once_with_their_rows(jaxlaws, bad):
    done = jaxlaws("check", bad, "--json")
    assert done.status == 2 and len(done.notes) == 1 and done.notes[0].startswith("jaxlaws: error: ")
    refused = {p["kind"]: p["rows"] for p in done.document["problems"] if p["policy"] == "raise"}
    assert refused == {"nonfinite": [2], "duplicated_steps": [3], "nonpositive_loss": [4]}


def test_a_policy_settles_a_problem(jaxlaws, bad):
    settled = ["--policy", "nonfinite=drop", "--policy", "duplicated_steps=drop", "--policy", "nonpositive_loss=drop"]
    done = jaxlaws("check", bad, *settled)
    assert done.status == 0 and done.out.count("dropped") >= 2 and "refused" not in done.out


def test_a_column_that_the_law_needs_is_named(jaxlaws, powers):
    done = jaxlaws("check", powers, "--law", "chinchilla")
    assert done.status == 2 and done.out == "" and len(done.notes) == 1 and "`N`" in done.notes[0]
