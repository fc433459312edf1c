"""What is said of criteria is what the benchmark measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jaxlaws.validate.reliability import CURVES, POINTS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize(("told", "kind"), [(CURVES, "curves"), (POINTS, "points")])
def test_it_is_what_was_measured(told, kind):
    measured = json.loads((RESULTS / f"criteria-{kind}.json").read_text())
    assert {k: dict(v) for k, v in told.correlation.items()} == measured["correlation"]
    assert dict(told.regret) == measured["regret"]
    assert told.command == f"python -m benchmarks.criteria {kind}"
    for laws in measured["laws"].values():
        assert set(laws) <= set(told.laws)
