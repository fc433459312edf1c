"""Fits of whole loss curves: from files on disk, with the learning rates that the table knows, binned or not."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from jaxlaws import fit, read
from jaxlaws.fitting.assemble import assemble
from jaxlaws.objectives import squared
from jaxlaws.schedules import parse
from jaxlaws.solvers import levenberg_marquardt
from jaxlaws.spec import catalogue

TRUE = {"L0": 2.6, "A": 0.45, "C": 0.9, "alpha": 0.5}
PEAK, TOTAL, WARMUP = 3e-4, 3200, 100
LOGGED = np.arange(100, TOTAL + 1, 100)
AFTER = np.arange(201, TOTAL + 1)  # three thousand logged steps
SPECS = {
    "cosine": f"cosine(peak={PEAK}, total={TOTAL}, end=3e-5, warmup={WARMUP})",
    "constant": f"constant(peak={PEAK}, total={TOTAL}, warmup={WARMUP})",
    "drop": f"multistep(peak={PEAK}, at=1703, to=6e-5, total={TOTAL}, warmup={WARMUP})",
}
ONE_RUNG = levenberg_marquardt(trips=80, polish=0)


def annealed(lr, L0, A, C, alpha):
    """The annealing law at steps 1, 2, ... of a rate for every step, each step by itself, the warm-up at the peak."""
    lr = np.r_[np.full(WARMUP, lr[WARMUP]), lr[WARMUP:]]
    momentum = np.zeros(len(lr))
    for i in range(1, len(lr)):
        momentum[i] = 0.999 * momentum[i - 1] + lr[i - 1] - lr[i]
    return L0 + A * np.cumsum(lr[1:]) ** -alpha - C * np.cumsum(momentum[1:])


def losses(schedule, steps):
    return annealed(parse(SPECS[schedule]).as_array(TOTAL), **TRUE)[steps - 1]


def curve_table(schedules, steps):
    return {
        "run": np.repeat(schedules, len(steps)),
        "step": np.tile(steps, len(schedules)),
        "loss": np.concatenate([losses(s, steps) for s in schedules]),
        "lr_schedule": np.repeat([SPECS[s] for s in schedules], len(steps)),
    }


def write_csv(path, table):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))


def test_curve_law_is_recovered_from_a_file_without_noise(tmp_path):
    write_csv(tmp_path / "runs.csv", curve_table(["cosine", "constant"], LOGGED))
    found = fit("lr_annealing", tmp_path / "runs.csv", starts=8, solver=ONE_RUNG)
    assert found.status.name == "converged" and found.runs == ("cosine", "constant")
    for name, value in TRUE.items():
        # A curve's merged nodes err by 1e-7 nats here; C and alpha lie along a valley that stretches this a hundredfold.
        assert found[name] == pytest.approx(value, rel=2e-4), name
    assert set(found.schedules) == {"cosine", "constant"} and "cosine(" in found.schedules["cosine"]


def test_point_law_is_recovered_from_a_file_without_noise(tmp_path):
    true = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))
    loss = true["E"] + true["A"] * N ** -true["alpha"] + true["B"] * D ** -true["beta"]
    write_csv(tmp_path / "grid.csv", {"params": N, "tokens": D, "final_loss": loss})
    found = fit("chinchilla", tmp_path / "grid.csv", starts=32, solver=ONE_RUNG)
    assert found.status.name == "converged"
    for name, value in true.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name
    assert found.largest == {"N": 1e10, "D": 1e12}
    assert found.reach(N=7e10, D=1e12) == {"N": pytest.approx(7.0), "D": pytest.approx(1.0)}


BINNING = {"objective": squared(), "starts": 4, "solver": ONE_RUNG, "fix": {"alpha": TRUE["alpha"]}}


@pytest.fixture(scope="module")
def unbinned():
    return fit("lr_annealing", curve_table(["cosine"], AFTER), bins=None, **BINNING)


@pytest.mark.parametrize("bins", [430, 512])
def test_binned_curve_of_three_thousand_points_fits_like_the_whole(unbinned, bins):
    binned = fit("lr_annealing", curve_table(["cosine"], AFTER), bins=bins, **BINNING)
    assert binned.rows == unbinned.rows == 3000
    # The mean loss of a bin differs from that of its middle by its curvature: at most a third of public curves' noise.
    for name in TRUE:
        assert binned[name] == pytest.approx(unbinned[name], rel=1e-3), name
    at = np.arange(240, TOTAL + 1, 240)
    seen = (f.predict(schedule=SPECS["drop"], at=at) for f in (binned, unbinned))
    np.testing.assert_allclose(*seen, rtol=0, atol=2e-4)


@pytest.mark.parametrize("known", ["exactly", "from the log"])
def test_no_bin_crosses_a_jump_of_the_learning_rate(known):
    table = curve_table(["drop"], AFTER)
    if known == "from the log":
        del table["lr_schedule"]
        table["lr"] = parse(SPECS["drop"]).as_array(TOTAL)[AFTER]
    parts = assemble(
        catalogue["lr_annealing"],
        read(table, warmup=None if known == "exactly" else str(WARMUP)),
        weights="row",
        bins=512,
        per={},
    )
    assert len(parts.rows) <= 512
    np.testing.assert_array_equal(np.concatenate(parts.rows), np.arange(3000))
    sides = [{bool(s >= 1703) for s in AFTER[rows]} for rows in parts.rows]
    assert all(len(side) == 1 for side in sides)


def test_bins_weigh_as_many_rows_as_they_hold():
    table = curve_table(["cosine"], AFTER)
    parts = assemble(catalogue["lr_annealing"], read(table), weights="row", bins=100, per={})
    assert [len(rows) for rows in parts.rows] == parts.data.weight[parts.data.weight > 0].tolist()
    for rows, mean in zip(parts.rows, parts.data.observed[0], strict=False):
        assert mean == pytest.approx(table["loss"][rows].mean(), rel=1e-14)


def test_prediction_for_a_step_does_not_depend_on_the_other_steps_asked_for():
    record = fit("lr_annealing", curve_table(["cosine", "constant"], LOGGED), starts=8, solver=ONE_RUNG)
    at = LOGGED
    for schedule, spec in SPECS.items():
        among, alone = record.predict(schedule=spec, at=at)[-1], record.predict(schedule=spec, at=[TOTAL])[0]
        # Required of merged nodes: 1e-5 nats.
        assert alone == pytest.approx(among, abs=1e-5), schedule
        exact = annealed(parse(spec).as_array(TOTAL), **{k: record[k] for k in TRUE})[TOTAL - 1]
        assert among == pytest.approx(exact, abs=1e-5), schedule


def test_logged_jump_is_reported_with_its_worth_in_nats():
    steps = LOGGED
    table = curve_table(["cosine", "drop"], steps)
    del table["lr_schedule"]
    table["lr"] = np.concatenate([parse(SPECS[s]).as_array(TOTAL)[steps] for s in ("cosine", "drop")])
    found = fit("lr_annealing", read(table, warmup=str(WARMUP)), starts=8, solver=ONE_RUNG)
    (note,) = [n for n in found.notes if "jump" in n]
    assert "run 'drop'" in note and "nats" not in found.notes[0].split("jump")[0]
    worth = float(note.split("up to ")[1].split(".  ")[0].split(". ")[0])
    # Against the whole curves: the rate drops at 1800 as logged, or slides down from 1700 on.
    stepped = np.where(np.arange(TOTAL + 1) < 1800, PEAK, 6e-5)
    slid = np.interp(np.arange(TOTAL + 1), [0, 1700, 1800], [PEAK, PEAK, 6e-5])
    own = {k: found[k] for k in TRUE}
    apart = np.abs(annealed(stepped, **own) - annealed(slid, **own))[steps - 1].max()
    assert worth == pytest.approx(apart, rel=0.06)  # printed with two digits


def test_rows_of_step_zero_are_not_predicted_and_not_scored():
    steps = np.arange(0, TOTAL + 1, 100)
    table = curve_table(["cosine", "constant"], np.maximum(steps, 1)) | {"step": np.tile(steps, 2)}
    found = fit("lr_annealing", table, starts=8, solver=ONE_RUNG)
    predicted = found.predict(table)
    assert np.isnan(predicted[table["step"] == 0]).all() and np.isfinite(predicted[table["step"] > 0]).all()
    assert found.score(read(table))["rows"] == 64
