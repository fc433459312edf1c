"""SQLite files, opened for reading only; one that MLflow writes is read as such."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import mlflow
from jaxlaws.runs.readers._parts import Part, Told
from jaxlaws.runs.readers._query import chosen

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50_000


def read(path: Path, told: Told) -> Iterator[Part]:
    """Rows of `told.query`, or of the file's one table."""
    try:
        with closing(_opened(path)) as connection:
            _is_whole(connection, path)
            tables = _tables(connection)
            if told.query is None and set(tables) >= mlflow.TABLES:
                yield from mlflow.read_database(connection, str(path))
                return
            cursor = connection.execute(chosen(told.query, tables, str(path)))
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchmany(ROWS)
            while True:
                yield Part(_frame(rows, names))
                if not (rows := cursor.fetchmany(ROWS)):
                    return
    except sqlite3.Error as error:
        raise TableError(f"{path}: SQLite says: {error}.") from None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _is_whole(connection: sqlite3.Connection, path: Path) -> None:
    # Pages carry no checksums: SQLite would give the rows that it still finds, without a word.
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise TableError(f"{path}: the database is damaged ({found.splitlines()[-1]}); restore it from a copy.")


def _tables(connection: sqlite3.Connection) -> list[str]:
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    return [name for (name,) in connection.execute(listed)]


def _frame(rows: list[tuple], names: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=names)
