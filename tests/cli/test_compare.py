"""`jaxlaws compare`, `refit` and `diff`."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table(tmp_path):
    """`runs.csv`: 16 losses near 1.7 + 300 x^-.35, in two kinds, with a column that is constant."""
    x = np.geomspace(1e6, 1e9, 16)
    loss = (1.7 + 300.0 * x**-0.35) * np.exp(1e-3 * np.random.default_rng(0).standard_normal(16))
    rows = [f"{a!r},{b!r},{'uv'[i % 2]}" for i, (a, b) in enumerate(zip(x.tolist(), loss.tolist(), strict=True))]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["x,loss,kind", *rows]) + "\n")
    return path


def test_compare_ranks_laws_by_rollout(jaxlaws, table):
    done = jaxlaws(
        "compare",
        "runs.csv",
        "--laws",
        "power_plus_constant,power",
        "--rollout",
        "x",
        "--cuts",
        "2",
        "--starts",
        16,
        "--json",
    )
    assert done.status == 0, done.notes
    document = done.document
    assert document["winner"] == "power_plus_constant"
    assert [c["name"] for c in document["candidates"]] == ["power_plus_constant", "power"]
    assert document["folds"][0]["along"] == "x" and len(document["folds"]) == 2
    assert document["candidates"][0]["mae"] < document["candidates"][1]["mae"]
    assert {"objective", "aicc", "bic", "leave_out", "rollout"} == set(document["candidates"][0]["criteria"])


def test_compare_ranks_settings_and_draws_them(jaxlaws, table, tmp_path):
    done = jaxlaws(
        "compare", "runs.csv", "--laws", "power_plus_constant", "--holdout", "x > 1e8", "--quick", "--starts", 16,
        "--where", "x > 3e6", "--where", "x > 0", "--plot", "errors.html",
    )  # fmt: skip
    assert done.status == 0, done.notes
    assert "power_plus_constant, x > 3e6" in done.out and "power_plus_constant, x > 0" in done.out
    assert (tmp_path / "errors.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--laws", "power"], "needs one of --holdout, --rollout and --leave-out; got none of them"),
        (["--laws", "power", "--holdout", "x > 1e7", "--rollout", "x"], "got --holdout and --rollout"),
        (["--laws", "power", "--holdout", "x > 1e12"], "--holdout x > 1e12` matches none"),
        (["--laws", "power", "--holdout", "x > 0"], "leaves nothing to fit"),
        (["--laws", "power", "--rollout", "width"], "`width`"),
        (["--laws", "power", "--rollout", "x", "--cuts", "1e12"], "no row lies at or above the cut"),
        (["--laws", "power", "--rollout", "x", "--cuts", "many"], "--cuts many"),
        (["--laws", "power", "--leave-out", "kind", "--where", "kind == 'u'"], "at least two groups"),
        (["--laws", " , ", "--rollout", "x"], "separated by commas"),
        (["--laws", "powr", "--rollout", "x"], "`powr`"),
        (["--laws", "power", "--rollout", "x", "--fix", "gamma=1"], "gamma"),
        (["--laws", "power,error_from_loss", "--rollout", "x"], "different outputs"),
        (["--laws", "power,chinchilla", "--rollout", "x"], "`chinchilla` cannot be fitted"),
    ],
)
def test_bad_input_is_one_line(jaxlaws, table, options, words):
    done = jaxlaws("compare", "runs.csv", *options)
    assert done.status == 2 and done.out == ""
    assert len(done.notes) == 1 and words in done.notes[0]


def test_refit_starts_from_the_stored_fit_and_says_what_changed(jaxlaws, table):
    first = jaxlaws(
        "fit", "runs.csv", "--law", "power_plus_constant", "--where", "x < 1e8", "--starts", 16, "--out", "a.json"
    )
    assert first.status == 0, first.notes
    done = jaxlaws("refit", "a.json", "runs.csv", "--out", "b.json", "--json")
    assert done.status == 0, done.notes
    document = done.document
    assert document["rows"] == 16 and document["starts"]["run"] == 8
    assert document["changes"]["settings"]["rows"] == {"a": document["changes"]["settings"]["rows"]["a"], "b": 16}
    told = jaxlaws("diff", "a.json", "b.json", "--json")
    assert told.document["params"] == document["changes"]["params"]
    assert "change" in jaxlaws("diff", "a.json", "b.json").out


def test_diff_of_what_is_no_fit_is_one_line(jaxlaws, table, tmp_path):
    (tmp_path / "no.json").write_text(json.dumps({"a": 1}))
    done = jaxlaws("diff", "no.json", "no.json")
    assert done.status == 2 and len(done.notes) == 1 and "no stored fit" in done.notes[0]
    done = jaxlaws("refit", "missing.json", "runs.csv")
    assert done.status == 2 and len(done.notes) == 1 and "no such file" in done.notes[0]


def test_refit_of_groups_says_which_could_not_be_made_again(jaxlaws, table):
    first = jaxlaws("fit", "runs.csv", "--law", "power", "--by", "kind", "--starts", 8, "--out", "a.json")
    assert first.status == 0, first.notes
    done = jaxlaws("refit", "a.json", "runs.csv", "--where", "kind == 'u'", "--json")
    assert done.status == 0, done.notes
    u, v = done.document["groups"]
    assert u["status"] == "converged" and "no rows to fit of kind = v" in v["reason"]
    assert len(done.document["changes"]) == 1


def test_sources_are_named_without_their_secrets(jaxlaws):
    for command in (["fit"], ["compare", "--laws", "power", "--rollout", "x"]):
        done = jaxlaws(command[0], "https://me:s3cret@localhost:1/t.csv?key=s3cret", *command[1:])
        assert done.status == 2 and "s3cret" not in " ".join(done.notes)


def test_weights_that_look_inverted_are_refused(jaxlaws, table):
    frame = pd.read_csv(table)
    frame.assign(std=np.linspace(1.0, 2.0, len(frame))).to_csv(table, index=False)
    done = jaxlaws("compare", "runs.csv", "--laws", "power", "--rollout", "x", "--weights", "std")
    assert done.status == 2 and len(done.notes) == 1 and "look inverted" in done.notes[0]


def test_who_is_alone_wins_nothing(jaxlaws, table):
    done = jaxlaws("compare", "runs.csv", "--laws", "power", "--rollout", "x", "--quick")
    assert done.status == 0, done.notes
    assert "Nothing is ranked: power alone" in done.out and "wins" not in done.out


def test_draws_of_the_stored_fit_do_not_stay_beside_its_successor(jaxlaws, table):
    fitted = jaxlaws(
        "fit",
        "runs.csv",
        "--law",
        "power",
        "--starts",
        8,
        "--bootstrap",
        20,
        "--bootstrap-by",
        "row",
        "--out",
        "a.json",
    )
    assert fitted.status == 0, fitted.notes
    assert jaxlaws("refit", "a.json", "runs.csv", "--where", "kind == 'u'", "--out", "a.json").status == 0
    done = jaxlaws("predict", "a.json", "--at", "x=1e9", "--json")
    assert done.status == 0 and "intervals" not in done.document
    done = jaxlaws("predict", "a.json", "--at", "x=1e9", "--level", 0.9)
    assert done.status == 2 and "no draws" in done.notes[0]
    again = jaxlaws("refit", "a.json", "runs.csv", "--where", "kind == 'u'", "--bootstrap", 20, "--out", "a.json")
    assert again.status == 0, again.notes
    assert jaxlaws("predict", "a.json", "--at", "x=1e9", "--level", 0.9, "--json").document["intervals"]["level"] == 0.9
