"""Any database that SQLAlchemy reaches, by its URL and a query, in a transaction that only reads where there is such a thing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from jaxlaws.errors import TableError
from jaxlaws.runs.readers._optional import package
from jaxlaws.runs.readers._parts import Part, Told
from jaxlaws.runs.readers._query import chosen

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50_000

_OWN = {"postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "sqlite", "duckdb"}


def is_url(address: str) -> bool:
    """Whether `address` is that of a database, such as `postgresql+psycopg://user@host/name`."""
    scheme = address.partition("://")[0].partition("+")[0]
    return scheme in _OWN or any(
        entry.name.partition(".")[0] == scheme for entry in entry_points(group="sqlalchemy.dialects")
    )


def shown(url: str) -> str:
    """The address without what may be secret: the password, a token in its place, values of the query (signatures, keys)."""
    head, _, rest = url.partition("://")
    place, mark, query = rest.partition("?")
    query, fragment = query.partition("#")[::2]
    user, at, host = place.rpartition("@")
    if ":" in user.partition("/")[0]:
        place = f"{user.partition(':')[0]}:***@{host}"
    elif at and "/" not in user and head.rpartition(":")[2].startswith(("http", "ftp", "s3", "gs")):
        place = f"***@{host}"  # an address of the web with nothing but a name before the @ carries a token
    told = [f"{pair.partition('=')[0]}=***" if "=" in pair else "***" for pair in query.split("&")]
    return f"{head}://{place}" + mark + "&".join(told) * bool(query) + "#***" * bool(fragment)


def read(url: str, told: Told) -> Iterator[Part]:
    """Rows of `told.query`, or of the database's one table."""
    sqlalchemy = package("sqlalchemy", shown(url), "a database needs SQLAlchemy", "sql")
    count = 0
    try:
        engine = sqlalchemy.create_engine(
            re.sub(r"^postgres(?=[:+])", "postgresql", url), poolclass=sqlalchemy.pool.NullPool
        )
        tables = [] if told.query is not None else sqlalchemy.inspect(engine).get_table_names()
        statement = chosen(told.query, tables, shown(url))
        with engine.connect() as connection:
            rows = _reading(connection).exec_driver_sql(statement)
            with contextlib.ExitStack() as after:
                after.callback(_closed, rows.cursor)
                names = list(rows.keys())
                empty = True
                for block in rows.partitions(ROWS):
                    yield Part(_frame(block, names))
                    count, empty = count + len(block), False
                if empty:
                    yield Part(_frame([], names))
    except ImportError as error:
        raise TableError(
            f"{shown(url)}: the database's driver is not installed ({error.name}); `pip install` it."
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200].rstrip(". ")
        after = f" after {count} rows" if count else ""
        raise TableError(f"{shown(url)}: the database says{after}: {reason}.") from None


def _closed(cursor: Any) -> None:
    """Closes the driver's own cursor: SQLAlchemy leaves it open when the server goes away."""
    with contextlib.suppress(Exception):
        cursor.close()


def _reading(connection: Any) -> Any:
    """The connection with a transaction that cannot write, and rows that come as they are asked for."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execution_options(postgresql_readonly=True)
    elif kind in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.rollback()
    elif kind == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    return connection.execution_options(stream_results=True, max_row_buffer=ROWS, no_parameters=True)


def _frame(rows: Any, names: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_records([tuple(row) for row in rows], columns=names, coerce_float=True)
