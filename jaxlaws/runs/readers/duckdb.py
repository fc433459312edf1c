"""DuckDB files, opened for reading only and without access to anything outside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jaxlaws.errors import TableError
from jaxlaws.runs.readers._optional import package
from jaxlaws.runs.readers._parts import Part, Told
from jaxlaws.runs.readers._query import chosen

ROWS = 50_000

# A query that a user copied from somewhere reads this file and no other.
_CLOSED = {"enable_external_access": "false", "autoinstall_known_extensions": "false", "lock_configuration": "true"}


def read(path: Path, told: Told) -> Iterator[Part]:
    """Rows of `told.query`, or of the file's one table."""
    duckdb = package("duckdb", str(path), "a DuckDB file needs DuckDB", "duckdb")
    try:
        with duckdb.connect(str(path), read_only=True, config=_CLOSED) as connection:
            listed = (
                "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY table_name"
            )
            tables = [name for (name,) in connection.execute(listed).fetchall()]
            rows = connection.sql(chosen(told.query, tables, str(path)))
            for batch in rows.to_arrow_reader(ROWS):
                yield Part(batch.to_pandas())
    except duckdb.Error as error:
        raise TableError(f"{path}: DuckDB says: {str(error).splitlines()[0][:200].rstrip('. ')}.") from None
