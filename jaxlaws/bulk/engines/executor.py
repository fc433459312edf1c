"""Anything that is a `concurrent.futures.Executor`, such as Dask's `client.get_executor()`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from jaxlaws.bulk._work import Done, Job, Task, fit_partition
from jaxlaws.bulk.engines._flow import Lost, flow
from jaxlaws.errors import BulkError


@dataclass(frozen=True)
class _Given:
    given: Executor
    most: int

    def run(self, job: Job, tasks: Iterator[Task]) -> Iterator[Done | Lost]:
        yield from flow(lambda task: self.given.submit(fit_partition, job, task), tasks, most=self.most)


def executor(given: Executor, *, most: int = 16) -> _Given:
    """The executor `given`, which stays open, with at most `most` partitions handed to it at one time.

    Its workers must have jaxlaws. A pool that forks after JAX was imported will hang: make it with `spawn`, or use `pool`.
    """
    if most < 1:
        raise BulkError(f"`executor(most=...)` must be at least 1; got {most}.")
    return _Given(given, most)
