"""A planned schedule as a chart: predicted loss and learning rate against the step, the usual schedules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.plan import SchedulePlan
from jaxlaws.plot._curves import corners
from jaxlaws.plot._style import PALETTE, WIDTH, dressed, name_of, ready, shown

if TYPE_CHECKING:
    import altair as alt

VIEW = 0.5  # share of the run, its end, that sets the axis of the loss


def schedule_chart(plan: SchedulePlan) -> alt.Chart:
    """Chart of a plan: the predicted loss, shaded where draws give it an interval, above the learning rate."""
    ready()
    import altair as alt

    total = plan.constraints.total
    named = {"plan": plan.schedule, **{name: gain.schedule for name, gain in plan.gains.items()}}
    losses, rates, lowest, highest = [], [], [], []
    for name, schedule in named.items():
        steps, loss, low, high = plan.band(schedule)
        losses += [
            {"schedule": name, "step": int(s), "loss": float(a), "low": float(b), "high": float(c)}
            for s, a, b, c in zip(steps, loss, low, high, strict=True)
        ]
        late = steps >= VIEW * total
        lowest.append(float(low[late].min()))
        highest.append(float(high[late].max()))
        lr = schedule.as_array(total)
        rates += [{"schedule": name, "step": int(s), "rate": float(lr[s])} for s in corners(lr)]
    room = 0.05 * (max(highest) - min(lowest))
    domain = [min(lowest) - room, max(highest) + room]
    names = list(named)
    colour = alt.Color(
        "schedule:N",
        scale=alt.Scale(domain=names, range=list(PALETTE[: len(names)])),
        legend=alt.Legend(title="schedule", symbolType="stroke", symbolSize=420, symbolOpacity=1),
    )

    def x(*, show: bool) -> Any:
        axis = alt.Axis(labels=show, labelExpr="format(datum.value, '~s')", tickCount=8, ticks=show)
        return alt.X(
            "step:Q", title="step" if show else None, axis=axis, scale=alt.Scale(domain=[0, total], nice=False)
        )

    scale = alt.Scale(domain=domain, nice=False, zero=False)
    base = alt.Chart(alt.Data(values=losses))
    y = alt.Y("loss:Q", title=name_of(plan.law.output), scale=scale, axis=alt.Axis(tickCount=7))
    lines = base.mark_line(clip=True, strokeWidth=1.8).encode(x=x(show=False), y=y, color=colour)
    parts = [lines]
    if plan.belief.draws > 1:
        span = base.mark_area(clip=True, opacity=0.18).transform_filter("datum.schedule == 'plan'")
        parts.insert(0, span.encode(x=x(show=False), y=alt.Y("low:Q", scale=scale), y2="high:Q", color=colour))
    top = alt.layer(*parts).properties(width=WIDTH, height=330)
    label = "datum.value == 0 ? '0' : format(datum.value, '~e')"
    bottom = (
        alt.Chart(alt.Data(values=rates))
        .mark_line(clip=True, strokeWidth=1.6)
        .encode(
            x=x(show=True),
            y=alt.Y("rate:Q", title="learning rate", axis=alt.Axis(tickCount=4, labelExpr=label)),
            color=colour,
        )
        .properties(width=WIDTH, height=190)
    )
    return dressed(
        alt.vconcat(top, bottom, spacing=12), shown(f"{plan.law.label}: schedule for {total:,} steps", 90), _notes(plan)
    )


def _notes(plan: SchedulePlan) -> list[str]:
    better = ", ".join(f"{gain.gain:.4f} below {name}" for name, gain in plan.gains.items())
    last = float(np.max(list(plan.path)))
    what = (
        "predicted final loss" if plan.path == {plan.constraints.total: 1.0} else f"weighted loss up to step {last:.0f}"
    )
    view = f"the axis of the loss is that of the last {100 * (1 - VIEW):g} % of the steps: higher losses before are out of view"
    return [f"{what} {plan.loss:.4f}: {better}", view, *plan.notes]
