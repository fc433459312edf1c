"""Forecasts of a run's end, against the step at which they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxlaws.errors import JaxlawsError
from jaxlaws.plot._style import PALETTE, WIDTH, dressed, ready, shown

if TYPE_CHECKING:
    import altair as alt


def forecast_chart(lines: Sequence[Mapping[str, Any]], ends: Mapping[str, float]) -> alt.Chart:
    """Chart of forecasts: the expected final loss, shaded between the interval's ends, a panel for each run; dashed, how the run
    ended.

    `lines` have `run`, `step`, `loss`, `low` and `high`, `ends` the final loss of each run. Raises `JaxlawsError` where there
    is nothing to draw.
    """
    ready()
    import altair as alt

    if not lines:
        raise JaxlawsError("`forecast_chart`: there are no forecasts to draw.")
    rows = [{**dict(line), "run": shown(line["run"])} for line in lines]
    finals = [{"run": shown(run), "end": float(end)} for run, end in ends.items()]
    names = list(dict.fromkeys(row["run"] for row in rows))
    # The first intervals may be wide: the axis goes by the middle half of all ends.
    late = sorted(v for row in rows for v in (row["low"], row["high"]))
    domain = [late[len(late) // 20], late[-1 - len(late) // 20]]
    colour = alt.Color("run:N", scale=alt.Scale(domain=names, range=list(PALETTE[: len(names)])), legend=None)
    x = alt.X("step:Q", title="step at which it was forecast", axis=alt.Axis(tickCount=5))
    scale = alt.Scale(domain=domain, zero=False)
    panels = []
    for name in names:
        own = [row for row in rows if row["run"] == name]
        base = alt.Chart(alt.Data(values=own))
        band = base.mark_area(opacity=0.22, clip=True).encode(
            x=x, y=alt.Y("low:Q", scale=scale, title="final loss"), y2="high:Q", color=colour
        )
        line = base.mark_line(strokeWidth=1.8, clip=True).encode(x=x, y=alt.Y("loss:Q", scale=scale), color=colour)
        true = alt.Chart(alt.Data(values=[row for row in finals if row["run"] == name]))
        rule = true.mark_rule(strokeDash=[5, 4], color="#333333").encode(y=alt.Y("end:Q", scale=scale))
        panels.append(alt.layer(band, line, rule).properties(width=WIDTH // 2 - 30, height=190, title=name))
    pairs = [alt.hconcat(*panels[i : i + 2]) for i in range(0, len(panels), 2)]
    return dressed(alt.vconcat(*pairs), "where runs end, forecast while they train", ["dashed: how the run ended"])
