"""What commands compile is kept, where the user's caches are, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxlaws
from jaxlaws.cli._compiled import FOLDER, LEAST, keep_compiled


@pytest.fixture
def plain(monkeypatch, tmp_path):
    """An environment that says nothing of compile caches, and a process that has not imported JAX."""
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.delenv(LEAST, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "jax")
    return tmp_path


def test_the_folder_is_of_the_users_caches(plain, monkeypatch):
    keep_compiled()
    assert os.environ[FOLDER] == str(plain / "jaxlaws" / "compiled")
    assert (plain / "jaxlaws" / "compiled").is_dir()
    monkeypatch.delenv(FOLDER)  # set behind monkeypatch's back
    monkeypatch.delenv(LEAST)


@pytest.mark.parametrize("said", ["", "/some/where"])
def test_what_the_user_says_stays(plain, monkeypatch, said):
    monkeypatch.setenv(FOLDER, said)
    keep_compiled()
    assert os.environ[FOLDER] == said
    assert not list(plain.iterdir())


def test_without_a_place_for_it_nothing_is_kept(plain, monkeypatch):
    (plain / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(plain / "file"))
    keep_compiled()
    assert FOLDER not in os.environ


def test_a_second_command_finds_what_the_first_compiled(tmp_path):
    rows = "".join(f"{n:g},{1.7 + 400 * n**-0.34:.6f}\n" for n in (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9))
    (tmp_path / "models.csv").write_text("x,loss\n" + rows)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment |= {
        "PYTHONPATH": str(Path(jaxlaws.__file__).parents[1]),
        "XDG_CACHE_HOME": str(tmp_path / "caches"),
        LEAST: "0",
    }
    command = [sys.executable, "-m", "jaxlaws", "fit", "models.csv", "--law", "power_plus_constant", "--json"]
    kept = []
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        kept.append({p.name for p in (tmp_path / "caches" / "jaxlaws" / "compiled").glob("*-cache")})
    assert kept[0] == kept[1] and any("jit_search" in name for name in kept[0])
