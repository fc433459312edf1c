"""Files of public data sets: from a local mirror where one is named, else from their pinned address, checked by sha256."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from jaxlaws.errors import DataError
from jaxlaws.runs.checks import Finding

MIRROR = "JAXLAWS_DATA_DIR"


@dataclass(frozen=True)
class Remote:
    """One upstream file: its path in a mirror, its pinned address, its sha256 and size."""

    path: str
    url: str
    sha256: str
    bytes: int


@cache
def listed(dataset: str) -> tuple[Remote, ...]:
    """Every upstream file of a data set, in the registry's order."""
    entry = json.loads(resources.files("jaxlaws.runs.published").joinpath("registry.json").read_text("utf-8"))[dataset]
    return tuple(
        Remote(f"{entry['folder']}/{name}", next(iter(own), f"{entry['address']}/{quote(name)}"), sha256, size)
        for name, (sha256, size, *own) in entry["files"].items()  # a file may state an address of its own
    )


def obtain(remotes: Sequence[Remote]) -> list[Path]:
    """Where each file lies on this machine, fetched if it has to be."""
    mirror = _mirror()
    if mirror is None:
        return _download(remotes)
    missing = [remote for remote in remotes if not (mirror / remote.path).is_file()]
    if missing:
        raise DataError(_lacking(mirror, missing))
    return [_verified(mirror / remote.path, remote) for remote in remotes]


def obtain_parts(
    parts: Mapping[str, Sequence[Remote]], source: str
) -> tuple[dict[str, list[Path]], tuple[Finding, ...]]:
    """Files by part, without the parts that a mirror holds nothing of, which a finding names. No part at all is an error."""
    mirror = _mirror()
    if mirror is None:
        return {part: obtain(remotes) for part, remotes in parts.items()}, ()
    absent = [part for part, remotes in parts.items() if not any((mirror / r.path).is_file() for r in remotes)]
    there = {part: obtain(remotes) for part, remotes in parts.items() if part not in absent}
    if not absent:
        return there, ()
    lacking = _lacking(mirror, [remote for part in absent for remote in parts[part]])
    if not there:
        raise DataError(lacking)
    some = ", ".join(absent) if len(absent) <= 3 else f"{len(absent)} of {len(parts)} parts"
    note = f"{source}: {some} left out: {lacking}"
    return there, (Finding("source", "drop", 0, (), tuple(absent[:5]), note, dict.fromkeys(absent, 0)),)


def _mirror() -> Path | None:
    named = os.environ.get(MIRROR)
    if not named:
        return None
    if not Path(named).is_dir():
        raise DataError(
            f"{MIRROR}={named} is no folder; correct it, or unset it to fetch public data from their source."
        )
    return Path(named)


def _lacking(mirror: Path, missing: Sequence[Remote]) -> str:
    some = ", ".join(remote.path for remote in missing[:2]) + (f" and {len(missing) - 2} more" if missing[2:] else "")
    return f"the mirror {mirror} lacks {some}; unset {MIRROR} to fetch."


def _verified(path: Path, remote: Remote) -> Path:
    if hashlib.sha256(path.read_bytes()).hexdigest() != remote.sha256:
        raise DataError(
            f"{path} differs from the pinned file (sha256 {remote.sha256[:12]}...); replace it from {remote.url}."
        )
    return path


def _download(remotes: Sequence[Remote]) -> list[Path]:
    try:
        import pooch
    except ImportError:
        raise DataError(
            f"fetching public data needs pooch: `pip install jaxlaws[data]`, or name a local mirror with {MIRROR}."
        ) from None
    cache_dir = Path(pooch.os_cache("jaxlaws"))
    pooch.get_logger().setLevel("WARNING")

    def fetch(remote: Remote) -> Path:
        path = cache_dir / remote.path
        return Path(pooch.retrieve(remote.url, f"sha256:{remote.sha256}", fname=path.name, path=path.parent))

    try:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(fetch, remotes))
    except Exception as error:  # whatever the network and its libraries raise
        raise DataError(
            f"{remotes[0].url} and its like cannot be fetched ({error}); connect, or name a mirror with {MIRROR}."
        ) from error
