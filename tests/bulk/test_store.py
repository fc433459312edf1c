"""The folder of fits: one writer, whole files, nothing lost and nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from jaxlaws.bulk.store import Folder
from jaxlaws.errors import BulkError

from .cases import LAW, bits, fitted, script, table


@pytest.fixture
def done(reference, curves, tmp_path):
    """A finished folder of four partitions, and what it has."""
    out = tmp_path / "fits"
    fitted(curves, out)
    assert len(list(out.glob("part-*.parquet"))) == 4
    return out


def test_a_second_call_keeps_everything(done, curves, reference):
    before = {path.name: path.stat().st_mtime_ns for path in done.glob("part-*")}
    again = fitted(curves, done)
    assert (again.written, again.kept, again.fits) == (0, 4, len(reference))
    assert {path.name: path.stat().st_mtime_ns for path in done.glob("part-*")} == before


def test_a_missing_partition_is_fitted_again(done, curves, reference):
    (done / "part-000002.parquet").unlink()
    again = fitted(curves, done)
    assert (again.written, again.kept) == (1, 3)
    assert bits(table(done)) == bits(reference)


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_a_damaged_partition_is_noticed_and_fitted_again(done, curves, reference, harm):
    place = done / "part-000001.parquet"
    content = place.read_bytes()
    column = parquet.read_metadata(place).row_group(0).column(0)
    inside = column.data_page_offset + column.total_compressed_size // 2
    place.write_bytes({"cut": content[:inside], "flipped": flipped(content, inside), "emptied": b""}[harm])
    again = fitted(curves, done)
    assert (again.written, again.kept) == (1, 3)
    assert "part-000001.parquet is damaged" in again.notes[0]
    assert bits(table(done)) == bits(reference)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def test_no_flipped_byte_changes_what_a_file_says(done):
    """Pages have checksums; their headers and the footer have none, so that the file's own hash must speak."""
    place = done / "part-000001.parquet"
    content = place.read_bytes()
    folder = Folder(done, json.loads((done / "_bulk.json").read_text())["request_sha256"])
    whole, _ = folder.stored(1)
    assert whole is not None
    noticed = 0
    for at in np.random.default_rng(1).choice(len(content), 400, replace=False):
        place.write_bytes(flipped(content, int(at)))
        found, wrong = folder.stored(1)
        noticed += found is None
        assert wrong if found is None else found.table.to_pylist() == whole.table.to_pylist(), at
        assert found is None or (found.sha256, found.tally) == (whole.sha256, whole.tally)
    assert 200 < noticed < 400  # statistics and the like are nobody's numbers


