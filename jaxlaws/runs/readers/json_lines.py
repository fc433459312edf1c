"""JSON: an object a line, a list of objects, or an object of columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import memory

if TYPE_CHECKING:
    import pandas as pd


def read(file: BinaryIO, name: str) -> pd.DataFrame:
    """Table of the objects in a file, one row an object, or of the columns in its one object."""
    import pandas as pd

    text = _text(file, name)
    if not text.strip():
        raise TableError(f"{name}: the file is empty; it needs one JSON object a line.")
    whole = _whole(text)
    if isinstance(whole, dict) and any(isinstance(value, list) for value in whole.values()):
        return memory.read(whole)
    rows = whole if isinstance(whole, list) else [whole] if isinstance(whole, dict) else _lines(text, name)
    for i, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise TableError(f'{name}: row {i} is {_kind(row)}, not an object such as {{"step": 100, "loss": 3.2}}.')
    return pd.DataFrame(rows)


def _text(file: BinaryIO, name: str) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableError(f"{name}: the file is not UTF-8 text; save it as UTF-8.") from None


def _whole(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str, name: str) -> list[Any]:
    # Split at line feeds only: other line breaks of Unicode may stand inside a string.
    lines = [line for line in text.split("\n") if line.strip()]
    rows = []
    for i, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply" if isinstance(error, RecursionError) else str(error))
            raise TableError(f"{name}: row {i} is not JSON ({reason}); write one object a line.") from None
    return rows


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "null"}.get(type(value), "a number")
