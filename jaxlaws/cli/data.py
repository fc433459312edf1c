"""`jaxlaws data`: which data sets there are by name, and what comes of one."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._options import Json
from jaxlaws.cli._output import Progress, columns, emit, say
from jaxlaws.errors import DataError, nearest

if TYPE_CHECKING:
    from jaxlaws.runs import Runs


def data(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A data set to fetch and look at.", show_default=False)
    ] = None,
    json: Json = False,
) -> int:
    """List the data sets that go by a name; or fetch one and say what came."""
    sets = _sets()
    if name is None:
        if json:
            emit({"data": list(sets.values())})
        else:
            rows = [(s["table"], s["here"], s["about"]) for s in sets.values()]
            say(columns([("TABLE", "AT HAND", "WHAT IT IS"), *rows]))
        return 0
    known = {key.partition(":")[2]: key for key in sets}
    table = name if name in sets else known.get(name)
    if table is None:
        raise DataError(f"`data {name}`: {nearest(name.partition(':')[2] or name, known, what='data set')}")
    from jaxlaws.runs import read

    with Progress() as progress:
        progress.doing(f"reading {table}")
        runs = read(table)
        for finding in runs.findings:
            progress.note(finding.message)
    came = sets[table] | _what_came(runs)
    if json:
        emit(came)
    else:
        say(f"{came['table']}: {came['rows']} rows of {came['runs']} runs\n\n{_ranges(came['columns'])}")
    return 0


def _sets() -> dict[str, dict[str, Any]]:
    """Every data set by its TABLE name."""
    # Modules, not the functions of the same names that the room exports.
    others, ours = (importlib.import_module(name) for name in ("jaxlaws.runs.published", "jaxlaws.runs.shipped"))
    out = {}
    for name in others.names():
        loader = others.LOADERS[name]
        about = _first_sentence(importlib.import_module(loader.__module__).__doc__ or "")
        base = name.removesuffix("_all")
        if f"{base}_all" in others.LOADERS:
            about = f"{_first_sentence(loader.__doc__ or '')}: {about}"
        out[f"published:{name}"] = {"table": f"published:{name}", "about": about, **_at_hand(base)}
    for name in ours.names():
        out[f"shipped:{name}"] = {
            "table": f"shipped:{name}",
            "about": _first_sentence(ours.__doc__ or ""),
            "here": "comes with the package",
            "files": None,
        }
    return out


def _at_hand(dataset: str) -> dict[str, Any]:
    from jaxlaws.runs.published import _fetch

    files = _fetch.listed(dataset)
    mirror = os.environ.get(_fetch.MIRROR)
    folder = Path(mirror) if mirror else _cache()
    here = sum((folder / file.path).is_file() for file in files) if folder is not None else 0
    megabytes = sum(file.bytes for file in files) / 1e6
    some = "all" if here == len(files) else "none" if here == 0 else f"{here} of {len(files)} files"
    return {
        "here": f"{some} in {_fetch.MIRROR}"
        if mirror
        else f"{some}, {megabytes:.1f} MB"
        if here
        else f"to fetch, {megabytes:.1f} MB",
        "files": {"here": here, "listed": len(files), "megabytes": round(megabytes, 3)},
    }


def _cache() -> Path | None:
    try:
        import pooch
    except ImportError:
        return None
    return Path(pooch.os_cache("jaxlaws"))


def _first_sentence(doc: str) -> str:
    return re.split(r"\.(?=\s+[A-Z`]|\s*$)", " ".join(doc.split()))[0]


def _what_came(runs: Runs) -> dict[str, Any]:
    return {
        "rows": len(runs),
        "runs": len(runs.names),
        "columns": {str(name): _content(runs.frame[name]) for name in runs.frame.columns},
        "findings": [finding.message for finding in runs.findings],
    }


def _content(values: Any) -> dict[str, Any]:
    """Range of a column of numbers, or the first few of its texts."""
    if values.dtype.kind in "iuf":
        return {"least": values.min().item(), "largest": values.max().item()}
    return {"distinct": int(values.nunique()), "first": [str(v) for v in values.dropna().unique()[:3]]}


def _ranges(content: dict[str, dict[str, Any]]) -> str:
    return columns([(name, _range(c)) for name, c in content.items()], indent="  ")


def _range(content: dict[str, Any]) -> str:
    if "least" in content:
        return f"{content['least']:g} ... {content['largest']:g}"
    more = f", ... ({content['distinct']})" if content["distinct"] > len(content["first"]) else ""
    return ", ".join(content["first"]) + more
