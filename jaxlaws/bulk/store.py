"""The folder of a bulk fit: one Parquet file a partition, each whole or not there, and one writer at a time.

OUT/_bulk.json             the request, how the source is cut, and whether all of it is done
OUT/part-000000.parquet    the fits of partition 0, a row a group and law; its metadata have the hashes of its input and of itself
OUT/.lock                  held while somebody writes; the system lets go of it when that process ends, however it ends
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxlaws.errors import BulkError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 2
REQUEST, LOCK = "_bulk.json", ".lock"
META = b"jaxlaws"

_PART = re.compile(r"part-(\d{6,})\.parquet")
_OURS = re.compile(r"\.(part-\d{6,}\.parquet|_bulk\.json)\.\d+\.tmp")


@dataclass(frozen=True)
class Stored:
    """A partition that is there: the hash of its input, what its fits came to, and the fits."""

    sha256: str
    tally: Mapping[str, Any]
    table: pa.Table


@dataclass(frozen=True)
class Folder:
    """A folder of fits, locked by this process."""

    path: Path
    request: str  # hash

    def place(self, number: int) -> Path:
        return self.path / f"part-{number:06d}.parquet"

    def stored(self, number: int) -> tuple[Stored | None, str]:
        """Partition `number` if it is there and sound, and what is wrong with it if it is there and is not."""
        import pyarrow as pa
        from pyarrow import parquet

        place = self.place(number)
        if not place.exists():
            return None, ""
        try:
            with parquet.ParquetFile(place, page_checksum_verification=True) as file:
                table = file.read()
                meta = json.loads((file.schema_arrow.metadata or {})[META])
            if meta.pop("content") != _content(table, meta):
                return None, f"{place} is damaged (it does not hold what was written); fitted again."
            if meta["request"] != self.request or meta["partition"] != number:
                return None, f"{place} is of another request; fitted again."
            return Stored(meta["sha256"], meta["tally"], table), ""
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
            return None, f"{place} is damaged ({reason}); fitted again."

    def write(self, number: int, sha256: str, tally: Mapping[str, Any], table: pa.Table) -> None:
        """Write a partition, whole or not at all, and for good when this returns."""
        from pyarrow import parquet

        meta = {"request": self.request, "partition": number, "sha256": sha256, "tally": tally}
        meta["content"] = _content(table, meta)
        table = table.replace_schema_metadata({META: json.dumps(meta).encode()})
        _whole(
            self.place(number),
            lambda file: parquet.write_table(table, file, compression="zstd", write_page_checksum=True),
        )

    def describe(self, document: Mapping[str, Any]) -> None:
        """Write `_bulk.json`."""
        text = json.dumps({"format": FORMAT, "request_sha256": self.request, **document}, indent=1) + "\n"
        _whole(self.path / REQUEST, lambda file: file.write(text.encode()))

    def forget(self, from_number: int) -> int:
        """Remove partitions from this number on, which the source no longer has; how many there were."""
        gone = [place for place, number in self._parts() if number >= from_number]
        for place in gone:
            place.unlink()
        return len(gone)

    def _parts(self) -> list[tuple[Path, int]]:
        found = ((place, _PART.fullmatch(place.name)) for place in sorted(self.path.iterdir()))
        return [(place, int(match[1])) for place, match in found if match]


@contextmanager
def opened(path: Path, request: Mapping[str, Any], *, fresh: bool) -> Iterator[tuple[Folder, Mapping[str, Any]]]:
    """The folder, locked, and what its `_bulk.json` said before (nothing in a new one).

    Raises `BulkError` where the folder holds something else, fits of another request (unless `fresh`, which removes them),
    or where another process writes to it.
    """
    text = json.dumps(request, sort_keys=True)
    folder = Folder(path, hashlib.sha256(text.encode()).hexdigest())
    with _said(path):
        path.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        with _said(path):
            for place in path.iterdir():
                if _OURS.fullmatch(place.name):  # what a killed process left
                    place.unlink()
            before = _before(path)
            if fresh and before:
                (path / REQUEST).unlink()
                folder.forget(0)
                before = {}
        if before and before.get("request_sha256") != folder.request:
            told = before.get("request", {})
            differ = sorted(k for k in {*told, *request} if told.get(k) != json.loads(text).get(k))
            some = "; ".join(f"{k}: {_short(told.get(k))}, now {_short(json.loads(text).get(k))}" for k in differ[:3])
            raise BulkError(
                f"{path} holds the fits of another request ({some}); name another folder, or begin anew there with `--fresh`."
            )
        yield folder, before


def _before(path: Path) -> dict[str, Any]:
    place = path / REQUEST
    if not place.exists():
        others = [p.name for p in path.iterdir() if p.name != LOCK]
        if others:
            raise BulkError(
                f"{path} is no folder of fits: it holds {', '.join(sorted(others)[:3])}; name a new or an empty folder."
            )
        return {}
    if not any(_PART.fullmatch(p.name) for p in path.iterdir()):
        return {}  # a request of which nothing was fitted is no obstacle to another
    try:
        found = json.loads(place.read_text())
        if found["format"] == FORMAT:
            return found
        reason = f"format {found['format']}"
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise BulkError(f"{place} cannot be read ({reason}); begin anew in another folder.")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        raise BulkError("`bulk_fit` locks its folder as Linux and macOS do; on Windows run it under WSL.") from None
    with _said(path):
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
                raise BulkError(f"{path} cannot be locked ({error.strerror}): its file system has no locks.") from None
            holder = os.read(lock, 200).decode(errors="replace").strip() or "another process"
            raise BulkError(f"{path} is being written to by {holder}; wait for it, or name another folder.") from None
        with _said(path):
            os.ftruncate(lock, 0)
            began = time.strftime("%Y-%m-%d %H:%M:%S")
            os.write(lock, f"process {os.getpid()} on {platform.node()} since {began}".encode())
        yield
    finally:
        os.close(lock)  # which lets go of it


def _content(table: pa.Table, meta: Mapping[str, Any]) -> str:
    """Hash of every cell and of what is said of them: a Parquet file has checksums of its pages, but none of their headers
    nor of its footer."""
    return hashlib.sha256(json.dumps([meta, table.to_pylist()], sort_keys=True).encode()).hexdigest()


def _whole(place: Path, write: Callable[[Any], Any]) -> None:
    beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    with _said(place):
        try:
            with open(beside, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, is on the disk
        finally:
            os.close(folder)


@contextmanager
def _said(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = {
            errno.ENOSPC: "the disk is full; make room",
            errno.EDQUOT: "the disk quota is used up; make room",
            errno.EFBIG: "the file would be larger than is allowed here; raise the limit",
            errno.EACCES: "permission denied; make the folder writable",
            errno.EPERM: "permission denied; make the folder writable",
            errno.EROFS: "the file system is read-only; name another folder",
            errno.ENOTDIR: "part of the path is a file; name another folder",
            errno.EEXIST: "there is a file of this name; name another folder",
        }.get(error.errno or 0, error.strerror or str(error))
        raise BulkError(
            f"{place} cannot be written: {why}. What was written before is kept; the same call goes on."
        ) from None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
