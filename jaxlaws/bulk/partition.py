"""A source cut into partitions: whole groups, few enough of them to be in memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.errors import BulkError, nearest
from jaxlaws.runs import Finding, Runs, read
from jaxlaws.runs.readers._parts import Part
from jaxlaws.runs.stream import Block, blocks
from jaxlaws.runs.table import content_of

ROW = "jaxlaws_row"  # column that carries the number of a row through a bucket


@dataclass(frozen=True, eq=False)
class Partition:
    """Rows of some whole groups, not yet through the door where they are a `Block`, and the hash of what they say. `gone` are
    keys of groups of which the door left no row, and why: of a table that is read at once its last partition has them."""

    number: int
    rows: Block | Runs
    sha256: str
    gone: Mapping[tuple[Any, ...], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """How a source is cut: at so many groups, or so many rows; into so many buckets where the rows of a group stand apart."""

    groups: int
    rows: int
    buckets: int


def partitions(
    source: Any, by: Sequence[str], cut: Cut, reading: Mapping[str, Any], scratch: Path
) -> Iterator[Partition]:
    """The source in partitions, numbered from 0, always the same for the same source and cut.

    A path or an address is read in parts: as it comes where `by` has `run` (whose rows must stand together), else by way of
    buckets below `scratch`. A table in memory, a set with a name, and what is stitched are read at once.
    """
    if not streams(source, reading):
        table = read(source, **reading)
        for column in by:
            if column not in table.frame.columns:
                table.column(column)  # raises, naming the nearest
        tables = list(_of_table(table, by, cut))
        for number, part in enumerate(tables):
            gone = _gone(source, reading, table, by) if number == len(tables) - 1 else {}
            yield Partition(number, part, _sha256(part, gone), gone)
    else:
        if "run" in by:
            found = _known(blocks(source, runs=cut.groups, rows=cut.rows, **reading), by)
        else:
            found = _buckets(_known(blocks(source, runs=1, whole=False, **reading), by), by, cut, scratch)
        for number, block in enumerate(found):
            yield Partition(number, block, _sha256(block))


def streams(source: Any, reading: Mapping[str, Any]) -> bool:
    """Whether a source is read in parts."""
    if not isinstance(source, str | os.PathLike) or reading.get("stitch"):
        return False
    return not os.fspath(source).startswith(("published:", "shipped:"))


def sample(source: Any, reading: Mapping[str, Any]) -> Runs:
    """Some rows of a source as the door gives them: all of a table that is read at once, else those of one run."""
    if not streams(source, reading):
        return read(source, **reading)
    first = next(blocks(source, runs=1, **{**reading, "policies": {**reading["policies"], "unsorted_steps": "keep"}}))
    return first.admitted()


def rows_of(source: Any) -> int | None:
    """How many rows local Parquet files say they have; None where that is not known beforehand."""
    from pyarrow import parquet

    if not isinstance(source, str | os.PathLike) or "://" in os.fspath(source):
        return None
    place = Path(source)
    files = [p for p in place.rglob("*") if p.suffix in (".parquet", ".pq")] if place.is_dir() else [place]
    if not files or any(p.suffix not in (".parquet", ".pq") for p in files):
        return None
    try:
        return sum(parquet.read_metadata(p).num_rows for p in files)
    except (OSError, ValueError):
        return None  # the reader says what is wrong with it


def split(rows: Block, by: Sequence[str]) -> tuple[Block, Block] | None:
    """The groups in two halves, or None where there is only one."""
    codes = _codes(rows, by)
    if codes.max(initial=0) == 0:
        return None
    first = codes <= codes.max() // 2
    return rows.select(first), rows.select(~first)


def keys_of(rows: Block | Runs, by: Sequence[str]) -> list[tuple[Any, ...]]:
    """Keys of the groups, in order of their first rows."""
    import pandas as pd

    columns = {name: _cells(rows, name) for name in by}
    return list(pd.DataFrame(columns).drop_duplicates().itertuples(index=False, name=None))


def _cells(rows: Block | Runs, name: str) -> Any:
    if isinstance(rows, Runs):
        return rows.frame[name].to_numpy()
    column = rows.column(name)
    if column is None:  # a table of one run, or of a row a run
        return (
            [rows.stem] * len(rows) if rows.column("step") is not None else [f"row {i}" for i in rows.part.frame.index]
        )
    return column.to_numpy()


def _codes(rows: Block | Runs, by: Sequence[str]) -> np.ndarray:
    """Number of each row's group, from 0, in order of first appearance."""
    import pandas as pd

    columns = pd.DataFrame({name: _cells(rows, name) for name in by})
    return columns.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy()


def _of_table(table: Runs, by: Sequence[str], cut: Cut) -> Iterator[Runs]:
    codes = _codes(table, by)
    order = np.argsort(codes, kind="stable")
    edges = np.r_[0, np.cumsum(np.bincount(codes))]
    first = 0
    while first < len(edges) - 1:
        last = int(np.searchsorted(edges, edges[first] + cut.rows, side="right")) - 1
        last = min(max(last, first + 1), first + cut.groups)
        yield table.take(order[edges[first] : edges[last]])
        first = last


