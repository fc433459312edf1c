"""Where the starts of a search ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.engine import AGREE
from jaxlaws.plot._style import INK, PALETTE, WIDTH, dressed, ready, shown

if TYPE_CHECKING:
    import altair as alt

HIGHEST = 1e3  # objective over the best, beyond which an end is drawn there


def agreement_chart(fit: Fit) -> alt.Chart:
    """Chart of the objectives that the starts ended at, over the best, in rising order; below the dashed line they agree.

    Raises `JaxlawsError` for a fit that does not say (one of an earlier version, or with an objective of 0).
    """
    ready()
    import altair as alt

    ends = np.asarray(fit.spread, dtype=np.float64)
    if not len(ends):
        raise JaxlawsError("`agreement_chart`: the fit does not say how its starts ended; fit again to have that.")
    share = np.linspace(0.0, 100.0, len(ends)) if len(ends) > 1 else np.array([100.0])
    rows = [
        {"share": float(s), "ratio": float(np.clip(e, 1.0, HIGHEST))}
        for s, e in zip(share, ends, strict=True)
        if np.isfinite(e)
    ]
    top = max(1.5, 1.2 * max(row["ratio"] for row in rows))
    x = alt.X("share:Q", title="starts, the best first (%)", scale=alt.Scale(domain=[0, 100], nice=False))
    y = alt.Y(
        "ratio:Q",
        title="objective over the best",
        scale=alt.Scale(type="log", domain=[0.97, top], nice=False),
        axis=alt.Axis(tickCount=5, labelExpr="format(datum.value, '~g')"),
    )
    line = alt.Chart(alt.Data(values=rows)).mark_line(
        color=PALETTE[0], strokeWidth=2, point={"color": PALETTE[0], "size": 26}
    )
    limit = alt.Chart(alt.Data(values=[{"ratio": AGREE}])).mark_rule(color=INK, strokeDash=[5, 4]).encode(y=y)
    notes = [f"{fit.agree:.0%} of {fit.starts} starts end within 1 % of the best objective (dashed)"]
    notes += [f"thinned: {len(ends)} of the starts are drawn, evenly spread"] * (len(ends) < fit.starts)
    lost = int((~np.isfinite(ends)).sum())
    notes += [f"{lost} of the {len(ends)} drawn ended nowhere"] * (lost > 0)
    chart = alt.layer(line.encode(x=x, y=y), limit).properties(width=WIDTH, height=180)
    return dressed(chart, shown(f"{fit.law.label}: agreement of starts", 90), notes)
