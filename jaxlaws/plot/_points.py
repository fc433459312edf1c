"""Panels of a law of points: its output and relative error against the input that varies most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.fitting import Fit
from jaxlaws.plot._style import MARKS, PALETTE, WIDTH, log_axis, name_of, number_format, shown, thin, ticks
from jaxlaws.runs import Runs

LEVELS = 6  # values of the second input for which the law is drawn as a line


@dataclass(frozen=True)
class _Points:
    """Rows as they are drawn, arrays of shape `(rows,)`: inputs in order of their range, the widest first."""

    names: tuple[str, ...]
    inputs: tuple[np.ndarray, ...]
    observed: np.ndarray
    predicted: np.ndarray
    held: np.ndarray
    run: tuple[str, ...]
    total: int

    @property
    def error(self) -> np.ndarray:
        return 100.0 * (self.predicted / np.where(self.observed == 0, np.nan, self.observed) - 1.0)


def point_panels(fit: Fit, runs: Runs, held: Runs | None, branch_of: Any) -> tuple[Any, list[str]]:
    """Two panels over one axis, and what is to be said of them."""
    del branch_of  # is of curves
    import altair as alt

    points = _drawn(fit, runs, held)
    titles = [name_of(fit.law.inputs[name], runs.origins.get(name, name)) for name in points.names]
    varied = [i for i, values in enumerate(points.inputs) if values.max() > values.min()] or [0]
    colour = (
        _colour(alt, points.inputs[varied[1]], titles[varied[1]], varied[1])
        if len(varied) > 1
        else alt.value(PALETTE[0])
    )
    kinds = ["fitted", "held out"]
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]),
        legend=None if held is None else alt.Legend(title="rows", symbolStrokeColor="#555555", symbolSize=90),
    )
    told = [alt.Tooltip("run:N"), *(alt.Tooltip(f"x{i}:Q", title=name) for i, name in enumerate(points.names))]
    base = (
        alt.Chart(alt.Data(values=_records(points)))
        .mark_point(size=36, opacity=0.8, strokeWidth=1.4, clip=True)
        .encode(shape=shape, color=colour, tooltip=[*told, "observed:Q", "predicted:Q"])
    )
    output = name_of(fit.law.output)
    if len(varied) <= 2:
        top = _against_input(alt, fit, points, base, varied, output, titles[0])
    else:
        top = _against_prediction(alt, fit, points, base, output)
    bottom = _errors(alt, points, base, titles[0])
    drawn = len(points.observed)
    notes = (
        [f"lines: the law at {LEVELS} values of {titles[varied[1]]}, dashed beyond the fitted rows"]
        if len(varied) == 2
        else []
    )
    notes += [f"thinned: {drawn:,} of {points.total:,} rows are drawn"] if drawn < points.total else []
    return alt.vconcat(top, bottom, spacing=14), notes


def _drawn(fit: Fit, runs: Runs, held: Runs | None) -> _Points:
    parts = [(runs, False), *([] if held is None else [(held, True)])]
    some = [thin(len(table), MARKS // 4) for table, _ in parts]
    inputs = {
        n: np.concatenate([t.column(n)[s] for (t, _), s in zip(parts, some, strict=True)]) for n in fit.law.inputs
    }
    names = tuple(sorted(inputs, key=lambda n: -np.log(inputs[n].max() / inputs[n].min())))
    symbol = fit.law.output.symbol
    return _Points(
        names,
        tuple(inputs[n] for n in names),
        np.concatenate([t.column(symbol)[s] for (t, _), s in zip(parts, some, strict=True)]),
        np.concatenate([fit.predict(t)[s] for (t, _), s in zip(parts, some, strict=True)]),
        np.concatenate([np.full(len(s), is_held) for (_, is_held), s in zip(parts, some, strict=True)]),
        tuple(shown(run) for (t, _), s in zip(parts, some, strict=True) for run in t.frame["run"].iloc[s]),
        sum(len(t) for t, _ in parts),
    )


def _records(points: _Points) -> list[dict[str, Any]]:
    columns = [a.tolist() for a in (*points.inputs, points.observed, points.predicted, points.error, points.held)]
    names = [*(f"x{i}" for i in range(len(points.inputs))), "observed", "predicted", "error", "kind"]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [
        row | {"run": run, "kind": "held out" if row["kind"] else "fitted"}
        for row, run in zip(rows, points.run, strict=True)
    ]


def _colour(alt: Any, values: np.ndarray, title: str, index: int) -> Any:
    low, high = float(values.min()), float(values.max())
    marks = ticks(low, high)
    legend = alt.Legend(
        title=title, values=marks, labelExpr=number_format(low, high), gradientLength=180, titleLimit=300
    )
    # The lightest colours of the scheme are lost on white.
    scale = alt.Scale(type="log", scheme=alt.SchemeParams("viridis", extent=[0.0, 0.9]), domain=[low, high])
    return alt.Color(f"x{index}:Q", scale=scale, legend=legend)


def _output_axis(alt: Any, fit: Fit, field: str, values: np.ndarray, title: str, channel: str = "y") -> Any:
    if fit.law.output.scale == "log":
        return log_axis(alt, field, values, title, channel=channel)
    make = alt.Y if channel == "y" else alt.X
    return make(f"{field}:Q", title=title, scale=alt.Scale(zero=False))


def _against_input(alt: Any, fit: Fit, points: _Points, base: Any, varied: list[int], output: str, title: str) -> Any:
    """Observations over the widest input, and the law as a line, for some values of the second input where there is one."""
    both = np.r_[points.observed, points.predicted]
    x = log_axis(alt, "x0", points.inputs[0], title, channel="x", show=False)
    dots = base.encode(x=x, y=_output_axis(alt, fit, "observed", both, output))
    second = varied[1] if len(varied) > 1 else None
    line = alt.Chart(alt.Data(values=_lines(fit, points, second))).mark_line(clip=True, strokeWidth=1.8)
    beyond = alt.StrokeDash("beyond:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [6, 3]]), legend=None)
    colour = alt.value("#333333") if second is None else alt.Color(f"x{second}:Q")
    lines = line.encode(
        x=x, y=_output_axis(alt, fit, "predicted", both, output), strokeDash=beyond, color=colour, detail="line:N"
    )
    return alt.layer(dots, lines).properties(width=WIDTH, height=360)


def _lines(fit: Fit, points: _Points, second: int | None) -> list[dict[str, Any]]:
    """The law over the widest input, solid as far as rows were fitted, dashed beyond; no farther than rows were seen."""
    fitted = ~points.held
    groups = [(None, np.ones(len(points.held), dtype=bool))]
    if second is not None:
        logs = np.log(points.inputs[second])
        levels = np.linspace(np.quantile(logs, 0.03), np.quantile(logs, 0.97), LEVELS)
        nearest = np.abs(logs[:, None] - levels).argmin(axis=1)
        groups = [(float(np.exp(level)), nearest == i) for i, level in enumerate(levels)]
    out = []
    for level, near in groups:
        x = points.inputs[0][near]
        if len(x) == 0:
            continue
        grid = np.geomspace(x.min(), x.max(), 120)
        inputs: dict[str, Any] = {name: np.median(v) for name, v in zip(points.names, points.inputs, strict=True)}
        inputs |= {points.names[0]: grid} | ({} if second is None else {points.names[second]: level})
        seen = x[fitted[near]] if fitted[near].any() else np.array([np.inf])
        beyond = (grid < seen.min()) | (grid > seen.max())
        for a, b, c in zip(grid.tolist(), fit.predict(**inputs).tolist(), beyond.tolist(), strict=True):
            out.append({"x0": a, "predicted": b, "beyond": c, "line": f"{level} {c}", f"x{second or 1}": level})
    return out


def _against_prediction(alt: Any, fit: Fit, points: _Points, base: Any, output: str) -> Any:
    """Observed over predicted, on one scale; on the diagonal the law is right."""
    both = np.r_[points.observed, points.predicted]
    x = _output_axis(alt, fit, "predicted", both, f"predicted {output}", channel="x")
    y = _output_axis(alt, fit, "observed", both, f"observed {output}")
    ends = [{"predicted": v, "observed": v} for v in (float(both.min()), float(both.max()))]
    diagonal = alt.Chart(alt.Data(values=ends)).mark_line(color="#333333", strokeWidth=1.4).encode(x=x, y=y)
    return alt.layer(base.encode(x=x, y=y), diagonal).properties(width=WIDTH, height=360)


def _errors(alt: Any, points: _Points, base: Any, title: str) -> Any:
    widest = 1.08 * max(float(np.nanmax(np.abs(points.error), initial=0.0)), 1e-3)
    scale = alt.Scale(domain=[-widest, widest], nice=False)
    y = alt.Y("error:Q", title="error of prediction (%)", scale=scale, axis=alt.Axis(tickCount=5))
    zero = alt.Chart(alt.Data(values=[{"error": 0.0}])).mark_rule(color="#444444", strokeWidth=1).encode(y="error:Q")
    x = log_axis(alt, "x0", points.inputs[0], title, channel="x")
    return alt.layer(base.encode(x=x, y=y), zero).properties(width=WIDTH, height=170)
