"""A small database of runs with the faults of real logs, and a law that is quick to compile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import jaxlaws
from jaxlaws.runs import write_generated

from .cases import FAULTS, POINTS, RUNS, fitted, table

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would their children.
LISTENING = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Path:
    """Folder with `curves` and `truth`."""
    return write_generated(tmp_path_factory.mktemp("bulk") / "db", RUNS, points=POINTS, faults=FAULTS)


@pytest.fixture(scope="session")
def curves(database) -> Path:
    return database / "curves"


@pytest.fixture(scope="session")
def reference(curves, tmp_path_factory) -> pd.DataFrame:
    """The fits of the whole database, by one process in one go."""
    out = tmp_path_factory.mktemp("reference")
    fitted(curves, out)
    return table(out)


@pytest.fixture(scope="session")
def child(tmp_path_factory) -> Callable[..., subprocess.Popen[str]]:
    """Starts a fresh Python that fits in bulk; such processes share what they compile."""
    cache = tmp_path_factory.mktemp("compiled")
    package = str(Path(jaxlaws.__file__).parents[1])
    here = str(Path(__file__).parents[1])

    def start(code: str, **environment: str) -> subprocess.Popen[str]:
        paths = [package, here, *filter(None, [os.environ.get("PYTHONPATH")])]
        told = {"PYTHONPATH": os.pathsep.join(paths), "JAX_COMPILATION_CACHE_DIR": str(cache)}
        told |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        return subprocess.Popen(
            [sys.executable, "-c", LISTENING + code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | told | environment,
            start_new_session=True,
        )

    return start
