"""What all tests share: strict numerics, the public data where they are, and a fresh interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import pytest

import jaxlaws
from jaxlaws.fitting import _programs

from .servers import postgres

__all__ = ["postgres"]

# Float32 unless the code under test asks for more; no silent change of dtype, no silent broadcast over a new axis.
jax.config.update("jax_enable_x64", False)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """What one process of the tests compiled is there for the others: three quarters of their time is compiling."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="jaxlaws-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ |= {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """Modules of tests leave their compiled programs behind, of which a process can hold only so many."""
    yield
    _programs.few_programs()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the public data sets. A wrong path fails: a typo must not pass for a machine without data."""
    named = os.environ.get("JAXLAWS_DATA_DIR")
    if not named:
        pytest.skip("needs the public data: set JAXLAWS_DATA_DIR to a local mirror of them")
    assert Path(named).is_dir(), f"JAXLAWS_DATA_DIR={named} is no folder"
    return Path(named)


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Runs a fresh interpreter in an empty folder on the jaxlaws under test, and returns what it printed on stdout."""
    package = str(Path(jaxlaws.__file__).parents[1])

    def run(*arguments: str, **environment: str) -> str:
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def pytest_collection_modifyitems(items):
    """Marks the claims of `known_weaknesses.txt` as expected to fail, strictly: one that holds must leave the list."""
    lines = (Path(__file__).parent / "known_weaknesses.txt").read_text().splitlines()
    known = dict(line.split("  ", 1) for line in lines if not line.startswith("#"))
    for item in items:
        if item.nodeid in known:
            item.add_marker(pytest.mark.xfail(reason=known[item.nodeid], strict=True))
