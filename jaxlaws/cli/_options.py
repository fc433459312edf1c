"""Options that several commands share, and readers of what stands after them: `P=V`, `P=LO:HI`, `P=MEAN:SD`."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxlaws.errors import JaxlawsError

Table = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="A file (CSV, JSON lines, Parquet, SQLite, DuckDB), a folder of Parquet files, a tracker's folder (TensorBoard, "
        "W&B, MLflow, Hugging Face, Lightning), a URL, shipped:NAME or published:NAME.",
        show_default=False,
    ),
]
Fix = Annotated[list[str] | None, typer.Option(metavar="P=V", help="Hold a parameter at a value. Repeatable.")]
Free = Annotated[list[str] | None, typer.Option(metavar="P", help="Fit a parameter that the law holds. Repeatable.")]
Bound = Annotated[list[str] | None, typer.Option(metavar="P=LO:HI", help="The box of a parameter. Repeatable.")]
Prior = Annotated[list[str] | None, typer.Option(metavar="P=MEAN:SD", help="Normal prior on a parameter. Repeatable.")]
Cost = Annotated[
    str,
    typer.Option(
        metavar="SPEC", help="huber, squared, absolute, student or asymmetric, with numbers and log, raw or logit."
    ),
]
Level = Annotated[float, typer.Option(metavar="P", help="Level of the intervals.")]
Weights = Annotated[
    str, typer.Option(metavar="row|run|COL", help="Every row counts the same, or every run, or a column says.")
]
Column = Annotated[
    list[str] | None,
    typer.Option(metavar="Q=COL", help="The table's column COL is quantity Q, such as N=params_total. Repeatable."),
]
Unit = Annotated[
    list[str] | None, typer.Option(metavar="Q=U", help="Quantity Q is in unit U, such as loss=bits. Repeatable.")
]
Policy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND=DO", help="What to do about a finding: raise, drop or keep, such as nonfinite=drop. Repeatable."
    ),
]
Warmup = Annotated[
    str | None,
    typer.Option(
        metavar="STEPS[:SHAPE]", help="Warm-up before the first logged learning rate; linear unless SHAPE says cosine."
    ),
]
AfterStep = Annotated[
    bool,
    typer.Option("--lr-after-step", help="The logged rate was set after its step's update: the next step uses it."),
]
Schedules = Annotated[
    str | None, typer.Option(metavar="FILE.toml", help='Exact learning rates, a line a run: RUN = "SPEC".')
]
Query = Annotated[str | None, typer.Option(metavar="SQL", help="What to read from a database: one SELECT.")]
Stitch = Annotated[
    bool, typer.Option("--stitch", help="Put the parent's rows before those of a run that went on from another.")
]
BranchOf = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Fitted run whose trunk new runs continue (laws with a shift for each run)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def reading(
    column: Sequence[str] | None,
    unit: Sequence[str] | None,
    policy: Sequence[str] | None,
    warmup: str | None,
    lr_after_step: bool,
    schedules: str | None,
    query: str | None = None,
    stitch: bool = False,
) -> dict[str, Any]:
    """What `runs.read` is to be told."""
    from jaxlaws.runs.checks import resolved
    from jaxlaws.runs.rates import warmup_option

    policies = pairs("--policy", policy, "KIND=raise|drop|keep, such as nonfinite=drop")
    resolved(policies)  # raises before anything is read
    warmup_option(warmup)
    return {
        "columns": pairs("--column", column, "QUANTITY=COLUMN, such as N=params_total") or None,
        "units": pairs("--unit", unit, "QUANTITY=UNIT, such as loss=bits") or None,
        "policies": policies or None,
        "warmup": warmup,
        "lr_after_step": lr_after_step,
        "schedules": schedules,
        "query": query,
        "stitch": stitch,
    }


def pairs(option: str, items: Sequence[str] | None, form: str) -> dict[str, str]:
    """`NAME=TEXT` of each use of an option, by name."""
    out: dict[str, str] = {}
    for item in items or ():
        name, _, text = item.partition("=")
        name = name.strip()
        if not name or not text.strip():
            raise JaxlawsError(f"`{option} {item}` must be {form}.")
        if name in out:
            raise JaxlawsError(f"`{option} {item}`: {name} is given twice.")
        out[name] = text
    return out


def values(option: str, items: Sequence[str] | None, form: str) -> dict[str, float]:
    """`NAME=NUMBER` of each use of an option: finite numbers by name."""
    return {name: _number(option, name, text, form) for name, text in pairs(option, items, form).items()}


def bounds(items: Sequence[str] | None) -> dict[str, tuple[float, float]]:
    """Boxes of `--bound P=LO:HI`."""
    out = _two("--bound", items, "PARAMETER=LO:HI, such as alpha=0.1:0.9")
    for name, (low, high) in out.items():
        if not low < high:
            raise JaxlawsError(f"`--bound {name}={low:g}:{high:g}` must have LO below HI.")
    return out


def priors(items: Sequence[str] | None) -> Mapping[str, Any]:
    """Normal priors of `--prior P=MEAN:SD`."""
    from jaxlaws.objectives import normal

    out = _two("--prior", items, "PARAMETER=MEAN:SD, such as alpha=0.35:0.05")
    for name, (mean, sd) in out.items():
        if not sd > 0:
            raise JaxlawsError(f"`--prior {name}={mean:g}:{sd:g}` must have SD above 0.")
    return {name: normal(mean, sd) for name, (mean, sd) in out.items()}


def steps(text: str | None) -> list[int] | None:
    """Steps of `--steps 1000,2000`: whole, increasing, at least 1."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isdecimal()]
    if len(numbers) < len(parts) or numbers[0] < 1 or any(b <= a for a, b in pairwise(numbers)):
        raise JaxlawsError(f"`--steps {text}` must be whole steps of at least 1 that increase, such as 1000,2000.")
    return numbers


