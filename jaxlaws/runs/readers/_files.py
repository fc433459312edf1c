"""Opening a path or an address, and one sentence for whatever goes wrong in it."""

from __future__ import annotations

import gzip
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import sql
from jaxlaws.runs.readers._parts import Part, Told

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Format:
    """Files with rows in them: read at once, or in parts that fit in memory, from anything that can be opened."""

    read: Callable[[BinaryIO, str], Part]
    stream: Callable[[BinaryIO, str], Iterator[Part]] | None = None


@dataclass(frozen=True)
class Store:
    """A place that a program writes its runs to: a file or a folder on this machine, always read in parts.

    `owns` knows its files by their names.
    """

    read: Callable[[Path, Told], Iterator[Part]]
    owns: Callable[[str], bool]
    queried: bool = False


@dataclass(frozen=True)
class Catalogue:
    """The formats by suffix, and the stores by name."""

    formats: Mapping[str, Format]
    stores: Mapping[str, Store]


def parts_of(path: str, known: Catalogue, told: Told, *, whole: bool) -> Iterator[Part]:
    """Rows at a path, an address or a database's URL, in one part where `whole` says so and the format has one."""
    kind, _, rest = path.partition(":")
    if kind == "mlflow" and "://" in rest:
        from jaxlaws.runs.readers import mlflow

        return _sentences(mlflow.read_address(rest, told), path)
    if kind in known.stores and rest and not rest.startswith("//"):
        return _sentences(_store(rest, known.stores[kind], kind, told), path)
    if "://" in path:
        return _sentences(_address(path, known, told, whole), path)
    return _sentences(_local(path, known, told, whole), path)


def shown(path: str) -> str:
    """What to call a source in messages: its path, or its address without what may be secret."""
    return sql.shown(path) if "://" in path else path


def stem(path: str) -> str:
    """Name of a source without folder and suffixes."""
    return _base(shown(path)).split(".")[0] or "run"


def _sentences(parts: Iterator[Part], path: str) -> Iterator[Part]:
    import pyarrow as pa

    try:
        yield from parts
    except TableError as error:
        text = str(error).replace(path, shown(path))
        if "\n" not in text and text == str(error):
            raise
        raise TableError(" ".join(text.split())) from None  # names out of a file may hold anything
    except (
        pa.ArrowException,
        OSError,
        EOFError,
        MemoryError,
        OverflowError,
        RecursionError,
        ValueError,
        zlib.error,
        struct.error,
    ) as error:
        reason = (str(error).replace(path, shown(path)).splitlines() or [type(error).__name__])[0][:160].rstrip(". ")
        raise TableError(
            f"{shown(path)}: cannot be read ({reason}); is it whole, and of the kind that its name says?"
        ) from None


def _local(path: str, known: Catalogue, told: Told, whole: bool) -> Iterator[Part]:
    place = Path(path)
    try:
        is_folder, is_there = place.is_dir(), place.exists()
    except ValueError:
        is_folder = is_there = False  # a null byte in the name
    if not is_there:
        raise TableError(f"{path}: there is no such file or folder.")
    if is_folder:
        return _folder(place, known, told, whole)
    for kind, store in known.stores.items():
        if store.owns(place.name) and _kind_by_content(place, kind) == kind:
            return _store(path, store, kind, told)
    return _opened(_format(path, known), lambda: _unpacked(place, path), path, told, whole)


def _folder(place: Path, known: Catalogue, told: Told, whole: bool) -> Iterator[Part]:
    from jaxlaws.runs.readers import parquet

    kinds = _kinds_in(place, known)
    if len(kinds) > 1:
        raise TableError(
            f"{place}: the folder holds what {' and '.join(kinds)} write; say which is meant, such as `{kinds[0]}:{place}`."
        )
    if kinds and kinds[0] != "parquet":
        return _store(str(place), known.stores[kinds[0]], kinds[0], told)
    _no_query(str(place), told)
    return parquet.read_folder(str(place), None, whole=whole)


def _kinds_in(place: Path, known: Catalogue) -> list[str]:
    """Which programs wrote what is in a folder, by the names of its files."""
    kinds: dict[str, None] = {}
    for _, folders, names in os.walk(place):
        folders.sort()
        if "meta.yaml" in names:
            kinds["mlflow"] = None
            folders.clear()  # what MLflow keeps of a run may hold anything
            continue
        for name in sorted(names):
            if PurePosixPath(name).suffix.lower() in (".parquet", ".pq"):
                kinds["parquet"] = None
            kinds |= dict.fromkeys(k for k, store in known.stores.items() if not store.queried and store.owns(name))
    return sorted(kinds)


