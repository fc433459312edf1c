"""The README, and the examples in docstrings, do what they say."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

import jaxlaws
from jaxlaws.cli.app import app

README = Path(__file__).parents[1] / "README.md"
HOUSE = Path(jaxlaws.__file__).parent


@pytest.fixture
def readme() -> str:
    assert README.is_file(), "there is no README.md beside tests/"
    return README.read_text()


@pytest.mark.parametrize(
    ("mark", "runs"), [("main command", ".venv/bin/jaxlaws "), ("test command", ".venv/bin/pytest")]
)
def test_a_marked_command_is_one_line_that_starts_from_nothing(readme, mark, runs):
    fences = re.findall(rf"^<!-- {mark} -->\n```\w*\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    assert len(fences) == 1, f"README.md needs one `<!-- {mark} -->` on the line before a fence; it has {len(fences)}"
    command, *more = fences[0].splitlines()
    assert not more, f"the {mark} is one line"
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert runs in command


def test_python_blocks_run_in_order(readme, python, tmp_path):
    # Every other line blank: a traceback then shows the README's own line numbers.
    inside, lines = False, []
    for line in readme.splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = line.startswith("```python") if fence and not inside else inside and not fence
    assert any(lines), "README.md has no ```python block"
    (tmp_path / "README.py").write_text("\n".join(lines))
    python("README.py")


def shell_lines() -> list[str]:
    fences = re.findall(r"^```sh\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for fence in fences for line in fence.splitlines() if line.startswith("jaxlaws ")]


@pytest.mark.parametrize("line", shell_lines())
def test_a_shell_line_names_commands_and_options_that_exist(line):
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {option for param in command.params for option in param.opts}
    assert {word for word in words if word.startswith("--")} <= known, line


def modules_with_examples() -> list[str]:
    paths = sorted(path.relative_to(HOUSE.parent) for path in HOUSE.rglob("*.py") if ">>> " in path.read_text())
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0
