"""Peers: each a script in peers/, run in a process and, where it needs packages of its own, in an environment of its own.

`peers/NAME.txt` lists what an environment holds. A line `# python >= 3.12` asks for a newer interpreter; a line
`# alone: PACKAGE` is installed without what it depends on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import HERE, Failed, Row, answer, row

PEERS = HERE / "peers"


def peer(
    what: str,
    script: str,
    arrays: Mapping[str, np.ndarray],
    *,
    environment: str | None = None,
    timeout: float = 600.0,
    options: Mapping[str, Any] | None = None,
    **facts: Any,
) -> tuple[Row, dict[str, Any]]:
    """Row of a peer, and all it answered. One that is missing or fails is a row that says so."""
    try:
        python = sys.executable if environment is None else str(_python(environment))
        with tempfile.TemporaryDirectory() as folder:
            problem = Path(folder) / "problem.npz"
            np.savez(problem, **arrays)
            got = answer(
                [python, str(PEERS / f"{script}.py"), str(problem), json.dumps(options or {})], timeout=timeout
            )
    except Failed as error:
        return Row(what, missing=str(error), **facts), {}
    return row(what, got, **facts), got


def make_environments() -> None:
    """Make each environment that peers/*.txt describe and that is not there yet. One that cannot be made is told of."""
    for path in sorted(PEERS.glob("*.txt")):
        place = _place(path.stem)
        if not (place / "ready").is_file():
            print(f"making the environment of {path.stem} in {place}", file=sys.stderr)
            try:
                _make(path, place)
            except (subprocess.CalledProcessError, Failed) as error:
                print(f"{path.stem}: {error}", file=sys.stderr)


def _python(environment: str) -> Path:
    place = _place(environment)
    if not (place / "ready").is_file():
        raise Failed("not installed here; `python -m benchmarks --make-peers` makes its environment")
    return place / "bin" / "python"


def _place(environment: str) -> Path:
    return Path(os.environ.get("JAXLAWS_PEERS", HERE / ".venvs")) / environment


def _make(listed: Path, place: Path) -> None:
    text = listed.read_text()
    least = re.search(r"^# python >= (\d+)\.(\d+)$", text, flags=re.MULTILINE)
    python = _interpreter((int(least[1]), int(least[2])) if least else (3, 11))
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q"]
    subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
    subprocess.run([*pip, "-r", str(listed)], check=True)
    for alone in re.findall(r"^# alone: (.+)$", text, flags=re.MULTILINE):
        subprocess.run([*pip, "--no-deps", alone], check=True)
    (place / "ready").touch()


def _interpreter(least: tuple[int, int]) -> str:
    for python in _interpreters():
        code = f"import sys; sys.exit(sys.version_info < {least})"
        try:
            if subprocess.run([python, "-c", code], capture_output=True).returncode == 0:
                return python
        except OSError:
            continue
    raise Failed(f"needs Python {least[0]}.{least[1]} or newer, which is not here")


def _interpreters() -> Iterator[str]:
    yield sys.executable
    for minor in (14, 13, 12):
        yield f"python3.{minor}"
        yield from map(str, sorted(Path.home().glob(f".pyenv/versions/3.{minor}*/bin/python3.{minor}")))
