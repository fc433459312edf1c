"""What an engine is, and the flow of tasks through futures with a bounded number under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

from jaxlaws.bulk._work import Done, Job, Task

RETRIES = 3  # deaths of a worker that one partition may cause


@dataclass(frozen=True)
class Lost:
    """A partition that no worker survived."""

    number: int
    reason: str


class Engine(Protocol):
    """Anything that fits partitions."""

    def run(self, job: Job, tasks: Iterator[Task]) -> Iterator[Done | Lost]:
        """Results of all tasks, in any order. Takes a task only when there is room for it."""
        ...


def flow(
    submit: Callable[[Task], Future[Done]],
    tasks: Iterator[Task],
    *,
    most: int,
    died: type[BaseException] | tuple[type[BaseException], ...] = (),
    again: Callable[[], None] = lambda: None,
) -> Iterator[Done | Lost]:
    """Results of `tasks`, at most `most` of them under way.

    `died` is what a future raises when its worker died; `again` then makes new workers. Who was under way is a suspect, and
    suspects go on one at a time, so that a partition that kills its worker is found and costs no other.
    """
    under_way: dict[Future[Done], Task] = {}
    suspects: deque[tuple[Task, int]] = deque()
    more = True
    try:
        while more or under_way:
            while more and len(under_way) < most:
                task = next(tasks, None)
                if task is None:
                    more = False
                else:
                    under_way[submit(task)] = task
            if not under_way:
                break
            ready, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ready:
                task = under_way.pop(future)
                try:
                    done = future.result()
                except died:
                    suspects.append((task, 1))
                    continue
                yield done
            if suspects:
                # The others end too, most of them in the same way.
                for future, task in list(under_way.items()):
                    try:
                        done = future.result()
                    except died:
                        suspects.append((task, 1))
                    else:
                        yield done
                under_way.clear()
                again()
                yield from _alone(submit, suspects, died, again)
    finally:
        for future in under_way:
            future.cancel()


def _alone(
    submit: Callable[[Task], Future[Done]],
    suspects: deque[tuple[Task, int]],
    died: type[BaseException] | tuple[type[BaseException], ...],
    again: Callable[[], None],
) -> Iterator[Done | Lost]:
    while suspects:
        task, deaths = suspects.popleft()
        try:
            yield submit(task).result()
        except died as error:
            again()
            if deaths < RETRIES:
                suspects.appendleft((task, deaths + 1))
            else:
                yield Lost(task.partition.number, lost(task, error))


def lost(task: Task, error: BaseException | str) -> str:
    """What is said of a partition that no worker survived."""
    return (
        f"partition {task.partition.number} was not fitted: {RETRIES} workers died at it ({error}), for want of memory perhaps; "
        "the same call tries it again."
    )
