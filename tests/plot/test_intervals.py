"""Charts of draws, profiles and contours: what is drawn is what was computed."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, formula
from jaxlaws.plot import intervals_chart, profile_chart
from jaxlaws.uncertainty import bootstrap, contour, profile

LAW = formula("E + A / N^alpha")


@pytest.fixture(scope="module")
def rows():
    n = np.geomspace(1e6, 1e9, 16)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16)
    return {"N": n, "loss": (1.7 + 300.0 * n**-0.35) * np.exp(noise)}


@pytest.fixture(scope="module")
def fitted(rows):
    return fit(LAW, rows, starts=16)


def test_bars_count_the_draws_and_the_band_is_the_interval(fitted, rows):
    draws = bootstrap(fitted, rows, by="row", resamples=200)
    panels = intervals_chart(draws).to_dict()["concat"]
    assert len(panels) == 3
    for panel, (name, (low, high)) in zip(panels, draws.interval().items(), strict=True):
        band, bars, line = (layer["data"]["values"] for layer in panel["layer"])
        assert band == [{"from": low, "to": high}]
        assert line == [{"from": fitted[name]}]
        values = draws.params[name][draws.good]
        seen = (values >= bars[0]["from"]) & (values <= bars[-1]["to"])
        assert sum(bar["draws"] for bar in bars) == seen.sum() >= 0.98 * len(values)


def test_profile_ends_where_the_rise_reaches_the_threshold(fitted, rows):
    told = profile(fitted, rows, ["alpha"])
    around = contour(fitted, rows, ("E", "alpha"), points=8)
    first, second = profile_chart(told, around).to_dict()["concat"]
    line, limit, ends = (layer["data"]["values"] for layer in first["layer"])
    assert [row["value"] for row in line] == list(told.values["alpha"])
    assert limit == [{"rise": told.threshold}]
    assert tuple(row["value"] for row in ends) == told.ends["alpha"]
    path = second["layer"][0]["data"]["values"]
    assert len(path) == 9 and path[-1]["first"] == path[0]["first"]
