"""From any frame to a checked `Runs`: names, units, numbers, runs, steps, schedules, in this order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError, nearest
from jaxlaws.runs.checks import Finding, resolved
from jaxlaws.runs.columns import NUMERIC, canonical, claim, holds_text, numbers, rename
from jaxlaws.runs.given import exact_rates
from jaxlaws.runs.rates import RateOptions
from jaxlaws.runs.table import Runs
from jaxlaws.runs.units import factor

if TYPE_CHECKING:
    import pandas as pd

NOTHING_TOLD = RateOptions()


def admit(
    frame: pd.DataFrame,
    source: str,
    *,
    stem: str = "run",
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    schedules: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    rate_options: RateOptions = NOTHING_TOLD,
    findings: tuple[Finding, ...] = (),
    logged_nans: Mapping[str, np.ndarray] | None = None,
) -> Runs:
    """`frame` as `Runs`, after the checks that concern every table: those of `loss` and `step`.

    `stem` names the run of a table that has steps but no runs. `logged_nans` says that an empty cell was not logged, but
    for these cells of a column. Raises `TableError`, one sentence.
    """
    import pandas as pd

    rules = resolved(policies or {})
    _has_shape(frame, source)
    frame = _numbered(frame)
    chosen = claim(frame, columns or {}, source)
    converted = {canonical(name): unit for name, unit in (units or {}).items()}
    frame = rename(frame, chosen)
    frame = _numeric(frame, {name for name in (*NUMERIC, "parent_step") if name in chosen}, converted, source)
    frame = frame.assign(run=_run_names(frame, source, stem))
    if "parent" in frame.columns and not holds_text(frame["parent"]):
        parents = frame["parent"].astype(object)
        frame = frame.assign(parent=[None if pd.isna(parent) else _spell(parent) for parent in parents])
    exact = exact_rates(frame, schedules, source)
    origins = {q: column for q, column in chosen.items() if q != column and q not in converted}
    runs = Runs(frame, source, exact, findings, rate_options, rules, origins, sparse=logged_nans is not None)
    log = runs
    if logged_nans is not None and "loss" in chosen:
        runs = _with_losses(runs, logged_nans.get(chosen["loss"]))
    runs = runs.checked([name for name in ("step", "loss") if name in frame.columns])
    return replace(runs, frame=_whole_steps(runs.frame), whole=_log_of_rates(log) if runs.sparse else None)


def _with_losses(runs: Runs, logged_nan: np.ndarray | None) -> Runs:
    """Rows at which the loss was logged, be it NaN. Trackers log other quantities at other steps."""
    absent = runs.frame["loss"].isna().to_numpy()
    absent = absent if logged_nan is None else absent & ~logged_nan
    if not absent.any():
        return runs
    by_run = {str(run): int(count) for run, count in runs.frame["run"][absent].value_counts(sort=False).items()}
    note = f"{runs.source}: {int(absent.sum())} rows log other quantities and no loss; left out."
    finding = Finding("unlogged", "drop", int(absent.sum()), (), tuple(by_run)[:5], note, by_run)
    left = runs.select(~absent)
    if len(left) == 0:
        raise TableError(f"{runs.source}: no loss is logged.")
    return replace(left, whole=None, findings=(*left.findings, finding))


def _log_of_rates(log: Runs) -> Runs | None:
    """All rows with a step and a rate, where some of them have no loss: a run's rates are read off all of them."""
    if "lr" not in log.frame.columns or "step" not in log.frame.columns:
        return None
    there = np.isfinite(log.column("step")) & np.isfinite(log.column("lr"))
    return replace(log, frame=_whole_steps(log.frame[there]), findings=()) if there.any() else None


def _has_shape(frame: pd.DataFrame, source: str) -> None:
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(
            f"{source}: two columns are called {', '.join(f'`{n}`' for n in twice)}; give each its own name."
        )
    if len(names) == 0 or len(frame) == 0:
        raise TableError(
            f"{source}: the table has no {'rows' if names else 'columns'}; it needs one row an observation."
        )


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with text column names and the number of each row, from 1, as its index."""
    import pandas as pd

    if not (frame.index.name == "row" and frame.index.dtype.kind == "i" and frame.index.is_unique):
        frame = frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="row"))
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _numeric(frame: pd.DataFrame, names: set[str], units: Mapping[str, str], source: str) -> pd.DataFrame:
    for name in units:
        if name not in frame.columns:
            text = nearest(name, frame.columns, what="column")
            raise TableError(f"{source}: `--unit {name}={units[name]}`: {text}")
    new = {}
    for name in sorted(names | set(units)):
        values = numbers(frame[name], name, source)
        new[name] = values * factor(name, units[name], source) if name in units else values
    if "step" in new:
        _check_steps(frame, new["step"], source)
    return frame.assign(**new)


def _check_steps(frame: pd.DataFrame, steps: np.ndarray, source: str) -> None:
    finite = np.where(np.isfinite(steps), steps, 0.0)
    wrong = (finite < 0) | (finite != np.floor(finite)) | (finite > 2.0**53)
    if wrong.any():
        row = frame.index[wrong][0]
        raise TableError(
            f"{source}: row {row}: step is {finite[wrong][0]:g}; steps are whole numbers of at least 0. "
            "If the column is something else, name the right one with `--column step=COLUMN`."
        )


def _run_names(frame: pd.DataFrame, source: str, stem: str) -> pd.Series | list[str]:
    if "run" not in frame.columns:
        return [stem] * len(frame) if "step" in frame.columns else [f"row {row}" for row in frame.index]
    missing = (frame["run"].isna() | (frame["run"] == "")).to_numpy(dtype=bool)
    if missing.any():
        raise TableError(f"{source}: row {frame.index[missing][0]} names no run in column `run`; fill it in.")
    return frame["run"] if holds_text(frame["run"]) else [_spell(run) for run in frame["run"].astype(object)]


def _spell(run: Any) -> str:
    # A column of whole numbers with a gap somewhere arrives as floats: 3.0 is run "3".
    return str(int(run)) if isinstance(run, float) and run.is_integer() else str(run)


def _whole_steps(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"step": np.int64}) if "step" in frame.columns else frame
