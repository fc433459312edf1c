"""Fresh processes on this machine's cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from jaxlaws.bulk._work import Done, Job, Task, fit_partition
from jaxlaws.bulk.engines._flow import Lost, flow
from jaxlaws.errors import BulkError


@dataclass(frozen=True)
class _Pool:
    workers: int

    def run(self, job: Job, tasks: Iterator[Task]) -> Iterator[Done | Lost]:
        made = [self._made()]

        def submit(task: Task) -> Future[Done]:
            return made[-1].submit(fit_partition, job, task)

        def again() -> None:
            made[-1].shutdown(wait=True, cancel_futures=True)
            made.append(self._made())

        try:
            yield from flow(submit, tasks, most=self.workers + 1, died=BrokenProcessPool, again=again)
        except BaseException:
            _end(made[-1])
            raise
        finally:
            made[-1].shutdown(wait=True, cancel_futures=True)

    def _made(self) -> ProcessPoolExecutor:
        # Spawned, never forked: a fork of a process with JAX's threads hangs.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, mp_context=context, initializer=_quiet, initargs=(self.workers,))


def pool(workers: int | None = None) -> _Pool:
    """`workers` fresh processes (default: one a core), each with its share of the cores.

    In a script, call `bulk_fit` below `if __name__ == "__main__":`, since each worker imports the script once more.
    """
    workers = (os.cpu_count() or 1) if workers is None else workers
    if workers < 1:
        raise BulkError(f"`pool(workers)` must be at least 1; got {workers}.")
    return _Pool(workers)


def _quiet(workers: int) -> None:
    """In a worker: Ctrl-C is the parent's to see, and cores are shared."""
    from jaxlaws.fitting import _stream

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stream.CORES = max(1, (os.cpu_count() or 1) // workers)


def _end(pool: ProcessPoolExecutor) -> None:
    """Ends workers whose results nobody waits for any more."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
