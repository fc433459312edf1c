"""What planners say of learning rates and batches, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.plan import Batches, Rates
from jaxlaws.plot._style import PALETTE, WIDTH, dressed, log_axis, ready

if TYPE_CHECKING:
    import altair as alt

SHARES = (0.0005, 0.001, 0.0025, 0.005, 0.01)  # above the lowest loss, of the contours


def basin_chart(rates: Rates) -> alt.Chart:
    """Contours of equal loss around the best rate and batch of each problem, from the curvature there."""
    ready()
    import altair as alt

    rows, best = [], []
    for i in range(len(rates.lr)):
        at = ", ".join(f"{k} = {v[i]:.3g}" for k, v in rates.inputs.items())
        best.append({"lr": float(rates.lr[i]), "batch": float(rates.batch[i]), "at": at})
        for share in SHARES:
            x, y = _around(rates.curvature[i], share, rates.held)
            lr, batch = rates.lr[i] * np.exp(x), rates.batch[i] * np.exp(y)
            rows += [
                {"lr": a, "batch": b, "share": f"{100 * share:g} %", "at": at, "order": j, "line": f"{i} {share}"}
                for j, (a, b) in enumerate(zip(lr.tolist(), batch.tolist(), strict=True))
            ]
    x = log_axis(alt, "batch", np.array([r["batch"] for r in rows]), "batch (tokens)", channel="x")
    y = log_axis(alt, "lr", np.array([r["lr"] for r in rows]), "peak learning rate", channel="y")
    colour = alt.Color("at:N", scale=alt.Scale(range=list(PALETTE)), legend=alt.Legend(title=None, labelLimit=320))
    opacity = alt.Opacity(
        "share:N",
        sort=None,
        scale=alt.Scale(range=[1.0, 0.8, 0.65, 0.5, 0.35]),
        legend=alt.Legend(title="above the lowest loss"),
    )
    # One of the two held: the ends of a line are marked, which shares would otherwise hide behind each other.
    lines = alt.Chart(alt.Data(values=rows)).mark_line(
        strokeWidth=1.8, point={"shape": "stroke"} if rates.held else False
    )
    drawn = lines.encode(x=x, y=y, color=colour, opacity=opacity, detail="line:N", order="order:Q")
    points = alt.Chart(alt.Data(values=best)).mark_point(size=80, filled=True).encode(x=x, y=y, color=colour)
    chart = alt.layer(drawn, points).properties(width=WIDTH, height=420)
    what = (
        f"{' and '.join(rates.held)} held: marks where the loss is higher by a share"
        if rates.held
        else "lines of equal loss"
    )
    return dressed(chart, f"{rates.law.label}: best rate and batch", [f"{what}, from the curvature at the best pair"])


def _around(curvature: np.ndarray, share: float, held: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of rate and batch, over the best pair, where the loss is higher by a share: around it, or both ways along the
    one that is free."""
    reach = 2.0 * np.log1p(share)
    if held:
        free = 1 if held == ("lr",) else 0
        ends = np.array([-1.0, 1.0]) * np.sqrt(reach / curvature[free, free])
        return (ends, np.zeros(2)) if free == 0 else (np.zeros(2), ends)
    values, vectors = np.linalg.eigh(curvature)
    angle = np.linspace(0.0, 2.0 * np.pi, 120)
    x, y = vectors @ (np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(reach / values)[:, None])
    return x, y


def batch_chart(batches: Batches) -> alt.Chart:
    """Steps against tokens: the hyperbola, with the batches that were asked for."""
    ready()
    import altair as alt

    grid = np.geomspace(batches.batch.min(), batches.batch.max(), 120)
    curve = [{"steps": s, "tokens": t} for s, t in zip(*_both(batches, grid), strict=True)]
    asked = [
        {"steps": s, "tokens": t, "batch": f"{b:.3g}"}
        for s, t, b in zip(batches.steps.tolist(), batches.tokens.tolist(), batches.batch.tolist(), strict=True)
    ]
    every = curve + asked
    x = log_axis(alt, "steps", np.array([r["steps"] for r in every]), "steps", channel="x")
    y = log_axis(alt, "tokens", np.array([r["tokens"] for r in every]), "tokens", channel="y")
    shade = alt.value(PALETTE[0])
    marks = [
        alt.Chart(alt.Data(values=curve)).mark_line(strokeWidth=1.8).encode(x=x, y=y, color=shade),
        alt.Chart(alt.Data(values=asked)).mark_point(size=60, filled=True).encode(x=x, y=y, color=shade),
        alt.Chart(alt.Data(values=asked))
        .mark_text(align="left", dx=8, dy=-8, fontSize=12)
        .encode(x=x, y=y, text="batch:N"),
    ]
    notes = [
        batches.goal,
        f"at least {batches.least_steps:.4g} steps and {batches.least_tokens:.4g} tokens; numbers: batch in tokens",
    ]
    return dressed(
        alt.layer(*marks).properties(width=WIDTH, height=400), f"{batches.law.label}: steps against tokens", notes
    )


def _both(batches: Batches, grid: np.ndarray) -> tuple[list[float], list[float]]:
    steps = batches.least_steps + batches.least_tokens / grid
    return steps.tolist(), (steps * grid).tolist()
