"""`jaxlaws bulk`: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxlaws.cli import main

LAW = "E + A/step^alpha"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs, of which one has too few rows."""
    place = tmp_path_factory.mktemp("bulk") / "runs.csv"
    steps = np.arange(1, 31)
    frames = [
        pd.DataFrame(
            {"run": name, "step": steps[:n], "loss": (2.0 + k + steps[:n] ** -0.4) * (1 + 1e-3 * np.cos(steps[:n]))}
        )
        for k, (name, n) in enumerate([("a", 30), ("b", 30), ("short", 2)])
    ]
    pd.concat(frames).to_csv(place, index=False)
    return place


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("fits") / "fits"
    assert main(["bulk", str(runs), "--law", LAW, "--starts", "8", "--out", str(out), "--at", "step=1000"]) == 0
    return out


ASKED = ("--law", LAW, "--starts", 8)


def test_it_prints_one_summary_and_leaves_a_row_a_run(jaxlaws, folder, runs):
    done = jaxlaws("bulk", runs, *ASKED, "--out", folder, "--at", "step=1000")
    assert done.status == 0 and not done.notes
    assert done.out.splitlines()[0] == f"3 fits in {folder}, 2 with parameters"
    assert "0 written, 1 kept" in done.out and "1 too_few_rows" in done.out
    found = pd.read_parquet(folder).set_index("run")
    assert found.loc["a", "E"] == pytest.approx(2.0, abs=0.05)
    assert found.loc["a", "forecast_step_1000"] == pytest.approx(2.0 + 1000**-0.4, abs=0.05)
    assert np.isnan(found.loc["short", "E"]) and "too few for the 3 free parameters" in found.loc["short", "reason"]


def test_json_is_one_document(jaxlaws, folder, runs):
    done = jaxlaws("bulk", runs, *ASKED, "--out", folder, "--at", "step=1000", "--json")
    said = done.document
    assert (done.status, said["fits"], said["failed"]) == (0, 3, 1)
    assert said["partitions"] == {"written": 0, "kept": 1, "removed": 0, "lost": []}
    assert said["laws"]["E + A / step ** alpha"] == {"converged": 2, "too_few_rows": 1}


def test_no_fit_at_all_is_exit_1(jaxlaws, tmp_path):
    pd.DataFrame({"run": ["a", "a"], "step": [1, 2], "loss": [3.0, 2.9]}).to_csv(tmp_path / "t.csv", index=False)
    done = jaxlaws("bulk", "t.csv", *ASKED, "--out", "fits")
    assert done.status == 1 and "0 with parameters" in done.out


def test_fits_of_another_request_are_exit_2(jaxlaws, folder, runs):
    done = jaxlaws("bulk", runs, *ASKED, "--out", folder)
    assert done.status == 2 and "holds the fits of another request (at: " in done.notes[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--engine", "spark"], "must be one of serial, pool, ray"),
        (["--workers", "2"], "`--workers` is for"),
        (["--gpus", "1", "--engine", "pool"], "are for `--engine ray`"),
        (["--budget", "much"], "must be a number of bytes"),
        (["--budget", "-2G"], "must be a number of bytes"),
        (["--at", "soon"], "must be a step"),
        (["--at", "N=7e10"], "none of the laws can be evaluated"),
        (["--by", "size"], "unknown column `size`"),
        (["--where", "size > 3"], "size"),
        (["--where", "step > 300"], "no row of the source matches"),
        (["--policy", "nonfinite=mend"], "must be one of raise, drop, keep"),
        (["--fix", "beta=1"], "unknown parameter `beta`"),
    ],
)
def test_what_cannot_be_done_is_exit_2_and_one_line(jaxlaws, runs, words, says):
    done = jaxlaws("bulk", runs, *ASKED, "--out", "fits", *words)
    assert (done.status, done.out, len(done.notes)) == (2, "", 1)
    assert done.notes[0].startswith("jaxlaws: error: ") and says in done.notes[0]


def test_a_request_that_failed_before_any_fit_is_forgotten(jaxlaws, runs):
    assert jaxlaws("bulk", runs, *ASKED, "--out", "fits", "--where", "size > 3").status == 2
    assert jaxlaws("bulk", runs, *ASKED, "--out", "fits").status == 0


def test_a_source_that_is_not_there_is_exit_2(jaxlaws):
    done = jaxlaws("bulk", "no.parquet", *ASKED, "--out", "fits")
    assert done.status == 2 and "there is no such file" in done.notes[0]
