"""Killed at any moment, or fed from what breaks midway: no fit is lost, and none is there twice."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from jaxlaws.errors import TableError

from .cases import bits, fitted, script, table


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_killed_at_random_moments_nothing_is_lost_or_twice(kills, reference, curves, tmp_path, child):
    out = tmp_path / "fits"
    moments = random.Random(kills)
    killed = resumed = 0
    for kill in range(kills):
        running = child(script(curves, out, partition=1))
        there = len(list(out.glob("part-*")))
        while not (out / ".lock").exists() or (out / ".lock").read_text().split(" ")[1:2] != [str(running.pid)]:
            assert running.poll() is None, running.communicate()[1]
            time.sleep(0.01)
        # By turns: soon, as a rule while it still compiles; and when it has written one partition or some.
        patience, more = (moments.uniform(0.0, 6.0), 3) if kill % 2 == 0 else (120.0, moments.randrange(1, 4))
        wanted, until = there + more, time.monotonic() + patience
        while running.poll() is None and len(list(out.glob("part-*"))) < wanted and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.05))
        alive = running.poll() is None
        os.killpg(running.pid, signal.SIGKILL) if alive else None
        running.communicate()
        killed += alive
        resumed += there > 0
    last = fitted(curves, out, partition=1)
    found = table(out)
    print(f"{killed} kills, {resumed} of them of a resumed folder; at the end {last.kept} kept, {last.written} fitted")
    assert killed == kills and last.kept > 0
    assert found["run"].is_unique
    assert bits(found) == bits(reference)


def test_interrupted_the_folder_goes_on(reference, curves, tmp_path, child):
    out = tmp_path / "fits"
    running = child(script(curves, out, partition=1))
    while len(list(out.glob("part-*"))) < 2:
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert "KeyboardInterrupt" in said
    assert not list(out.glob(".part*"))
    again = fitted(curves, out, partition=1)
    assert again.kept >= 2
    assert bits(table(out)) == bits(reference)


def test_a_corrupt_row_group_of_the_source_keeps_what_came_before(reference, curves, tmp_path):
    (file,) = curves.glob("*.parquet")
    frame = pd.read_parquet(file)
    sound = tmp_path / "sound.parquet"
    frame.to_parquet(sound, index=False, row_group_size=400)
    content = bytearray(sound.read_bytes())
    # Row group 3 of its loss column: the pages' own bytes, and the sizes in their headers.
    column = next(
        c
        for i in range(parquet.read_metadata(sound).num_columns)
        if (c := parquet.read_metadata(sound).row_group(3).column(i)).path_in_schema == "loss"
    )
    begin = column.dictionary_page_offset or column.data_page_offset
    content[begin : begin + column.total_compressed_size] = os.urandom(column.total_compressed_size)
    source = tmp_path / "runs.parquet"
    source.write_bytes(content)
    out = tmp_path / "fits"
    with pytest.raises(TableError, match=r"runs\.parquet: cannot be read \(.*\); is it whole"):
        fitted(source, out, partition=4)
    before = table(out) if list(out.glob("part-*")) else pd.DataFrame()
    assert len(before) >= 0
    source.write_bytes(sound.read_bytes())  # the file is restored
    fitted(source, out, partition=4)
    assert bits(table(out)) == bits(reference)


def test_a_source_that_ends_early_keeps_what_came_before(reference, curves, tmp_path, monkeypatch):
    """As when a database goes away midway."""
    from jaxlaws.runs.readers import parquet as reader

    monkeypatch.setattr(reader, "ROWS", 200)
    plain = reader._part
    seen = []

    def failing(part, name):
        seen.append(1)
        if len(seen) > 5:
            raise OSError("connection reset")
        return plain(part, name)

    out = tmp_path / "fits"
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_part", failing)
        with pytest.raises(TableError, match="connection reset"):
            fitted(curves, out, partition=4)
    some = table(out)
    assert 8 <= len(some) < len(reference)
    again = fitted(curves, out, partition=4)
    assert again.kept == len(some) // 4
    assert bits(table(out)) == bits(reference)


def test_runs_whose_rows_stand_in_two_places_are_told_of_by_name(curves, tmp_path):
    frame = pd.read_parquet(curves)
    torn = pd.concat([frame, frame[frame["run"] == "r000000002"]])
    torn.to_parquet(tmp_path / "torn.parquet", index=False)
    with pytest.raises(TableError, match=r"the rows of run 'r000000002' stand in two places"):
        fitted(tmp_path / "torn.parquet", tmp_path / "fits", partition=4)
    assert np.isin("r000000000", table(tmp_path / "fits")["run"])
