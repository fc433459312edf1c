"""A checked run table: long form, one row an observation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
        return replace(self, frame=self.frame.iloc[rows], whole=self.whole or self)

    def column(self, name: str) -> np.ndarray:
        """Column `name` as float64 of shape `(rows,)`."""
        name = self._other_names.get(name, name)
        if name not in self.frame.columns:
            raise TableError(self._no_column(name))
        return numbers(self.frame[name], name, self.source)

    def of(self, run: str) -> pd.DataFrame:
        """Rows of one run."""
        if run not in self._positions:
            raise TableError(f"{self.source}: {nearest(run, self._positions, what='run')}")
        return self.frame.iloc[self._positions[run]]

    def values(self, run: str, name: str) -> np.ndarray:
        """Column `name` of one run as float64. Asked for many runs, it reads the column once."""
        if run not in self._positions:
            self.of(run)  # says which run is meant
        if name not in self._columns:
            self._columns[name] = self.column(name)
        return self._columns[name][self._positions[run]]

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

    @property
    def sha256(self) -> str:
        """Hash of what the table says: columns by name, numbers as float64, anything else as text, in row order."""
        return content_of(self.frame).hex()

    @property
    def _other_names(self) -> dict[str, str]:
        """What the source calls a quantity, where nothing else has that name and the unit is the same."""
        return {column: quantity for quantity, column in self.origins.items() if column not in self.frame.columns}

    @cached_property
    def _positions(self) -> dict[str, np.ndarray]:
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

    def __getstate__(self) -> dict[str, Any]:
        # A few runs picked out of a large table travel to a worker without the rest of it.
        state = {key: value for key, value in self.__dict__.items() if key not in ("_positions", "_columns", "_starts")}
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
    digest = hashlib.sha256()
    for name in sorted(frame.columns, key=str):
        digest.update(json.dumps(str(name)).encode())
        digest.update(_content(frame[name]))
    return digest.digest()


def _content(values: pd.Series) -> bytes:
    if values.dtype.kind in "iufb":
        numeric = values.to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # one zero, one nan
        return np.where(np.isnan(numeric), np.nan, numeric).tobytes()
    texts = values if holds_text(values) else values.astype(object).map(str, na_action="ignore")
    codes, names = texts.factorize()  # a missing cell is -1
    return json.dumps([str(name) for name in names]).encode() + codes.astype("<i8").tobytes()
