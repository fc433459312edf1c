"""How certain parameters are: draws, profiles and contours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.plot._style import PALETTE, dressed, ready, shown
from jaxlaws.uncertainty import Contour, Draws, Profile

if TYPE_CHECKING:
    import altair as alt

PANELS = 12
BINS = 40


def intervals_chart(draws: Draws, *, level: float = 0.95) -> alt.Chart:
    """Chart of draws: for each free parameter how often the draws gave which value, the fit's own value (line), and the
    interval at this level (shaded).

    Draws outside the middle 99.8 % are not drawn. Parameters with a copy for each run are left out.
    """
    ready()
    import altair as alt

    ends = {name: pair for name, pair in draws.interval(level).items() if not isinstance(pair, Mapping)}
    charts = []
    for name, (low, high) in list(ends.items())[:PANELS]:
        values = np.asarray(draws.params[name])[draws.good]
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        inside = np.quantile(values, [0.001, 0.999])
        value = float(draws.center.params[name])  # type: ignore[arg-type]  # one with copies is a mapping
        left, right = min(inside[0], low, value), max(inside[1], high, value)
        count, edges = np.histogram(values, bins=BINS, range=(left, right) if right > left else None)
        rows = [
            {"from": float(a), "to": float(b), "draws": int(n), "none": 0}
            for a, b, n in zip(edges[:-1], edges[1:], count, strict=True)
        ]
        x = alt.X("from:Q", title=_named(name), scale=alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False))
        bars = alt.Chart(alt.Data(values=rows)).mark_rect(color=PALETTE[0], opacity=0.75)
        y = alt.Y("draws:Q", title="draws", axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=True))
        bars = bars.encode(x=x, x2="to:Q", y=y, y2="none:Q")
        band = alt.Chart(alt.Data(values=[{"from": low, "to": high}])).mark_rect(color="#999999", opacity=0.22)
        line = alt.Chart(alt.Data(values=[{"from": value}])).mark_rule(color="#222222", strokeWidth=1.6)
        charts.append(_panel(alt, band.encode(x=x, x2="to:Q"), bars, line.encode(x=x)))
    if not charts:
        raise JaxlawsError(
            "`intervals_chart`: these draws have no free parameter without copies that ended in a minimum."
        )
    title = shown(f"{draws.law.label}: {len(draws)} draws, {draws.kind}", 90)
    return dressed(alt.concat(*charts, columns=2), title, [f"line: the fit; shaded: the {100 * level:g} % interval"])


def profile_chart(profile: Profile, contour: Contour | None = None) -> alt.Chart:
    """Chart of profiles: how far the best objective rises as a parameter is moved, and where that ends the interval; with
    a contour, the line around two parameters as well."""
    ready()
    import altair as alt

    charts = []
    for name in list(profile.values)[:PANELS]:
        rows = [
            {"value": float(a), "rise": float(b)}
            for a, b in zip(profile.values[name], profile.rise[name], strict=True)
            if np.isfinite(a) and np.isfinite(b)
        ]
        x = alt.X("value:Q", title=_named(name), scale=alt.Scale(zero=False, nice=False))
        top = max(1.3 * profile.threshold, max((r["rise"] for r in rows), default=0.0))
        y = alt.Y("rise:Q", title="rise", scale=alt.Scale(domain=[0.0, top], nice=False), axis=alt.Axis(tickCount=4))
        line = (
            alt.Chart(alt.Data(values=rows))
            .mark_line(color=PALETTE[0], strokeWidth=2.2, point={"color": PALETTE[0]})
            .encode(x=x, y=y)
        )
        limit = alt.Chart(alt.Data(values=[{"rise": profile.threshold}])).mark_rule(strokeDash=[5, 4], color="#333333")
        ends = [{"value": float(e)} for e in profile.ends[name] if np.isfinite(e)]
        stops = alt.Chart(alt.Data(values=ends)).mark_rule(color=PALETTE[1], strokeWidth=1.6).encode(x=x)
        charts.append(_panel(alt, line, limit.encode(y=y), stops))
    if contour is not None:
        first, second = contour.names
        points = [
            {"first": float(a), "second": float(b), "order": i}
            for i, (a, b) in enumerate(zip(contour.first, contour.second, strict=True))
        ]
        points.append(points[0] | {"order": len(points)})  # once around
        x = alt.X("first:Q", title=_named(first), scale=alt.Scale(zero=False))
        y = alt.Y("second:Q", title=_named(second), scale=alt.Scale(zero=False))
        around = alt.Chart(alt.Data(values=points)).mark_line(color=PALETTE[2], strokeWidth=2.2)
        middle = {"first": contour.center.params[first], "second": contour.center.params[second]}
        dot = alt.Chart(alt.Data(values=[middle])).mark_point(filled=True, size=60, color="#222222").encode(x=x, y=y)
        charts.append(_panel(alt, around.encode(x=x, y=y, order="order:Q"), dot))
    if not charts:
        raise JaxlawsError("`profile_chart`: there is no profile to draw.")
    notes = [f"dashed: where the {100 * profile.level:g} % interval ends; rise in units of half the dispersion"]
    if profile.open:
        notes.append(f"stopped by the box: {shown(', '.join(profile.open))}")
    if contour is not None:
        notes.append(f"closed line: what the data leave possible together at {100 * contour.level:g} %")
    return dressed(alt.concat(*charts, columns=2), shown(f"{profile.center.law.label}: profiles", 90), notes)


def _panel(alt: Any, *layers: Any) -> Any:
    return alt.layer(*layers).properties(width=270, height=150)


def _named(name: str) -> str:
    return shown(name, 40)
