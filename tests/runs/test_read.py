"""Reading: every kind of source, and one sentence for everything that is not a table."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from jaxlaws.errors import TableError
from jaxlaws.runs import read

FRAME = pd.DataFrame(
    {"run": ["a", "a", "b"], "step": [1, 2, 1], "loss": [3.0, 2.5, 3.5], "note": ["x, y", "é", 'say "z"']}
)
TEXT = FRAME.to_csv(index=False)
OBJECTS = FRAME.to_dict("records")


class Polars:
    """What `read` asks of polars, Arrow and the like."""

    def to_pandas(self):
        return FRAME


def written(folder, name, content):
    path = folder / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", TEXT),
        ("T.CSV", TEXT),
        ("t.csv", TEXT.replace("\n", "\r\n")),
        ("t.csv", b"\xef\xbb\xbf" + TEXT.encode()),
        ("t.csv.gz", gzip.compress(TEXT.encode(), mtime=0)),
        ("t.tsv", FRAME.to_csv(index=False, sep="\t")),
        ("t.jsonl", "\n".join(map(json.dumps, OBJECTS))),
        ("t.ndjson", "\r\n".join(map(json.dumps, OBJECTS)) + "\n\n"),
        ("t.json", json.dumps(OBJECTS)),
        ("t.json", FRAME.to_json(orient="records", lines=True)),
        ("t.json", json.dumps(FRAME.to_dict("list"))),
        ("t.parquet", FRAME.to_parquet),
        ("t.pq", FRAME.set_index("step").to_parquet),
    ],
)
def test_file_is_read(tmp_path, name, content):
    runs = read(written(tmp_path, name, content))
    assert runs.sha256 == read(FRAME).sha256 and runs.source == str(tmp_path / name)


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.set_index("step"),
        FRAME.set_index(["run", "step"]),
        FRAME.set_axis([7, 8, 9]),
        Polars(),
        pa.Table.from_pandas(FRAME),
        FRAME.to_dict("list"),
        {name: FRAME[name] for name in FRAME},
    ],
)
def test_table_in_memory_is_read(source):
    assert read(source).sha256 == read(FRAME).sha256


def test_mapping_may_hold_scalars():
    assert read({"loss": [3.0, 2.0], "N": 1e6, "size": "1M"}).column("N").tolist() == [1e6, 1e6]


def test_folder_of_parquet_is_read_with_its_partitions(tmp_path):
    for run, rows in FRAME.groupby("run"):
        (tmp_path / f"run={run}").mkdir()
        rows.drop(columns="run").to_parquet(tmp_path / f"run={run}" / "0.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    assert read(tmp_path).sha256 == read(FRAME).sha256


def test_quoted_cells_may_hold_line_breaks(tmp_path):
    assert len(read(written(tmp_path, "t.csv", 'note,loss\n"a\nb",3\nc,2\n'))) == 2


def test_type_that_changes_late_in_a_long_file_is_no_error(tmp_path):
    text = "run,step,loss\n" + "".join(f"a,{i},3\n" for i in range(300_000)) + "a,300000,3.5\n"
    assert read(written(tmp_path, "t.csv", text)).column("loss")[-1] == 3.5


def test_bad_cell_late_in_a_long_file_is_named(tmp_path):
    text = "run,step,loss\n" + "".join(f"a,{i},3\n" for i in range(300_000)) + "a,300000,high\n"
    with pytest.raises(TableError, match="row 300001: column `loss` must hold numbers; got 'high'"):
        read(written(tmp_path, "t.csv", text))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "", "the file is empty"),
        ("t.csv", "\n\n", "the file is empty"),
        ("t.csv", "N,loss\n", "the table has no rows"),
        ("t.csv", "N,N,loss\n1,2,3\n", "two columns are called `N`; give each its own name"),
        ("t.csv", "N,loss\n1,2\n3\n", "row 2 has 1 cells, the header 2"),
        ("t.csv", "N,loss\n1,2\n3,4,5\n", "row 2 has 3 cells, the header 2"),
        ("t.csv", "N;loss\n1;2\n", "separate columns by commas"),
        ("t.csv", "1,2\n3,4\n", "the first row must name the columns"),
        ("t.csv", b"N,loss\n1,2\n\x00\x01", "the file is binary, not text"),
        ("t.csv", b"PAR1\x15\x04", "a Parquet file must be called `.parquet`"),
        ("t.csv", "N,loss\n1,é\n".encode("latin-1"), "column `loss` holds bytes that are not UTF-8"),
        ("t.csv", "N,loss\n1,2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("t.csv", b"\xff\xfa\xfb", "cannot be read"),
        ("t.csv", "N,loss\n1,abc\n", "row 1: column `loss` must hold numbers; got 'abc'"),
        ("t.csv", "N,loss\n1,3\n2,\n", "row 2: loss is nan or empty"),
        ("t.csv.gz", b"no gzip", "cannot be read (Not a gzipped file"),
        ("t.csv.gz", gzip.compress(TEXT.encode(), mtime=0)[:-10], "cannot be read"),
        ("t.jsonl", "", "the file is empty"),
        ("t.jsonl", '{"loss": 3}\n{"loss": \n', "row 2 is not JSON"),
        ("t.jsonl", '{"loss": 3}\n[3]\n', "row 2 is a list, not an object"),
        ("t.jsonl", "[" * 100_000, "row 1 is not JSON (nested too deeply)"),
        ("t.json", "[1, 2]", "row 1 is a number, not an object"),
        ("t.json", '{"loss": [3, 2], "N": [1]}', "the columns have different lengths: 1, 2"),
        ("t.json", b"\xff\xfe", "the file is not UTF-8"),
        ("t.parquet", b"", "cannot be read"),
        ("t.parquet", b"PAR1 and nothing else", "cannot be read"),
        ("t.xlsx", "", "no reader for .xlsx; known: .csv, .tsv"),
        ("table", "", "no reader for a name without a suffix"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, name, content, words):
    path = written(tmp_path, name, content)
    with pytest.raises(TableError) as error:
        read(path)
    assert (words in str(error.value)) and "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}: ") or name == "t.json"


def test_truncated_parquet_is_refused(tmp_path):
    whole = written(tmp_path, "t.parquet", FRAME.to_parquet).read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(TableError, match=r"t\.parquet: cannot be read"):
            read(written(tmp_path, "t.parquet", whole[:length]))


def test_folder_without_tables_or_with_a_broken_one_is_refused(tmp_path):
    with pytest.raises(TableError, match="the folder holds no Parquet files"):
        read(tmp_path)
    written(tmp_path, "t.parquet", b"PAR1 and nothing else")
    with pytest.raises(TableError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("path", ["no_such.csv", "no_such_folder", "null\x00byte.csv", ""])
def test_missing_file_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError):
        read(path)


@pytest.mark.parametrize("source", [3, None, [1, 2], object(), b"loss\n3\n", np.ones(3), pd.Series([1.0])])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(TableError, match="must be a path, a table"):
        read(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, "no columns"),
        ({"loss": []}, "no rows"),
        ({"loss": [[3.0]]}, "column `loss` must hold single values"),
        ({"loss": [[3.0], [1.0, 2.0]]}, "column `loss` must hold single values"),
        ({"loss": [3.0], "N": [1, 2]}, "the columns have different lengths: 1, 2"),
    ],
)
def test_mapping_that_is_no_table_is_refused(source, words):
    with pytest.raises(TableError) as error:
        read(source)
    assert words in str(error.value)


def test_address_needs_fsspec():
    pytest.importorskip("pandas")
    code = "import sys; sys.modules['fsspec'] = None; import jaxlaws.runs as r; r.read('s3://bucket/t.csv')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install fsspec" in done.stderr


def test_address_is_read_through_fsspec():
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://bucket/t.csv", "wb") as file:
        file.write(TEXT.encode())
    assert read("memory://bucket/t.csv").sha256 == read(FRAME).sha256


def test_importing_the_room_loads_no_tables_library():
    code = "import sys, jaxlaws.runs; print(sorted({'pandas', 'pyarrow', 'pooch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


NAMES = st.sampled_from(
    ["run", "step", "loss", "lr", "N", "params", "tokens", "lr_schedule", "name", "x", "", "Loss", "val_loss"]
)
HUGE = 10**400  # older pandas cannot look for a type for it
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dates(),
) | st.sampled_from(["1e3", " 2 ", "nan", "-inf", "1_0", "constant(peak=1)", HUGE, 1j, np.float32(2), pd.NaT, pd.NA])


def series(cells, data):
    """A column of the type that pandas finds, or of none."""
    plain = isinstance(cells, list) and (not cells or any(cell is HUGE for cell in cells) or data.draw(st.booleans()))
    return pd.Series(cells, dtype=object if plain else None)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_frame_gives_runs_or_a_table_error(data):
    rows = data.draw(st.integers(0, 4))
    names = data.draw(st.lists(NAMES, max_size=4))
    arrays = st.sampled_from(["f8", "f4", "i4", "u8", "?", "c16", "M8[s]"]).flatmap(
        lambda kind: npst.arrays(kind, rows)
    )
    columns = [data.draw(arrays | st.lists(CELLS, min_size=rows, max_size=rows)) for _ in names]
    frame = pd.DataFrame({i: series(column, data) for i, column in enumerate(columns)}, range(rows))
    policy = data.draw(st.sampled_from(["raise", "drop", "keep"]))
    try:
        runs = read(frame.set_axis(names, axis=1), policies=dict.fromkeys(["nonfinite", "duplicated_steps"], policy))
        runs.checked([name for name in runs.frame.columns if name not in ("run", "lr_schedule")])
    except TableError as error:
        assert "\n" not in str(error).replace(str(names), "")
        return
    assert len(runs) > 0 and runs.frame.index.is_unique and len(runs.sha256) == 64


LINES = st.sampled_from(
    ["run,step,loss", "a,1,3.0", "a,2,2.9", "b,1,nan", ",,", '"', "a,b", "1,2,3,4", "a,1,x", "\xe9", "a,1e3,3"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60) | st.lists(LINES, max_size=5).map(lambda lines: "\n".join(lines).encode()),
    st.sampled_from(["t.csv", "t.tsv", "t.jsonl", "t.json", "t.csv.gz", "t.parquet"]),
)
def test_any_bytes_give_runs_or_a_table_error(tmp_path, content, name):
    try:
        runs = read(written(tmp_path, name, content))
    except TableError:
        return
    assert len(runs) > 0
