"""What a small TOML file beside a table says about it: `runs.csv.toml` beside `runs.csv`, `jaxlaws.toml` in a folder.

```toml
query = "SELECT * FROM metrics"        # a database's
warmup = "2160:cosine"
lr_after_step = true

[columns]                              # quantity = the source's column
N = "params_total"

[units]
loss = "bits"

[policies]
nonfinite = "drop"

[schedules]                            # run = spec
"run 7" = "cosine(peak=3e-4, total=24000)"
```

What a caller says wins over it, entry by entry.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxlaws.errors import TableError, nearest

IN_FOLDER = "jaxlaws.toml"

_TABLES = ("columns", "units", "policies", "schedules")
_VALUES = {"query": str, "warmup": str, "lr_after_step": bool, "stitch": bool}


def beside(source: Any) -> tuple[Path, dict[str, Any]] | None:
    """The file beside the table at `source` and what it says, or None where there is none."""
    place = _place(source)
    if place is None or not place.is_file():
        return None
    try:
        with place.open("rb") as file:
            said = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(
            f"{place}: cannot be read as TOML ({error}); correct it, or move it away from the table."
        ) from None
    for name, value in said.items():
        _check(name, value, place)
    return place, said


def over(said: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """`told` by a caller, with what the file `said` where the caller is silent."""
    out = dict(told)
    for name, value in said.items():
        given = told.get(name)
        both = isinstance(value, dict) and isinstance(given, Mapping)
        out[name] = {**value, **dict(given or {})} if both else given or value
    return out


def _place(source: Any) -> Path | None:
    text = str(source)
    if "://" in text or "\0" in text:
        return None
    head, colon, rest = text.partition(":")
    place = Path(rest if colon and head.isalpha() and len(head) > 1 and not Path(text).exists() else text)
    return place / IN_FOLDER if place.is_dir() else place.with_name(f"{place.name}.toml") if place.name else None


def _check(name: str, value: Any, place: Path) -> None:
    if name not in (*_TABLES, *_VALUES):
        raise TableError(f"{place}: {nearest(name, (*_TABLES, *_VALUES), what='entry')}")
    if name in _VALUES and type(value) is not _VALUES[name]:
        raise TableError(
            f"{place}: `{name}` must be {'true or false' if _VALUES[name] is bool else 'text'}; got {value!r}."
        )
    if name in _TABLES and not (isinstance(value, dict) and all(isinstance(text, str) for text in value.values())):
        raise TableError(f'{place}: `{name}` must be a table of texts, `[{name}]` and lines `NAME = "TEXT"`.')