def _kind_by_content(place: Path, kind: str) -> str:
    """`kind`, or the database that the file really is: both are often called `.db`."""
    with place.open("rb") as file:
        head = file.read(16)
    return {b"DUCK": "duckdb"}.get(head[8:12], kind) if kind == "sqlite" else kind


def _store(path: str, store: Store, kind: str, told: Told) -> Iterator[Part]:
    if not Path(path).exists():
        raise TableError(f"{path}: there is no such file or folder.")
    if not store.queried:
        _no_query(path, told)
    del kind
    return store.read(Path(path), told)


def _no_query(path: str, told: Told) -> None:
    if told.query is not None:
        raise TableError(f"{path}: `--query` is for databases; choose rows of this source with `--where`.")


def _opened(
    form: Format, opened: Callable[[], AbstractContextManager[Any]], name: str, told: Told, whole: bool
) -> Iterator[Part]:
    _no_query(name, told)
    with opened() as file:
        if whole or form.stream is None:
            yield form.read(file, name)
        else:
            yield from form.stream(file, name)


def _unpacked(place: Path, path: str) -> AbstractContextManager[Any]:
    return gzip.open(place) if _is_packed(path) else place.open("rb")


def _address(url: str, known: Catalogue, told: Told, whole: bool) -> Iterator[Part]:
    scheme, _, rest = url.partition("://")
    if scheme in ("sqlite", "duckdb"):
        return _store(rest.removeprefix("/"), known.stores[scheme], scheme, told)
    if sql.is_url(url):
        return sql.read(url, told)
    return _remote(url, known, told, whole)


def _remote(url: str, known: Catalogue, told: Told, whole: bool) -> Iterator[Part]:
    from jaxlaws.runs.readers import parquet

    try:
        import fsspec  # pyright: ignore[reportMissingImports]  # optional
    except ImportError:
        raise TableError(
            f"{url}: reading an address needs fsspec; `pip install fsspec`, or fetch the file first."
        ) from None
    try:
        files, path = fsspec.core.url_to_fs(url)
        store = next((kind for kind, store in known.stores.items() if store.owns(_base(url))), None)
        if files.isdir(path):
            names = [name for name in files.find(path) if any(s.owns(_base(name)) for s in known.stores.values())]
            if not names:
                _no_query(url, told)
                yield from parquet.read_folder(path, files, whole=whole)
                return
        else:
            names = [path] if store else []
        if names:
            yield from _fetched(files, path, names, known, told, whole)
            return
        opened: Any = lambda: files.open(path, "rb", compression="gzip" if _is_packed(url) else None)  # noqa: E731
        yield from _opened(_format(url, known), opened, url, told, whole)
    except ImportError as error:
        raise TableError(f"{url}: fsspec needs a further package for this address ({error}).") from None


def _fetched(files: Any, path: str, names: list[str], known: Catalogue, told: Told, whole: bool) -> Iterator[Part]:
    """What a store's own reader, which reads this machine's files only, finds in copies of a remote folder's files."""
    with tempfile.TemporaryDirectory(prefix="jaxlaws-") as folder:
        home = Path(folder) / (_base(path) or "root")
        for name in names:
            inside = name.removeprefix(path).strip("/")
            target = home / inside if inside else home
            if ".." in PurePosixPath(inside).parts or not target.resolve().is_relative_to(home.resolve()):
                raise TableError(
                    f"{shown(path)}: the server names a file outside the folder, {inside!r}; nothing was read."
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(name, str(target))
        yield from _local(str(home), known, told, whole)


def _format(path: str, known: Catalogue) -> Format:
    suffixes = PurePosixPath(_base(path).lower()).suffixes
    suffix = suffixes[-2] if _is_packed(path) and len(suffixes) > 1 else (suffixes or [""])[-1]
    if suffix not in known.formats:
        raise TableError(
            f"{path}: no reader for {suffix or 'a name without a suffix'}; known: {', '.join(known.formats)}, "
            "folders of Parquet files, databases and trackers' logs."
        )
    return known.formats[suffix]


def _base(path: str) -> str:
    return path.split("?")[0].rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]


def _is_packed(path: str) -> bool:
    return _base(path).lower().endswith(".gz")
