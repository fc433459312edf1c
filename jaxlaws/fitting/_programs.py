"""Compiled programs, of which a process can hold only so many."""

from __future__ import annotations

from pathlib import Path

import jax

MAPS = 30_000  # memory maps, of which Linux allows a process 65 530 and each compiled program takes nine


def few_programs() -> None:
    """Drops compiled programs before Linux runs out of maps for them: a process that reaches the limit dies."""
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPS:
        jax.clear_caches()
