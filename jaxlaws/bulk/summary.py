"""What a bulk fit came to, so far or in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxlaws.solvers import Status

FAILED = {status.name for status in Status if status.failed} | {"refused", "error"}


@dataclass(frozen=True)
class Summary:
    """Counts: `statuses` has by law how many groups ended how, `reasons` how often each reason was given, `dropped` how many
    rows the door left out by kind, `anomalies` how many groups have each.

    `written` partitions were fitted by this call, `kept` were there, `removed` are no longer in the source; `lost` says why a
    partition was not written. `rows` counts rows of the source, of `total_rows` where those are known.
    """

    out: str
    statuses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    anomalies: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    written: int = 0
    kept: int = 0
    reused: int = 0
    removed: int = 0
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    fitted_now: int = 0
    total_rows: int | None = None

    @property
    def fits(self) -> int:
        """Rows of the data set: groups times laws."""
        return sum(sum(counts.values()) for counts in self.statuses.values())

    @property
    def failed(self) -> int:
        """Those of them without parameters."""
        return sum(n for counts in self.statuses.values() for status, n in counts.items() if status in FAILED)

    @property
    def rate(self) -> float:
        """Fits a second of this call."""
        return self.fitted_now / self.seconds if self.seconds > 0 else 0.0

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "out": self.out,
            "fits": self.fits,
            "failed": self.failed,
            "laws": {law: dict(counts) for law, counts in self.statuses.items()},
            "reasons": dict(self.reasons),
            "dropped": dict(self.dropped),
            "anomalies": dict(self.anomalies),
            "rows": self.rows,
            "partitions": {
                "written": self.written,
                "kept": self.kept,
                "removed": self.removed,
                "lost": list(self.lost),
            },
            "reused": self.reused,
            "notes": list(self.notes),
            "seconds": self.seconds,
            "fits_a_second": self.rate,
        }

    def __str__(self) -> str:
        lines = [f"{self.fits} fits in {self.out}, {self.fits - self.failed} with parameters"]
        for law, counts in self.statuses.items():
            lines.append(f"  {law}: " + ", ".join(f"{n} {status}" for status, n in counts.items()))
        lines += [f"  {n} x {reason}" for reason, n in list(self.reasons.items())[:SHOWN]]
        if len(self.reasons) > SHOWN:
            lines.append(f"  and {len(self.reasons) - SHOWN} more reasons; see column `reason`")
        if self.dropped:
            rows = ", ".join(f"{n} {kind}" for kind, n in self.dropped.items())
            lines.append(f"  rows left out at the door: {rows}; see column `findings`")
        if self.anomalies:
            lines.append("  groups with anomalies: " + ", ".join(f"{n} {kind}" for kind, n in self.anomalies.items()))
        lines += [f"  {note}" for note in (*self.lost, *self.notes)]
        told = f"partitions: {self.written} written, {self.kept} kept"
        lines.append(f"  {told}; {self.seconds:.1f} s, {self.rate:.1f} fits a second")
        return "\n".join(lines)


SHOWN = 5


class Tally:
    """Counts that grow by partition; each partition's are plain numbers that its file keeps."""

    def __init__(self) -> None:
        self.statuses: dict[str, Counter[str]] = {}
        self.counts = {name: Counter[str]() for name in ("reasons", "dropped", "anomalies")}
        self.rows = 0

    def add(self, part: Mapping[str, Any]) -> None:
        for law, counts in part["statuses"].items():
            self.statuses.setdefault(law, Counter()).update(counts)
        for name, counter in self.counts.items():
            counter.update(part[name])
        self.rows += part["rows"]

    def document(self) -> dict[str, Any]:
        """Plain numbers, in an order that does not depend on that of the partitions."""
        sorted_counts = {name: dict(sorted(c.items(), key=_often)) for name, c in self.counts.items()}
        statuses = {law: dict(sorted(c.items(), key=_often)) for law, c in self.statuses.items()}
        return {"statuses": statuses, "rows": self.rows, **sorted_counts}


def _often(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def counted(values: Iterable[str]) -> dict[str, int]:
    """How often each occurs."""
    return dict(Counter(values))
