"""SQLite files: all rows, nothing written, damage said."""

from __future__ import annotations

import hashlib
import sqlite3

import pandas as pd
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.readers import sqlite, stream

ROWS = 3000


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "runs of mine.db"
    frame = pd.DataFrame({"run": "a", "step": range(ROWS), "loss": 3.0, "note": "x" * 50})
    with sqlite3.connect(path) as connection:
        frame.to_sql("curves", connection, index=False)
    connection.close()
    return path


def test_the_one_table_is_read_whole(database):
    assert len(read(database)) == ROWS
    assert len(read(f"sqlite:///{database}")) == ROWS


def test_parts_have_all_rows(database, monkeypatch):
    monkeypatch.setattr(sqlite, "ROWS", 100)
    assert sum(len(part.frame) for part in stream(database)) == ROWS


def test_a_query_chooses_rows(database):
    assert len(read(database, query="SELECT * FROM curves WHERE step < 10;")) == 10
    assert (
        len(read(database, query="-- the first\nWITH c AS (SELECT * FROM curves) SELECT * FROM c WHERE step < 5")) == 5
    )


def test_of_several_tables_the_query_must_say_which(database):
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(TableError, match='tables `curves`, `other`; say what to read with `--query "SELECT ...'):
        read(database)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM curves",
        "INSERT INTO curves VALUES ('b', 1, 1.0, '')",
        "SELECT 1; DROP TABLE curves",
        "ATTACH DATABASE 'new.db' AS new",
        "PRAGMA journal_mode = DELETE",
        "/* SELECT */ UPDATE curves SET loss = 0",
        "WITH c AS (SELECT 1) DELETE FROM curves",
        "",
    ],
)
def test_nothing_is_written(database, query, tmp_path):
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    with pytest.raises(TableError):
        read(database, query=query)
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert [path.name for path in tmp_path.iterdir()] == [database.name]


@pytest.mark.parametrize("query", ["SELECT nothing FROM curves", "SELECT * FROM"])
def test_what_the_database_says_is_one_sentence(database, query):
    with pytest.raises(TableError, match="SQLite says: ") as error:
        read(database, query=query)
    assert "\n" not in str(error.value)


def test_a_query_of_no_rows_is_a_table_of_no_rows(database):
    with pytest.raises(TableError, match="the table has no rows"):
        read(database, query="SELECT * FROM curves WHERE step < 0")


def test_a_damaged_page_is_no_shorter_table(database):
    content = bytearray(database.read_bytes())
    content[4096 * 4 + 3 : 4096 * 4 + 5] = b"\x00\x01"  # cells of one page: one instead of all
    database.write_bytes(content)
    with pytest.raises(TableError, match="the database is damaged|SQLite says"):
        read(database)


def test_a_query_of_a_file_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("N,loss\n1,3\n")
    with pytest.raises(TableError, match="`--query` is for databases"):
        read(path, query="SELECT 1")
