"""What readers give: tables in parts, and logs of single quantities made into tables.

Trackers log each quantity at steps of its own. A log becomes one row a step; a quantity that was logged at a step twice,
as after a restart, makes a second row of that step, so that no point is lost. In such a table an empty cell was *not
logged*, which is no damage, and `Part.nans` tells it from a NaN that was logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.checks import Finding

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Series = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Told:
    """What the caller says to a reader: the query of a database, and what to do about a damaged file."""

    query: str | None = None
    damaged: str = "raise"


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a source. `sparse` says that empty cells were not logged, `nans` in which rows of a column NaN was."""

    frame: pd.DataFrame
    sparse: bool = False
    nans: Mapping[str, np.ndarray] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def joined(parts: Iterable[Part]) -> Part:
    """All parts as one."""
    import pandas as pd

    kept = list(parts)
    if len(kept) == 1:
        return kept[0]
    findings = tuple(finding for part in kept for finding in part.findings)
    full = [part for part in kept if len(part.frame)] or kept[:1]
    if not full:
        return Part(pd.DataFrame(), findings=findings)
    nans = {}
    for name in {name for part in full for name in part.nans}:
        none = [np.zeros(len(part.frame), dtype=bool) for part in full]
        nans[name] = np.concatenate([part.nans.get(name, no) for part, no in zip(full, none, strict=True)])
    frame = pd.concat([part.frame for part in full], ignore_index=True) if len(full) > 1 else full[0].frame
    return Part(frame, any(part.sparse for part in full), nans, findings)


def damage(source: str, run: str, what: str, told: Told) -> Finding:
    """Finding that a file ends early, where the caller takes what comes before. Raises otherwise."""
    if told.damaged == "raise":
        raise TableError(
            f"{source}: {what}; restore it, or give `--policy damaged=keep` to use what comes before the damage."
        )
    return Finding("damaged", "keep", 0, (), (run,), f"{source}: {what}; what comes before is used.")


class Names:
    """Names of runs, each given once: trackers let two runs have the same."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def unique(self, name: str | None, identity: str) -> str:
        """`name`, or `identity` where there is none; with the identity behind it where it is taken."""
        name = name or identity
        if name in self._given:
            name = f"{name} ({identity[:12]})"
        if name in self._given:
            self._given[name] += 1
            name = f"{name} {self._given[name]}"
        self._given[name] = 1
        return name


def plain(text: str) -> Any:
    """Text as the number that it spells, or as it is."""
    try:
        return float(text)
    except ValueError:
        return text


def log_of(run: str, series: Mapping[str, Series], labels: Mapping[str, Any] | None = None, step: str = "step") -> Part:
    """One run's quantities, each with its own steps and values, as rows in order of their steps."""
    import pandas as pd

    names = [name for name, (steps, _) in series.items() if len(steps)]
    if not names:
        return Part(pd.DataFrame({"run": [], step: []}), sparse=True)
    steps = np.concatenate([series[name][0] for name in names])
    times = np.concatenate([_occurrence(series[name][0]) for name in names])
    order = np.lexsort((times, steps))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(steps[order]) != 0) | (np.diff(times[order]) != 0)
    row = np.empty(len(order), dtype=np.int64)
    row[order] = np.cumsum(new) - 1
    columns: dict[str, Any] = {"run": run, step: steps[order][new]}
    nans, begin = {}, 0
    for name in names:
        values = series[name][1]
        rows = row[begin : begin + len(values)]
        begin += len(values)
        column = np.full(int(new.sum()), None if values.dtype.kind == "O" else np.nan, dtype=values.dtype)
        column[rows] = values
        columns[name] = column
        if values.dtype.kind == "f" and np.isnan(values).any():
            nans[name] = np.zeros(len(column), dtype=bool)
            nans[name][rows] = np.isnan(values)
    columns |= {name: value for name, value in (labels or {}).items() if name not in columns}
    return Part(pd.DataFrame(columns), sparse=True, nans=nans)


def logs_in(table: pa.Table, step: str, run: str | None, name: str, *, source: str) -> Iterable[Part]:
    """The runs of a table whose rows hold what was logged at one moment, the rest of their cells empty.

    `run` is the column that names the run, or None, where all rows are those of the run `name`.
    """
    import pyarrow.compute as pc

    if len(set(table.column_names)) < len(table.column_names):
        raise TableError(f"{source}: two columns have the same name; give each its own.")
    if run is None:
        yield _rows_as_log(table, step, name, source)
        return
    for one in table[run].unique().to_pylist():
        same = pc.is_null(table[run]) if one is None else pc.equal(table[run], one)
        yield _rows_as_log(table.filter(same).drop_columns([run]), step, "" if one is None else str(one), source)


def _rows_as_log(table: pa.Table, step: str, run: str, source: str) -> Part:
    import pyarrow as pa
    import pyarrow.compute as pc

    lost = table[step].null_count
    table = table.filter(pc.is_valid(table[step]))
    if not (pa.types.is_integer(table[step].type) or pa.types.is_floating(table[step].type)) and len(table):
        raise TableError(
            f"{source}: column `{step}` must hold numbers; its first cell is {str(table[step][0])[:40]!r}."
        )
    steps = table[step].to_numpy()
    nested = [
        name for name, kind in zip(table.column_names, table.schema.types, strict=True) if pa.types.is_nested(kind)
    ]
    series = {}
    for name in table.column_names:
        column, there = table[name], table[name].is_valid().to_numpy()
        kind = column.type
        if name == step or pa.types.is_null(kind) or pa.types.is_nested(kind):
            continue
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            values = column.drop_null().to_numpy().astype(np.float64)
        else:
            values = np.array([*column.drop_null().to_pylist(), None], dtype=object)[:-1]
        series[name] = (steps[there], values)
    part = log_of(run, series, step=step)
    findings = []
    if lost:
        note = f"{source}: {lost} rows have no `{step}`; left out."
        findings.append(Finding("source", "drop", lost, (), (run,), note))
    if nested:
        note = f"{source}: the columns {', '.join(nested[:5])} hold lists or records, no numbers; left out."
        findings.append(Finding("source", "drop", 0, (), (run,), note))
    return Part(part.frame, part.sparse, part.nans, tuple(findings))


def _occurrence(steps: np.ndarray) -> np.ndarray:
    """How many equal steps come before each: 0 for the first time a step is there."""
    order = np.argsort(steps, kind="stable")
    at = np.arange(len(steps))
    new = np.ones(len(steps), dtype=bool)
    new[1:] = np.diff(steps[order]) != 0
    out = np.empty(len(steps), dtype=np.int64)
    out[order] = at - np.maximum.accumulate(np.where(new, at, 0))
    return out
