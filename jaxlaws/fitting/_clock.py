"""How much of a call JAX spent on compiling."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import jax

_seconds = threading.local()
_registered = threading.Lock()
_listening = False


@contextlib.contextmanager
def compiling() -> Iterator[Callable[[], float]]:
    """Function that gives the seconds which this thread has spent on tracing and compiling since entry."""
    _listen()
    before = getattr(_seconds, "total", 0.0)
    yield lambda: getattr(_seconds, "total", 0.0) - before


def _listen() -> None:
    global _listening
    with _registered:
        if not _listening:
            jax.monitoring.register_event_duration_secs_listener(_on_duration)
            _listening = True


def _on_duration(event: str, duration_secs: float, **_: str | int) -> None:
    if event.startswith("/jax/core/compile/"):
        _seconds.total = getattr(_seconds, "total", 0.0) + duration_secs
