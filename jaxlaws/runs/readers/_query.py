"""The one statement that is sent to a database: the caller's, if it only reads, or all of the one table that there is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jaxlaws.errors import TableError

# What else there is either writes, or (COPY, ATTACH, PRAGMA) can.
READS = ("select", "with", "values", "table", "from")

_LEADING = re.compile(r"(\s|--[^\n]*(\n|$)|/\*.*?\*/)*", re.DOTALL)


def chosen(query: str | None, tables: Sequence[str], source: str) -> str:
    """The caller's query, or one for everything in the only table."""
    if query is not None:
        return reading(query, source)
    if len(tables) == 1:
        return "SELECT * FROM " + quoted(tables[0])
    some = ", ".join(f"`{name}`" for name in tables[:8]) + (", ..." if len(tables) > 8 else "")
    known = f"has the tables {some}" if tables else "has no tables"
    raise TableError(f'{source}: the database {known}; say what to read with `--query "SELECT ..."`.')


def reading(query: str, source: str) -> str:
    """`query`, if it is one statement that reads. The connection is read-only besides."""
    text = query.strip().rstrip(";").rstrip()
    word = re.match(r"\w*", text[_LEADING.match(text).end() :].lstrip("("))  # pyright: ignore[reportOptionalMemberAccess]
    if not word or word.group().lower() not in READS:
        raise TableError(
            f"{source}: `--query` must be one statement that reads, SELECT or WITH; got `{query.strip()[:60]}`."
        )
    if ";" in text:
        raise TableError(f"{source}: `--query` must be one statement, without `;` inside.")
    return text


def quoted(name: str) -> str:
    """A table's name as SQL spells it."""
    return '"' + name.replace('"', '""') + '"'
