"""Exact learning rates by run, as the caller or a column `lr_schedule` gives them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import ScheduleError, TableError, nearest
from jaxlaws.runs.columns import holds_text
from jaxlaws.schedules import Schedule, parse

if TYPE_CHECKING:
    import pandas as pd

Given = Schedule | str | np.ndarray | list[float] | Callable[[int], float]


def exact_rates(
    frame: pd.DataFrame, given: Mapping[str, Any] | str | os.PathLike[str] | None, source: str
) -> dict[str, Schedule | np.ndarray]:
    """Schedule, or rates at steps 0, 1, ..., n, of each run for which one is known. What the caller gives wins."""
    schedules: dict[str, Schedule | np.ndarray] = dict(_from_column(frame, source))
    if given is None:
        return schedules
    known = set(frame["run"].unique())
    for run, value in (given if isinstance(given, Mapping) else _toml(Path(given))).items():
        if run not in known:
            raise TableError(f"{source}: a schedule is given for {nearest(str(run), known, what='run')}")
        schedules[run] = _resolve(value, run, frame, source)
    return schedules


def _from_column(frame: pd.DataFrame, source: str) -> dict[str, Schedule]:
    if "lr_schedule" not in frame.columns:
        return {}
    pairs = frame[["run", "lr_schedule"]]
    if holds_text(pairs["lr_schedule"]):
        pairs = pairs.drop_duplicates()  # long before each cell is looked at
    cells = zip(pairs["lr_schedule"], pairs["lr_schedule"].isna(), strict=True)
    pairs = pairs[["run"]].assign(spec=["" if missing else str(cell).strip() for cell, missing in cells])
    pairs = pairs.drop_duplicates()
    twice = pairs["run"].duplicated().to_numpy()
    if twice.any():
        row, run = pairs.index[twice][0], pairs["run"].iloc[int(np.argmax(twice))]
        raise TableError(
            f"{source}: row {row} (run {run!r}): `lr_schedule` changes within the run; give one spec a run."
        )
    parsed: dict[str, Schedule] = {}
    schedules = {}
    for run, spec in zip(pairs["run"], pairs["spec"], strict=True):
        if spec:
            schedules[run] = parsed[spec] = parsed.get(spec) or _spec(spec, run, source)
    return schedules


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(
            f'`--schedules {path}` cannot be read as TOML ({error}); write lines `run = "SPEC"`.'
        ) from None
    inner = content.get("schedules")
    return inner if isinstance(inner, dict) and len(content) == 1 else content


def _resolve(value: Any, run: str, frame: pd.DataFrame, source: str) -> Schedule | np.ndarray:
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return _spec(value, run, source)
    try:
        rates = _called(value, run, frame) if callable(value) else np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TableError(
            f"{source}: the schedule of run {run!r} must be a spec, rates at steps 0, 1, ... or a function of the step; "
            f"got {type(value).__name__}."
        ) from None
    if rates.ndim != 1 or len(rates) == 0 or not np.isfinite(rates).all() or (rates < 0).any():
        raise TableError(f"{source}: the learning rates of run {run!r} must be finite, at least 0 and one a step.")
    return rates


def _called(rate: Callable[[Any], Any], run: str, frame: pd.DataFrame) -> np.ndarray:
    if "step" not in frame.columns:
        raise ValueError("no steps to call it with")
    steps = np.arange(int(frame["step"][frame["run"] == run].max()) + 1)
    try:
        rates = np.asarray(rate(steps), dtype=np.float64)
    except Exception:  # a function written for one step may fail on an array in any way
        rates = np.empty(0)
    return rates if rates.shape == steps.shape else np.array([float(rate(int(s))) for s in steps])


def _spec(text: str, run: str, source: str) -> Schedule:
    try:
        return parse(text)
    except ScheduleError as error:
        raise TableError(f"{source}: run {run!r}: {error}") from None
