"""Panels of a law of whole curves: loss, relative error and learning rate against the step."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.fitting import Fit
from jaxlaws.plot._style import MARKS, PALETTE, POINTS, WIDTH, name_of, shown, thin
from jaxlaws.runs import Runs

LEGEND = 28  # runs that a legend lists
RUNS = 150  # runs that are drawn: of more, nobody sees which is which
ROWS = MARKS // 2  # rows drawn of all runs together, in two panels each

BEGIN = 0.12  # share of a run after its warm-up, at its beginning, that does not set the scale of the loss


@dataclass(frozen=True)
class _Series:
    """One run as it is drawn: rows by step, and whether they were held out."""

    label: str
    held: bool
    step: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    settled: np.ndarray  # which rows set the scale: those after the warm-up and the first steep fall
    rate_step: np.ndarray
    rate: np.ndarray
    total: int

    @property
    def error(self) -> np.ndarray:
        return 100.0 * (self.predicted / self.observed - 1.0)


def curve_panels(
    fit: Fit, runs: Runs, held: Runs | None, branch_of: str | Mapping[str, str] | None
) -> tuple[Any, list[str]]:
    """Three panels over one axis of steps, and what is to be said of them."""
    import altair as alt

    whole = len(runs.names) + (0 if held is None else len(held.names))
    runs, held = _some(runs), None if held is None else _some(held)
    count = len(runs.names) + (0 if held is None else len(held.names))
    most = max(min(POINTS, ROWS // count), 20)
    bends = max(min(200, ROWS // count), 12)
    series = _series(fit, runs, False, None, most, bends)
    series += [] if held is None else _series(fit, held, True, branch_of, most, bends)
    low, high = _view(np.concatenate([np.r_[s.observed[s.settled], s.predicted[s.settled]] for s in series]), 0.04)
    far = np.concatenate([np.abs(s.error[(low <= s.observed) & (s.observed <= high)]) for s in series])
    widest = 1.05 * max(float(far.max(initial=0.0)), 1e-3)
    last = max(float(s.step[-1]) for s in series)
    rows, rates = _records(series), _rate_records(series)
    look = _looks(alt, series)

    def x(*, show: bool) -> Any:
        axis = alt.Axis(labels=show, labelExpr="format(datum.value, '~s')", tickCount=8, ticks=show)
        return alt.X("step:Q", title="step" if show else None, axis=axis, scale=alt.Scale(domain=[0, last], nice=False))

    def y(field: str, title: str, domain: list[float], ticks: int, **axis: Any) -> Any:
        return alt.Y(
            f"{field}:Q",
            title=title,
            scale=alt.Scale(domain=domain, nice=False, zero=False),
            axis=alt.Axis(tickCount=ticks, **axis),
        )

    # The wheel alone scrolls a page; with shift it zooms.
    zoom = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]", name="zoom")
    base = alt.Chart(alt.Data(values=rows))
    points = (
        base.mark_point(filled=True, clip=True, size=13)
        .encode(
            x=x(show=False),
            y=y("observed", name_of(fit.law.output), [low, high], 7),
            opacity=alt.condition("datum.held", alt.value(0.28), alt.value(0.5)),
            tooltip=[alt.Tooltip("series:N", title="run"), "step:Q", "observed:Q", "predicted:Q"],
            detail="id:N",
            **look(False, True),
        )
        .add_params(zoom)
    )
    lines = base.mark_line(clip=True, strokeWidth=1.8).encode(
        x=x(show=False), y=y("predicted", "", [low, high], 7), detail="id:N", **look(True, True)
    )
    top = alt.layer(points, lines).resolve_scale(y="shared").properties(width=WIDTH, height=330)
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="#444444", strokeWidth=1).encode(y=alt.Y("zero:Q"))
    errors = (
        base.mark_line(clip=True, strokeWidth=1.2, opacity=0.9)
        .encode(
            x=x(show=False),
            y=y("error", "error of prediction (%)", [-widest, widest], 5),
            detail="id:N",
            **look(True, False),
        )
        .add_params(zoom)
    )
    middle = alt.layer(zero, errors).properties(width=WIDTH, height=150)
    highest = 1.06 * max(float(s.rate.max()) for s in series)
    bottom = (
        alt.Chart(alt.Data(values=rates))
        .mark_line(clip=True, strokeWidth=1.5)
        .encode(
            x=x(show=True),
            y=y(
                "rate",
                "learning rate",
                [0.0, highest],
                3,
                labelExpr="datum.value == 0 ? '0' : format(datum.value, '~e')",
            ),
            detail="id:N",
            **look(True, False),
        )
        .properties(width=WIDTH, height=85)
        .add_params(zoom)
    )
    notes = _notes(series, low, high, most)
    notes += [f"thinned: {count} of {whole:,} runs are drawn, evenly spread"] if count < whole else []
    notes += [f"thinned: each learning rate is drawn by about {bends} steps"] if bends < 200 else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # altair tells that the panels share their zoom, which is meant
        return alt.vconcat(top, middle, bottom, spacing=12), notes


def _some(runs: Runs) -> Runs:
    """At most `RUNS` of the runs, evenly spread in their order."""
    if len(runs.names) <= RUNS:
        return runs
    kept = {runs.names[i] for i in thin(len(runs.names), RUNS)}
    return runs.select(runs.frame["run"].astype(str).isin(kept).to_numpy())


def _series(fit: Fit, runs: Runs, held: bool, branch_of: Any, most: int, bends: int) -> list[_Series]:
    predicted = fit.predict(runs, branch_of=branch_of)
    step, observed = runs.column("step"), runs.column(fit.law.output.symbol)
    name = runs.frame["run"].astype(str).to_numpy()
    out = []
    for run in runs.names:
        rows = np.flatnonzero((name == run) & np.isfinite(predicted))
        if len(rows) == 0:
            continue  # a run of nothing but its step 0
        rows = rows[np.argsort(step[rows], kind="stable")]
        some = rows[thin(len(rows), most)]
        rates = runs.rates(run)
        warm = np.flatnonzero(step[some] > rates.warmup)
        settled = np.arange(len(some)) >= (warm[int(BEGIN * len(warm))] if len(warm) else 0)
        at = corners(rates.lr[: int(step[rows[-1]]) + 1], bends)
        out.append(
            _Series(shown(run), held, step[some], observed[some], predicted[some], settled, at, rates.lr[at], len(rows))
        )
    return out


def corners(rates: np.ndarray, most: int = 200) -> np.ndarray:
    """Steps at which a line through the rates keeps its shape: `most` evenly spread ones, and both ends of the sharpest bends
    and jumps."""
    bend = np.abs(np.diff(rates, 2))
    sharp = np.argsort(bend)[-max(most * 3 // 10, 1) :] + 1
    sharp = sharp[bend[sharp - 1] > 1e-4 * max(float(rates.max()), 1e-300)]
    every = np.r_[thin(len(rates), most), sharp - 1, sharp, sharp + 1]
    return np.unique(np.clip(every, 0, len(rates) - 1))


def _view(values: np.ndarray, room: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    more = room * (high - low) or 0.05 * abs(high) or 1.0
    return low - more, high + more


def _records(series: list[_Series]) -> list[dict[str, Any]]:
    return [
        {"id": i, "series": _name(s), "held": s.held, "step": a, "observed": b, "predicted": c, "error": d}
        for i, s in enumerate(series)
        for a, b, c, d in zip(s.step.tolist(), s.observed.tolist(), s.predicted.tolist(), s.error.tolist(), strict=True)
    ]


def _rate_records(series: list[_Series]) -> list[dict[str, Any]]:
    return [
        {"id": i, "series": _name(s), "step": a, "rate": b}
        for i, s in enumerate(series)
        for a, b in zip(s.rate_step.tolist(), s.rate.tolist(), strict=True)
    ]


def _name(series: _Series) -> str:
    return series.label + (" (held out)" if series.held else "")


def _looks(alt: Any, series: list[_Series]) -> Any:
    """Colour, and dashes where asked for, of each run; with one legend for both."""
    drawn = {_name(s): s for s in series}
    names = list(drawn)
    runs = list(dict.fromkeys(s.label for s in series))
    colours = [PALETTE[runs.index(s.label) % len(PALETTE)] for s in drawn.values()]
    dashes = [[6, 3] if s.held else [1, 0] for s in drawn.values()]

    def look(dashed: bool, legend: bool) -> dict[str, Any]:
        # Panels share one legend, which the first of them describes; two that contradict each other make Vega-Lite warn.
        told = (
            alt.Legend(title="run", symbolType="stroke", symbolSize=420, symbolOpacity=1) if legend else alt.Undefined
        )
        shown_legend = told if len(names) <= LEGEND else None
        colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=colours), legend=shown_legend)
        dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=dashes), legend=shown_legend)
        return {"color": colour, "strokeDash": dash} if dashed else {"color": colour}

    return look


def _notes(series: list[_Series], low: float, high: float, most: int) -> list[str]:
    notes = [f"{len(series)} runs: no legend, and colours repeat"] if len(series) > LEGEND else []
    thinned = [s for s in series if s.total > len(s.step)]
    if thinned:
        which = "all" if len(thinned) == len(series) else f"{len(thinned)} of {len(series)}"
        notes.append(f"thinned: of {which} runs {most} rows are drawn, evenly spread")
    out = sum(int(((s.observed < low) | (s.observed > high)).sum()) for s in series)
    if out:
        notes.append(f"out of view: {out} of the rows drawn, mostly first steps, so that the rest can be read")
    return notes
