"""`jaxlaws report`: stored fits as one page to open, print and pass on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._opening import opened
from jaxlaws.cli._options import (
    AfterStep,
    Column,
    Json,
    Policy,
    Query,
    Schedules,
    Stitch,
    Unit,
    Warmup,
    numbers,
    output_file,
    reading,
)
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.errors import JaxlawsError

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.runs import Runs


def report(
    fits: Annotated[
        list[str],
        typer.Argument(
            metavar="FIT.json...", help="What `jaxlaws fit --out` stored; several compare laws.", show_default=False
        ),
    ],
    out: Annotated[str, typer.Option(metavar="PAGE.html", help="Write the page here.", show_default=False)],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE", help="The rows that were fitted. Default: the source that the fit names, if it is there."
        ),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Which rows were fitted. Default: the stored fit's --where.")
    ] = None,
    holdout: Annotated[str | None, typer.Option(metavar="EXPR", help="Rows to score and draw as held out.")] = None,
    plan: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN.json", help="A schedule that `jaxlaws plan schedule --out` stored. Repeatable."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="FLOP[,...]", help="Add the best size and data, and lines of equal compute, for these budgets."
        ),
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Title of the page.")] = "",
    column: Column = None,
    unit: Unit = None,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    json: Json = False,
) -> int:
    """Write one page that shows fits: data, residuals, parameters, doubts, plans, and predictions that controls move."""
    from jaxlaws import report as room
    from jaxlaws.plan import allocate, isoflop, load
    from jaxlaws.plot import ready

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    file = output_file("--out", out, endings=(".html", ".htm"))
    assert file is not None
    for given in (*fits, *(plan or ())):
        output_file("--out", out, not_over=given)
    ready()
    budgets = numbers("--budget", budget)
    with Progress() as progress:
        parts = [part for path in fits for part in _stored(path)]
        found: list[Any] = [load(path) for path in plan or ()]
        sources = _Sources(data, options, where, holdout, progress)
        rows = [sources.rows(part.fit) for part in parts]
        if budgets:
            source = next(
                (p.draws or p.fit for p in parts if not p.fit.status.failed and set(p.fit.law.inputs) == {"N", "D"}),
                None,
            )
            if source is None:
                raise JaxlawsError(f"`--budget {budget}` needs a fit of a law of N and D; there is none.")
            progress.doing("planning")
            found += [allocate(source, budgets), isoflop(source, budgets)]
        progress.doing(f"drawing {len(parts)} fit{'s' * (len(parts) > 1)}")
        page = room.report(
            [part.fit for part in parts],
            [fitted for fitted, _ in rows],
            [held for _, held in rows],
            draws=[part.draws for part in parts],
            plans=found,
            title=title,
            left_out=sources.missing,
        )
        page.save(file)
    size = len(page.html.encode())
    if json:
        emit({"page": str(file), "bytes": size, "fits": len(parts), "left_out": list(page.left_out)})
    else:
        say(f"{file}: {len(parts)} fit{'s' * (len(parts) > 1)}, {size / 1e6:.1f} MB")
        for line in page.left_out:
            say(f"left out: {line}")
    return 0


@dataclass(frozen=True)
class _Part:
    fit: Fit
    draws: Any


def _stored(path: str) -> list[_Part]:
    from jaxlaws.fitting import Fits, load
    from jaxlaws.uncertainty import of_fit

    found = load(path)
    return [_Part(one, of_fit(one, path)) for one in (found.values() if isinstance(found, Fits) else [found])]


class _Sources:
    """Tables that fits came from, each read once; `missing` says which could not be had."""

    def __init__(
        self, data: str | None, options: Mapping[str, Any], where: str | None, holdout: str | None, progress: Progress
    ) -> None:
        self.data, self.options, self.where, self.holdout, self.progress = data, options, where, holdout, progress
        self.missing: list[str] = []
        self._read: dict[str, Runs | None] = {}

    def rows(self, fit: Fit) -> tuple[Runs | None, Runs | None]:
        """The rows that were fitted, and those to score."""
        from jaxlaws.fitting._groups import of_group
        from jaxlaws.runs import split

        table = self._table(fit)
        if table is None:
            return None, None
        if fit.by:
            table = of_group(table, fit)
        where = self.where or fit.where or None
        if self.data is not None or self.holdout is not None:
            rows, held, both = split(table, where, self.holdout)
            if both:
                self.progress.note(
                    f"{both} rows match both --where and --holdout: they are scored, not drawn as fitted"
                )
        else:
            rows, held = self._guessed(table, where, fit), None
        return rows, held

    def _table(self, fit: Fit) -> Runs | None:
        source = fit.source if self.data is None else self.data
        if self.data is None and not _at_hand(source):
            return None
        if source not in self._read:
            try:
                self._read[source] = opened(source, self.options, self.progress)
            except JaxlawsError as error:
                if self.data is not None or self.holdout is not None:
                    raise
                self._read[source] = None
                self.missing.append(f"The rows of {source}, which the fit names, cannot be read as they are: {error}")
        return self._read[source]

    def _guessed(self, table: Runs, where: str | None, fit: Fit) -> Runs | None:
        """Rows of the source that the fit names, if they are still what was fitted."""
        from jaxlaws.runs import split

        try:
            rows = split(table, where)[0]
        except JaxlawsError as error:
            self.missing.append(f"Rows of {fit.source}: {error}")
            return None
        if rows.sha256 == fit.data_hash:
            return rows
        self.missing.append(
            f"Rows of {fit.source}: the source is there, but holds other rows than were fitted (some were held out, or it has "
            "changed). Name them with `--data TABLE`, and `--where` or `--holdout` as in the fit."
        )
        return None


def _at_hand(source: str) -> bool:
    return source.startswith(("shipped:", "published:")) or Path(source).exists()
