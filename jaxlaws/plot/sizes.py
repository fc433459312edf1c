"""What planners say of sizes and data, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.plan import Allocation, Prices, Profiles
from jaxlaws.plot._style import PALETTE, WIDTH, drawable, dressed, log_axis, name_of, number_format, ready, ticks

if TYPE_CHECKING:
    import altair as alt

_FLOP = "budget (FLOP)"


def sizes_chart(plan: Allocation | Profiles | Prices) -> alt.Chart:
    """Chart of an allocation (choices and loss against the budget), of lines of equal compute, or of the price of sizes."""
    ready()
    if isinstance(plan, Profiles):
        return _profiles(plan)
    return _prices(plan) if isinstance(plan, Prices) else _allocation(plan)


def _allocation(plan: Allocation) -> alt.Chart:
    import altair as alt

    names = [name for name in plan.inputs if name not in plan.held]
    panels = [
        _against_budget(
            alt, plan, plan.inputs[name], name, name_of(plan.law.inputs[name]) if name in plan.law.inputs else name, i
        )
        for i, name in enumerate(names)
    ]
    symbol = plan.law.output.symbol
    panels.append(_against_budget(alt, plan, plan.loss, symbol, name_of(plan.law.output), len(names)))
    return dressed(alt.vconcat(*panels, spacing=14), f"{plan.law.label}: best choice for a budget", _notes(plan))


def _against_budget(alt: Any, plan: Allocation, values: np.ndarray, name: str, title: str, colour: int) -> Any:
    span = plan.intervals.get(name)
    ends = np.stack([values, values], axis=1) if span is None else span
    ends = np.where(np.isfinite(ends) & (ends > 0.0), ends, values[:, None])  # an end without a place on the axis
    rows = [
        {"budget": float(b), "value": float(v), "low": float(low), "high": float(high)}
        for b, v, (low, high) in zip(plan.budget, values, ends, strict=True)
        if np.isfinite(v) and v > 0.0
    ]
    last = name == plan.law.output.symbol
    x = log_axis(alt, "budget", plan.budget, _FLOP, channel="x", show=last)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    shade = alt.value(PALETTE[colour % len(PALETTE)])
    y = log_axis(alt, "value", np.r_[values, ends.ravel()], title, channel="y")
    marks = [
        base.mark_line(strokeWidth=1.8).encode(y=y, color=shade),
        base.mark_point(size=46, filled=True).encode(y=y, color=shade),
    ]
    if span is not None:
        ends_axis = log_axis(alt, "low", np.r_[values, ends.ravel()], title, channel="y")
        bars = base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=ends_axis, y2="high:Q", color=shade)
        marks.append(bars)
    return alt.layer(*marks).properties(width=WIDTH, height=180)


def _profiles(plan: Profiles) -> alt.Chart:
    import altair as alt

    lines, points, best = [], [], []
    for i, budget in enumerate(plan.best.budget.tolist()):
        kept = np.isfinite(plan.sizes[i])
        lines += [
            {"N": n, "loss": y, "budget": budget}
            for n, y in zip(plan.sizes[i][kept].tolist(), plan.losses[i][kept].tolist(), strict=True)
        ]
        if plan.seen is not None:
            points += [
                {"N": n, "loss": y, "budget": budget}
                for n, y in zip(plan.sizes[i][kept].tolist(), plan.seen[i][kept].tolist(), strict=True)
            ]
        at = {
            "by law": (plan.best.inputs["N"][i], plan.best.loss[i]),
            "by parabola": (plan.by_parabola[i], plan.parabola_loss[i]),
        }
        if plan.measured is not None and plan.measured_loss is not None:
            at["measured"] = (plan.measured[i], plan.measured_loss[i])
        best += [
            {"N": float(n), "loss": float(y), "budget": budget, "optimum": kind}
            for kind, (n, y) in at.items()
            if np.isfinite([n, y]).all()
        ]
    every = lines + points + best
    x = log_axis(alt, "N", np.array([row["N"] for row in every]), name_of(plan.best.law.inputs["N"]), channel="x")
    y = log_axis(alt, "loss", np.array([row["loss"] for row in every]), name_of(plan.best.law.output), channel="y")
    low, high = float(plan.best.budget.min()), float(plan.best.budget.max())
    legend = alt.Legend(title=_FLOP, values=ticks(low, high), labelExpr=number_format(low, high), gradientLength=180)
    scale = alt.Scale(
        type="log",
        scheme=alt.SchemeParams("viridis", extent=[0.0, 0.9]),
        domain=[low, high] if high > low else [low, 2 * low],
    )
    colour = alt.Color("budget:Q", scale=scale, legend=legend)
    marks = [
        alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, detail="budget:N")
    ]
    if points:
        marks.append(alt.Chart(alt.Data(values=points)).mark_point(size=30).encode(x=x, y=y, color=colour))
    shapes = alt.Shape(
        "optimum:N",
        scale=alt.Scale(domain=["by law", "by parabola", "measured"], range=["circle", "cross", "triangle-up"]),
        legend=alt.Legend(title="optimum"),
    )
    marks.append(
        alt.Chart(alt.Data(values=best)).mark_point(size=90, filled=True).encode(x=x, y=y, color=colour, shape=shapes)
    )
    told = ", ".join(f"{name} {value:.3f}" for name, value in plan.exponents.items())
    notes = [*_notes(plan.best), *([f"exponents of N in C: {told}"] if told else []), *plan.notes]
    notes.append("points: measured losses, lines: the law at their sizes" if points else "lines: the law")
    chart = alt.layer(*marks).properties(width=WIDTH, height=420)
    return dressed(chart, f"{plan.best.law.label}: lines of equal compute", notes)


def _prices(plan: Prices) -> alt.Chart:
    import altair as alt

    kept = np.isfinite(plan.price)
    spans = np.stack([plan.price, plan.price], axis=1) if plan.intervals is None else plan.intervals
    spans = np.where(np.isfinite(spans) & (spans > 0.0), spans, plan.price[:, None])
    rows = [
        {"factor": float(f), "price": float(p), "low": float(a), "high": float(b)}
        for f, p, (a, b) in zip(plan.factors[kept], plan.price[kept], spans[kept], strict=True)
    ]
    title = "cost over that of the best"
    x = log_axis(alt, "factor", plan.factors, "size over that of the best model", channel="x")
    y = log_axis(alt, "price", np.r_[plan.price[kept], spans[kept].ravel()], title, channel="y")
    ends_axis = log_axis(alt, "low", np.r_[plan.price[kept], spans[kept].ravel()], title, channel="y")
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    shade = alt.value(PALETTE[0])
    marks = [
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(y=ends_axis, y2="high:Q", color=shade),
        base.mark_line(strokeWidth=1.8).encode(y=y, color=shade),
        base.mark_point(size=46, filled=True).encode(y=y, color=shade),
    ]
    notes = [
        f"all reach a {plan.best.law.output.symbol} of {plan.best.loss[0]:.5g}, the best for {plan.best.budget[0]:.4g} FLOP"
    ]
    if (~kept).any():
        notes.append("out of reach: " + ", ".join(f"{f:g} x" for f in plan.factors[~kept]))
    return dressed(
        alt.layer(*marks).properties(width=WIDTH, height=360), f"{plan.best.law.label}: price of other sizes", notes
    )


def _notes(plan: Allocation) -> list[str]:
    notes = [f"cost: {plan.cost}", *plan.notes]
    if plan.draws:
        less = f", {plan.silent} of them without an answer to some budget" if plan.silent else ""
        notes.append(f"bars: {100 * plan.level:g} % intervals of {plan.draws} draws{less}")
        ends = np.concatenate([span.ravel() for span in plan.intervals.values()])
        lost = ends.size - len(drawable(ends))
        notes += [f"{lost} ends of bars are left out: not above 0"] if lost else []
    return notes
