"""What a fit leaves over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.fitting import Fit
from jaxlaws.plot._style import INK, MARKS, PALETTE, WIDTH, dressed, name_of, ready, shown, thin
from jaxlaws.validate import Residuals, residuals

if TYPE_CHECKING:
    import altair as alt

BINS = 40
WORST = 12  # runs of the lowest panel

_SCALE = {"log": "prediction less observation, in logs", "logit": "prediction less observation, in logits"}


def residuals_chart(fit: Fit, runs: Any) -> alt.Chart:
    """Chart of residuals on the scale of the fit's objective: how they scatter, beside a normal law of the same spread;
    how they go with the prediction; and the runs that lie farthest off."""
    ready()
    import altair as alt

    found = residuals(fit, runs)
    title = _SCALE.get(found.on, "prediction less observation")
    panels = [_scatter(alt, found, title), _against(alt, fit, found, title)]
    some = thin(len(found.value), MARKS // 5)
    notes = [f"{len(found.value):,} residuals, root mean square {float(np.sqrt(np.mean(found.value**2))):.3g}"]
    notes += [f"thinned: {len(some):,} of them are points, evenly spread; bars count all"] * (
        len(some) < len(found.value)
    )
    names, code = np.unique(found.run.astype(str), return_inverse=True)
    if 1 < len(names) < len(found.value):
        mean = np.bincount(code, found.value) / np.bincount(code)
        worst = np.argsort(-np.abs(mean), kind="stable")[:WORST]
        panels.append(_by_run(alt, [shown(names[i], 40) for i in worst], mean[worst], title))
        notes += [f"lowest: the {len(worst)} of {len(names):,} runs that are farthest off in the mean"]
    title_of = shown(f"{fit.law.label}: residuals", 90)
    return dressed(alt.vconcat(*panels, spacing=16), title_of, notes)


def _scatter(alt: Any, found: Residuals, title: str) -> Any:
    count, edges = np.histogram(found.value, bins=BINS)
    rows = [
        {"from": float(a), "to": float(b), "rows": int(n), "none": 0}
        for a, b, n in zip(edges[:-1], edges[1:], count, strict=True)
    ]
    x = alt.X("from:Q", title=title, scale=alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False))
    y = alt.Y("rows:Q", title="residuals", axis=alt.Axis(tickCount=4))
    bars = alt.Chart(alt.Data(values=rows)).mark_rect(color=PALETTE[0], opacity=0.75)
    mean, sd = float(found.value.mean()), float(found.value.std())
    at = np.linspace(edges[0], edges[-1], 120)
    height = len(found.value) * (edges[1] - edges[0]) / (max(sd, 1e-300) * np.sqrt(2.0 * np.pi))
    bell = height * np.exp(-0.5 * ((at - mean) / max(sd, 1e-300)) ** 2)
    line = alt.Chart(alt.Data(values=[{"from": float(a), "rows": float(b)} for a, b in zip(at, bell, strict=True)]))
    normal = line.mark_line(color=INK, strokeWidth=1.6, strokeDash=[5, 4])
    layers = alt.layer(bars.encode(x=x, x2="to:Q", y=y, y2="none:Q"), normal.encode(x=x, y=y))
    return layers.properties(width=WIDTH, height=150)


def _against(alt: Any, fit: Fit, found: Residuals, title: str) -> Any:
    some = thin(len(found.value), MARKS // 5)
    rows = [
        {"predicted": float(found.predicted[i]), "residual": float(found.value[i]), "run": shown(found.run[i])}
        for i in some
    ]
    x = alt.X("predicted:Q", title=f"predicted {name_of(fit.law.output)}", scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("residual:Q", title=title, axis=alt.Axis(tickCount=5))
    points = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, size=14, opacity=0.45, color=PALETTE[0])
    zero = alt.Chart(alt.Data(values=[{"residual": 0.0}])).mark_rule(color=INK, strokeWidth=1).encode(y="residual:Q")
    told = ["run:N", "predicted:Q", "residual:Q"]
    return alt.layer(points.encode(x=x, y=y, tooltip=told), zero).properties(width=WIDTH, height=200)


def _by_run(alt: Any, names: list[str], mean: np.ndarray, title: str) -> Any:
    rows = [{"run": n, "residual": float(v)} for n, v in zip(names, mean, strict=True)]
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(color=PALETTE[0], opacity=0.8)
    y = alt.Y("run:N", sort=None, title=None, axis=alt.Axis(labelLimit=180))
    return bars.encode(x=alt.X("residual:Q", title=f"mean {title}"), y=y, tooltip=["run:N", "residual:Q"]).properties(
        width=WIDTH, height=22 * len(rows)
    )
