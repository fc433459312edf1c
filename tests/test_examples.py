"""Every script under examples/ runs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from jaxlaws.schedules import parse

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_training_script_writes_curves_and_the_facts_about_them(python, tmp_path):
    python(str(EXAMPLES / "train_tiny_transformers.py"), "--quick", "--out", str(tmp_path))

    table = pd.read_parquet(tmp_path / "tiny_transformers.parquet")
    facts = json.loads((tmp_path / "tiny_transformers.json").read_text())

    assert {"run", "kind", "size", "N", "schedule", "lr_schedule", "batch", "seed"} <= set(table)
    assert {"step", "D", "lr", "loss", "train_loss", "train_loss_smooth"} <= set(table)
    assert table["step"].iloc[-1] == parse(table["lr_schedule"].iloc[0]).total
    assert table["loss"].between(0.0, 6.0).all()  # log 256 = 5.5 nats a byte is knowing nothing
    assert (table["D"] == table["step"] * table["batch"]).all()
    assert [run["name"] for run in facts["runs"]] == list(table["run"].unique())
    assert {"seconds", "corpus", "versions", "machine"} <= set(facts)


def test_planning_script_trains_a_run_and_keeps_it(python, tmp_path):
    first = python(str(EXAMPLES / "plan_and_train.py"), "--quick", "--out", str(tmp_path))
    (part,) = (tmp_path / "parts").glob("*.parquet")
    kept = part.read_bytes()
    again = python(str(EXAMPLES / "plan_and_train.py"), "--quick", "--out", str(tmp_path))
    assert again == first and part.read_bytes() == kept
    curve = pd.read_parquet(part)
    assert curve["step"].iloc[-1] == 50 and curve["loss"].between(0.0, 6.0).all()


@pytest.mark.slow
def test_the_table_of_the_planning_script_comes_back_from_its_curves(python):
    folder = EXAMPLES / "plan_and_train"
    printed = python(str(EXAMPLES / "plan_and_train.py"), "--table", "--out", str(folder))
    stored = (folder / "table.md").read_text().splitlines()
    # Digits that are printed; a fit on another machine may differ in the last one.
    for line in (line for line in stored if line.startswith("| ")):
        label = line.split("|")[1]
        (again,) = [other for other in printed.splitlines() if other.startswith(f"|{label}|")]
        for a, b in zip(line.split("|")[2:7], again.split("|")[2:7], strict=True):
            assert a == b or abs(float(a) - float(b)) <= 2e-4, (line, again)
