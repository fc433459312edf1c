"""A fit as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxlaws.fitting import Fit
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.plot._curves import curve_panels
from jaxlaws.plot._points import point_panels
from jaxlaws.plot._style import dressed, ready, shown
from jaxlaws.runs import Runs

if TYPE_CHECKING:
    import altair as alt


def fit_chart(
    fit: Fit, runs: Runs, held: Runs | None = None, *, branch_of: str | Mapping[str, str] | None = None
) -> alt.Chart:
    """Chart of a fit on the rows it was fitted to, and on rows that were held out.

    Laws of whole curves: loss, relative error and learning rate against the step, a colour for each run, held-out runs
    dashed. Other laws: the output and its relative error against the input that varies most. `branch_of` as in `predict`.
    """
    ready()
    columns = numeric_columns(fit.law)
    fitted = runs.checked(columns)
    scored = None if held is None else held.checked(columns)
    panels = curve_panels if fit.law.is_curve else point_panels
    chart, notes = panels(fit, fitted, scored, branch_of)
    key = ", ".join(f"{name} = {value}" for name, value in zip(fit.by, fit.key, strict=True))
    label = fit.law.label.replace(" ** ", "^")
    title = shown(f"{label} fitted to {fit.source}" + (f" [{key}]" if key else ""), 90)
    return dressed(chart, title, [_fitted(fit), *_held(fit, scored, branch_of), *notes])


def _fitted(fit: Fit) -> str:
    if not fit.law.is_curve:
        return f"fitted: {fit.rows:,} rows"
    return f"fitted: {fit.rows:,} rows of {len(fit.runs):,} run{'s' * (len(fit.runs) > 1)}"


def _held(fit: Fit, held: Runs | None, branch_of: str | Mapping[str, str] | None) -> list[str]:
    if held is None:
        return []
    score = fit.score(held, branch_of=branch_of)
    count = f" of {len(held.names):,} run{'s' * (len(held.names) > 1)}" if fit.law.is_curve else ""
    what, mean = ("mean of runs of the ", score["run_mean"]) if score["run_mean"] else ("", score)
    return [
        f"held out: {len(held):,} rows{count}, {what}mean absolute error {mean['mae']:.2g} ({100 * mean['mape']:.2g} %)"
    ]
