"""How errors grow with distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.plot._style import MARKS, PALETTE, WIDTH, dressed, log_axis, ready, shown, thin
from jaxlaws.validate import Comparison, Standing

if TYPE_CHECKING:
    import altair as alt

BINS = 8  # of distance, in each of which a line shows the mean


def rollout_chart(comparison: Comparison) -> alt.Chart:
    """Chart of a comparison: error of each held-out row against its distance, the row's value over the largest fitted one.

    A line for each candidate, through the mean over rows of about equal distance; a dashed line where one real run would
    be as a predictor of another.
    """
    ready()
    import altair as alt

    ranked = [s for s in comparison.standings if not s.failure]
    parts = [_rows(s) for s in ranked]
    distance = np.concatenate([d for d, _ in parts])
    if not len(distance) or not (distance > 0).all():
        raise JaxlawsError("`rollout_chart`: no held-out row lies at a distance above 0 along any input.")
    names = [shown(s.name) for s in ranked]
    dots, lines = [], []
    for name, (d, e) in zip(names, parts, strict=True):
        some = thin(len(d), MARKS // (4 * len(parts)))
        dots += [
            {"law": name, "distance": a, "error": b} for a, b in zip(d[some].tolist(), e[some].tolist(), strict=True)
        ]
        lines += [{"law": name, "distance": a, "error": b} for a, b in _means(d, e)]
    colour = alt.Color(
        "law:N",
        scale=alt.Scale(domain=names, range=[PALETTE[i % len(PALETTE)] for i in range(len(names))]),
        legend=alt.Legend(title="by held-out error", symbolType="stroke", symbolSize=420, symbolOpacity=1),
    )
    x = log_axis(alt, "distance", distance, "held-out value / largest fitted value", channel="x")
    top = float(np.quantile(np.concatenate([e for _, e in parts]), 0.99))
    y = alt.Y("error:Q", title="absolute error (%)", scale=alt.Scale(domain=[0.0, 1.05 * max(top, 1e-6)], nice=False))
    layers: list[Any] = [
        alt.Chart(alt.Data(values=dots)).mark_point(filled=True, size=12, opacity=0.25, clip=True),
        alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=2.2, clip=True, point=True),
    ]
    layers = [layer.encode(x=x, y=y, color=colour) for layer in layers]
    notes = [f"{sum(int(f.score.sum()) for f in comparison.folds):,} held-out rows in {len(comparison.folds)} folds"]
    if np.isfinite(comparison.noise.between):
        typical = float(np.median(ranked[0].assessment.observed))
        floor = {"error": 100.0 * comparison.noise.between / typical}
        rule = alt.Chart(alt.Data(values=[floor])).mark_rule(strokeDash=[5, 4], color="#333333", strokeWidth=1.4)
        layers.append(rule.encode(y="error:Q"))
        notes.append(f"dashed: one real run as predictor of another ({comparison.noise.between:.2g})")
    chart = alt.layer(*layers).properties(width=WIDTH, height=360)
    return dressed(chart, shown(f"errors against distance on {comparison.source}", 90), notes)


def _rows(standing: Standing) -> tuple[np.ndarray, np.ndarray]:
    """Distance and absolute relative error, in percent, of each held-out row of each fold."""
    a = standing.assessment
    error = 100.0 * np.abs(a.predicted / a.observed - 1.0)
    keep = np.isfinite(error) & np.isfinite(a.distance)
    return a.distance[keep], error[keep]


def _means(distance: np.ndarray, error: np.ndarray) -> list[tuple[float, float]]:
    # Equal values over equal ones may differ in their last digit: they are one distance, and stay together.
    far = np.round(np.log(distance), 6)
    known, code = np.unique(far, return_inverse=True)
    if len(known) > BINS:
        code = np.searchsorted(np.sort(far), far) * BINS // len(far)
    parts = [code == i for i in np.unique(code)]
    return [(float(np.exp(np.mean(far[p]))), float(np.mean(error[p]))) for p in parts]
