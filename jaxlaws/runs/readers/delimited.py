"""Comma- and tab-separated text, through pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_csv(file: BinaryIO, name: str) -> pd.DataFrame:
    """Table in comma-separated text with a header."""
    return _read(file, name, ",")


def read_tsv(file: BinaryIO, name: str) -> pd.DataFrame:
    """Table in tab-separated text with a header."""
    return _read(file, name, "\t")


def _read(file: BinaryIO, name: str, delimiter: str) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import csv

    head = file.read(1 << 16)
    _looks_like_text(head, name)
    parsing: dict[str, Any] = {"delimiter": delimiter, "newlines_in_values": b'"' in head}
    file.seek(0)
    try:
        table = csv.read_csv(file, parse_options=csv.ParseOptions(**parsing))
    except pa.ArrowInvalid as error:
        # Slower, in one thread, row by row: what is wrong and where. A type that changes late in a long file is not wrong.
        file.seek(0)
        table = _slowly(file, name, parsing, str(error).splitlines()[0])
    _check_header(table, name, delimiter)
    return table.to_pandas(ignore_metadata=True)


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