def test_only_groups_whose_input_changed_are_fitted_again(done, curves, reference, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(curves, changed)
    (file,) = changed.glob("*.parquet")
    frame = pd.read_parquet(file)
    victim = "r000000020"
    frame.loc[frame["run"] == victim, "loss"] += 0.01
    frame.to_parquet(file, index=False)
    again = fitted(changed, done)
    assert (again.written, again.kept, again.reused) == (1, 3, 15)
    found = table(done)
    other = found["run"] != victim
    assert bits(found[other]) == bits(reference[other])
    assert found.loc[~other, "input_hash"].item() != reference.loc[~other, "input_hash"].item()
    fitted(changed, tmp_path / "fresh")
    assert bits(table(tmp_path / "fresh")) == bits(found)


def test_runs_that_are_gone_from_the_source_are_gone_from_the_fits(done, curves, reference, tmp_path):
    frame = pd.read_parquet(curves)
    fewer = frame[frame["run"] < "r000000032"]
    fewer.to_parquet(tmp_path / "fewer.parquet", index=False)
    again = fitted(tmp_path / "fewer.parquet", done)
    assert (again.removed, again.written) == (2, 0)
    assert bits(table(done)) == bits(reference[reference["run"] < "r000000032"])


@pytest.mark.parametrize(
    "told", [{"seed": 1}, {"starts": 4}, {"where": "step > 3"}, {"policies": {"diverged": "drop"}}]
)
def test_fits_of_another_request_are_not_mixed(done, curves, told):
    before = {path.name: path.read_bytes() for path in done.glob("[!.]*")}
    with pytest.raises(BulkError, match="holds the fits of another request"):
        fitted(curves, done, **told)
    assert {path.name: path.read_bytes() for path in done.glob("[!.]*")} == before


def test_fresh_begins_anew(done, curves, reference):
    again = fitted(curves, done, seed=1, fresh=True)
    assert (again.written, again.kept) == (4, 0)
    assert len(table(done)) == len(reference)


def test_a_folder_of_something_else_is_left_alone(curves, tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(BulkError, match=r"is no folder of fits: it holds thesis.tex"):
        fitted(curves, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "all of it"


def test_what_a_killed_writer_left_is_swept(done, curves):
    left = done / ".part-000003.parquet.4711.tmp"
    left.write_bytes(b"half")
    fitted(curves, done)
    assert not left.exists()


def test_the_folder_says_what_it_holds_and_whether_it_is_finished(done, curves):
    said = json.loads((done / "_bulk.json").read_text())
    assert said["finished"] is True and said["partitions"] == 4
    assert said["request"]["laws"][0]["label"] == LAW.label
    assert sum(said["statuses"][LAW.label].values()) == 60


def test_every_file_has_the_same_columns(done):
    schemas = {parquet.read_schema(path).remove_metadata() for path in done.glob("part-*")}
    assert len(schemas) == 1


def test_duckdb_reads_the_folder_and_joins_the_runs(done, database):
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(
        f"SELECT schedule, count(*), median(E) FROM '{done}/part-*.parquet' JOIN '{database}/truth/*.parquet' USING (run) "
        "WHERE status = 'converged' GROUP BY schedule"
    ).fetchall()
    assert len(found) == 4


def test_two_writers_are_one_too_many(curves, tmp_path, child):
    out = tmp_path / "fits"
    first = child(script(curves, out, partition=1))
    try:
        while not (out / "_bulk.json").exists():
            assert first.poll() is None, first.communicate()[1]
            time.sleep(0.05)
        with pytest.raises(BulkError, match=rf"is being written to by process {first.pid} on .* since"):
            fitted(curves, out, partition=1)
    finally:
        first.kill()
        first.communicate()
    # The lock of a process that is dead holds nobody up.
    assert (out / ".lock").read_text().startswith(f"process {first.pid} ")
    fitted(curves, out, partition=1)
    assert len(table(out)) == 60


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_sentence(curves, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BulkError, match="permission denied"):
            fitted(curves, tmp_path / "fits")
    finally:
        tmp_path.chmod(0o700)


def test_a_place_that_is_a_file_is_a_sentence(curves, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BulkError, match="there is a file of this name"):
        fitted(curves, tmp_path / "file")
    with pytest.raises(BulkError, match="part of the path is a file"):
        fitted(curves, tmp_path / "file" / "fits")


LIMITED = """
import resource, signal
from jaxlaws import formula
from jaxlaws.bulk import bulk_fit
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def after_a_partition(so_far):
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
law = formula("E + A/step^alpha", inputs=("step",))
bulk_fit({source!r}, law, out={out!r}, starts=8, partition=16, on_progress=after_a_partition)
"""


def test_a_disk_without_room_is_a_sentence_and_the_folder_goes_on(reference, curves, tmp_path, child):
    """The system refuses to write beyond a limit in the middle of a partition."""
    out = tmp_path / "fits"
    failed = child(LIMITED.format(source=str(curves), out=str(out)))
    said = failed.communicate(timeout=120)[1]
    assert failed.returncode == 1
    assert "part-000001.parquet cannot be written: the file would be larger than is allowed here" in said
    assert sorted(path.name for path in out.glob("*")) == [".lock", "_bulk.json", "part-000000.parquet"]  # no half file
    again = fitted(curves, out)
    assert (again.kept, again.written) == (1, 3)
    assert bits(table(out)) == bits(reference)
