"""Planning rates and batches from the shell."""

from __future__ import annotations

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
