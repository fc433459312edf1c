"""Hostile input: mutated files of every format, read in a child process with limits of time and memory.

What comes back is the right table, one sentence, or, where a format has no checksums, other numbers; never fewer points
without a word, nothing executed, nothing written. A reader that dies takes the child with it and no more: the file is kept
and named. 50 files a format here, 1000 with `-m fuzz`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import select
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CHILD = Path(__file__).with_name("hostile_child.py")
LIGHTNING = Path(__file__).parent / "lightning_2.6.6_metrics.csv"

SECONDS = 20  # for one file of some 20 KB, on a busy machine
MEMORY = 6 << 30  # of addresses: libraries reserve more than they use

ROWS = 300
FRAME = pd.DataFrame(
    {
        "run": np.repeat(["a", "b", "c"], ROWS // 3),
        "step": np.tile(np.arange(ROWS // 3), 3),
        "loss": 2.0 + 1.0 / (1.0 + np.arange(ROWS)),
        "note": "x, y",
    }
)


@dataclass(frozen=True)
class Format:
    """How a file of a format comes about, and how many rows a mutated one holds by another count (None: cannot say)."""

    name: str
    make: Callable[[Path], Path]  # writes into a folder; the file that is mutated
    rows: Callable[[bytes, int], int | None] = lambda content, whole: whole
    exact: bool = False  # checksums: the same table, or words
    read: Callable[[Path], Path] = field(default=lambda path: path)  # what the reader is given
    needs: str = ""


def written(name: str, content: Callable[[], bytes | str]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        made = content()
        (folder / name).write_bytes(made if isinstance(made, bytes) else made.encode())
        return folder / name

    return make


def rows_of_csv(content: bytes, whole: int) -> int | None:
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]
    except (UnicodeDecodeError, csv.Error):
        return None
    return len(rows) - 1 if b'"' not in content.split(b"\n")[0] else None


def lines(content: bytes, whole: int) -> int:
    return sum(bool(line.strip()) for line in content.split(b"\n"))


def entries(content: bytes, whole: int) -> int | None:
    try:
        log = json.loads(content)["log_history"]
    except (ValueError, KeyError, TypeError):
        return None
    return len({entry["step"] for entry in log if len(entry) > 1})


def parquet(folder: Path) -> Path:
    FRAME.to_parquet(folder / "t.parquet", index=False, row_group_size=100)
    return folder / "t.parquet"


def sqlite(folder: Path) -> Path:
    with sqlite3.connect(folder / "t.sqlite") as connection:
        FRAME.to_sql("curves", connection, index=False)
    connection.close()
    return folder / "t.sqlite"


def mlruns(folder: Path) -> Path:
    run = folder / "mlruns" / "1" / "0a"
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("lifecycle_stage: active\nrun_id: 0a\nrun_name: a\n")
    (run / "metrics" / "loss").write_text("".join(f"{1000 + s} {2 + 1 / (1 + s)!r} {s}\n" for s in range(ROWS)))
    return run / "metrics" / "loss"


def events(folder: Path) -> Path:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for step in range(ROWS):
        value = Summary.Value(tag="loss", simple_value=2.0 + 1.0 / (1.0 + step))
        writer.add_event(Event(step=step, summary=Summary(value=[value])))
    writer.close()
    (path,) = folder.iterdir()
    return path


def records(content: bytes, whole: int) -> int | None:
    """Whole records behind the first, which names the version, by their lengths alone."""
    at, count = 0, 0
    while at + 12 <= len(content):
        at += 16 + struct.unpack_from("<Q", content, at)[0]
        count += 1
    return count - 1 if at == len(content) else None


def duckdb(folder: Path) -> Path:
    import duckdb

    with duckdb.connect(str(folder / "t.duckdb")) as connection:
        connection.register("frame", FRAME)
        connection.execute("CREATE TABLE curves AS FROM frame")
    return folder / "t.duckdb"


def offline(folder: Path) -> Path:
    code = (
        "import wandb; run = wandb.init(mode='offline', project='p', settings=wandb.Settings(console='off', x_disable_stats=True))\n"
        f"for step in range({ROWS}): run.log({{'loss': 2 + 1 / (1 + step)}}, step=step)\nrun.finish()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return path


STATE = {
    "log_history": [{"step": s, "loss": 2.0 + 1.0 / (1.0 + s), "epoch": s / 100} for s in range(ROWS)],
    "global_step": ROWS,
}

FORMATS = [
    Format("csv", written("t.csv", lambda: FRAME.to_csv(index=False)), rows_of_csv),
    Format(
        "csv.gz", written("t.csv.gz", lambda: gzip.compress(FRAME.to_csv(index=False).encode(), mtime=0)), exact=True
    ),
    Format(
        "tsv", written("t.tsv", lambda: FRAME.drop(columns="note").to_csv(index=False, sep="\t")), lambda c, w: None
    ),
    Format("jsonl", written("t.jsonl", lambda: FRAME.to_json(orient="records", lines=True)), lines),
    Format("json", written("t.json", lambda: FRAME.to_json(orient="records")), lambda c, w: len(json.loads(c))),
    Format("parquet", parquet),
    Format("sqlite", sqlite),
    Format("mlflow", mlruns, lines, read=lambda path: path.parents[3]),
    Format("huggingface", written("trainer_state.json", lambda: json.dumps(STATE, indent=1)), entries),
    Format("lightning", written("metrics.csv", LIGHTNING.read_bytes), lambda c, w: None),
    Format("tensorboard", events, records, needs="tensorboard"),
    Format("duckdb", duckdb, exact=True, needs="duckdb"),
    Format("wandb", offline, exact=True, needs="wandb"),
]


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """`content` after one or two blows: bits, bytes, pieces cut, doubled, moved, zeroed or put in."""
    out = bytearray(content)
    for _ in range(random.integers(1, 3)):
        at = int(random.integers(0, max(len(out), 1)))
        size = (
            int(min(random.geometric(0.02), len(out) - at)) if random.random() < 0.8 else int(random.integers(1, 4096))
        )
        match random.integers(0, 9):
            case 0 | 1 if out:
                out[at] ^= 1 << int(random.integers(0, 8))
            case 2 if out:
                out[at] = int(random.integers(0, 256))
            case 3:
                del out[at:]
            case 4:
                del out[at : at + size]
            case 5:
                out[at:at] = out[at : at + size]
            case 6:
                out[at : at + size] = bytes(len(out[at : at + size]))
            case 7:
                out[at:at] = random.bytes(size)
            case _:
                words = (
                    b"1e999",
                    b"nan",
                    b"-1",
                    b'"',
                    b"\n",
                    b",",
                    b"[",
                    b"{",
                    b"9" * 30,
                    b"\xff",
                    b"\\u0000",
                    b"\r",
                    b"=1+1",
                )
                out[at:at] = words[int(random.integers(0, len(words)))]
    return bytes(out)


class Child:
    """The process that reads. One that died or hung is replaced, and counts."""

    def __init__(self, first: Path) -> None:
        self.first = first
        self.start()

    def start(self) -> None:
        answer, other = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(other), str(MEMORY), str(self.first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[other],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))},
        )
        os.close(other)
        self.answers = os.fdopen(answer)
        began = self.answer(120)
        assert began["kind"] == "table", began

    def ask(self, path: Path) -> dict:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        told = self.answer(SECONDS)
        if told["kind"] in ("died", "hung", "forbidden"):
            self.stop()
            self.start()
        return told

    def answer(self, seconds: float) -> dict:
        if not select.select([self.answers], [], [], seconds)[0]:
            return {"kind": "hung", "text": f"no answer after {seconds} s"}
        line = self.answers.readline()
        return json.loads(line) if line else {"kind": "died", "text": f"exit status {self.process.wait()}"}

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.answers.close()


def complaint(form: Format, content: bytes, told: dict, whole: dict) -> str:
    """What is wrong with an outcome, or nothing."""
    if told["kind"] == "sentence":
        return "" if told["text"] and "\n" not in told["text"] else f"not one sentence: {told['text']}"
    if told["kind"] != "table":
        return f"{told['kind']}: {told['text']}"
    if form.exact and told["hash"] != whole["hash"] and not told["said"]:
        return f"another table ({told['rows']} rows) from a format with checksums, without a word"
    try:
        known = form.rows(content, whole["rows"])
    except (ValueError, TypeError):
        known = None
    if known is not None and told["rows"] < known and not told["said"]:
        return f"{told['rows']} rows of {known} without a word"
    if told["streamed"] != told["rows"]:
        return f"{told['streamed']} rows streamed, {told['rows']} read"
    return ""


def attack(child: Child, form: Format, count: int, seed: int, folder: Path) -> dict[str, int]:
    """Reads `count` mutated files. Fails with the files that were read wrongly, which are kept."""
    if form.needs:
        pytest.importorskip(form.needs)
    (folder / "whole").mkdir()
    path = form.make(folder / "whole")
    content, random = path.read_bytes(), np.random.default_rng(seed)
    whole, outcomes, wrong = child.ask(form.read(path)), {}, []
    assert whole["kind"] == "table" and whole["streamed"] == whole["rows"], whole
    for i in range(count):
        harmed = mutated(content, random)
        path.write_bytes(harmed)
        told = child.ask(form.read(path))
        outcomes[told["kind"]] = outcomes.get(told["kind"], 0) + 1
        if what := complaint(form, harmed, told, whole):
            kept = Path(tempfile.gettempdir()) / "jaxlaws-hostile" / f"{form.name}-{seed}-{i}-{path.name}"
            kept.parent.mkdir(exist_ok=True)
            shutil.copy(path, kept)
            wrong.append(f"{kept}: {what}")
    print(
        f"\n{form.name}: {count} files, {', '.join(f'{n} {kind}' for kind, n in sorted(outcomes.items()))}, {len(wrong)} wrong"
    )
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:10])
    return outcomes


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    """One process for all formats, replaced where a reader killed it or hung."""
    child = Child(written("t.csv", lambda: FRAME.to_csv(index=False))(tmp_path_factory.mktemp("first")))
    yield child
    child.stop()


def named(form: Format) -> str:
    return form.name


PLAIN = [form for form in FORMATS if not form.needs]
TRACKED = [form for form in FORMATS if form.needs]


@pytest.mark.parametrize("form", PLAIN, ids=named)
def test_mutated_files_are_read_rightly_or_refused(child, form, tmp_path):
    attack(child, form, 50, 0, tmp_path)


@pytest.mark.services
@pytest.mark.parametrize("form", TRACKED, ids=named)
def test_mutated_logs_are_read_rightly_or_refused(child, form, tmp_path):
    attack(child, form, 50, 0, tmp_path)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", FORMATS, ids=named)
def test_a_thousand_mutated_files_are_read_rightly_or_refused(child, form, tmp_path):
    attack(child, form, 1000, 1, tmp_path)


def test_a_reader_that_dies_takes_the_child_and_no_more(tmp_path):
    path = written("t.csv", lambda: FRAME.to_csv(index=False))(tmp_path)
    child = Child(path)
    try:
        child.process.kill()
        assert child.answer(SECONDS)["kind"] == "died"
        child.stop()
        child.start()
        assert child.ask(path)["rows"] == ROWS
    finally:
        child.stop()
