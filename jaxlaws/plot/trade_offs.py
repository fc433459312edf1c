"""Which parameters move together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.plot._style import PALETTE, dressed, ready, shown, thin
from jaxlaws.uncertainty import Draws

if TYPE_CHECKING:
    import altair as alt

MOST = 16  # parameters of the square
POINTS = 400  # draws of the cloud


def trade_offs_chart(draws: Draws) -> alt.Chart:
    """Chart of draws: the correlation of each pair of parameters (of their logarithms where all are above 0), and the two
    that trade off most as a cloud.

    Parameters with a copy for each run are left out. Raises `JaxlawsError` where fewer than two vary.
    """
    ready()
    import altair as alt

    values = _varying(draws)
    if len(values) < 2:
        raise JaxlawsError("`trade_offs_chart`: these draws have fewer than two free parameters that vary.")
    names = list(values)
    logs = [np.log(v) if (v > 0).all() else v for v in values.values()]
    table = np.corrcoef(np.stack(logs))
    cells = [
        {"a": shown(a, 20), "b": shown(b, 20), "r": round(float(table[i, j]), 3), "told": f"{table[i, j]:.2f}"}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    ]
    order = [shown(name, 20) for name in names]
    x = alt.X("a:N", sort=order, title=None, axis=alt.Axis(labelAngle=0, grid=False))
    y = alt.Y("b:N", sort=order, title=None, axis=alt.Axis(grid=False))
    base = alt.Chart(alt.Data(values=cells)).encode(x=x, y=y, tooltip=["a:N", "b:N", "r:Q"])
    scale = alt.Scale(domain=[-1, 0, 1], range=[PALETTE[1], "#F4F4F4", PALETTE[0]])
    square = base.mark_rect().encode(color=alt.Color("r:Q", scale=scale, legend=None))
    # Each number lies on a colour of its own: light ones need dark figures, in whatever light the page is read.
    ink = alt.condition("abs(datum.r) > 0.85", alt.value("#FFFFFF"), alt.value("#111111"))
    figures = base.mark_text(fontSize=13).encode(text="told:N", color=ink)
    side = max(200, min(300, 44 * len(names)))
    panels = [alt.layer(square, figures).properties(width=side, height=side)]
    off = np.abs(table - np.eye(len(names)))
    i, j = sorted(np.unravel_index(int(np.argmax(off)), off.shape))
    panels.append(_cloud(alt, names[i], names[j], values[names[i]], values[names[j]]))
    count = len(next(iter(values.values())))
    notes = [f"correlation over {count} draws, {draws.kind}; right: {names[i]} and {names[j]}, which trade off most"]
    notes += [f"thinned: {POINTS} of {count} draws are points"] * (count > POINTS)
    return dressed(alt.concat(*panels, columns=2, spacing=30), shown(f"{draws.law.label}: trade-offs", 90), notes)


def _varying(draws: Draws) -> dict[str, np.ndarray]:
    """Values of free parameters over the draws that ended in a minimum."""
    out = {}
    for name, value in draws.params.items():
        if name in draws.center.fixed or isinstance(value, Mapping):
            continue
        good = np.asarray(value, dtype=np.float64)[draws.good]
        if len(good) > 2 and np.isfinite(good).all() and np.ptp(good) > 0:
            out[name] = good
    return dict(list(out.items())[:MOST])


def _cloud(alt: Any, first: str, second: str, x: np.ndarray, y: np.ndarray) -> Any:
    some = thin(len(x), POINTS)
    rows = [{"x": float(x[k]), "y": float(y[k])} for k in some]

    def axis(make: Any, field: str, name: str, values: np.ndarray) -> Any:
        wide = (values > 0).all() and values.max() > 3.0 * values.min()
        scale = alt.Scale(type="log", nice=False) if wide else alt.Scale(zero=False, nice=False)
        return make(
            f"{field}:Q",
            title=shown(name, 40),
            scale=scale,
            axis=alt.Axis(tickCount=4, labelExpr="format(datum.value, '~g')"),
        )

    points = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, size=18, opacity=0.5, color=PALETTE[0])
    return points.encode(x=axis(alt.X, "x", first, x), y=axis(alt.Y, "y", second, y)).properties(width=240, height=240)
