"""A checked run table: long form, one row an observation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError, nearest
from jaxlaws.runs.branches import lineage, starts, stitch
from jaxlaws.runs.checks import Finding, check_columns
from jaxlaws.runs.columns import holds_text, losses_in, numbers
from jaxlaws.runs.expression import evaluate
from jaxlaws.runs.rates import RateOptions, Rates, rates_of
from jaxlaws.schedules import Schedule

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Runs:
    """Rows of one or many runs, with canonical column names, and what is known of each run's learning rate.

    `frame` keeps the number of the row in the source (from 1) as its index `row`. Made by `read`; `where`, `select` and
    `checked` return new tables, and the learning rate of a run is always read off all its rows, chosen or not. `sparse`
    says that an empty cell was not logged, as in a tracker's log.
    """

    frame: pd.DataFrame
    source: str
    schedules: Mapping[str, Schedule | np.ndarray] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    rate_options: RateOptions = field(default_factory=RateOptions)
    policies: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    whole: Runs | None = None
    sparse: bool = False

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"Runs({self.source!r}, {len(self.names)} runs, {len(self)} rows, columns {list(self.frame.columns)})"

    @property
    def names(self) -> list[str]:
        """Runs in order of first appearance."""
        return list(self._positions)

    def where(self, expression: str) -> Runs:
        """Rows for which `expression` is true, such as `size == "25M" and step < 24000`; possibly none."""
        return self.select(self.mask(expression))

    def mask(self, expression: str) -> np.ndarray:
        """Which rows `expression` is true for, of shape `(rows,)`."""
        return evaluate(expression, self.frame, other_names=self._other_names)

    def select(self, mask: np.ndarray) -> Runs:
        """Rows where `mask` is true."""
        return replace(self, frame=self.frame[np.asarray(mask, dtype=bool)], whole=self.whole or self)

    def take(self, rows: np.ndarray) -> Runs:
        """Rows at these positions. For one of many groups of rows cheaper than `select`, which looks at all rows."""
        begin = int(rows[0]) if len(rows) else 0
        if np.array_equal(rows, np.arange(begin, begin + len(rows))):
            rows = slice(begin, begin + len(rows))  # type: ignore[assignment]  # a view
        taken = replace(self, frame=self.frame.iloc[rows], whole=self.whole or self)
        # What is known of a large table's columns serves each of its many parts.
        taken._columns.update({name: values[rows] for name, values in self._columns.items()})
        taken._cells.update({name: (cells[rows], names) for name, (cells, names) in self._cells.items()})
        return taken

    def groups(self, by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Runs]]:
        """Rows that agree in the columns `by`, and what they have there, in order of first appearance."""
        for name in self.frame.columns:
            self._cells_of(name)  # once for all groups
        codes = self.frame.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy()
        order = np.argsort(codes, kind="stable")
        keys = [self.frame[name].to_numpy() for name in by]
        for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
            key = (cells[rows[0]] for cells in keys)
            yield tuple(v.item() if isinstance(v, np.generic) else v for v in key), self.take(rows)

    def column(self, name: str) -> np.ndarray:
        """Column `name` as float64 of shape `(rows,)`. Read once, so not to be written to."""
        name = self._other_names.get(name, name)
        if name not in self.frame.columns:
            raise TableError(self._no_column(name))
        if name not in self._columns:
            self._columns[name] = numbers(self.frame[name], name, self.source)
        return self._columns[name]

    def of(self, run: str) -> pd.DataFrame:
        """Rows of one run."""
        return self.frame.iloc[self.positions(run)]

    def positions(self, run: str) -> np.ndarray:
        """Where in the table the rows of one run are, increasing."""
        if run not in self._positions:
            raise TableError(f"{self.source}: {nearest(run, self._positions, what='run')}")
        return self._positions[run]

    def values(self, run: str, name: str) -> np.ndarray:
        """Column `name` of one run as float64."""
        return self.column(name)[self.positions(run)]

    def rates(self, run: str) -> Rates:
        """Learning rate at every step of `run` up to its last row here, and how it is known."""
        return rates_of(self, run, last=int(self.values(run, "step").max()))

    def stitched(self) -> Runs:
        """The table with the parent's rows put before those of each run that went on from another; see `branches`."""
        return stitch(self, self.policies)

    def lineage(self, run: str) -> list[tuple[str, float]]:
        """`run`, the run that it went on from, and so on, each with the last step that belongs to the history of `run`."""
        return lineage(run, self._starts, self._positions, self.source)

    def absent_parent(self, run: str) -> str:
        """The run that `run` or its nearest known ancestor went on from, where the table does not have it, or nothing."""
        return self._starts.get(self.lineage(run)[-1][0], ("", 0.0))[0]

    def checked(self, columns: Sequence[str]) -> Runs:
        """The table after the door's checks on exactly the columns that are going to be used."""
        return check_columns(self, columns, self.policies)

    @cached_property
    def sha256(self) -> str:
        """Hash of what the table says: columns by name, numbers as float64, anything else as text, in row order."""
        return _content((name, *self._cells_of(name)) for name in self.frame.columns).hex()

    def _cells_of(self, name: str) -> tuple[np.ndarray, list[str] | None]:
        """A column's cells: numbers, or codes (-1 where there is none) and the texts that they stand for."""
        if name not in self._cells:
            self._cells[name] = _cells_of(self.frame[name])
        return self._cells[name]

    @property
    def _other_names(self) -> dict[str, str]:
        """What the source calls a quantity, where nothing else has that name and the unit is the same."""
        return {column: quantity for quantity, column in self.origins.items() if column not in self.frame.columns}

    @cached_property
    def _positions(self) -> dict[str, np.ndarray]:
        runs = self.frame["run"].to_numpy()
        if len(runs) and (runs == runs[0]).all():
            return {str(runs[0]): np.arange(len(runs))}
        codes, names = self.frame["run"].factorize()
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(1, len(names)))
        return dict(zip(map(str, names), np.split(order, edges), strict=True)) if len(names) else {}

    @cached_property
    def _starts(self) -> dict[str, tuple[str, float]]:
        return starts(self.frame)

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _cells(self) -> dict[str, tuple[np.ndarray, list[str] | None]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        # A few runs picked out of a large table travel to a worker without the rest of it.
        state = {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("_positions", "_columns", "_cells", "_starts")
        }
        state["schedules"] = {run: self.schedules[run] for run in self.names if run in self.schedules}
        if self.whole is not None:
            needed = {run for name in self.names for run, _ in self.whole.lineage(name)}
            same_runs = self.whole.frame["run"].isin(needed).to_numpy()
            state["whole"] = replace(self.whole, frame=self.whole.frame[same_runs], findings=())
        return state

    def _no_column(self, name: str) -> str:
        candidates = losses_in(list(self.frame.columns)) if name == "loss" else []
        if candidates:
            known = ", ".join(f"`{c}`" for c in candidates)
            return f"{self.source}: no column `loss`, but {known}; choose with `--column loss={candidates[0]}`."
        text = nearest(name, map(str, self.frame.columns), what="column")
        hint = " N, D and C are never derived from each other." if name in ("N", "D", "C") else ""
        return f"{self.source}: {text} Name the one that is meant with `--column {name}=COLUMN`.{hint}"


def content_of(frame: pd.DataFrame) -> bytes:
    """Hash of what a frame says; see `Runs.sha256`."""
    return _content((name, *_cells_of(frame[name])) for name in frame.columns)


def _cells_of(values: pd.Series) -> tuple[np.ndarray, list[str] | None]:
    if values.dtype.kind in "iufb":
        return values.to_numpy(dtype="<f8", na_value=np.nan), None
    texts = values if holds_text(values) else values.astype(object).map(str, na_action="ignore")
    codes, names = texts.factorize()
    return codes, list(map(str, names))


def _content(columns: Iterable[tuple[Any, np.ndarray, list[str] | None]]) -> bytes:
    digest = hashlib.sha256()
    for name, cells, names in sorted(columns, key=lambda column: str(column[0])):
        digest.update(json.dumps(str(name)).encode())
        digest.update(_bytes(cells, names))
    return digest.digest()


def _bytes(cells: np.ndarray, names: list[str] | None) -> bytes:
    if names is None:
        numeric = cells + 0.0  # one zero
        return np.where(np.isnan(numeric), np.nan, numeric).tobytes()  # and one nan
    if len(cells) and (cells == cells[0]).all():
        cells, names = np.minimum(cells, 0), [names[cells[0]]] if cells[0] >= 0 else []
    else:  # anew in order of first appearance: the names may be those of a larger table
        used, first, place = np.unique(cells[cells >= 0], return_index=True, return_inverse=True)
        order = np.argsort(first)
        cells = cells.copy()
        cells[cells >= 0] = np.argsort(order)[place]
        names = [names[code] for code in used[order]]
    return json.dumps(names).encode() + cells.astype("<i8").tobytes()
