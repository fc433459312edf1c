"""Planning sizes and data from the shell: by stored fits, draws and published constants."""

from __future__ import annotations

import numpy as np
import pytest

SET = "chinchilla@besiroglu-printed"


def test_allocation_of_published_constants(jaxlaws):
    done = jaxlaws("plan", "allocate", SET, "--budget", "1e20,5.76e23", "--json").document
    assert done["allocations"][1]["N"] == pytest.approx(72.4e9, rel=1e-3)
    assert done["closed_form_agreement"] < 1e-6
    human = jaxlaws("plan", "allocate", SET, "--budget", "1e20,5.76e23").out
    assert "closed form" in human and "7.235e+10" in human


def test_options_reach_the_planner(jaxlaws):
    told = ("--bound", "N=1e9:7e9", "--cost", "lifetime:tokens=1e13")
    (row,) = jaxlaws("plan", "allocate", SET, "--loss", "2.1", *told, "--json").document["allocations"]
    assert row["loss"] == pytest.approx(2.1) and row["N"] <= 7e9 * 1.000001


def test_a_stored_fit_is_planned_with_and_says_how_far_out_it_is(jaxlaws, tmp_path):
    rows = [f"{N},{D},{1.7 + 400 / N**0.34 + 410 / D**0.28}" for N in (1e8, 3e8, 1e9) for D in (2e9, 2e10, 2e11)]
    (tmp_path / "runs.csv").write_text("\n".join(["N,D,loss", *rows]))
    assert jaxlaws("fit", "runs.csv", "--law", "chinchilla", "--starts", "32", "--out", "f.json").status == 0
    (row,) = jaxlaws("plan", "allocate", "f.json", "--budget", "5.76e23", "--json").document["allocations"]
    assert row["reach"]["N"] == pytest.approx(row["N"] / 1e9)
    assert "extrapolates: N is " in jaxlaws("plan", "allocate", "f.json", "--budget", "5.76e23").out


def test_lines_of_equal_compute_and_prices(jaxlaws):
    lines = jaxlaws("plan", "isoflop", SET, "--budget", "1e20,5.76e23", "--width", "64", "--json").document["lines"]
    assert all(abs(line["bias"]) < 0.1 for line in lines)
    prices = jaxlaws("plan", "overtraining", SET, "--budget", "1e23", "--factor", "0.5,1", "--json").document["prices"]
    assert prices[0]["price"] > prices[1]["price"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "what", [("allocate",), ("isoflop",), ("overtraining", "--factor", "0.5,1,2")], ids=lambda w: w[0]
)
def test_plans_are_drawn(jaxlaws, tmp_path, what):
    pytest.importorskip("altair")
    budget = "1e23" if what[0] == "overtraining" else "1e20,5.76e23"
    assert jaxlaws("plan", what[0], SET, "--budget", budget, *what[1:], "--plot", "p.svg").status == 0
    assert (tmp_path / "p.svg").read_text().startswith("<svg")


def test_inputs_are_tied_to_one_choice(jaxlaws):
    told = ("--cost", "precision", "--tie", "P=P_w+P_a+P_kv")
    done = jaxlaws("plan", "allocate", "precision_train@integer", "--budget", "1e20,1e24", *told, "--json").document
    bits = [row["P"] for row in done["allocations"]]
    assert bits[0] == pytest.approx(bits[1], rel=1e-6) and 5.0 < bits[0] < 9.0
    assert all("P_w" not in row for row in done["allocations"])


def test_measured_lines_of_equal_compute(jaxlaws, tmp_path):
    sizes = [
        f"{N:.6g},{C / 6 / N:.6g}"
        for C in (1e19, 1e20, 1e21)
        for N in (C / 1e20) ** 0.5 * 1e9 * 2.0 ** np.arange(-2, 3)
    ]
    table = [
        f"{row},{1.8172 + 482.0 / float(row.split(',')[0]) ** 0.3478 + 2085.43 / float(row.split(',')[1]) ** 0.3658}"
        for row in sizes
    ]
    (tmp_path / "lines.csv").write_text("\n".join(["N,D,loss", *table, "1e8,1e9,3.2"]))
    pytest.importorskip("altair")
    done = jaxlaws("plan", "isoflop", SET, "lines.csv", "--json", "--plot", "lines.svg").document
    assert len(done["lines"]) == 3 and "1 rows are left out" in done["notes"][0]
    for line in done["lines"]:
        assert line["measured"] == pytest.approx(line["by_parabola"], rel=1e-2)
        assert line["measured"] == pytest.approx(line["N"], rel=0.1)
    assert (tmp_path / "lines.svg").read_text().startswith("<svg")
    assert "1 rows are left out" in jaxlaws("plan", "isoflop", SET, "lines.csv").out


BAD = {
    "no such set": (("chinchilla@besirolu", "--budget", "1e20"), "nearest: `besiroglu`"),
    "no such file": (("none.json", "--budget", "1e20"), "no such file"),
    "no budget": ((SET,), "give one of them"),
    "below the floor": ((SET, "--loss", "1.5"), "at its end stands 1.81"),
    "budget": ((SET, "--budget", "1e2x"), "must be numbers"),
    "cost": ((SET, "--budget", "1e20", "--cost", "free"), "unknown cost `free`"),
    "cost of what is not there": ((SET, "--budget", "1e20", "--cost", "sparse"), "needs S, which `chinchilla`"),
    "bits of what is not there": ((SET, "--budget", "1e20", "--cost", "precision"), "needs P, which `chinchilla`"),
    "level": ((SET, "--budget", "1e20", "--level", "95"), "must lie between 0 and 1; got 95"),
    "ending": ((SET, "--budget", "1e20", "--plot", "p.jpg"), "must end in"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_status_2(jaxlaws, case):
    arguments, words = BAD[case]
    done = jaxlaws("plan", "allocate", *arguments)
    assert done.status == 2 and words in done.notes[-1] and len(done.notes) == 1 and not done.out
