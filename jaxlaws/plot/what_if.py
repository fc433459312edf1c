"""Predictions that follow controls: other sizes, other budgets, other schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.plan import allocate
from jaxlaws.plot._style import INK, PALETTE, WIDTH, dressed, log_axis, name_of, ready, shown
from jaxlaws.runs import Runs, read
from jaxlaws.schedules import Schedule, constant, cosine, linear, parse, wsd
from jaxlaws.uncertainty import Draws

if TYPE_CHECKING:
    import altair as alt

SLIDES = 41  # places of a control over one input
SEEN = 29  # of these no farther than the largest fitted value
BUDGETS = 33
FARTHEST = 30.0  # times the largest fitted value
TIMES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # horizons over that of the longest run
PEAKS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)  # over the highest peak
STEPS = 24  # of each predicted curve
SHAPES = ("cosine", "wsd", "linear", "constant")


@dataclass(frozen=True)
class _Control:
    """A choice among `values`; `largest` is the largest fitted one, beyond which predictions extrapolate."""

    name: str
    title: str
    values: Sequence[Any]
    start: int
    largest: float | None = None

    def param(self, alt: Any) -> Any:
        last = len(self.values) - 1
        words = isinstance(self.values[0], str)
        bind = (
            alt.binding_select(options=list(range(last + 1)), labels=list(self.values), name=f"{self.title} ")
            if words
            else alt.binding_range(min=0, max=last, step=1, name=f"{self.title}, place on the scale ")
        )
        return alt.param(name=f"at_{self.name}", value=self.start, bind=bind)

    def told(self) -> dict[str, Any]:
        """For pages that draw controls of their own."""
        return {
            "signal": f"at_{self.name}",
            "name": self.name,
            "title": self.title,
            "values": [v if isinstance(v, str) else float(f"{v:.4g}") for v in self.values],
            "start": self.start,
            "largest": self.largest,
        }


def what_if_chart(fit: Fit, runs: Runs | None = None, *, draws: Draws | None = None) -> alt.Chart:
    """Chart whose predictions follow controls, from values computed beforehand.

    A law of points has a control for each of two inputs, those that reach farthest; others are held at the fitted median
    (without `runs`: at the largest fitted value), and with `draws` predictions have 95 % intervals. A law of whole curves has
    horizon, peak and shape of a schedule, beside the fitted runs' own. `usermeta` of the chart lists controls and answers,
    for pages with controls of their own. Raises `JaxlawsError` where the law has nothing to move.
    """
    ready()
    return (_schedules if fit.law.is_curve else _inputs)(fit, runs, draws)


def budget_chart(fit: Fit) -> alt.Chart:
    """Chart of the best size and data for a budget of 6ND FLOP, which a control moves: the loss of every size that the budget
    pays for, the best marked. Raises `JaxlawsError` for laws of other inputs."""
    ready()
    import altair as alt

    law = fit.law
    if law.is_curve or set(law.inputs) != {"N", "D"}:
        raise JaxlawsError(f"`budget_chart`: `{law.name}` must be a law of N and D; it takes {', '.join(law.inputs)}.")
    spent = 6.0 * fit.largest["N"] * fit.largest["D"]
    budgets = np.geomspace(spent / 1e4, spent * 1e4, BUDGETS)
    best = allocate(fit, budgets.tolist())
    size = best.inputs["N"]
    spread = np.geomspace(1 / 30.0, 30.0, 31)
    grid = size[:, None] * spread
    loss = fit.predict(N=grid, D=budgets[:, None] / (6.0 * grid))
    rows = [
        {"i": i, "N": _short(n), "loss": _short(y)}
        for i in range(BUDGETS)
        for n, y in zip(grid[i], loss[i], strict=True)
    ]
    marks = [
        {
            "i": i,
            "budget": _short(b),
            "N": _short(n),
            "D": _short(d),
            "loss": _short(y),
            "told": f"N {_si(n)}, D {_si(d)}",
        }
        for i, (b, n, d, y) in enumerate(zip(budgets, size, best.inputs["D"], best.loss, strict=True))
    ]
    control = _Control("budget", "budget (FLOP)", budgets.tolist(), BUDGETS // 2, spent)
    # Axes stay where they are while the control moves: only then can the eye compare.
    x = log_axis(alt, "N", grid, name_of(law.inputs["N"]), channel="x")
    y = log_axis(alt, "loss", np.clip(loss, None, 3.0 * np.median(best.loss)), name_of(law.output), channel="y")
    here = "datum.i == at_budget"
    line = (
        alt.Chart(alt.Data(values=rows)).transform_filter(here).mark_line(color=PALETTE[0], strokeWidth=2.2, clip=True)
    )
    path = alt.Chart(alt.Data(values=marks)).mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 4], clip=True)
    dot = alt.Chart(alt.Data(values=marks)).transform_filter(here).mark_point(filled=True, size=110, color=PALETTE[1])
    text = alt.Chart(alt.Data(values=marks)).transform_filter(here).mark_text(dy=-16, fontSize=13)
    layers = [mark.encode(x=x, y=y) for mark in (path, line, dot)]
    answers = {
        "N": [m["N"] for m in marks],
        "D": [m["D"] for m in marks],
        law.output.symbol: [m["loss"] for m in marks],
    }
    chart = alt.layer(*layers, text.encode(x=x, y=y, text="told:N")).add_params(control.param(alt))
    chart = chart.properties(width=WIDTH, height=260, usermeta={"controls": [control.told()], "answers": answers})
    notes = ["training costs 6ND FLOP; line: all sizes for the budget; dot: the best; dashed: the best of every budget"]
    return dressed(chart, shown(f"{law.label}: what a budget buys", 90), notes)


def _inputs(fit: Fit, runs: Runs | None, draws: Draws | None) -> alt.Chart:
    import altair as alt

    law = fit.law
    reach = {n: _reach(fit, n, runs) for n in law.inputs}
    wide = [n for n in sorted(law.inputs, key=lambda n: -reach[n][1] / reach[n][0]) if reach[n][1] > reach[n][0]][:2]
    if not wide:
        raise JaxlawsError(f"`what_if_chart`: the fit says nothing of how far the inputs of `{law.name}` reached.")
    wide = [n for n in law.inputs if n in wide]  # in the law's own order
    controls = []
    for name in wide:
        low, largest = reach[name]
        values = np.r_[
            np.geomspace(low, largest, SEEN), np.geomspace(largest, largest * FARTHEST, SLIDES - SEEN + 1)[1:]
        ]
        controls.append(_Control(name, name_of(law.inputs[name], name), values.tolist(), SEEN - 1, largest))
    axes = np.meshgrid(*(c.values for c in controls), indexing="ij")
    held = {n: _middle(fit, n, runs) for n in law.inputs if n not in wide}
    inputs = {**held, **{n: a.ravel() for n, a in zip(wide, axes, strict=True)}}
    value, low, high = _told(fit, draws, inputs)
    index = np.stack([i.ravel() for i in np.meshgrid(*(np.arange(SLIDES) for _ in wide), indexing="ij")], axis=1)
    rows = [
        {
            **{f"v{k}": _short(inputs[n][r]) for k, n in enumerate(wide)},
            **{f"i{k}": int(index[r, k]) for k in range(len(wide))},
        }
        | {"loss": _short(value[r])}
        | ({} if low is None else {"low": _short(low[r]), "high": _short(high[r])})
        for r in range(len(value))
        if np.isfinite(value[r])
    ]
    # The steepest corner of the grid would squash the rest; what lies above is out of view.
    top = float(np.nanquantile(value, 0.97))
    view = np.clip(value[np.isfinite(value)], None, top)
    panels = [_panel(alt, fit, rows, controls, k, view, low is not None) for k in range(len(wide))]
    answers: dict[str, Any] = {law.output.symbol: _shorts(value)}
    if low is not None:
        answers |= {"low": _shorts(low), "high": _shorts(high)}
    chart = alt.vconcat(*panels, spacing=18).add_params(*(c.param(alt) for c in controls))
    chart = chart.properties(usermeta={"controls": [c.told() for c in controls], "answers": answers})
    notes = ["dashed: beyond the largest fitted value"]
    notes += [f"held: {', '.join(f'{n} = {v:.4g}' for n, v in held.items())}"] if held else []
    notes += [_shaded(draws)] if draws is not None else []
    notes += ["losses above the axis are out of view"] * (top < float(np.nanmax(value)))
    return dressed(chart, shown(f"{law.label}: what if", 90), notes)


def _panel(
    alt: Any, fit: Fit, rows: list[dict[str, Any]], controls: list[_Control], k: int, view: np.ndarray, shaded: bool
) -> Any:
    """The law along one control, the others where they stand."""
    control, others = controls[k], [j for j in range(len(controls)) if j != k]
    at = [f"datum.i{j} == at_{controls[j].name}" for j in others] or ["true"]
    base = alt.Chart(alt.Data(values=rows)).transform_filter(" && ".join(at))
    x = log_axis(alt, f"v{k}", np.asarray(control.values), control.title, channel="x")
    y = log_axis(alt, "loss", view, name_of(fit.law.output), channel="y")
    seen = base.transform_filter(f"datum.i{k} < {SEEN}").mark_line(color=PALETTE[k], strokeWidth=2.2, clip=True)
    beyond = base.transform_filter(f"datum.i{k} >= {SEEN - 1}").mark_line(
        color=PALETTE[k], strokeWidth=2.2, strokeDash=[6, 3], clip=True
    )
    layers = [seen.encode(x=x, y=y), beyond.encode(x=x, y=y)]
    if shaded:
        band = base.mark_area(color=PALETTE[k], opacity=0.2, clip=True)
        layers.insert(
            0, band.encode(x=x, y=log_axis(alt, "low", view, name_of(fit.law.output), channel="y"), y2="high:Q")
        )
    here = base.transform_filter(f"datum.i{k} == at_{control.name}")
    dot = here.mark_point(filled=True, size=110, color=INK, clip=True)
    text = here.transform_calculate(told="format(datum.loss, '.4~g')").mark_text(dy=-16, fontSize=14, clip=True)
    layers += [dot.encode(x=x, y=y), text.encode(x=x, y=y, text="told:N")]
    return alt.layer(*layers).properties(width=WIDTH, height=200)


def _schedules(fit: Fit, runs: Runs | None, draws: Draws | None) -> alt.Chart:
    import altair as alt

    last, peak, climb = _longest(fit, runs)
    horizons = [round(last * t) for t in TIMES]
    peaks = [peak * p for p in PEAKS]
    controls = [
        _Control("horizon", "steps", horizons, TIMES.index(1.0), float(last)),
        _Control("peak", "peak learning rate", peaks, PEAKS.index(1.0), peak),
        _Control("shape", "schedule", list(SHAPES), 0),
    ]
    keys = [(h, p, s) for h in range(len(horizons)) for p in range(len(peaks)) for s in range(len(SHAPES))]
    made = [_schedule(SHAPES[s], peaks[p], horizons[h], int(climb * horizons[h])) for h, p, s in keys]
    steps = [np.unique(np.geomspace(max(h * 0.03, 1), h, STEPS).astype(int)) for h in horizons]
    table = read(
        {
            "run": [str(i) for i, (h, _, _) in enumerate(keys) for _ in steps[h]],
            "step": np.concatenate([steps[h] for h, _, _ in keys]),
            "lr_schedule": [str(made[i]) for i, (h, _, _) in enumerate(keys) for _ in steps[h]],
            **{
                n: np.full(sum(len(steps[h]) for h, _, _ in keys), _middle(fit, n, runs))
                for n in fit.law.inputs
                if n != "curve"
            },
        }
    )
    value = fit.predict(table)
    owner = np.repeat(np.arange(len(keys)), [len(steps[h]) for h, _, _ in keys])
    rows = [
        {"h": keys[i][0], "p": keys[i][1], "s": keys[i][2], "step": int(a), "loss": _short(v)}
        for i, a, v in zip(owner.tolist(), table.column("step"), value, strict=True)
        if np.isfinite(v)
    ]
    rates = [
        {"h": keys[i][0], "p": keys[i][1], "s": keys[i][2], "step": int(a), "rate": _short(b)}
        for i, one in enumerate(made)
        for a, b in _rates(one, horizons[keys[i][0]])
    ]
    ends = np.flatnonzero(np.diff(np.r_[owner, -1]))
    answers = {fit.law.output.symbol: _shorts(value[ends])}
    here = "datum.h == at_horizon && datum.p == at_peak && datum.s == at_shape"
    x = alt.X("step:Q", title="step", axis=alt.Axis(labelExpr="format(datum.value, '~s')", tickCount=8))
    late = value[np.isfinite(value)]
    y = alt.Y(
        "loss:Q",
        title=name_of(fit.law.output),
        scale=alt.Scale(domain=[float(late.min()) * 0.995, float(np.quantile(late, 0.9))], nice=False, zero=False),
    )
    lines = alt.Chart(alt.Data(values=rows)).transform_filter(here)
    end = lines.transform_joinaggregate(last="max(step)").transform_filter("datum.step == datum.last")
    told = end.transform_calculate(told="format(datum.loss, '.4~f')")
    top = alt.layer(
        lines.mark_line(color=PALETTE[0], strokeWidth=2.2, clip=True).encode(x=x, y=y),
        end.mark_point(filled=True, size=110, color=PALETTE[1], clip=True).encode(x=x, y=y),
        told.mark_text(align="right", dx=-8, dy=-12, fontSize=14).encode(x=x, y=y, text="told:N"),
    ).properties(width=WIDTH, height=240)
    label = "datum.value == 0 ? '0' : format(datum.value, '~e')"
    bottom = (
        alt.Chart(alt.Data(values=rates))
        .transform_filter(here)
        .mark_line(color=PALETTE[2], strokeWidth=2)
        .encode(x=x, y=alt.Y("rate:Q", title="learning rate", axis=alt.Axis(tickCount=3, labelExpr=label)))
        .properties(width=WIDTH, height=90)
    )
    chart = alt.vconcat(top, bottom, spacing=12).add_params(*(c.param(alt) for c in controls))
    chart = chart.properties(usermeta={"controls": [c.told() for c in controls], "answers": answers})
    notes = [
        f"warm-up over {100 * climb:.2g} % of the steps; cosine and wsd end at a tenth of the peak, linear at 0",
        "a law says what it extrapolates to, not which peak a model survives: choose no peak by this alone",
    ]
    del draws  # intervals of some two hundred schedules would take longer than the rest of a page
    return dressed(chart, shown(f"{fit.law.label}: other schedules", 90), notes)


def _schedule(shape: str, peak: float, total: int, climb: int) -> Schedule:
    ramp: Mapping[str, Any] = {"warmup": climb} if climb else {}
    match shape:
        case "cosine":
            return cosine(peak, total=total, end=0.1 * peak, **ramp)
        case "wsd":
            return wsd(peak, hold=total - (total - climb) // 5, total=total, end=0.1 * peak, **ramp)
        case "linear":
            return linear(peak, total=total, **ramp)
        case _:
            return constant(peak, total=total, **ramp)


def _rates(schedule: Schedule, total: int) -> list[tuple[int, float]]:
    from jaxlaws.plot._curves import corners

    lr = schedule.as_array(total)
    at = corners(lr, 20)
    return [(int(a), float(lr[a])) for a in at]


def _longest(fit: Fit, runs: Runs | None) -> tuple[int, float, float]:
    """Steps of the longest fitted run, the highest rate, and the warm-up as a share of the steps."""
    if runs is not None:
        table = [(runs.rates(run), runs.values(run, "step")) for run in runs.names]
        last = max(int(np.max(step)) for _, step in table)
        return last, max(float(r.lr.max()) for r, _ in table), min(max(float(r.warmup) for r, _ in table) / last, 0.5)
    found = []
    for text in fit.schedules.values():
        try:
            found.append(parse(text.rpartition(": ")[2]))
        except JaxlawsError:
            continue
    if not found or "step" not in fit.largest:
        raise JaxlawsError(
            "`what_if_chart(fit)`: the fit does not say at which rates runs were trained; give `runs` too."
        )
    last = int(fit.largest["step"])
    rates = [one.as_array(last) for one in found]
    return last, max(float(r.max()) for r in rates), min(max(int(np.argmax(r >= r.max())) for r in rates) / last, 0.2)


def _reach(fit: Fit, name: str, runs: Runs | None) -> tuple[float, float]:
    largest = fit.largest.get(name, 0.0)
    if not largest > 0.0:
        return 1.0, 1.0
    if runs is not None:
        return float(runs.column(name).min()), largest
    return (largest / 1e3, largest) if fit.distinct.get(name, 2) > 1 else (largest, largest)


def _middle(fit: Fit, name: str, runs: Runs | None) -> float:
    return fit.largest[name] if runs is None else float(np.median(runs.column(name)))


def _told(fit: Fit, draws: Draws | None, inputs: dict[str, Any]) -> tuple[np.ndarray, Any, Any]:
    if draws is None:
        return fit.predict(**inputs), None, None
    return draws.predict(**inputs)


def _shaded(draws: Draws) -> str:
    return f"shaded: 95 % intervals of {len(draws)} draws, {draws.kind}"


def _short(value: Any) -> float:
    return float(f"{value:.6g}")


def _shorts(values: np.ndarray) -> list[float | None]:
    return [_short(v) if np.isfinite(v) else None for v in values]


def _si(value: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
