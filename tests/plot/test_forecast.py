"""Charts of forecasts: what was forecast, and how the runs ended."""

from __future__ import annotations

import pytest

from jaxlaws.errors import JaxlawsError
from jaxlaws.plot import forecast_chart, save


def test_each_run_has_a_panel_with_its_forecasts_and_its_end(tmp_path):
    lines = [
        {"run": run, "step": step, "loss": 2.5 + 1.0 / step, "low": 2.4, "high": 2.7}
        for run in ("cosine", "wsd", "constant")
        for step in range(100, 1000, 100)
    ]
    chart = forecast_chart(lines, {"cosine": 2.5, "wsd": 2.45, "constant": 2.6})
    panels = [panel for row in chart.to_dict()["vconcat"] for panel in row["hconcat"]]
    assert [panel["title"] for panel in panels] == ["cosine", "wsd", "constant"]
    for panel, end in zip(panels, (2.5, 2.45, 2.6), strict=True):
        band, line, rule = panel["layer"]
        assert len(line["data"]["values"]) == len(band["data"]["values"]) == 9
        assert rule["data"]["values"] == [{"run": panel["title"], "end": end}]
    save(chart, tmp_path / "f.svg")
    assert (tmp_path / "f.svg").stat().st_size > 5000


def test_nothing_to_draw_is_a_sentence():
    with pytest.raises(JaxlawsError, match="no forecasts"):
        forecast_chart([], {})
