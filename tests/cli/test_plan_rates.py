"""Planning rates and batches from the shell."""

from __future__ import annotations

import numpy as np
import pytest


def test_all_published_rules_are_printed(jaxlaws):
    done = jaxlaws("plan", "learning-rate", "--N", "7e9", "--D", "1.4e12", "--json").document
    rules = {rule["name"]: rule for rule in done["rules"]}
    assert rules["step_law@dense"]["value"] == pytest.approx(9.166e-4, rel=1e-3)
    assert rules["step_law_batch@dense"]["unit"] == "tokens" and rules["power_lines_batch"]["value"] is None
    text = jaxlaws("plan", "learning-rate", "--N", "7e9", "--D", "1.4e12").out
    assert "deepseek_lr@deepseek" in text and "porian_batch@rule" in text


def test_batches_of_published_constants(jaxlaws, tmp_path):
    done = jaxlaws("plan", "batch-size", "su_traj@kaplan", "--at", "N=1e9,loss=2.6", "--ramp", "1e6", "--json").document
    assert done["ramp"]["steps"] < done["ramp"]["constant_steps"]
    pytest.importorskip("altair")
    assert jaxlaws("plan", "batch-size", "steps_to_target@302M", "--plot", "b.svg").status == 0
    assert (tmp_path / "b.svg").read_text().startswith("<svg")


def test_a_stored_surface_is_drawn_and_a_held_batch_priced(jaxlaws, tmp_path):
    pytest.importorskip("altair")
    done = jaxlaws(
        "plan",
        "learning-rate",
        "lr_batch_surface@steplaw",
        "--N",
        "1e9",
        "--D",
        "1e11",
        "--batch",
        "1e6",
        "--plot",
        "r.svg",
        "--json",
    )
    assert done.document["held"]["price"] > 0 and (tmp_path / "r.svg").read_text().startswith("<svg")


@pytest.fixture
def sweep(tmp_path):
    """`sweep.csv`: two cells around a best pair that moves with the root of D."""
    rows = []
    for N, D in ((1e8, 2e9), (1e8, 8e9)):
        for lr in np.geomspace(5e-4, 8e-3, 5):
            for batch in np.geomspace(5e4, 8e5, 5):
                x, y = np.log(lr / 2e-3), np.log(batch / (2e5 * (D / 4e9) ** 0.5))
                loss = (3.0 - 1e-11 * D) * np.exp(0.004 * (x * x - 0.8 * x * y + y * y))
                rows.append(",".join(repr(float(v)) for v in (N, D, lr, batch, loss)))
    (tmp_path / "sweep.csv").write_text("\n".join(["N,D,lr,batch,loss", *rows]))
    return ("plan", "learning-rate", "--N", "1e8", "--D", "3.2e10", "--sweep", "sweep.csv")


def test_a_surface_is_fitted_to_sweeps_and_asked(jaxlaws, sweep):
    done = jaxlaws(*sweep, "--near", "0.02", "--fix", "rho=-0.4", "--batch", "2e5", "--json").document
    (row,) = done["surface"]["rates"]
    assert done["surface"]["params"]["rho"] == -0.4 and 0.0 < done["held"]["price"] < 0.02
    assert row["lr"] == pytest.approx(2e-3, rel=0.01)
    assert row["batch"] == pytest.approx(2e5 * 8**0.5, rel=0.01)
    assert row["reach"]["D"] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("learning-rate", "--N", "1e9"), "needs `--N` parameters and `--D` tokens"),
        (("learning-rate", "--N", "1e9", "--D", "1e10", "--plot", "p.png"), "give a FIT or `--sweep TABLE`"),
        (("batch-size", "su_traj@kaplan"), "needs N, loss"),
        (("batch-size", "step_law@dense"), "needs a law of steps at a batch"),
    ],
)
def test_bad_input_is_one_line_and_status_2(jaxlaws, arguments, words):
    done = jaxlaws("plan", *arguments)
    assert done.status == 2 and words in done.notes[-1] and len(done.notes) == 1
