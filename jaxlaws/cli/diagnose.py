"""`jaxlaws diagnose`: what the fitted rows say against a stored fit, and which of them it hangs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._opening import opened
from jaxlaws.cli._options import (
    AfterStep,
    Column,
    Json,
    Level,
    Policy,
    Query,
    Schedules,
    Stitch,
    Table,
    Unit,
    Warmup,
    check_level,
    plot_file,
    reading,
)
from jaxlaws.cli._output import Progress, columns, emit, say
from jaxlaws.cli.refit import Stored
from jaxlaws.errors import JaxlawsError

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.uncertainty import Draws, Profile
    from jaxlaws.validate import Influence


class Picture(StrEnum):
    """What `--plot` draws."""

    influence = "influence"
    profile = "profile"
    intervals = "intervals"


def diagnose(
    stored: Stored,
    table: Table,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Which rows were fitted. Default: the stored fit's --where.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also intervals by profile: how far each parameter can be moved.")
    ] = False,
    level: Level = 0.95,
    column: Column = None,
    unit: Unit = None,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html.")] = None,
    show: Annotated[
        Picture, typer.Option(help="What --plot draws; intervals are those of `fit --bootstrap N --out`.")
    ] = Picture.influence,
    json: Json = False,
) -> int:
    """Say what the rows that a stored fit was made of hold against it: correlation, trends, outliers, noise; and which runs it
    hangs on."""
    from jaxlaws.fitting import Fit, load
    from jaxlaws.runs import split
    from jaxlaws.uncertainty import profile as profiles
    from jaxlaws.validate import diagnose as diagnosed
    from jaxlaws.validate import influence

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    check_level(level)
    if show != Picture.influence and plot is None:
        raise JaxlawsError(f"`--show {show.value}` says what is drawn: give `--plot FILE` too.")
    chart_file = plot_file(plot, not_over=table)
    one = load(stored)
    if not isinstance(one, Fit):
        raise JaxlawsError(f"{stored} holds fits by group: store one group's fit, by `fit --where`, and diagnose that.")
    draws = _draws(one, stored) if show == Picture.intervals else None
    with Progress() as progress:
        rows = split(opened(table, options, progress), one.where or None if where is None else where)[0]
        progress.doing(f"diagnosing {one.law.label} on {len(rows)} rows of {len(rows.names)} runs")
        found = diagnosed(one, rows)
        moved = influence(one, rows)
        ends = profiles(one, rows, level=level) if profile or show == Picture.profile else None
        if chart_file is not None:
            _draw(chart_file, moved, ends if show == Picture.profile else None, draws, level)
            progress.note(f"drawn in {chart_file}")
    if json:
        emit(_document(one, found, moved, ends))
    else:
        say("\n\n".join([str(found), str(moved), *([] if ends is None else [_ends(ends)])]))
    return 0


def _draws(one: Fit, stored: str) -> Draws:
    """The draws beside a stored fit: whether they are there is known before anything is computed."""
    from jaxlaws.uncertainty import of_fit

    draws = of_fit(one, stored)
    if draws is None:
        raise JaxlawsError(f"`--show intervals`: {stored} has no draws: fit with `--bootstrap N --out`.")
    return draws


def _draw(file: Path, moved: Influence, ends: Profile | None, draws: Draws | None, level: float) -> None:
    from jaxlaws.plot import influence_chart, intervals_chart, profile_chart, save

    if draws is not None:
        save(intervals_chart(draws, level=level), file)
    elif ends is not None:
        save(profile_chart(ends), file)
    else:
        save(influence_chart(moved), file)


def _document(one: Fit, found: Any, moved: Influence, ends: Profile | None) -> dict[str, Any]:
    change = {
        name: dict(zip(moved.units, values.tolist(), strict=True))
        for name, values in moved.params.items()
        if not isinstance(values, Mapping)
    }
    document = {"law": one.law.name, "diagnosis": asdict(found) | {"refuted": found.refuted}}
    document["influence"] = {"by": moved.by, "params": change}
    if ends is not None:
        document["profile"] = {"level": ends.level, "intervals": ends.interval(), "open": list(ends.open)}
    return document


def _ends(ends: Profile) -> str:
    rows = [[f"{100 * ends.level:g} % by profile", "value", "low", "high", ""]]
    for name, (low, high) in ends.interval().items():
        stopped = "an end is where the box stops it" if name in ends.open else ""
        rows.append([name, f"{ends.center.params[name]:.6g}", f"{low:.6g}", f"{high:.6g}", stopped])
    return columns(rows, indent="  ")
