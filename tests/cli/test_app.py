"""The command line as a whole: help, usage, and how it ends when something ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import jaxlaws as package
from jaxlaws.cli import _output, app

COMMANDS = ("laws", "cite", "data", "check", "fit", "predict")


def process(*arguments, cwd, **more):
    paths = [str(Path(package.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(
        [sys.executable, "-m", "jaxlaws", *arguments],
        cwd=cwd,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_help_lists_the_commands(jaxlaws):
    done = jaxlaws("--help")
    assert done.status == 0 and done.notes == ()
    assert all(command in done.out for command in COMMANDS)


def test_no_command_prints_the_help(jaxlaws):
    assert jaxlaws().out == jaxlaws("--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(jaxlaws, command):
    done = jaxlaws(command, "--help")
    assert done.status == 0 and command in done.out


def test_help_of_fit_offers_only_what_there_is(jaxlaws):
    done = jaxlaws("fit", "--help")
    assert "--holdout" in done.out and "--bootstrap" in done.out


def test_the_version_is_one_line(jaxlaws):
    done = jaxlaws("--version")
    assert done.status == 0 and len(done.out.splitlines()) == 1 and done.out.startswith("jaxlaws")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["lawss"], "lawss"),
        (["laws", "--papr", "x"], "--papr"),
        (["fit"], "TABLE"),
        (["fit", "t.csv", "--starts", "many"], "--starts"),
        (["fit", "t.csv", "--starts", "0"], "--starts"),
        (["fit", "t.csv", "--law"], "--law"),
    ],
)
def test_wrong_usage_is_one_line_that_names_it(jaxlaws, arguments, named):
    done = jaxlaws(*arguments)
    assert done.status == 2 and done.out == ""
    assert len(done.notes) == 1 and done.notes[0].startswith("jaxlaws: error: ") and named in done.notes[0]


def test_help_and_laws_start_without_heavy_libraries(python):
    code = "import sys; from jaxlaws.cli import main; main(['--help']); main(['laws']); print(*sys.modules, sep='\\n')"
    loaded = set(python("-c", code).split())
    assert not loaded & {"altair", "pandas", "pyarrow", "scipy.stats", "optax"}


def test_ctrl_c_is_one_line_and_leaves_no_file(jaxlaws, powers, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxlaws.fitting.fit", interrupted)
    done = jaxlaws("fit", powers, "--law", "power", "--out", "f.json")
    assert (done.status, done.out, done.notes) == (130, "", ("jaxlaws: interrupted.",))
    assert [path.name for path in powers.parent.iterdir()] == ["powers.csv"]


def test_notes_do_not_wait_for_ever(monkeypatch, capsys):
    monkeypatch.setattr(_output, "PATIENCE", 0.01)
    printed = ""
    with _output.Progress() as progress:
        progress.note("still at it")
        for _ in range(500):
            time.sleep(0.01)
            printed += capsys.readouterr().err
            if printed:
                break
    assert printed == "still at it\n"


def test_a_closed_pipe_is_quiet(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    running = process("laws", cwd=tmp_path, stdout=writing)
    os.close(writing)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (app.CLOSED_PIPE, "")


def test_a_full_disk_is_one_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        running = process("laws", cwd=tmp_path, stdout=full)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (2, "jaxlaws: error: No space left on device\n")


def test_an_internal_error_is_one_line_too(jaxlaws, monkeypatch):
    def broken(arguments):
        raise KeyError("lost")

    monkeypatch.setattr(app, "_run", broken)
    done = jaxlaws("laws")
    assert done.status == 2 and len(done.notes) == 1 and "internal" in done.notes[0] and "lost" in done.notes[0]
