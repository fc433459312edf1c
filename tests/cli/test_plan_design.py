"""`jaxlaws plan design`: runs to add to those of a stored fit."""

from __future__ import annotations

import numpy as np
import pytest

GRID = ("--grid", "N=1e8:1.6e9:5", "--grid", "D=2e9:3.2e10:5")


@pytest.fixture
def stored(jaxlaws, tmp_path):
    random = np.random.default_rng(0)
    rows = [
        f"{N},{D},{(1.7 + 400 / N**0.34 + 410 / D**0.28) * np.exp(0.003 * random.normal())}"
        for N in (5e7, 1e8, 2e8, 4e8)
        for D in (1e9, 3e9, 9e9)
    ]
    (tmp_path / "runs.csv").write_text("\n".join(["N,D,loss", *rows]))
    held = ("--fix", "alpha=0.34", "--fix", "beta=0.28")
    assert jaxlaws("fit", "runs.csv", "--law", "chinchilla", *held, "--starts", "8", "--out", "f.json").status == 0
    return ("plan", "design", "f.json", "runs.csv", *GRID)


def test_runs_are_chosen_and_drawn(jaxlaws, stored, tmp_path):
    pytest.importorskip("altair")
    done = jaxlaws(*stored, "--spend", "1e20", "--size-for", "1e23", "--json", "--plot", "d.svg").document
    after = [run["sd_after"] for run in done["runs"]]
    assert done["cost"] == pytest.approx(sum(6 * r["N"] * r["D"] for r in done["runs"])) and done["cost"] <= 1e20
    assert after == sorted(after, reverse=True) and after[0] < done["sd_before"]
    assert (tmp_path / "d.svg").read_text().startswith("<svg")
    text = jaxlaws(*stored, "--spend", "1e20", "--prediction-at", "N=7e10,D=1.4e12").out
    assert "prediction at N = 7e+10, D = 1.4e+12" in text and "FLOP in all" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "needs a decision"),
        (("--size-for", "1e23", "--prediction-at", "N=1e9,D=1e10"), "needs a decision"),
        (("--prediction-at", "N=1e9"), "a prediction of `chinchilla` is at N, D; got N"),
        (("--size-for", "1e23", "--cost", "sparse"), "needs S, which `chinchilla`"),
        (("--size-for", "1e23", "--noise", "-1"), "must be a finite number above 0"),
        (("--size-for", "1e23", "--grid", "N=2:1:5"), "given twice"),
    ],
)
def test_bad_input_is_one_line_and_status_2(jaxlaws, stored, more, words):
    done = jaxlaws(*stored, "--spend", "1e20", *more)
    assert done.status == 2 and words in done.notes[-1] and len(done.notes) == 1 and not done.out
