"""Hugging Face's Trainer: `trainer_state.json`, which holds the whole log of a run up to where it was written.

A folder of checkpoints holds one such file each; the run's own, or the one furthest on, is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.readers._parts import Part, Told, log_of

FILE = "trainer_state.json"


def files_in(folder: Path) -> list[Path]:
    """States of trainers in `folder` and below it."""
    return sorted(path for path in folder.rglob(FILE) if path.is_file())


def read(path: Path, told: Told) -> Iterator[Part]:
    """The log of each run below `path`, or the one that it is."""
    del told
    runs: dict[Path, list[Path]] = {}
    for file in [path] if path.is_file() else files_in(path):
        checkpoint = file.parent.name.startswith("checkpoint-") and not path.is_file()
        runs.setdefault(file.parent.parent if checkpoint else file.parent, []).append(file)
    home = path.parent if path.is_file() else path
    for folder, files in runs.items():
        inside = folder.relative_to(home).as_posix() if folder != home and home in folder.parents else "."
        name = folder.resolve().name if inside == "." else inside
        own = [file for file in files if file.parent == folder]
        states = [(file, content(file)) for file in own or files]
        file, state = max(states, key=lambda pair: len(pair[1]["log_history"]))
        yield log(state, str(file), name)


def content(file: Path) -> dict[str, Any]:
    """The state in a file. Raises where it is none."""
    try:
        state = json.loads(file.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "not UTF-8 text, or nested too deeply")
        raise TableError(f"{file}: the file is not JSON ({reason}); was it written to its end?") from None
    if not is_state(state):
        raise TableError(f"{file}: the file has no `log_history`, a list of what the trainer logged.")
    return state


def is_state(whole: Any) -> bool:
    """Whether a JSON document is a trainer's state."""
    return isinstance(whole, dict) and isinstance(whole.get("log_history"), list)


def log(state: dict[str, Any], source: str, run: str) -> Part:
    """What the trainer of `run` logged."""
    return log_of(run, _series(state["log_history"], source))


def _series(entries: list[Any], file: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    steps: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    for i, entry in enumerate(entries, start=1):
        step = entry.get("step") if isinstance(entry, dict) else None
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 2**53:
            raise TableError(f"{file}: entry {i} of `log_history` has no whole `step`.")
        for name, value in entry.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                steps.setdefault(name, []).append(step)
                values.setdefault(name, []).append(_float(value))
    return {name: (np.array(steps[name], dtype=np.int64), np.array(values[name], dtype=np.float64)) for name in steps}


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf
