"""This process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxlaws.bulk._work import Done, Job, Task, fit_partition


@dataclass(frozen=True)
class _Serial:
    def run(self, job: Job, tasks: Iterator[Task]) -> Iterator[Done]:
        for task in tasks:
            yield fit_partition(job, task)


def serial() -> _Serial:
    """One partition after another in this process, whose threads search on all cores."""
    return _Serial()
