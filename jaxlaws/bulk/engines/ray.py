"""A cluster, by Ray: actors with the CPUs and GPUs that you say, on as many machines as there are.

Partitions travel from this process to the actors and their fits back: only this process needs the source and the folder.
An actor compiles once and serves many partitions. One that dies, or whose machine does, is started again elsewhere and its
partition is fitted again. Every machine needs jaxlaws in the version of this one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxlaws.bulk._work import Done, Job, Task, fit_partition
from jaxlaws.bulk.engines._flow import RETRIES, Lost, lost
from jaxlaws.errors import BulkError


@dataclass(frozen=True)
class _Ray:
    address: str | None
    workers: int | None
    cpus: float
    gpus: float
    cache: str | None
    environment: Mapping[str, str]

    def run(self, job: Job, tasks: Iterator[Task]) -> Iterator[Done | Lost]:
        ray = _package()
        ours = not ray.is_initialized()
        if ours:
            try:
                ray.init(address=self.address, include_dashboard=False, log_to_driver=False, configure_logging=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise BulkError(f"`ray(address={self.address!r})`: no cluster answers there ({error}).") from None
        try:
            yield from self._fitted(ray, job, tasks)
        finally:
            if ours:
                ray.shutdown()

    def _fitted(self, ray: Any, job: Job, tasks: Iterator[Task]) -> Iterator[Done | Lost]:
        variables = dict(self.environment)
        if self.cache is not None:
            variables |= {"JAX_COMPILATION_CACHE_DIR": self.cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}
        kind = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, runtime_env={"env_vars": variables})(_Worker)
        count = self._count(ray)
        shared = ray.put(job)
        workers = [_Actor(kind.remote(shared, max(1, int(self.cpus)))) for _ in range(count)]
        again: deque[tuple[Task, int]] = deque()
        gone = finished = 0
        try:
            while True:
                for worker in workers:
                    # Two partitions a worker: one that it fits, and the next already there.
                    while len(worker.under_way) < 2 and (taken := again.popleft() if again else _next(tasks)):
                        worker.under_way[worker.actor.fit.remote(taken[0])] = taken
                refs = {ref: worker for worker in workers for ref in worker.under_way}
                if not refs:
                    return
                (ready, *_), _ = ray.wait(list(refs), num_returns=1)
                worker = refs[ready]
                try:
                    done = ray.get(ready)
                except ray.exceptions.RayActorError as error:
                    # The first of its partitions is the one that it was at; the others had not begun.
                    (task, deaths), *others = worker.under_way.values()
                    again += others
                    gone += 1
                    if gone >= RETRIES * count and not finished:
                        raise BulkError(
                            f"no worker of Ray lives long enough to fit anything: {_first(error)}"
                        ) from None
                    if deaths + 1 < RETRIES:
                        again.append((task, deaths + 1))
                    else:
                        yield Lost(task.partition.number, lost(task, _first(error)))
                    workers[workers.index(worker)] = _Actor(kind.remote(shared, max(1, int(self.cpus))))
                    continue
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from None
                finished += 1
                del worker.under_way[ready]
                yield done
        finally:
            for worker in workers:
                ray.kill(worker.actor)

    def _count(self, ray: Any) -> int:
        if self.workers is not None:
            return self.workers
        there = ray.cluster_resources()
        rooms = [there.get(what, 0.0) / each for what, each in (("CPU", self.cpus), ("GPU", self.gpus)) if each > 0]
        count = int(min(rooms, default=1))
        if count < 1:
            raise BulkError(
                f"`ray(cpus={self.cpus:g}, gpus={self.gpus:g})`: the cluster has {there.get('CPU', 0):g} CPUs and "
                f"{there.get('GPU', 0):g} GPUs, too few for one worker."
            )
        return count


@dataclass(eq=False)
class _Actor:
    """A worker as this process sees it: its partitions in the order in which they were sent, with the deaths they saw."""

    actor: Any
    under_way: dict[Any, tuple[Task, int]] = field(default_factory=dict)


class _Worker:
    """An actor: it keeps the job and whatever is compiled for it."""

    def __init__(self, job: Job, cores: int) -> None:
        from jaxlaws.fitting import _stream

        _stream.CORES = cores
        self._job = job

    def fit(self, task: Task) -> Done:
        return fit_partition(self._job, task)


def ray(
    *,
    address: str | None = None,
    workers: int | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    cache: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> _Ray:
    """Actors on the cluster at `address` ("auto": the one that this machine belongs to; None: a new one here, of its cores).

    Each holds `cpus` CPUs and `gpus` GPUs, of which parts may be given (0.5); `workers` says how many (default: as many as fit).
    `cache` is a folder on each machine where compiled programs are kept for the next worker; `environment` are variables that
    workers see.
    """
    if not (cpus >= 0 and gpus >= 0 and cpus + gpus > 0) or (workers is not None and workers < 1):
        raise BulkError(f"`ray(cpus, gpus, workers)` must be above 0; got {cpus:g}, {gpus:g} and {workers}.")
    return _Ray(
        address, workers, cpus, gpus, None if cache is None else os.path.expanduser(cache), dict(environment or {})
    )


def _next(tasks: Iterator[Task]) -> tuple[Task, int] | None:
    task = next(tasks, None)
    return None if task is None else (task, 0)


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _package() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]  # optional
    except ImportError:
        raise BulkError("the engine `ray` needs Ray: `pip install jaxlaws[ray]`.") from None
    return ray
