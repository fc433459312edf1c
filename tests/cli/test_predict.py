"""Predicting from the shell: at inputs, along a schedule, row by row."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from jaxlaws.fitting import load

POWER = ("--law", "power", "--starts", "8")


@pytest.fixture
def fitted(jaxlaws, powers):
    assert jaxlaws("fit", powers, *POWER, "--where", "x < 1e4", "--out", "f.json").status == 0
    return "f.json"


@pytest.fixture
def fitted_curves(jaxlaws, curves):
    assert jaxlaws("fit", curves, "--law", "lr_annealing", "--starts", "4", "--out", "c.json").status == 0
    return "c.json"


def table(text):
    return list(csv.DictReader(text.splitlines()))


def test_at_inputs(jaxlaws, fitted):
    done = jaxlaws("predict", fitted, "--at", "x=1e6", "--json").document
    (row,) = done["predictions"]
    assert row["x"] == 1e6 and row["predicted"] == pytest.approx(3.0 * 1e6**-0.2)
    assert done["quantity"] == "loss" and done["reach"]["x"] == pytest.approx(1e6 / load(fitted).largest["x"])
    human = jaxlaws("predict", fitted, "--at", "x=1e6").out
    assert "0.1892" in human and "extrapolates: x is " in human


def test_inside_the_fitted_range_nothing_is_said_of_extrapolation(jaxlaws, fitted):
    assert "extrapolates" not in jaxlaws("predict", fitted, "--at", "x=10").out


def test_a_table_is_predicted_by_row_with_its_errors(jaxlaws, fitted, powers):
    done = jaxlaws("predict", fitted, powers)
    rows = table(done.out)
    assert len(rows) == 16 and list(rows[0]) == ["run", "x", "predicted"]
    x, predicted = (np.array([float(row[k]) for row in rows]) for k in ("x", "predicted"))
    np.testing.assert_allclose(predicted, 3.0 * x**-0.2, rtol=1e-6)
    assert any(note.startswith("16 outcomes are known") for note in done.notes)
    document = jaxlaws("predict", fitted, powers, "--json").document
    assert document["errors"]["rows"] == 16 and len(document["predictions"]) == 16


def test_out_writes_what_stdout_would_have(jaxlaws, fitted, powers):
    printed = jaxlaws("predict", fitted, powers).out
    done = jaxlaws("predict", fitted, powers, "--out", "p.csv")
    assert Path("p.csv").read_text() == printed and "16 outcomes are known" in done.out


def test_a_table_without_outcomes_has_no_errors(jaxlaws, fitted, tmp_path):
    (tmp_path / "new.csv").write_text("x\n1\n10\n")
    assert "errors" not in jaxlaws("predict", fitted, "new.csv", "--json").document


def test_curves_are_predicted_by_step(jaxlaws, fitted_curves, curves):
    rows = table(jaxlaws("predict", fitted_curves, curves, "--where", "run == 'two' and step > 300").out)
    assert list(rows[0]) == ["run", "step", "predicted"]
    assert [(row["run"], row["step"]) for row in rows] == [("two", str(s)) for s in range(310, 400, 10)]


def test_along_a_schedule(jaxlaws, fitted_curves):
    spec = "linear(peak=1e-3, total=800)"
    done = jaxlaws("predict", fitted_curves, "--schedule", spec, "--steps", "100,800", "--json").document
    expected = load(fitted_curves).predict(schedule=spec, at=[100, 800])
    assert [row["step"] for row in done["predictions"]] == [100, 800]
    assert [row["predicted"] for row in done["predictions"]] == expected.tolist()
    assert done["reach"] == {"step": pytest.approx(800 / 390)}


def test_a_schedule_is_predicted_at_its_end_unless_steps_are_given(jaxlaws, fitted_curves):
    done = jaxlaws("predict", fitted_curves, "--schedule", "linear(peak=1e-3, total=800)", "--json").document
    assert [row["step"] for row in done["predictions"]] == [800]


def test_groups_predict_their_own_rows(jaxlaws, powers):
    jaxlaws("fit", powers, *POWER, "--by", "kind", "--where", "kind == 'a'", "--out", "g.json")
    done = jaxlaws("predict", "g.json", powers)
    assert [row["predicted"] == "" for row in table(done.out)] == [False, True] * 8
    assert any(note.startswith("8 rows belong to no fitted group") for note in done.notes)
    (row,) = jaxlaws("predict", "g.json", "--at", "x=10", "--json").document["predictions"]
    assert row["kind"] == "a" and row["predicted"] == pytest.approx(3.0 * 10**-0.2)
