"""Several laws on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.plot._style import PALETTE, WIDTH, dressed, log_axis, name_of, ready, shown
from jaxlaws.validate import residuals

if TYPE_CHECKING:
    import altair as alt

BINS = 12  # of the axis, in each of which a line shows the mean


def laws_chart(fits: Sequence[Fit], runs: Any) -> alt.Chart:
    """Chart of several fits on the same rows: the mean absolute error of each in percent, along the step of curves or the input
    that varies most."""
    ready()
    import altair as alt

    if len(fits) < 2:
        raise JaxlawsError(f"`laws_chart(fits, runs)` compares two fits at least; got {len(fits)}.")
    names = _names(fits)
    found = [residuals(one, runs) for one in fits]
    common = [n for n in fits[0].law.inputs if n != "curve" and all(n in one.law.inputs for one in fits)]
    along = "step" if all(one.law.is_curve for one in fits) else _widest(found[0], common)
    rows = []
    for name, one in zip(names, found, strict=True):
        x, error = one.column(along), 100.0 * np.abs(one.predicted / one.observed - 1.0)
        keep = np.isfinite(error) & (x > 0)
        order = np.argsort(x[keep], kind="stable")
        for part in np.array_split(order, min(BINS, len(np.unique(x[keep])))):
            if len(part):
                at = float(np.exp(np.mean(np.log(x[keep][part]))))
                rows.append({"law": name, "at": at, "error": float(np.mean(error[keep][part]))})
    title = "step" if along == "step" else name_of(fits[0].law.inputs[along])
    colour = alt.Color(
        "law:N",
        scale=alt.Scale(domain=names, range=[PALETTE[i % len(PALETTE)] for i in range(len(names))]),
        legend=alt.Legend(title="law", symbolType="stroke", symbolSize=420),
    )
    dash = alt.StrokeDash("law:N", scale=alt.Scale(domain=names))
    line = alt.Chart(alt.Data(values=rows)).mark_line(strokeWidth=2, point=True)
    chart = line.encode(
        x=log_axis(alt, "at", np.array([r["at"] for r in rows]), title, channel="x"),
        y=alt.Y("error:Q", title="mean absolute error (%)", scale=alt.Scale(zero=True)),
        color=colour,
        strokeDash=dash,
        tooltip=["law:N", "at:Q", "error:Q"],
    )
    notes = [f"means of about {BINS} parts with as many rows each; on rows that were fitted, unless they were held out"]
    return dressed(chart.properties(width=WIDTH, height=280), "errors of the laws", notes)


def _names(fits: Sequence[Fit]) -> list[str]:
    """A name for each fit: its law's, and its group or place where that is not enough."""
    names = [one.law.label + (f" [{', '.join(map(str, one.key))}]" if one.key else "") for one in fits]
    return [shown(n if names.count(n) == 1 else f"{i + 1}: {n}") for i, n in enumerate(names)]


def _widest(found: Any, names: Sequence[str]) -> str:
    spans = {n: float(v.max() / v.min()) for n in names if (v := found.column(n)).min() > 0}
    if not spans:
        raise JaxlawsError("`laws_chart`: the laws have no input in common that is above 0 in every row.")
    return max(spans, key=lambda n: spans[n])
