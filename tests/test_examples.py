"""Every script under examples/ runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pandas as pd
import pytest

from jaxlaws.schedules import parse

EXAMPLES = Path(__file__).parents[1] / "examples"
NUMBERED = sorted(EXAMPLES.glob("0*.py"))

# What must hold of the names of each script when it has run. Scripts of one set run in one process and share what is compiled.
QUICK = {
    "01_size_and_data": "score['mape'] < 0.01 and found.agree > 0.5",
    "03_how_sure": "all(held.values()) and size.low < true_size < size.high",
    "05_plan_a_budget": "abs(best.inputs['D'][0] / best.inputs['N'][0] - 21.4) < 0.1 and served.inputs['N'] < 1e10",
}
SLOW = {
    "02_another_schedule": "score['run_mean']['mae'] < 0.01",
    "04_which_law": "ranking.standings[0].name == 'progress_noise' and ranking.standings[0].error < 0.01",
    "06_rate_batch_and_schedule": "0.01 < best.lr[0] < 0.02 and chosen.gains['cosine'].gain > 0.1",
    "07_many_runs": "again.kept == 1 and again.written == 0 and len(fits) > 50 and len(odd) > 0",
    "08_watch_a_run": "all(line.low < end < line.high for line in lines)",
}


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


def ran(python, tmp_path, claims: dict[str, str]) -> None:
    """Runs scripts, each with names of its own, and holds their names against the claims."""
    (tmp_path / "run.py").write_text(
        "import runpy, sys\n"
        f"for name, claim in {claims}.items():\n"
        "    sys.argv = [name]\n"
        f"    names = runpy.run_path({str(EXAMPLES)!r} + f'/{{name}}.py', run_name='__main__')\n"
        "    assert eval(claim, names), (name, claim)\n"
    )
    # Compiled in half of the time; numbers differ in the last place.
    python("run.py", XLA_FLAGS="--xla_cpu_use_fusion_emitters=false")


@pytest.mark.timeout(900)  # twenty seconds by itself, and other tests run beside it
def test_numbered_examples_answer_their_questions(python, tmp_path):
    ran(python, tmp_path, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_numbered_examples_that_take_longer_do_too(python, tmp_path):
    ran(python, tmp_path, SLOW)


def test_the_list_of_examples_has_each_with_its_question():
    assert sorted({*QUICK, *SLOW}) == [path.stem for path in NUMBERED]
    listed = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        question = ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]
        assert question.rstrip().endswith(("?", "trains.")), path.name
        assert f"[{path.name}]({path.name}) | {question} |" in listed, path.name


@pytest.mark.slow
def test_the_tour_runs_and_shows_what_is_stored_in_it(python, tmp_path):
    python(
        "-c",
        f"""
import nbclient, nbformat
book = nbformat.read({str(EXAMPLES / "tour.ipynb")!r}, 4)
nbclient.NotebookClient(book, timeout=600, kernel_name="python3").execute()
nbformat.write(book, "tour.ipynb")
""",
        XLA_FLAGS="--xla_cpu_use_fusion_emitters=false",
    )
    stored, again = (
        [
            cell["outputs"]
            for cell in json.loads((folder / "tour.ipynb").read_text())["cells"]
            if cell["cell_type"] == "code"
        ]
        for folder in (EXAMPLES, tmp_path)
    )
    errors = []
    for before, now in zip(stored, again, strict=True):
        assert [sorted(output.get("data", ())) for output in before] == [sorted(o.get("data", ())) for o in now]
        text = "".join(line for output in now for line in output.get("text", ()))
        errors += [float(line.split()[0]) for line in text.splitlines() if "mean absolute error" in line]
    assert sum("image/svg+xml" in output.get("data", ()) for cell in again for output in cell) == 3
    assert len(errors) == 1 and errors[0] < 0.01


@pytest.mark.slow
def test_a_watched_run_picks_its_cooldown_is_kept_and_is_drawn(python, tmp_path):
    command = [str(EXAMPLES / "forecast_while_training.py"), "--quick", "--out", str(tmp_path), "--plot", "f.svg"]
    python(*command, XLA_FLAGS="--xla_cpu_use_fusion_emitters=false")
    run = json.loads((tmp_path / "live-0.json").read_text())
    assert [line["step"] for line in run["lines"]] == [400, 425]
    assert all(0.0 < line["low"] < line["loss"] < line["high"] for line in run["lines"])
    assert 1.0 < run["end"] < 3.0 and run["begin"] in (None, 400, 425)
    kept = (tmp_path / "live-0.json").stat().st_mtime_ns
    python(*command)
    assert (tmp_path / "live-0.json").stat().st_mtime_ns == kept
    assert (tmp_path / "f.svg").read_text().startswith("<svg")


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
