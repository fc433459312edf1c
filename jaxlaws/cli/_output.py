"""What the commands print: one JSON document or text on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

PATIENCE = 20.0  # seconds for which notes wait for a possible error


def emit(document: Any) -> None:
    """Print one JSON document on stdout. NaN and infinity become null, which every JSON reader takes."""
    print(json.dumps(plain(document), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Plain JSON values of records, NumPy scalars and arrays."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def say(text: str = "") -> None:
    """Print text on stdout; names out of data cannot steer the terminal."""
    print(printable(text))


def printable(text: str) -> str:
    """Text with control characters, but for line ends, written out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """Text on one line."""
    return printable(" ".join(text.split()))


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Rows with their cells aligned; on a terminal the last one is wrapped to its width."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)][:-1]
    room = shutil.get_terminal_size().columns - sum(widths) - 2 * len(widths) - len(indent)
    lines = []
    for row in rows:
        head = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        last = textwrap.wrap(row[-1], room) if sys.stdout.isatty() and room >= 30 else [row[-1]]
        lines += [
            (indent + lead + part).rstrip()
            for lead, part in zip([head, *[" " * len(head)] * len(last)], last or [""], strict=False)
        ]
    return "\n".join(lines)


class Progress:
    """Notes on stderr: a spinner where that is a terminal, plain lines elsewhere.

    Plain lines wait until the command is done, for a few seconds at most, so that an error is one line and stands alone.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._held = True
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._release)
        self._timer.daemon = True
        self._spinner: Any = None
        self._inner: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Progress:
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console

            self._held = False
            self._spinner = self._inner = Console(stderr=True).status("")
            self._inner.__enter__()
        else:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._inner is not None:
            self._inner.__exit__(kind, error, trace)
        elif kind is None:
            self._release()

    def doing(self, text: str) -> None:
        """What goes on from now on."""
        if self._spinner is None:
            self.note(text)
        else:
            from rich.text import Text

            self._spinner.update(Text(one_line(text)))

    def note(self, text: str) -> None:
        """One line that stays."""
        with self._lock:
            self._lines.append(one_line(text))
        if not self._held:
            self._release()

    def _release(self) -> None:
        with self._lock:
            self._held = False
            for line in self._lines:
                print(line, file=sys.stderr, flush=True)
            self._lines.clear()
