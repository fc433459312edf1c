"""Parquet files, and folders of them, partitioned by `column=value` or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError

if TYPE_CHECKING:
    import pandas as pd


def read(file: BinaryIO, name: str) -> pd.DataFrame:
    """Table in one Parquet file."""
    from pyarrow import parquet

    del name
    return _frame(parquet.ParquetFile(file).read())


def read_folder(path: str, files: Any) -> pd.DataFrame:
    """Table in all Parquet files below `path`, on the file system `files` or the local one, in the order of their names."""
    from pyarrow import dataset, fs

    system = fs.LocalFileSystem() if files is None else fs.PyFileSystem(fs.FSSpecHandler(files))
    below = system.get_file_info(fs.FileSelector(path, recursive=True))
    found = sorted(f.path for f in below if f.base_name.endswith((".parquet", ".pq")) and f.base_name[0] not in "._")
    if not found:
        raise TableError(f"{path}: the folder holds no Parquet files; give a file, or a folder of `.parquet` files.")
    partitioning = dataset.partitioning(flavor="hive")
    table = dataset.dataset(
        found, format="parquet", filesystem=system, partitioning=partitioning, partition_base_dir=path
    ).to_table()
    return _frame(table)


def _frame(table: Any) -> pd.DataFrame:
    # A pandas index is a column of the file like any other; an unnamed one is a row count.
    unnamed = [name for name in table.column_names if name.startswith("__index_level_")]
    return table.drop_columns(unnamed).to_pandas(ignore_metadata=True)
