"""`jaxlaws diagnose`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxlaws import fit, read
from jaxlaws.validate import influence


@pytest.fixture
def stored(jaxlaws, tmp_path):
    """`runs.csv`, 16 losses near 1.7 + 300 x^-.35, the last of which is off, and their fit with draws, `fit.json`."""
    x = np.geomspace(1e6, 1e9, 16)
    loss = (1.7 + 300.0 * x**-0.35) * np.exp(1e-3 * np.random.default_rng(0).standard_normal(16))
    loss[-1] *= 1.004
    pd.DataFrame({"run": [f"r{i}" for i in range(16)], "x": x, "loss": loss}).to_csv(tmp_path / "runs.csv", index=False)
    options = ("--law", "power_plus_constant", "--objective", "squared:log", "--starts", 8, "--where", "x > 2e6")
    done = jaxlaws("fit", "runs.csv", *options, "--bootstrap", 50, "--out", "fit.json")
    assert done.status == 0, done.notes
    return tmp_path / "runs.csv"


def test_it_says_what_the_rows_hold_against_the_fit_and_where_it_hangs(jaxlaws, stored):
    done = jaxlaws("diagnose", "fit.json", "runs.csv", "--profile", "--json")
    assert done.status == 0, done.notes
    rows = read(stored).where("x > 2e6")
    assert done.document["diagnosis"]["rows"] == len(rows)
    one = fit("power_plus_constant", rows, objective="squared:log", starts=8)
    moved = influence(one, rows)
    told = done.document["influence"]["params"]["E"]
    np.testing.assert_allclose([told[u] for u in moved.units], moved.params["E"], rtol=1e-4)
    assert max(told, key=lambda unit: abs(told[unit])) == "r15"
    low, high = done.document["profile"]["intervals"]["alpha"]
    assert low < one.params["alpha"] < high
    text = jaxlaws("diagnose", "fit.json", "runs.csv", "--profile").out
    assert "leaving out one run changes" in text and "95 % by profile" in text and "noise floor" in text


def test_rows_that_were_held_out_are_left_out_again(jaxlaws, stored):
    done = jaxlaws(
        "fit",
        "runs.csv",
        "--law",
        "power",
        "--starts",
        8,
        "--where",
        "x > 2e6",
        "--holdout",
        "x > 3e8",
        "--out",
        "b.json",
    )
    assert done.status == 0, done.notes
    assert jaxlaws("diagnose", "b.json", "runs.csv", "--json").document["diagnosis"]["rows"] == len(
        read(stored).where("2e6 < x <= 3e8")
    )


@pytest.mark.parametrize("show", ["influence", "profile", "intervals"])
def test_each_picture_is_drawn(jaxlaws, stored, show):
    done = jaxlaws("diagnose", "fit.json", "runs.csv", "--show", show, "--plot", "a.svg")
    assert done.status == 0, done.notes
    assert (stored.parent / "a.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["runs.csv", "--show", "profile"], "give `--plot FILE` too"),
        (["runs.csv", "--level", "2"], "--level 2"),
        (["runs.csv", "--where", "x > 1e8"], "objective is"),
        (["missing.csv"], "missing.csv"),
        # The draws of `fit --bootstrap` lie beside `fit.json` alone; the table is not even opened.
        (["missing.csv", "--show", "intervals", "--plot", "a.svg"], "bare.json has no draws"),
    ],
)
def test_bad_input_is_one_line(jaxlaws, stored, options, words):
    (stored.parent / "bare.json").write_bytes((stored.parent / "fit.json").read_bytes())
    done = jaxlaws("diagnose", "bare.json", *options)
    assert done.status == 2 and done.out == ""
    assert len(done.notes) == 1 and words in done.notes[0]
