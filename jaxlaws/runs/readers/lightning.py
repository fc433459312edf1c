"""Lightning's CSV logger: `metrics.csv`, in which each row holds what one call logged, and its other cells are empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import delimited
from jaxlaws.runs.readers._parts import Part, Told, joined, logs_in

FILE = "metrics.csv"


def files_in(folder: Path) -> list[Path]:
    """Logs of runs in `folder` and below it."""
    return sorted(path for path in folder.rglob(FILE) if path.is_file())


def read(path: Path, told: Told) -> Iterator[Part]:
    """The log of each run below `path`, or the one that it is."""
    del told
    home = path.parent if path.is_file() else path
    for file in [path] if path.is_file() else files_in(path):
        folder = file.parent
        name = home.resolve().name if folder == home else folder.relative_to(home).as_posix()
        with file.open("rb") as opened:
            table = delimited.table_of(opened, str(file), empty_is_missing=True)
        if "step" not in table.column_names:
            raise TableError(
                f"{file}: Lightning's log has a column `step`; this one has {', '.join(table.column_names[:8])}."
            )
        yield joined(logs_in(table, "step", None, name, source=str(file)))
