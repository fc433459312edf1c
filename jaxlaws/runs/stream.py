"""A source that is larger than memory, as tables of whole runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.columns import canonical, claim
from jaxlaws.runs.door import admit
from jaxlaws.runs.read import Settled, settled
from jaxlaws.runs.readers import Part, shown, stem
from jaxlaws.runs.readers import stream as parts_of
from jaxlaws.runs.readers._parts import joined
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd


def stream(
    source: str | os.PathLike[str],
    *,
    runs: int = 1024,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    schedules: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    warmup: str | None = None,
    lr_after_step: bool = False,
    query: str | None = None,
) -> Iterator[Runs]:
    """Checked tables of `runs` whole runs each, the last of the rest, in the order of the source. Options are those of `read`.

    What is in memory at one time is such a table and one block of the source, however long that is. The rows of a run
    must stand together: a run that comes again later raises `TableError`, which names it. Runs of a tracker's log without a
    loss are left out and counted, as by `read`; a log in which no run has one is one table.
    """
    if runs < 1:
        raise TableError(f"`stream(runs=...)` must be at least 1; got {runs}.")
    options: dict[str, Any] = {"columns": columns, "units": units, "policies": policies, "schedules": schedules}
    options |= {"warmup": warmup, "lr_after_step": lr_after_step, "query": query, "stitch": False}
    for block in blocks(source, runs=runs, **options):
        yield block.admitted()


@dataclass(frozen=True, eq=False)
class Block:
    """Rows as a source has them, and what is told about them: all that the door needs, here or in another process.

    The frame's index is the number of the row in the source.
    """

    part: Part
    source: str
    stem: str
    told: Settled

    def __len__(self) -> int:
        return len(self.part.frame)

    def admitted(self) -> Runs:
        """The checked table. Raises `TableError`."""
        part, told = self.part, self.told
        return admit(
            part.frame,
            self.source,
            stem=self.stem,
            rate_options=told.rates,
            findings=(*told.findings, *part.findings),
            logged_nans=part.nans if part.sparse else None,
            **told.options,
        )

    def column(self, name: str) -> pd.Series | None:
        """The column that is the quantity `name`, or is called so; None where there is none."""
        frame = self.part.frame
        column = claim(frame, self.told.options["columns"] or {}, self.source).get(name, name)
        return frame[column] if column in frame.columns else None

    def select(self, mask: np.ndarray) -> Block:
        """Rows where `mask` is true."""
        part = self.part
        nans = {name: there[mask] for name, there in part.nans.items()}
        return replace(self, part=replace(part, frame=part.frame[mask], nans=nans))


def blocks(
    source: str | os.PathLike[str], *, runs: int, rows: int | None = None, whole: bool = True, **options: Any
) -> Iterator[Block]:
    """Blocks of `runs` whole runs each, or fewer where they would have more than `rows` rows. With `whole=False`, rows as
    they come from the source, with no regard to runs."""
    path = os.fspath(source)
    told = settled(path, options)
    name = shown(path)
    parts = parts_of(path, query=told.query, damaged=told.damaged)
    if whole:
        parts = _whole_runs(parts, runs, rows, told.options["columns"] or {}, name, set())
    row = 1
    for part in parts:
        import pandas as pd

        frame = part.frame.set_axis(pd.RangeIndex(row, row + len(part.frame), name="row"))
        row += len(frame)
        yield Block(replace(part, frame=frame), name, stem(path), told)


def _whole_runs(
    parts: Iterator[Part], runs: int, rows: int | None, columns: Mapping[str, str], source: str, seen: set[int]
) -> Iterator[Part]:
    """Parts of `runs` runs or about `rows` rows each, cut between runs."""
    kept: list[Part] = []
    count, length, named = 0, 0, set()
    for part in parts:
        if not part.sparse:
            # Another block of one table: its first rows may belong to the run that the last block ended with.
            whole = joined([*kept, part])
            *full, rest = _cut(whole.frame, runs, rows, columns, source)
            yield from (_once(Part(frame, findings=whole.findings), columns, source, seen) for frame in full)
            kept = [Part(rest, findings=() if full else whole.findings)]
            continue
        # A run of a tracker that logged no loss goes with one that did: the door leaves it out and counts it.
        logged = _logs_loss(part, columns, source)
        if logged and (count >= runs or (rows is not None and count > 0 and length >= rows)):
            yield _with_columns(joined(kept), named)
            kept, count, length = [], 0, 0
        kept.append(part)
        length += len(part.frame)
        named |= set(columns.values()) & set(part.frame.columns)
        if logged:
            count += part.frame["run"].nunique() if "run" in part.frame.columns else 1
    if kept and len((last := joined(kept)).frame):
        yield _with_columns(last, named) if last.sparse else _once(last, columns, source, seen)


def _logs_loss(part: Part, columns: Mapping[str, str], source: str) -> bool:
    """Whether a loss was logged in this part of a tracker's log, be it NaN."""
    there = {quantity: column for quantity, column in columns.items() if column in part.frame.columns}
    named = any(canonical(quantity) == "loss" for quantity in columns)
    if not len(part.frame) or (named and not any(canonical(quantity) == "loss" for quantity in there)):
        return False
    loss = claim(part.frame, there, source).get("loss")
    return loss is not None and bool(part.frame[loss].notna().any() or loss in part.nans)


def _with_columns(part: Part, named: set[str]) -> Part:
    """The part with columns that the caller named and other runs of the log have: here nothing was logged there."""
    absent = sorted(named - set(part.frame.columns))
    return replace(part, frame=part.frame.assign(**dict.fromkeys(absent, np.nan))) if absent else part


def _cut(
    frame: pd.DataFrame, runs: int, rows: int | None, columns: Mapping[str, str], source: str
) -> list[pd.DataFrame]:
    """Pieces of `runs` runs each, of about `rows` rows at most, and what is left, the last run of which may go on in the
    next block."""
    chosen = claim(frame, columns, source)
    if "run" in chosen:
        names = frame[chosen["run"]]
        changes = np.flatnonzero((names != names.shift()).to_numpy())[1:]
    elif "step" in chosen:
        return [frame]  # all of it is one run
    else:
        changes = np.arange(1, len(frame))
    pieces = []
    begin = at = 0
    while True:
        # Of the places where another run begins, the last that leaves `runs` runs and `rows` rows; one run is never cut.
        limit = len(frame) if rows is None else begin + rows
        within = max(int(np.searchsorted(changes, limit, side="right")), at + 1)
        last = min(at + runs, within) - 1
        if last >= len(changes) or not (last == at + runs - 1 or len(frame) > limit):
            break
        pieces.append(frame.iloc[begin : changes[last]])
        begin, at = int(changes[last]), last + 1
    return [*pieces, frame.iloc[begin:]]


def _once(part: Part, columns: Mapping[str, str], source: str, seen: set[int]) -> Part:
    """The part, whose runs have not been there before."""
    run = claim(part.frame, columns, source).get("run")
    for name in [] if run is None else part.frame[run].unique():
        if (mark := hash(name)) in seen:
            raise TableError(
                f"{source}: the rows of run {str(name)!r} stand in two places; sort the source by run (`ORDER BY` in a query)."
            )
        seen.add(mark)
    return part