def numbers(option: str, text: str | None) -> list[float] | None:
    """Numbers of `--budget 1e20,1e21`."""
    if text is None:
        return None
    return [_number(option, "", part, "numbers, such as 1e20,1e21", text) for part in text.split(",")]


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise JaxlawsError(f"`--level {level:g}` must lie between 0 and 1, such as 0.95.")


def plot_file(path: str | None, *, not_over: str = "") -> Path | None:
    """Path of a chart to be drawn, after a look whether it can be."""
    if path is None:
        return None
    from jaxlaws.plot import ENDINGS, ready

    place = output_file("--plot", path, not_over=not_over, endings=ENDINGS)
    ready()
    return place


def output_file(option: str, path: str | None, *, not_over: str = "", endings: Sequence[str] = ()) -> Path | None:
    """Path of a file to be written, after a look whether it can be: before the work, not after it."""
    if path is None:
        return None
    place = Path(path)
    if endings and place.suffix.lower() not in endings:
        raise JaxlawsError(f"`{option} {path}` must end in {', '.join(endings)}; got {place.suffix or 'no ending'}.")
    if place.is_dir():
        raise JaxlawsError(f"`{option} {path}` is a folder; name a file in it.")
    if not place.parent.is_dir():
        raise JaxlawsError(f"`{option} {path}` cannot be written: there is no folder {place.parent}.")
    if not_over and place.exists() and os.path.exists(not_over) and os.path.samefile(place, not_over):
        raise JaxlawsError(f"`{option} {path}` would replace the file that is read; name another.")
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}."):
            return place
    except OSError as error:
        raise JaxlawsError(f"`{option} {path}` cannot be written: {error.strerror}.") from None


def _two(option: str, items: Sequence[str] | None, form: str) -> dict[str, tuple[float, float]]:
    out = {}
    for name, text in pairs(option, items, form).items():
        first, colon, second = text.partition(":")
        if not colon:
            raise JaxlawsError(f"`{option} {name}={text}` must be {form}.")
        out[name] = (_number(option, name, first, form, text), _number(option, name, second, form, text))
    return out


def _number(option: str, name: str, text: str, form: str, whole: str = "") -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise JaxlawsError(
            f"`{option} {name}{'=' * bool(name)}{whole or text}` must be {form}; {text.strip() or 'nothing'} is no finite number."
        )
    return number
