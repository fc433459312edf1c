"""`jaxlaws refit` and `jaxlaws diff`: a stored fit on new rows, and what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    output_file,
    reading,
)
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._report import Score, documents, report
from jaxlaws.cli._resampled import marked, resampled, store
from jaxlaws.errors import JaxlawsError

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit, Fits

Stored = Annotated[str, typer.Argument(metavar="FIT.json", help="A stored fit, as `fit --out` writes it.")]


def refit(
    stored: Stored,
    table: Table,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Rows to fit. Default: all, and not the stored fit's --where.")
    ] = None,
    starts: Annotated[
        int, typer.Option(min=1, metavar="N", help="Starts of the search, the stored parameters first.")
    ] = 8,
    column: Column = None,
    unit: Unit = None,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    bootstrap: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Intervals from N resamples of the new rows, such as 1000.")
    ] = None,
    level: Level = 0.95,
    out: Annotated[str | None, typer.Option(metavar="FIT.json", help="Store the new fit.")] = None,
    json: Json = False,
) -> int:
    """Fit a stored fit's law to new rows, with its settings and from its parameters, and say what has changed."""
    from jaxlaws.fitting import Fit, Fits, diff
    from jaxlaws.fitting import refit as refit_law
    from jaxlaws.runs import split

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    out_file = output_file("--out", out, not_over=table)
    check_level(level)
    old = _loaded(stored)
    with Progress() as progress:
        rows, _, _ = split(opened(table, options, progress), where)
        progress.doing(f"fitting {len(rows)} rows of {len(rows.names)} runs from {starts} starts")
        found = refit_law(old, rows, starts=starts)
        found = marked(found, where)
        seed = (found if isinstance(found, Fit) else next(iter(found.values()))).seed
        found, draws = resampled(found, rows, progress, resamples=bootstrap, level=level, by="run", seed=seed)
        fits = [found] if isinstance(found, Fit) else list(found.values())
        if out_file is not None:
            found.save(out_file)
            progress.note(f"stored in {out_file}")
            store(draws, fits, out_file, many=isinstance(found, Fits))
    before = [old] if not isinstance(old, Fits) else list(old.values())
    both = [(a, b) for a, b in zip(before, fits, strict=True) if not b.status.failed]
    changes = [diff(a, b, names=("stored", "now")) for a, b in both]
    none: list[Score | None] = [None] * len(fits)
    if json:
        document = documents(fits[0].law, fits, none, list(fits[0].by))
        emit(document | {"changes": [c.summary() for c in changes] if fits[0].by else changes[0].summary()})
    else:
        say(report(fits, none) + "\n\n" + "\n\n".join(map(str, changes)))
    return int(all(one.status.failed for one in fits))


def diff(
    a: Annotated[str, typer.Argument(metavar="A.json", help="A stored fit.")],
    b: Annotated[str, typer.Argument(metavar="B.json", help="Another one.")],
    json: Json = False,
) -> int:
    """Say what one stored fit has otherwise than another: parameters, settings, data, predictions."""
    from jaxlaws.fitting import Fit
    from jaxlaws.fitting import diff as differ

    one, other = _loaded(a), _loaded(b)
    if isinstance(one, Fit) and isinstance(other, Fit):
        found = differ(one, other, names=(a, b))
        emit(found.summary()) if json else say(str(found))
        return 0
    if isinstance(one, Fit) or isinstance(other, Fit):
        raise JaxlawsError(f"`diff {a} {b}`: one holds a single fit, the other fits by group.")
    both = [key for key in one if key in other]
    if not both:
        raise JaxlawsError(f"`diff {a} {b}`: they have no group in common.")
    every = {key: differ(one[key], other[key], names=(a, b)) for key in both}
    if json:
        emit({"groups": [{"key": key, **d.summary()} for key, d in every.items()]})
    else:
        say("\n\n".join(f"[{key}]\n{d}" for key, d in every.items()))
    return 0


def _loaded(path: str) -> Fit | Fits:
    from jaxlaws.fitting import load

    return load(path)
