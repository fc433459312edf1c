"""What one command compiled is there for the next."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER, LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
SECONDS = 0.2  # what compiles faster is not worth a file


def keep_compiled() -> None:
    """Turn JAX's compile cache on, in a folder of the user's caches, unless `JAX_COMPILATION_CACHE_DIR` says where it is, or by
    being empty that there is none. Of this process and those that it starts; without a word where the folder cannot be."""
    if FOLDER in os.environ:
        return
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxlaws" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            return
    except (OSError, RuntimeError):
        return
    os.environ[FOLDER] = str(folder)
    os.environ.setdefault(LEAST, str(SECONDS))
    if (jax := sys.modules.get("jax")) is not None:  # which has read its environment already
        jax.config.update(FOLDER.lower(), str(folder))
        jax.config.update(LEAST.lower(), float(os.environ[LEAST]))
