"""TensorBoard event files: every scalar, with a look whether the whole of each file was read.

TensorBoard itself keeps a sample, and stops without a word where a file is damaged. Here a file counts as read when its
records add up to its size. A run is a folder that holds event files, called after its place below the one that was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.checks import Finding
from jaxlaws.runs.readers._optional import package
from jaxlaws.runs.readers._parts import Part, Told, damage, log_of

FRAME = 16  # bytes of a record beside its data: length, and two checksums


def files_in(folder: Path) -> list[Path]:
    """Event files in `folder` and below it."""
    return sorted(path for path in folder.rglob("*tfevents*") if path.is_file())


def read(path: Path, told: Told) -> Iterator[Part]:
    """The scalars of each run below `path`, or in the one event file that it is."""
    _loader(path)  # before anything else: says what to install
    runs: dict[Path, list[Path]] = {}
    for file in [path] if path.is_file() else files_in(path):
        runs.setdefault(file.parent, []).append(file)
    home = path.parent if path.is_file() else path
    found = False
    for folder, files in runs.items():
        name = home.resolve().name if folder == home else folder.relative_to(home).as_posix()
        part = _run(files, name, told)
        found |= len(part.frame) > 0
        yield part
    if not found:
        raise TableError(f"{path}: the event files hold no scalars.")


def _run(files: list[Path], run: str, told: Told) -> Part:
    steps: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    others: Counter[str] = Counter()
    plugins: dict[str, str] = {}
    findings = []
    for file in files:
        size, consumed, points = file.stat().st_size, 0, 0
        for raw in _loader(file).RawEventFileLoader(str(file)).Load():
            consumed += FRAME + len(raw)
            event = _event(raw, file)
            for value in event.summary.value:
                number = _scalar(value, plugins)
                if number is None:
                    others[value.tag] += 1
                    continue
                steps.setdefault(value.tag, []).append(event.step)
                values.setdefault(value.tag, []).append(number)
                points += 1
        if consumed < size:
            what = f"the file ends or is damaged after {points} points: {consumed} of {size} bytes make whole records"
            findings.append(damage(str(file), run, what, told))
    if others:
        some = ", ".join(list(others)[:5]) + (", ..." if len(others) > 5 else "")
        note = f"{files[0].parent}: {others.total()} values of {len(others)} tags are no scalars ({some}); left out."
        findings.append(Finding("source", "drop", others.total(), (), (run,), note))
    series = {tag: (np.array(steps[tag], dtype=np.int64), np.array(values[tag], dtype=np.float64)) for tag in steps}
    part = log_of(run, series)
    return Part(part.frame, part.sparse, part.nans, tuple(findings))


def _loader(file: Path) -> Any:
    name = "tensorboard.backend.event_processing.event_file_loader"
    return package(name, str(file), "event files need TensorBoard's own reader", "tensorboard")


def _event(raw: bytes, file: Path) -> Any:
    try:
        return import_module("tensorboard.compat.proto.event_pb2").Event.FromString(raw)
    except import_module("google.protobuf.message").DecodeError:
        raise TableError(f"{file}: a record is whole but no event; is this a TensorBoard event file?") from None


def _scalar(value: Any, plugins: dict[str, str]) -> float | None:
    """The number in a summary value, or None for histograms, images, text and the like."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return value.simple_value
    # Only the first value of a tag says what it is.
    plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
    if kind != "tensor" or plugin != "scalars":
        return None
    return float(import_module("tensorboard.util.tensor_util").make_ndarray(value.tensor).item())
