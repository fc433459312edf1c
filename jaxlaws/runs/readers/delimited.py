"""Comma- and tab-separated text, through pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import wandb
from jaxlaws.runs.readers._parts import Part

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 16 << 20


def read_csv(file: BinaryIO, name: str) -> Part:
    """Table in comma-separated text with a header; a W&B history or chart is known by its columns."""
    table = table_of(file, name)
    if wandb.is_chart(table.column_names) or wandb.is_history(table.column_names):
        file.seek(0)
        table = table_of(file, name, empty_is_missing=True)
        stem = PurePosixPath(name).name.split(".")[0]
        return wandb.chart(table, name) if wandb.is_chart(table.column_names) else wandb.history(table, name, stem)
    return Part(table.to_pandas(ignore_metadata=True))


def read_tsv(file: BinaryIO, name: str) -> Part:
    """Table in tab-separated text with a header."""
    return Part(table_of(file, name, delimiter="\t").to_pandas(ignore_metadata=True))


def stream_csv(file: BinaryIO, name: str) -> Iterator[Part]:
    """Comma-separated text in parts, each with the types of the whole file; a history or a chart is one part."""
    return _stream(file, name, ",")


def stream_tsv(file: BinaryIO, name: str) -> Iterator[Part]:
    """Tab-separated text in parts, each with the types of the whole file."""
    return _stream(file, name, "\t")


def _stream(file: BinaryIO, name: str, delimiter: str) -> Iterator[Part]:
    read = read_csv if delimiter == "," else read_tsv
    names = _names(file, name, delimiter)
    if wandb.is_chart(names) or wandb.is_history(names):
        yield read(file, name)
        return
    types = dict.fromkeys(names, "null")
    for block in _blocks(file, name, delimiter, dict.fromkeys(names, "string")):
        types = {column: _wider(types[column], block[column]) for column in names}
    if set(types.values()) == {"null"}:
        yield read(file, name)  # no rows, or nothing in them: says so
        return
    for block in _blocks(file, name, delimiter, types):
        yield Part(block.to_pandas(ignore_metadata=True))


def _names(file: BinaryIO, name: str, delimiter: str) -> list[str]:
    """The header's columns, after the checks of the beginning of the file."""
    file.seek(0)
    head = file.read(1 << 16)
    names = table_of(io.BytesIO(head[: head.rfind(b"\n") + 1] or head), name, delimiter=delimiter).column_names
    if len(set(names)) < len(names):
        raise TableError(f"{name}: two columns have the same name; give each its own.")
    return names


def _blocks(file: BinaryIO, name: str, delimiter: str, types: dict[str, str]) -> Iterator[pa.Table]:
    """The rows in blocks, with these types."""
    import pyarrow as pa
    from pyarrow import csv

    file.seek(0)
    parsing: dict[str, Any] = {"delimiter": delimiter, "newlines_in_values": b'"' in file.read(1 << 16)}
    converting = csv.ConvertOptions(column_types={column: pa.type_for_alias(kind) for column, kind in types.items()})
    file.seek(0)
    try:
        reader = csv.open_csv(
            file, csv.ReadOptions(block_size=BLOCK), csv.ParseOptions(**parsing), converting, pa.default_memory_pool()
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        file.seek(0)
        _slowly(file, name, parsing, str(error).splitlines()[0])  # says which row is wrong
        raise


# What a column may still turn out to hold, after what it was seen to hold.
_NEXT = {
    "null": ("null", "int64", "double", "bool", "string"),
    "int64": ("int64", "double", "string"),
    "double": ("double", "string"),
    "bool": ("bool", "string"),
    "string": ("string",),
}


def _wider(known: str, cells: pa.ChunkedArray) -> str:
    """The narrowest type that holds what was seen so far, of type `known`, and `cells`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    missing = pc.is_in(cells, value_set=pa.array(csv.ConvertOptions().null_values))
    there = cells.filter(pc.invert(missing))
    if len(there) == 0:
        return known
    for kind in _NEXT[known]:
        try:
            if kind != "null":
                there.cast(pa.type_for_alias(kind))
                return kind
        except pa.ArrowInvalid:
            continue
    return "string"


def table_of(file: BinaryIO, name: str, *, delimiter: str = ",", empty_is_missing: bool = False) -> pa.Table:
    """Arrow table in delimited text. With `empty_is_missing` only an empty cell is null, and `nan` a number."""
    import pyarrow as pa
    from pyarrow import csv

    head = file.read(1 << 16)
    _looks_like_text(head, name)
    parsing: dict[str, Any] = {"delimiter": delimiter, "newlines_in_values": b'"' in head}
    nulls = csv.ConvertOptions(null_values=[""], strings_can_be_null=True) if empty_is_missing else None
    file.seek(0)
    try:
        table = csv.read_csv(file, parse_options=csv.ParseOptions(**parsing), convert_options=nulls)
    except pa.ArrowInvalid as error:
        # Slower, in one thread, row by row: what is wrong and where. A type that changes late in a long file is not wrong.
        file.seek(0)
        table = _slowly(file, name, parsing, str(error).splitlines()[0])
    _check_header(table, name, delimiter)
    return table


def _slowly(file: BinaryIO, name: str, parsing: dict[str, Any], reason: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    options = csv.ParseOptions(**parsing, invalid_row_handler=note)
    reading = csv.ReadOptions(use_threads=False)
    names = csv.open_csv(file, read_options=reading, parse_options=options).schema.names
    file.seek(0)
    ragged.clear()
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    table = csv.read_csv(file, read_options=reading, parse_options=options, convert_options=as_text)
    if ragged:
        row = ragged[0]
        # pyarrow counts the header as the first row.
        at = f"row {row.number - 1}" if row.number else "a row"
        raise TableError(
            f"{name}: {at} has {row.actual_columns} cells, the header {row.expected_columns}; quote cells that hold a "
            "separator, and leave none out."
        )
    if table.num_rows == 0:
        raise TableError(f"{name}: cannot be read as a table ({reason}).")
    return table


def _looks_like_text(head: bytes, name: str) -> None:
    if not head.strip():
        raise TableError(f"{name}: the file is empty; it needs a header and one row an observation.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TableError(f"{name}: the text is UTF-16; save it as UTF-8.")
    if b"\x00" in head or head[:4] == b"PAR1":
        raise TableError(f"{name}: the file is binary, not text; a Parquet file must be called `.parquet`.")


def _check_header(table: pa.Table, name: str, delimiter: str) -> None:
    import pyarrow as pa

    for column, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_binary(kind):
            raise TableError(f"{name}: column `{column}` holds bytes that are not UTF-8; save the file as UTF-8.")
    if len(table.column_names) == 1 and delimiter == "," and any(c in table.column_names[0] for c in ";\t|"):
        raise TableError(f"{name}: the one column is called `{table.column_names[0]}`; separate columns by commas.")
    if all(_is_number(column) for column in table.column_names):
        first = ",".join(table.column_names)[:60]
        raise TableError(f"{name}: the first row must name the columns; it is `{first}`.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
