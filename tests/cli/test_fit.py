"""Fitting from the shell: what is printed, what is stored, and which rows are fitted and scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxlaws.cli import fit as fit_file
from jaxlaws.fitting import load
from jaxlaws.spec import catalogue

KEYS = {"law", "variant", "params", "fixed", "objective", "rows", "runs", "status", "starts", "seconds"}
ERRORS = {"mae", "rmse", "mape", "worst", "r2"}
POWER = ("--law", "power", "--starts", "8")


def test_json_is_one_document_with_the_promised_keys(jaxlaws, powers):
    done = jaxlaws("fit", powers, *POWER, "--holdout", "x > 1e4", "--json")
    fit = done.document
    assert done.status == 0 and set(fit) >= KEYS
    assert fit["law"] == "power" and fit["status"] == "converged" and set(fit["starts"]) == {"run", "agree"}
    assert fit["params"] == pytest.approx({"A": 3.0, "alpha": 0.2}, rel=1e-6)
    assert set(fit["seconds"]) == {"compile", "run"} and fit["rows"] == 13
    assert {"rows", "by_run", "run_mean", "repeated", "noise", "noise_floor"} | ERRORS == set(fit["holdout"]) and fit[
        "holdout"
    ]["rows"] == 3
    assert fit["holdout"]["mape"] < 1e-5


def test_notes_go_to_stderr_in_plain_lines(jaxlaws, powers):
    done = jaxlaws("fit", powers, *POWER)
    assert any(note.startswith("reading ") for note in done.notes)
    assert any("power" in note and "16 rows" in note and "8 starts" in note for note in done.notes)
    assert "\x1b" not in "".join(done.notes)


def test_the_report_and_the_errors_are_on_stdout(jaxlaws, powers):
    done = jaxlaws("fit", powers, *POWER, "--holdout", "x > 1e4")
    assert done.out.startswith("power fitted to ") and "alpha  0.2" in done.out and "held out" in done.out


def test_rows_in_both_expressions_are_scored_and_counted(jaxlaws, powers):
    # x is 10^(i/3): 2154 and 4642 lie in both.
    done = jaxlaws("fit", powers, *POWER, "--where", "x < 5e3", "--holdout", "x > 2e3", "--json")
    assert (done.document["rows"], done.document["holdout"]["rows"]) == (10, 6)
    assert any(note.startswith("2 rows match both") for note in done.notes)


def test_holdout_of_curves_is_scored_by_run_and_as_their_mean(jaxlaws, curves):
    fit = ("fit", curves, "--law", "lr_annealing", "--starts", "4", "--holdout", "run == 'two'", "--json")
    holdout = jaxlaws(*fit).document["holdout"]
    assert set(holdout["by_run"]) == {"two"} and set(holdout["run_mean"]) == ERRORS
    assert holdout["run_mean"]["mae"] == holdout["by_run"]["two"]["mae"]


def test_groups_are_fitted_and_scored_by_their_key(jaxlaws, powers):
    fit = jaxlaws("fit", powers, *POWER, "--by", "kind", "--holdout", "x > 1e4", "--json").document
    assert fit["law"] == "power" and fit["by"] == ["kind"] and [g["key"] for g in fit["groups"]] == ["a", "b"]
    assert all(set(group) >= KEYS for group in fit["groups"])
    assert sorted(group["holdout"]["rows"] for group in fit["groups"]) == [1, 2]


def test_a_bad_group_costs_that_group(jaxlaws, tmp_path):
    rows = [f"a,{x},{3 * x**-0.2}" for x in range(1, 9)] + ["b,1,3"]
    (tmp_path / "t.csv").write_text("\n".join(["g,x,loss", *rows]) + "\n")
    done = jaxlaws("fit", "t.csv", *POWER, "--by", "g", "--json")
    good, bad = done.document["groups"]
    assert done.status == 0 and good["status"] == "converged"
    assert (
        bad["status"] == "too_few_rows" and bad["params"] == {"A": None, "alpha": None} and "too few" in bad["reason"]
    )


def test_no_fitted_group_is_exit_1(jaxlaws, tmp_path):
    (tmp_path / "t.csv").write_text("g,x,loss\na,1,3\nb,1,3\n")
    assert jaxlaws("fit", "t.csv", *POWER, "--by", "g", "--json").status == 1
    assert jaxlaws("fit", "t.csv", *POWER, "--by", "g").status == 1


def test_many_groups_become_a_table(jaxlaws, tmp_path):
    rows = [f"{g},{x},{3 * x**-0.2}" for g in "abcdefgh" for x in range(1, 9)]
    (tmp_path / "t.csv").write_text("\n".join(["g,x,loss", *rows]) + "\n")
    done = jaxlaws("fit", "t.csv", *POWER, "--by", "g")
    assert done.status == 0 and [line.split()[0] for line in done.out.splitlines()[3:]] == list("abcdefgh")


def test_own_columns_and_units_and_a_formula(jaxlaws, tmp_path):
    pairs = [(n, d) for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)]
    rows = [f"{n:.0f},{d / 1e9},{1.8 + 400 / n**0.34 + 2000 / d**0.37}" for n, d in pairs]
    (tmp_path / "own.csv").write_text("\n".join(["size,billions,final", *rows]) + "\n")
    named = ["--column", "N=size", "--column", "D=billions", "--column", "loss=final", "--unit", "D=billions"]
    fixed = ["--fix", "alpha=0.34", "--fix", "beta=0.37"]
    formula = ["--law", "E + A/N^alpha + B/D^beta", "--starts", "8"]
    fit = jaxlaws("fit", "own.csv", *formula, *named, *fixed, "--json").document
    assert fit["fixed"] == ["alpha", "beta"]
    assert fit["params"] == pytest.approx({"E": 1.8, "A": 400.0, "alpha": 0.34, "B": 2000.0, "beta": 0.37}, rel=1e-5)


def test_a_formula_of_other_columns_takes_them_from_the_table(jaxlaws, powers):
    fit = jaxlaws("fit", powers, "--law", "A * x^(-a)", "--starts", "8", "--json").document
    assert fit["params"] == pytest.approx({"A": 3.0, "a": 0.2}, rel=1e-6)


def test_options_reach_the_fit(jaxlaws, powers):
    held = jaxlaws("fit", powers, *POWER, "--bound", "alpha=0.3:0.9", "--json").document
    assert held["at_bound"] == ["alpha"] and held["params"]["alpha"] == pytest.approx(0.3)
    pulled = jaxlaws(
        "fit", powers, *POWER, "--prior", "alpha=0.4:1e-9", "--objective", "squared:log", "--json"
    ).document
    assert pulled["params"]["alpha"] == pytest.approx(0.4, rel=1e-3) and pulled["objective_spec"] == "squared:log"


def test_a_policy_drops_rows_and_says_so(jaxlaws, tmp_path):
    rows = [f"{x},{3 * x**-0.2}" for x in range(1, 9)]
    (tmp_path / "t.csv").write_text("\n".join(["x,loss", *rows, "9,nan"]) + "\n")
    done = jaxlaws("fit", "t.csv", *POWER, "--policy", "nonfinite=drop", "--json")
    assert done.document["rows"] == 8 and any("row 9" in note and "left out" in note for note in done.notes)
    assert any("row 9" in note for note in done.document["notes"])


def test_bad_rows_to_score_are_found_out_before_the_fit(jaxlaws, tmp_path, monkeypatch):
    pairs = [(n, 2e9 + n, 3.0) for n in (1e7, 1e8, 1e9)]
    rows = [f"{n},{d},{loss}" for n, d, loss in [*pairs, (1e10, -1, 2.0)]]
    (tmp_path / "t.csv").write_text("\n".join(["N,D,loss", *rows]) + "\n")
    monkeypatch.setattr("jaxlaws.fitting.fit", lambda *a, **k: pytest.fail("fitted first"))
    done = jaxlaws("fit", "t.csv", "--law", "chinchilla", "--holdout", "N > 5e9")
    assert done.status == 2 and len(done.notes) == 1 and "row 4" in done.notes[0] and "D is -1" in done.notes[0]


def test_a_stored_fit_is_the_printed_one_and_knows_its_rows(jaxlaws, powers):
    fit = jaxlaws("fit", powers, *POWER, "--where", "x < 1e4", "--out", "f.json", "--json").document
    stored = load("f.json")
    assert dict(stored.params) == fit["params"] and stored.where == "x < 1e4"
    jaxlaws("fit", powers, *POWER, "--by", "kind", "--out", "g.json")
    assert list(load("g.json")) == ["a", "b"]


def test_without_a_law_curves_get_the_default(jaxlaws, curves, monkeypatch):
    monkeypatch.setattr(fit_file, "DEFAULT", "lr_annealing")  # compiles faster than the real one
    done = jaxlaws("fit", curves, "--starts", "4", "--json")
    assert done.document["law"] == "lr_annealing" and any("no --law" in note for note in done.notes)


def test_the_default_law_is_in_the_catalogue():
    assert catalogue[fit_file.DEFAULT].is_curve


def test_exact_schedules_are_taken_from_a_file(jaxlaws, curves):
    Path("s.toml").write_text('one = "linear(peak=1e-3, total=400)"\ntwo = "linear(peak=2e-3, total=400)"\n')
    jaxlaws("fit", curves, "--law", "lr_annealing", "--starts", "4", "--schedules", "s.toml", "--out", "f.json")
    assert "linear(peak=0.001, total=400" in load("f.json").schedules["one"]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "html"])
def test_a_plot_is_written(jaxlaws, powers, ending):
    done = jaxlaws("fit", powers, *POWER, "--holdout", "x > 1e4", "--plot", f"p.{ending}")
    marks = {"png": b"\x89PNG\r\n", "svg": b"<svg", "pdf": b"%PDF", "html": b"<!DOCTYPE html>"}
    assert done.status == 0 and Path(f"p.{ending}").read_bytes().startswith(marks[ending])


def test_rows_of_public_curves_in_both_expressions_are_held_out(jaxlaws, data_dir):
    fitted = "('cosine_24000','constant_24000','wsdcon_9')"
    done = jaxlaws(
        *(
            "fit",
            "published:mpl_curves",
            "--law",
            "lr_annealing",
            "--starts",
            "4",
            "--json",
            "--where",
            "size == '25M'",
        ),
        *("--holdout", f"size == '25M' and schedule not in {fitted}"),
    )
    fit = done.document
    assert done.status == 0 and fit["runs"] == 3 and len(fit["holdout"]["by_run"]) == 6
    assert fit["holdout"]["run_mean"]["mae"] < 0.01


def test_groups_are_partially_pooled(jaxlaws, tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"{g},{x},{3 * x**-a * np.exp(0.01 * rng.standard_normal())}"
        for g, a in zip("abc", (0.19, 0.2, 0.22), strict=True)
        for x in range(1, 9)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["g,x,loss", *rows]) + "\n")
    done = jaxlaws("fit", "t.csv", *POWER, "--by", "g", "--pool", "alpha", "--out", "f.json", "--json")
    assert done.status == 0, done.notes
    assert load("f.json")["a"].pooled == ("alpha",)
    assert any("partially pooled over 3 groups of g" in note for note in done.document["groups"][0]["notes"])
    for arguments, words in (
        (["--pool", "alpha"], "give `--by COL`"),
        (["--pool", "alpha", "--by", "g", "--share", "A"], "and no `--share`"),
        (["--pool", "beta", "--by", "g"], "`beta`"),
    ):
        done = jaxlaws("fit", "t.csv", *POWER, *arguments)
        assert done.status == 2 and len(done.notes) == 1 and words in done.notes[0]


def test_held_out_rows_that_were_fitted_too_are_told(jaxlaws, tmp_path):
    """A branch repeats its trunk's rows: errors there say nothing of prediction."""
    x = np.geomspace(1e6, 1e9, 16)
    loss = (1.7 + 300.0 * x**-0.34) * np.exp(1e-3 * np.random.default_rng(0).standard_normal(16))
    trunk = pd.DataFrame({"run": "trunk", "x": x, "loss": loss})
    branch = trunk.assign(run="branch", loss=np.where(x < 3e8, loss, 1.001 * loss))
    pd.concat([trunk, branch]).to_csv(tmp_path / "runs.csv", index=False)
    done = jaxlaws(
        "fit", "runs.csv", "--law", "power_plus_constant", "--starts", 8, "--holdout", "run == 'branch'", "--json"
    )
    assert done.status == 0, done.notes
    fitted = int((x < 3e8).sum())
    assert done.document["holdout"]["repeated"] == fitted
    assert any(f"{fitted} of 16 held-out rows repeat fitted rows" in note for note in done.notes)
    assert done.document["holdout"]["noise"]["run_to_run"] > 0