def _gone(source: Any, reading: Mapping[str, Any], table: Runs, by: Sequence[str]) -> dict[tuple[Any, ...], str]:
    """Groups of which the door left no row."""
    dropped = [finding for finding in table.findings if finding.policy == "drop"]
    out: dict[tuple[Any, ...], str] = {}
    if tuple(by) == ("run",):
        for finding in dropped:
            for run in finding.by_run.keys() - set(table.names):
                out[run,] = f"no row is left: {_cause(finding)}"
        return dict(sorted(out.items()))
    if dropped:
        everything = read(source, **{**reading, "policies": dict.fromkeys(reading["policies"], "keep")})
        there = set(map(plain_key, keys_of(table, by)))
        out = {key: no_row(dropped) for key in map(plain_key, keys_of(everything, by)) if key not in there}
    return out


def no_row(dropped: Iterable[Finding]) -> str:
    """What is said of a group of which the door left nothing."""
    return f"no row is left: all were left out at the door ({', '.join(sorted({f.kind for f in dropped}))})."


def plain_key(key: tuple[Any, ...], numeric: Sequence[bool] | None = None) -> tuple[Any, ...]:
    """A key that equals itself, however its cells were held: text, numbers, or None. Cells that are `numeric` may be text."""
    out = []
    for i, cell in enumerate(key):
        cell = cell.item() if isinstance(cell, np.generic) else cell
        if numeric is not None and numeric[i] and isinstance(cell, str):
            with contextlib.suppress(ValueError):
                cell = float(cell)
        if cell is None or type(cell).__name__ in ("NAType", "NaTType") or cell != cell:
            out.append(None)
        else:
            out.append(str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell))
    return tuple(out)


def _cause(finding: Finding) -> str:
    if finding.kind == "orphan":
        return "it goes on from a run that is not in the table; give `--policy orphan=keep` to fit its own steps alone."
    what = finding.message.partition(": ")[2] or finding.message
    return f"{what[:160]}{'...' * (len(what) > 160)}"


def _known(found: Iterator[Block], by: Sequence[str]) -> Iterator[Block]:
    """The blocks, the first of which shows that there are the columns of `by`."""
    for number, block in enumerate(found):
        if number == 0:
            for name in by:
                if block.column(name) is None and name != "run":
                    text = nearest(name, map(str, block.part.frame.columns), what="column")
                    raise BulkError(f"{block.source}: `--by {name}`: {text}")
        yield block


def _buckets(found: Iterator[Block], by: Sequence[str], cut: Cut, scratch: Path) -> Iterator[Block]:
    """Rows sorted into `cut.buckets` files by the hash of their group, and each file as a block."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    writers: dict[int, Any] = {}
    schema: pa.Schema | None = None
    like: Block | None = None
    try:
        for block in found:
            like = like or block
            frame = block.part.frame
            if block.part.sparse:
                raise BulkError(
                    f"{block.source}: runs of a tracker's log cannot be sorted into groups of {', '.join(by)} piece by "
                    "piece; group them by run, or read them first: `bulk_fit(jaxlaws.read(SOURCE), ...)`."
                )
            keys = pd.DataFrame({name: pd.Series(_cells(block, name)).astype(str) for name in by})
            bucket = pd.util.hash_pandas_object(keys, index=False).to_numpy() % cut.buckets
            table = pa.Table.from_pandas(frame.assign(**{ROW: frame.index}), preserve_index=False)
            if schema is None:
                schema = table.schema.remove_metadata()
            try:
                table = table.cast(schema)
            except (pa.ArrowInvalid, ValueError) as error:
                raise BulkError(
                    f"{block.source}: a column changes its kind on the way ({str(error)[:120]}); make it numbers or text."
                ) from None
            for number in np.unique(bucket):
                if number not in writers:
                    writers[number] = parquet.ParquetWriter(scratch / f"{number:05d}.parquet", schema)
                writers[number].write_table(table.filter(pa.array(bucket == number)))
        for writer in writers.values():
            writer.close()
        for number in range(cut.buckets):
            place = scratch / f"{number:05d}.parquet"
            if place.exists() and like is not None:
                frame = parquet.read_table(place).to_pandas()
                frame = frame.set_index(ROW).rename_axis("row")
                yield Block(Part(frame), like.source, like.stem, like.told)
                place.unlink()
            elif like is not None:
                yield Block(Part(like.part.frame.iloc[:0]), like.source, like.stem, like.told)
    finally:
        for writer in writers.values():
            writer.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _sha256(rows: Block | Runs, gone: Mapping[tuple[Any, ...], str] | None = None) -> str:
    """Hash of what the rows say, and of what is told about them."""
    digest = hashlib.sha256(_told(list(gone.items())).encode() if gone else b"")
    if isinstance(rows, Runs):
        digest.update(rows.sha256.encode())
        named = {run: rows.schedules[run] for run in rows.names if run in rows.schedules}
        digest.update(_told(named).encode())
    else:
        digest.update(content_of(rows.part.frame))
        for name, there in sorted(rows.part.nans.items()):
            digest.update(name.encode() + np.packbits(there).tobytes())
        digest.update(_told({**rows.told.options, "rates": str(rows.told.rates)}).encode())
    return digest.hexdigest()


def _told(value: Any) -> str:
    return json.dumps(value, default=spelled, sort_keys=True)


def spelled(value: Any) -> Any:
    """Anything that JSON does not know, as text that says what it is in every process."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, Mapping):
        return dict(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
