"""Charts of comparisons and influences: what is drawn is what was computed."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, formula
from jaxlaws.plot import influence_chart, rollout_chart
from jaxlaws.plot.rollout import _means
from jaxlaws.validate import candidate, compare, influence, rollout


@pytest.fixture(scope="module")
def rows():
    n = np.geomspace(1e6, 1e9, 16)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16)
    return {"N": n, "loss": (1.7 + 300.0 * n**-0.35) * np.exp(noise)}


def test_rollout_chart_draws_every_error_at_its_distance(rows):
    laws = [candidate(formula(text), starts=16) for text in ("E + A / N^alpha", "A / N^alpha")]
    found = compare(laws, rows, rollout(rows, "N", cuts=[1e8]), more=False)
    chart = rollout_chart(found).to_dict()
    dots = chart["layer"][0]["data"]["values"]
    first = found.standings[0]
    mine = [d for d in dots if d["law"] == first.name]
    a = first.assessment
    held = a.folds[0].score
    np.testing.assert_allclose([d["distance"] for d in mine], rows["N"][held] / rows["N"][~held].max())
    np.testing.assert_allclose([d["error"] for d in mine], 100 * np.abs(a.predicted[0, held] / a.observed[held] - 1))


def test_a_line_of_errors_has_one_point_a_distance():
    # Values that are equal but for their last digit, and more of them than the line has points.
    distance = np.repeat([2.0, 4.0, 8.0], 5) * (1.0 + 1e-15 * np.arange(15))
    line = _means(distance, np.arange(15.0))
    np.testing.assert_allclose(line, [(2.0, 2.0), (4.0, 7.0), (8.0, 12.0)], rtol=1e-5)
    many = _means(np.repeat(np.geomspace(1.0, 100.0, 20), 3), np.ones(60))
    assert len(many) == 8 and (np.diff([d for d, _ in many]) > 0).all()


def test_influence_chart_shows_the_runs_that_matter_most(rows):
    found = fit(formula("E + A / N^alpha"), rows, starts=16)
    told = influence(found, rows, lambda p: {"twice": 2.0 * p["E"]})
    panels = influence_chart(told).to_dict()["concat"]
    assert [p["encoding"]["x"]["title"] for p in panels] == [f"change of {n} (%)" for n in ("E", "A", "alpha", "twice")]
    first = panels[2]["data"]["values"][0]
    assert {first["unit"]: pytest.approx(first["change"])} == {
        k: pytest.approx(100 * v / found["alpha"]) for k, v in told.strongest("alpha", 1).items()
    }
