"""A small TOML file beside a table."""

from __future__ import annotations

import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read

TABLE = "params_total,ce\n1,2.0\n1000,1.0\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(TABLE)
    return path


def beside(table, text):
    table.with_name("runs.csv.toml").write_text(text)
    return table


def test_it_names_columns_and_units(table):
    runs = read(beside(table, '[columns]\nN = "params_total"\nloss = "ce"\n[units]\nN = "millions"'))
    assert runs.column("N").tolist() == [1e6, 1e9] and runs.column("loss").tolist() == [2.0, 1.0]
    assert "runs.csv.toml says how the table is read: columns, units" in runs.findings[0].message


def test_the_caller_wins_entry_by_entry(table):
    said = '[columns]\nN = "params_total"\nloss = "ce"\n[units]\nN = "millions"'
    assert read(beside(table, said), units={"N": "thousands"}).column("N").tolist() == [1e3, 1e6]


def test_a_folder_has_its_own(tmp_path, table):
    import pandas as pd

    folder = tmp_path / "parts"
    folder.mkdir()
    pd.read_csv(table).to_parquet(folder / "0.parquet")
    (folder / "jaxlaws.toml").write_text('[columns]\nloss = "ce"')
    assert read(folder).column("loss").tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns = 3", "`columns` must be a table of texts"),
        ("[columns]\nN = 3", "`columns` must be a table of texts"),
        ("[colums]\nN = 'x'", "unknown entry `colums`; nearest: `columns`"),
        ("lr_after_step = 'yes'", "must be true or false; got 'yes'"),
        ("warmup = 3", "must be text"),
        ("[columns", "cannot be read as TOML"),
        ("query = 'SELECT 1'", "`--query` is for databases"),
        ("[columns]\nN = 'nothing'", "column"),
    ],
)
def test_what_it_cannot_say_is_refused(table, text, words):
    with pytest.raises(TableError) as error:
        read(beside(table, text))
    assert words in str(error.value) and "\n" not in str(error.value)
