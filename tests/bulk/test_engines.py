"""Every engine gives the same bits, and a worker that dies costs nothing but time."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from jaxlaws.bulk import executor, pool, ray
from jaxlaws.bulk.engines import Lost
from jaxlaws.bulk.engines._flow import flow
from jaxlaws.errors import BulkError

from .cases import bits, fitted, script, table


def test_any_executor_gives_the_same_bits(reference, curves, tmp_path):
    with ThreadPoolExecutor(2) as given:
        fitted(curves, tmp_path / "fits", engine=executor(given, most=2))
    assert bits(table(tmp_path / "fits")) == bits(reference)


def test_several_devices_of_a_process_give_the_same_bits(reference, curves, tmp_path, child):
    out = tmp_path / "fits"
    watch = """
import importlib
fitting = importlib.import_module("jaxlaws.fitting._searching")
used, plain = set(), fitting.search_groups
def search(*arguments):
    found = plain(*arguments)
    used.update(found.winner.devices())
    return found
fitting.search_groups = search
"""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=3"
    done = child(watch + script(curves, out, partition=20) + "    print(len(used), 'devices')\n", XLA_FLAGS=flags)
    printed, said = done.communicate(timeout=200)
    assert done.returncode == 0, said
    assert "3 devices" in printed
    assert bits(table(out)) == bits(reference)


class Mortal(Executor):
    """An executor whose worker dies at some tasks."""

    def __init__(self, kills: dict[int, int]) -> None:
        self.kills, self.broken, self.most, self.revived = dict(kills), False, 0, 0

    def submit(self, fn, task):
        future: Future = Future()
        if self.kills.get(task, 0):
            self.kills[task] -= 1
            self.broken = True
        if self.broken:
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result(task)
        return future

    def revive(self) -> None:
        self.broken = False
        self.revived += 1


class Number(int):
    """A task that is its own partition."""

    @property
    def partition(self):
        return self

    @property
    def number(self):
        return int(self)


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_partition_whose_worker_dies_is_fitted_again(deaths):
    mortal = Mortal({3: deaths})
    done = flow(
        lambda t: mortal.submit(None, t), map(Number, range(8)), most=3, died=BrokenProcessPool, again=mortal.revive
    )
    assert sorted(done) == list(range(8))


def test_a_partition_that_kills_every_worker_is_named_and_costs_no_other():
    mortal = Mortal({3: 99})
    done = list(
        flow(
            lambda t: mortal.submit(None, t), map(Number, range(8)), most=3, died=BrokenProcessPool, again=mortal.revive
        )
    )
    (lost,) = [one for one in done if isinstance(one, Lost)]
    assert lost.number == 3 and "3 workers died at it" in lost.reason
    assert sorted(one for one in done if not isinstance(one, Lost)) == [0, 1, 2, 4, 5, 6, 7]


def test_a_source_is_read_no_faster_than_it_is_fitted():
    taken = []

    def tasks():
        for i in range(50):
            taken.append(i)
            yield Number(i)

    waiting: list[Future] = []

    def submit(task):
        waiting.append(Future())
        waiting[-1].set_result(task)
        return waiting[-1]

    for count, _ in enumerate(flow(submit, tasks(), most=4), 1):
        assert len(taken) <= count + 4


def test_a_killed_worker_of_a_pool_costs_nothing_but_time(reference, curves, tmp_path, child):
    out = tmp_path / "fits"
    running = child(script(curves, out, partition=3, more=", engine=pool(2)"))
    try:
        while len(list(out.glob("part-*"))) < 2:
            assert running.poll() is None, running.communicate()[1]
            time.sleep(0.02)
        workers = workers_of(running.pid)
        os.kill(workers[0], signal.SIGKILL)
        _, said = running.communicate(timeout=200)
    finally:
        running.kill()
    assert running.returncode == 0, said
    assert bits(table(out)) == bits(reference)


def workers_of(pid: int) -> list[int]:
    """Processes that `pid` spawned to compute, youngest first."""
    children = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    spawned = [p for p in children if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return sorted(spawned, reverse=True)


@pytest.mark.parametrize(
    "engine", [lambda: pool(0), lambda: executor(ThreadPoolExecutor(1), most=0), lambda: ray(cpus=0)]
)
def test_an_engine_of_nothing_is_a_sentence(engine):
    with pytest.raises(BulkError, match=r"must be (at least 1|above 0)"):
        engine()


def test_ray_says_how_it_is_installed(curves, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BulkError, match=r"pip install jaxlaws\[ray\]"):
        fitted(curves, tmp_path / "fits", engine=ray())
