"""Work on all cores: a list at once, or a stream of batches with a bounded number under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax

CORES = os.cpu_count() or 1


def in_threads(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Results of `work`, in order: the first one alone, so that what it compiles serves the others, on all cores."""
    with Stream(work, together=len(items) > 2) as stream:
        for item in items:
            stream.put(None, item)
    return stream.results


class Stream:
    """Items as they come, results in that order. The first item of each kind is worked on at once, in this thread, so
    that what it compiles serves the others; at most two a core are under way.

    Leaving the context waits for what is under way, or drops what has not begun where an exception passes.
    """

    def __init__(self, work: Callable[[Any], Any], *, together: bool = True) -> None:
        self._work = _in_float64(work)
        self._cores = CORES if together else 1
        self._seen: set[Hashable] = set()
        self._under_way: deque[tuple[int, Future[Any]]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self.results: list[Any] = []

    def put(self, kind: Hashable, item: Any) -> None:
        place = len(self.results)
        self.results.append(None)
        if kind not in self._seen or self._cores == 1:
            self._seen.add(kind)
            self.results[place] = self._work(item)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._cores)
        while len(self._under_way) >= 2 * self._cores:
            self._collect()
        self._under_way.append((place, self._pool.submit(self._work, item)))

    def _collect(self) -> None:
        place, future = self._under_way.popleft()
        self.results[place] = future.result()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            while kind is None and self._under_way:
                self._collect()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)


def _in_float64(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]

    def inside(item: Any) -> Any:
        with jax.enable_x64(True), jax.default_device(device):  # contexts do not reach into threads
            return work(item)

    return inside
