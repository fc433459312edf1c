"""JSON: an object a line, a list of objects, or an object of columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import huggingface, memory
from jaxlaws.runs.readers._parts import Part

ROWS = 50_000


def read(file: BinaryIO, name: str) -> Part:
    """Table of the objects in a file, one row an object, or of the columns in its one object."""
    import pandas as pd

    text = _text(file, name)
    if not text.strip():
        raise TableError(f"{name}: the file is empty; it needs one JSON object a line.")
    whole = _whole(text)
    if huggingface.is_state(whole):
        return huggingface.log(whole, name, PurePosixPath(name).name.split(".")[0])
    if isinstance(whole, dict) and any(isinstance(value, list) for value in whole.values()):
        return Part(memory.read(whole))
    rows = whole if isinstance(whole, list) else [whole] if isinstance(whole, dict) else _lines(text, name)
    for i, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise TableError(f'{name}: row {i} is {_kind(row)}, not an object such as {{"step": 100, "loss": 3.2}}.')
    return Part(pd.DataFrame(rows))


def stream(file: BinaryIO, name: str) -> Iterator[Part]:
    """The same in parts, where each line is an object; JSON of another form is one part."""
    import pandas as pd

    first = file.readline().lstrip(b"\xef\xbb\xbf").strip()
    file.seek(0)
    if not (
        first.startswith(b"{") and first.endswith(b"}") and isinstance(_whole(first.decode("utf-8", "replace")), dict)
    ):
        yield read(file, name)
        return
    rows: list[Any] = []
    for number, line in enumerate((line for line in file if line.strip()), start=1):
        rows.append(_line(line, number, name))
        if len(rows) == ROWS:
            yield Part(pd.DataFrame(rows))
            rows = []
    if rows:
        yield Part(pd.DataFrame(rows))


def _line(line: bytes, number: int, name: str) -> Any:
    try:
        (row,) = _lines(line.decode("utf-8-sig" if number == 1 else "utf-8"), name, first=number)
    except UnicodeDecodeError:
        raise TableError(f"{name}: row {number} is not UTF-8 text; save the file as UTF-8.") from None
    if not isinstance(row, dict):
        raise TableError(f'{name}: row {number} is {_kind(row)}, not an object such as {{"step": 100, "loss": 3.2}}.')
    return row


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


def _lines(text: str, name: str, first: int = 1) -> list[Any]:
    # Split at line feeds only: other line breaks of Unicode may stand inside a string.
    lines = [line for line in text.split("\n") if line.strip()]
    rows = []
    for i, line in enumerate(lines, start=first):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply" if isinstance(error, RecursionError) else str(error))
            raise TableError(f"{name}: row {i} is not JSON ({reason}); write one object a line.") from None
    return rows


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "null"}.get(type(value), "a number")
