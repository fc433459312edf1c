"""What CONTRIBUTING says of adding a law, done as it stands there in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jaxlaws

LAND = Path(__file__).parents[2]
HOUSE = Path(jaxlaws.__file__).parent


def block(kind: str) -> tuple[str, str]:
    """Path and text of the one fence of CONTRIBUTING that is marked as this kind."""
    text = (LAND / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(rf"^<!-- {kind}: (\S+) -->\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"CONTRIBUTING.md needs one `<!-- {kind}: PATH -->` on the line before a fence"
    return found[0]


def copied(to: Path) -> None:
    shutil.copytree(HOUSE, to / "jaxlaws", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("contract", "golden"):
        shutil.copytree(LAND / "tests" / folder, to / "tests" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "tests/conftest.py", "tests/servers.py", "tests/known_weaknesses.txt"):
        shutil.copy(LAND / file, to / file)


def test_one_file_one_line_and_one_row_make_a_law_that_passes_the_contract(tmp_path):
    copied(tmp_path)
    path, code = block("file")
    assert not (tmp_path / path).exists()
    (tmp_path / path).write_text(code, encoding="utf-8")
    for kind, before in (("line", "from jaxlaws.spec"), ("row", None)):
        path, line = block(kind)
        assert line.count("\n") == 1
        old = (tmp_path / path).read_text(encoding="utf-8")
        (tmp_path / path).write_text(old.replace(before, line + before, 1) if before else old + line, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "tests/contract", "-k", "saturating"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    # Value and derivatives twice, differences, recovery, docstring, units, golden row and value, pickle, label and more.
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 14
