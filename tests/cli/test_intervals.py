"""Intervals from the shell: of parameters by `fit --bootstrap`, of predictions from what it stored."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

POWER = ("--law", "power", "--starts", "8", "--bootstrap", "64")


@pytest.fixture
def noisy(tmp_path):
    """`noisy.csv`: 32 losses near 3 x^-0.2, in two groups."""
    x = np.geomspace(1.0, 1e5, 32)
    loss = 3.0 * x**-0.2 * np.exp(0.01 * np.random.default_rng(0).standard_normal(32))
    rows = [f"{a!r},{b!r},{'ab'[i % 2]}" for i, (a, b) in enumerate(zip(x.tolist(), loss.tolist(), strict=True))]
    path = tmp_path / "noisy.csv"
    path.write_text("\n".join(["x,loss,kind", *rows]) + "\n")
    return path


def test_intervals_of_parameters_and_of_predictions(jaxlaws, noisy):
    done = jaxlaws("fit", noisy, *POWER, "--out", "f.json", "--json")
    assert done.status == 0
    ends = done.document["intervals"]
    assert set(ends) == set(done.document["params"])
    assert all(low < done.document["params"][name] < high for name, (low, high) in ends.items())
    assert "95 % of 64 resamples, bootstrap by run" in done.document["interval_of"]
    (row,) = jaxlaws("predict", "f.json", "--at", "x=1e6", "--json").document["predictions"]
    assert row["low"] < row["predicted"] < row["high"]
    (narrow,) = jaxlaws("predict", "f.json", "--at", "x=1e6", "--json", "--level", "0.5").document["predictions"]
    assert narrow["high"] - narrow["low"] < row["high"] - row["low"]
    human = jaxlaws("predict", "f.json", "--at", "x=1e6").out
    assert "low, high: 95 % intervals of the law's value, bootstrap by run" in human
    table = list(csv.DictReader(jaxlaws("predict", "f.json", noisy).out.splitlines()))
    assert list(table[0]) == ["run", "x", "predicted", "low", "high"] and len(table) == 32


def test_the_fit_stays_small_and_says_its_intervals(jaxlaws, noisy):
    assert "intervals: 95 % of 64 resamples" in jaxlaws("fit", noisy, *POWER, "--out", "f.json").out
    assert Path("f.json").stat().st_size < 8000
    assert Path("f.draws.npz").exists()


def test_groups_have_intervals_of_their_own(jaxlaws, noisy):
    done = jaxlaws("fit", noisy, *POWER, "--by", "kind", "--out", "g.json", "--json")
    assert all("intervals" in group for group in done.document["groups"])
    rows = jaxlaws("predict", "g.json", "--at", "x=1e6", "--json").document["predictions"]
    assert [row["kind"] for row in rows] == ["a", "b"] and all(row["low"] < row["high"] for row in rows)


def test_a_later_fit_without_resamples_takes_the_draws_away(jaxlaws, noisy):
    jaxlaws("fit", noisy, *POWER, "--out", "f.json")
    jaxlaws("fit", noisy, *POWER[:-2], "--out", "f.json")
    assert "low" not in jaxlaws("predict", "f.json", "--at", "x=1e6", "--json").document["predictions"][0]


def test_draws_of_another_fit_are_refused(jaxlaws, noisy):
    jaxlaws("fit", noisy, *POWER, "--out", "f.json")
    jaxlaws("fit", noisy, *POWER[:-2], "--where", "x < 1e4", "--out", "other.json")
    Path("other.json").rename("f.json")
    done = jaxlaws("predict", "f.json", "--at", "x=1e6")
    assert done.status == 2 and "are of another fit" in done.notes[0] and len(done.notes) == 1


BAD = {
    "one resample": (["--bootstrap", "1"], "--bootstrap"),
    "by without resamples": (["--bootstrap-by", "row"], "give `--bootstrap N` too"),
    "level": (["--bootstrap", "16", "--level", "95"], "must lie between 0 and 1"),
    "one cluster": (["--bootstrap", "16", "--bootstrap-by", "kind", "--where", "kind == 'a'"], "1 value of kind"),
    "unknown column": (["--bootstrap", "16", "--bootstrap-by", "kinds"], "`kind`"),
    "too few runs": (["--bootstrap", "16", "--where", "x < 2"], "2 runs cannot say how uncertain 2 parameters are"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(jaxlaws, noisy, case):
    arguments, words = BAD[case]
    done = jaxlaws("fit", noisy, *POWER[:-2], *arguments)
    assert done.status == 2 and words in " ".join(done.notes)
    assert len(done.notes) == 1


def test_groups_that_share_a_parameter_have_intervals(jaxlaws, noisy):
    done = jaxlaws("fit", noisy, *POWER, "--by", "kind", "--share", "alpha", "--json")
    assert done.status == 0, done.notes
    a, b = done.document["groups"]
    assert a["intervals"]["alpha"] == b["intervals"]["alpha"] and a["intervals"] != b["intervals"]


def test_a_group_that_cannot_be_resampled_is_told(jaxlaws, noisy):
    noisy.write_text(noisy.read_text() + "1e6,0.2,c\n2e6,0.17,c\n")
    done = jaxlaws("fit", noisy, *POWER, "--by", "kind", "--out", "g.json")
    assert done.status == 0 and any("group c has no intervals: `bootstrap`: 2 runs cannot say" in n for n in done.notes)
    *_, last = jaxlaws("predict", "g.json", "--at", "x=1e6", "--json").document["predictions"]
    assert last["kind"] == "c" and last["low"] is None
