"""`jaxlaws plan schedule`: one document, one line on bad input."""

from __future__ import annotations

import json

from jaxlaws import plan
from jaxlaws.cli import main

ASK = ["plan", "schedule", "multi_power@25M", "--total", "1000", "--peak", "3e-4", "--warmup", "100"]


def test_json_stores_and_draws_one_plan(capsys, tmp_path):
    stored, drawn = tmp_path / "plan.json", tmp_path / "plan.svg"
    assert main([*ASK, "--json", "--out", str(stored), "--plot", str(drawn)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document["gains"]) == {"cosine", "wsd", "constant"}
    assert document["loss"] < min(g["loss"] for g in document["gains"].values())
    assert plan.load(stored).spec == document["schedule"]
    assert "<svg" in drawn.read_text()


def test_bad_input_is_one_line(capsys):
    for more, message in (
        (["--floor", "1"], "must be below the peak"),
        (["--family", "cosin"], "nearest: `cosine`"),
        (["--weigh", "12.5=1"], "with whole steps"),
    ):
        assert main([*ASK, *more]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
