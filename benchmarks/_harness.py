"""What every benchmark needs: fresh processes, the record of a claim, its table and its JSON.

This process measures others and computes nothing on a device itself, so that a GPU's memory is free for them.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks._apart import MARK

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"


class Skipped(Exception):
    """A benchmark that cannot run here, and why, in one sentence."""


class Failed(Exception):
    """A process that ended without an answer."""


@dataclass(frozen=True)
class Row:
    """One line of a table: `count` items took `cold` seconds the first time in a fresh process, and `warm` (median) after.

    `claimed` is how many items the claim is about: where fewer ran, seconds are scaled. `floor` is what the elementary
    functions alone would take on this machine. `missing` says why there are no numbers.
    """

    what: str
    count: int = 1
    claimed: int = 1
    cold: float | None = None
    warm: float | None = None
    repeats: int = 0
    objective: float | None = None
    failed: int | None = None
    memory_mb: float | None = None
    floor: float | None = None
    missing: str = ""
    note: str = ""

    @property
    def each(self) -> float | None:
        """Warm seconds an item."""
        return None if self.warm is None else self.warm / self.count

    @property
    def scaled(self) -> float | None:
        """Warm seconds for the claim's number of items."""
        return None if self.each is None else self.each * self.claimed

    @property
    def of_floor(self) -> float | None:
        """The floor's share of the warm seconds."""
        return self.floor / self.warm if self.floor is not None and self.warm else None


@dataclass(frozen=True)
class Aim:
    """A figure to reach, and the one reached."""

    what: str
    aim: float
    reached: float | None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        if self.reached is None:
            return None
        return self.reached <= self.aim if self.at_most else self.reached >= self.aim


@dataclass(frozen=True)
class Report:
    """A claim measured: rows, the first of them ours, and how they compare with the aims."""

    name: str
    claim: str
    rows: Sequence[Row]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    compare: bool = True  # are the other rows the same job as the first?

    def against_ours(self, line: Row) -> float | None:
        """How many times longer than our row, where that means something."""
        return ratio(self.rows[0], line) if self.compare and line is not self.rows[0] else None


def row(what: str, answer: Mapping[str, Any], **facts: Any) -> Row:
    """Row of what `_apart.timed` (or a peer) measured."""
    warm = answer["warm"]
    return Row(
        what,
        cold=answer.get("cold"),
        warm=statistics.median(warm) if warm else None,
        repeats=len(warm),
        memory_mb=answer.get("memory_mb"),
        **facts,
    )


def ratio(ours: Row, theirs: Row) -> float | None:
    """How many times longer theirs takes, warm, for the claim's number of items."""
    if ours.scaled is None or theirs.scaled is None:
        return None
    return theirs.scaled / ours.scaled


def above(ours: float | None, best: float | None) -> float | None:
    """How much our objective is above a peer's, relatively; below 0 where it is lower."""
    return None if ours is None or not best else ours / best - 1.0


def apart(place: str, *, timeout: float = 900.0, **arguments: Any) -> dict[str, Any]:
    """Call "module:function" of this package in a fresh process, without a compile cache, and return its answer."""
    command = [sys.executable, "-m", "benchmarks._apart", f"benchmarks.{place}", json.dumps(arguments)]
    return answer(command, timeout=timeout)


def answer(command: Sequence[str], *, timeout: float) -> dict[str, Any]:
    """What a process prints after the mark. Raises `Failed` with the end of its stderr."""
    try:
        done = subprocess.run(
            list(command), cwd=ROOT, env=plain_environment(), capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"took longer than {timeout:.0f} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise Failed(" | ".join((done.stderr or done.stdout).strip().splitlines()[-3:]) or f"exit {done.returncode}")
    return json.loads(lines[-1].removeprefix(MARK))


def plain_environment(**more: str) -> dict[str, str]:
    """This environment without what would make a first run warm."""
    return {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION_CACHE")} | more


def data() -> Path:
    """Folder with the public data."""
    named = os.environ.get("JAXLAWS_DATA_DIR")
    if not named or not Path(named).is_dir():
        raise Skipped("needs the public data: set JAXLAWS_DATA_DIR to a local mirror of them")
    return Path(named)


@cache
def machine() -> dict[str, Any]:
    """What this was measured on. `load` above the number of cores means that others were computing too."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        **apart("_apart:device"),
    }


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def show(report: Report, *, quick: bool) -> None:
    """Print the table. Aims are for full counts only."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    m = machine()
    where = f"{m['cores']} cores of {m['cpu']}, {m['device']}, jax {m['jax']}, load {os.getloadavg()[0]:.1f}"
    table = Table(title=escape(f"{report.name}: {report.claim}"), caption=escape(where), title_justify="left")
    table.add_column("what", overflow="fold", min_width=24)
    columns = ("count", "cold s", "warm s", "each", "scaled s", "x ours", "objective", "failed", "of floor", "MB")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for r in report.rows:
        if r.missing:
            table.add_row(escape(f"{r.what}: {r.missing}"), *[""] * len(columns))
            continue
        cells = (
            f"{r.count}",
            _seconds(r.cold),
            _seconds(r.warm),
            _short(r.each),
            _seconds(r.scaled),
            "" if (times := report.against_ours(r)) is None else _number(times),
            "" if r.objective is None else f"{r.objective:.7g}",
            "" if r.failed is None else f"{r.failed}",
            "" if r.of_floor is None else f"{r.of_floor:.0%}",
            "" if r.memory_mb is None else f"{r.memory_mb:.0f}",
        )
        table.add_row(escape(r.what + (f" ({r.note})" if r.note else "")), *cells)
    console.print(table if report.rows else escape(f"{report.name}: {report.claim}\n{where}"))
    for a in () if quick else report.aims:
        word = {True: "met", False: "MISSED", None: "not measured"}[a.met]
        sign = "at most" if a.at_most else "at least"
        console.print(
            f"  {word}: {a.what}: {_number(a.reached)}, aim {sign} {a.aim:g}", highlight=False, soft_wrap=True
        )
    for note in report.notes:
        console.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def store(report: Report, folder: Path, *, quick: bool) -> Path:
    """Write the record as NAME-DEVICE.json."""
    m = machine()
    slug = "cpu" if m["platform"] == "cpu" else re.sub(r"[^a-z0-9]+", "-", m["device"].lower()).strip("-")
    document = {
        "name": report.name,
        "claim": report.claim,
        "command": f"python -m benchmarks {report.name}" + (" --quick" if quick else ""),
        "day": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "quick": quick,
        "machine": m | {"load": round(os.getloadavg()[0], 2)},
        "rows": [
            {k: v for k, v in (asdict(r) | {"each": r.each, "scaled": r.scaled}).items() if v not in (None, "")}
            | {"x_ours": report.against_ours(r), "of_floor": r.of_floor}
            for r in report.rows
        ],
        "aims": [asdict(a) | {"met": a.met} for a in report.aims],
        "notes": list(report.notes),
        "more": dict(report.more),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.name}-{slug}.json"
    path.write_text(json.dumps(_finite(document), indent=1, allow_nan=False) + "\n")
    return path


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def _short(value: float | None) -> str:
    """Seconds with a unit that suits them."""
    if value is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
