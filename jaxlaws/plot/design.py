"""Runs that a planner would add, as a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.plan import Design
from jaxlaws.plot._style import PALETTE, WIDTH, dressed, log_axis, ready

if TYPE_CHECKING:
    import altair as alt


def design_chart(design: Design) -> alt.Chart:
    """Uncertainty of the decision against compute spent, and where the runs lie."""
    ready()
    import altair as alt

    if not len(design.index):
        raise JaxlawsError("there is nothing to draw: the design has no runs.")
    spent = np.cumsum(design.cost)
    rows = [{"spent": float(c), "sd": 100.0 * float(s)} for c, s in zip(spent, design.sd_after, strict=True)]
    shade = alt.value(PALETTE[0])
    x = log_axis(alt, "spent", spent, "compute spent (FLOP)", channel="x")
    y = log_axis(
        alt, "sd", 100.0 * np.r_[design.sd_after, design.sd_before], "uncertainty of the decision (%)", channel="y"
    )
    falls = alt.Chart(alt.Data(values=rows)).mark_line(point=True, strokeWidth=1.8).encode(x=x, y=y, color=shade)
    panels: list[Any] = [falls.properties(width=WIDTH, height=220)]
    names = list(design.inputs)[:2]
    if len(names) == 2:
        at = [
            {"x": float(a), "y": float(b), "order": i + 1}
            for i, (a, b) in enumerate(zip(*(design.inputs[n] for n in names), strict=True))
        ]
        across = log_axis(alt, "x", design.inputs[names[0]], names[0], channel="x")
        up = log_axis(alt, "y", design.inputs[names[1]], names[1], channel="y")
        points = alt.Chart(alt.Data(values=at)).mark_point(size=60, filled=True).encode(x=across, y=up, color=shade)
        told = alt.Chart(alt.Data(values=at)).mark_text(dx=9, dy=-8, fontSize=11).encode(x=across, y=up, text="order:Q")
        panels.append(alt.layer(points, told).properties(width=WIDTH, height=300))
    count, spent_all = len(design.index), design.cost.sum()
    notes = [
        f"{count} runs for {spent_all:.3g} FLOP, numbered in their order; before: ± {100 * design.sd_before:.3g} %"
    ]
    return dressed(alt.vconcat(*panels, spacing=14), f"runs for: {design.decision}", notes)
