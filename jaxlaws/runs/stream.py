"""A source that is larger than memory, as tables of whole runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.columns import claim
from jaxlaws.runs.door import admit
from jaxlaws.runs.read import settled
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
    must stand together: a run that comes again later raises `TableError`, which names it.
    """
    if runs < 1:
        raise TableError(f"`stream(runs=...)` must be at least 1; got {runs}.")
    options: dict[str, Any] = {"columns": columns, "units": units, "policies": policies, "schedules": schedules}
    options |= {"warmup": warmup, "lr_after_step": lr_after_step, "query": query, "stitch": False}
    path, name = os.fspath(source), shown(os.fspath(source))
    told = settled(path, options)
    parts = parts_of(path, query=told.query, damaged=told.damaged)
    seen: set[int] = set()
    row = 1
    for part in _whole_runs(parts, runs, told.options["columns"] or {}, name, seen):
        import pandas as pd

        frame = part.frame.set_axis(pd.RangeIndex(row, row + len(part.frame), name="row"))
        row += len(frame)
        yield admit(
            frame,
            name,
            stem=stem(path),
            rate_options=told.rates,
            findings=(*told.findings, *part.findings),
            logged_nans=part.nans if part.sparse else None,
            **told.options,
        )


def _whole_runs(
    parts: Iterator[Part], runs: int, columns: Mapping[str, str], source: str, seen: set[int]
) -> Iterator[Part]:
    """Parts of `runs` runs each, cut between runs."""
    kept: list[Part] = []
    count = 0
    for part in parts:
        if not part.sparse:
            # Another block of one table: its first rows may belong to the run that the last block ended with.
            whole = joined([*kept, part])
            *full, rest = _cut(whole.frame, runs, columns, source)
            yield from (_once(Part(frame, findings=whole.findings), columns, source, seen) for frame in full)
            kept = [Part(rest, findings=() if full else whole.findings)]
            continue
        kept.append(part)
        count += part.frame["run"].nunique() if "run" in part.frame.columns else 1
        if count >= runs:
            yield joined(kept)
            kept, count = [], 0
    if kept and len((last := joined(kept)).frame):
        yield last if last.sparse else _once(last, columns, source, seen)


def _cut(frame: pd.DataFrame, runs: int, columns: Mapping[str, str], source: str) -> list[pd.DataFrame]:
    """Pieces of `runs` runs each, and what is left, the last run of which may go on in the next block."""
    chosen = claim(frame, columns, source)
    if "run" in chosen:
        names = frame[chosen["run"]]
        changes = np.flatnonzero((names != names.shift()).to_numpy())[1:]
    elif "step" in chosen:
        return [frame]  # all of it is one run
    else:
        changes = np.arange(1, len(frame))
    edges = [0, *changes[runs - 1 :: runs].tolist(), len(frame)]
    return [frame.iloc[a:b] for a, b in pairwise(edges)]


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
