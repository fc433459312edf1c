"""Opening a path or an address, and one sentence for whatever goes wrong in it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import parquet

if TYPE_CHECKING:
    import pandas as pd

Reader = Callable[[BinaryIO, str], "pd.DataFrame"]


def load_file(path: str, readers: Mapping[str, Reader]) -> tuple[pd.DataFrame, str, str]:
    """Table at `path`, the path, and its name without suffixes."""
    import pyarrow as pa

    try:
        frame = _remote(path, readers) if "://" in path else _local(path, readers)
    except TableError:
        raise
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(". ")
        raise TableError(
            f"{path}: cannot be read ({reason}); is it whole, and of the kind that its name says?"
        ) from None
    return frame, path, _base(path).split(".")[0] or "run"


def _local(path: str, readers: Mapping[str, Reader]) -> pd.DataFrame:
    place = Path(path)
    try:
        is_folder, is_there = place.is_dir(), place.exists()
    except ValueError:
        is_folder = is_there = False  # a null byte in the name
    if is_folder:
        return parquet.read_folder(path, None)
    if not is_there:
        raise TableError(f"{path}: there is no such file or folder.")
    reader = _reader(path, readers)
    with gzip.open(place) if _is_packed(path) else place.open("rb") as file:
        return reader(file, path)  # type: ignore[arg-type]  # a GzipFile reads bytes too


def _remote(url: str, readers: Mapping[str, Reader]) -> pd.DataFrame:
    try:
        import fsspec  # pyright: ignore[reportMissingImports]  # optional
    except ImportError:
        raise TableError(
            f"{url}: reading an address needs fsspec; `pip install fsspec`, or fetch the file first."
        ) from None
    try:
        files, path = fsspec.core.url_to_fs(url)
        if files.isdir(path):
            return parquet.read_folder(path, files)
        reader = _reader(url, readers)
        with files.open(path, "rb", compression="gzip" if _is_packed(url) else None) as file:
            return reader(file, url)
    except ImportError as error:
        raise TableError(f"{url}: fsspec needs a further package for this address ({error}).") from None


def _reader(path: str, readers: Mapping[str, Reader]) -> Reader:
    suffixes = PurePosixPath(_base(path).lower()).suffixes
    suffix = suffixes[-2] if _is_packed(path) and len(suffixes) > 1 else (suffixes or [""])[-1]
    if suffix not in readers:
        raise TableError(
            f"{path}: no reader for {suffix or 'a name without a suffix'}; known: {', '.join(readers)}, "
            "and folders of Parquet files."
        )
    return readers[suffix]


def _base(path: str) -> str:
    return path.split("?")[0].rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]


def _is_packed(path: str) -> bool:
    return _base(path).lower().endswith(".gz")
