"""Parquet files, and folders of them, partitioned by `column=value` or not; W&B's histories among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import wandb
from jaxlaws.runs.readers._parts import Part

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 17


def read(file: BinaryIO, name: str) -> Part:
    """Table in one Parquet file."""
    from pyarrow import parquet

    return _part(parquet.ParquetFile(file).read(), name)


def stream(file: BinaryIO, name: str) -> Iterator[Part]:
    """The same in parts; a history, which belongs together, in one."""
    import pyarrow as pa
    from pyarrow import parquet

    opened = parquet.ParquetFile(file)
    if wandb.is_history(opened.schema_arrow.names):
        yield _part(opened.read(), name)
        return
    for batch in opened.iter_batches(ROWS):
        yield _part(pa.Table.from_batches([batch]), name)


def read_folder(path: str, files: Any, *, whole: bool) -> Iterator[Part]:
    """Tables of all Parquet files below `path`, on the file system `files` or the local one, in the order of their names."""
    import pyarrow as pa
    from pyarrow import dataset, fs, parquet

    from jaxlaws.runs.columns import canonical

    system = fs.LocalFileSystem() if files is None else fs.PyFileSystem(fs.FSSpecHandler(files))
    below = system.get_file_info(fs.FileSelector(path, recursive=True))
    found = sorted(f.path for f in below if f.base_name.endswith((".parquet", ".pq")) and f.base_name[0] not in "._")
    if not found:
        raise TableError(f"{path}: the folder holds no Parquet files; give a file, or a folder of `.parquet` files.")
    partitioning = dataset.partitioning(flavor="hive")
    table = dataset.dataset(
        found, format="parquet", filesystem=system, partitioning=partitioning, partition_base_dir=path
    )
    names = table.schema.names
    if wandb.is_history(names) and not any(canonical(name) == "run" for name in names):
        # One history a file, or a folder of such: the run is called after its place.
        for file in found:
            with system.open_input_file(file) as opened:
                inside = PurePosixPath(file.removeprefix(path).lstrip("/"))
                run = inside.parent.as_posix() if len(inside.parts) > 1 else inside.stem
                yield wandb.history(parquet.ParquetFile(opened).read(), path, run)
    elif whole:
        yield _part(table.to_table(), path)
    else:
        for batch in table.to_batches(batch_size=ROWS, batch_readahead=2, fragment_readahead=1):
            if batch.num_rows:
                yield _part(pa.Table.from_batches([batch]), path)


def _part(table: pa.Table, name: str) -> Part:
    if wandb.is_history(table.column_names):
        return wandb.history(table, name, PurePosixPath(name).name.split(".")[0])
    # A pandas index is a column of the file like any other; an unnamed one is a row count.
    unnamed = [name for name in table.column_names if name.startswith("__index_level_")]
    return Part(table.drop_columns(unnamed).to_pandas(ignore_metadata=True))
