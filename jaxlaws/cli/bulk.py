"""`jaxlaws bulk`: every group of a source fitted apart, the fits kept as a folder of Parquet files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._opening import known, law_of
from jaxlaws.cli._options import (
    AfterStep,
    Bound,
    Column,
    Cost,
    Fix,
    Free,
    Json,
    Policy,
    Prior,
    Query,
    Schedules,
    Stitch,
    Table,
    Unit,
    Warmup,
    Weights,
    bounds,
    priors,
    reading,
    values,
)
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.errors import JaxlawsError

if TYPE_CHECKING:
    from jaxlaws.bulk import Engine, Summary

EVERY = 30.0  # seconds between lines where there is no terminal
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def bulk(
    table: Table,
    law: Annotated[
        list[str],
        typer.Option(metavar="LAW", help="A name, with options, or a formula. Repeatable: several laws in one pass."),
    ],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="Where the fits go: a new folder, or one to go on with.")],
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Fit each group of this column apart. Default: run. Repeatable."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help='Rows to fit, such as "step >= 300".')] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP|Q=V,...", help="Forecast there, in a column of its own: 24000 or N=7e10,D=1.4e12. Repeatable."
        ),
    ] = None,
    intervals: Annotated[
        bool,
        typer.Option("--intervals", help="95 % intervals of each parameter, in columns NAME_low and NAME_high."),
    ] = False,
    engine: Annotated[
        str,
        typer.Option(metavar="serial|pool|ray", help="This process, fresh processes on its cores, or a Ray cluster."),
    ] = "serial",
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Workers of the pool or of Ray. Default: as many as there is room for."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT|auto", help="The Ray cluster. Default: a new one on this machine.")
    ] = None,
    cpus: Annotated[float, typer.Option(min=0, metavar="X", help="CPUs that a Ray worker holds, parts allowed.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0, metavar="X", help="GPUs that a Ray worker holds, parts allowed.")] = 0.0,
    compile_cache: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where Ray's workers keep compiled programs, on each machine.")
    ] = None,
    budget: Annotated[str, typer.Option(metavar="BYTES", help="Memory above the libraries, such as 2G.")] = "2G",
    partition: Annotated[int, typer.Option(min=1, metavar="N", help="Groups in a file of fits, at most.")] = 1024,
    resume: Annotated[
        bool,
        typer.Option("--resume/--fresh", help="Go on with what FOLDER holds of the same request, or begin anew there."),
    ] = True,
    fix: Fix = None,
    free: Free = None,
    bound: Bound = None,
    prior: Prior = None,
    objective: Cost = "huber:1e-3",
    weights: Weights = "row",
    starts: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Starts of each search. Default: 256, and 32 for laws of whole curves."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the starts.")] = 0,
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
    """Fit every group of a source apart, however many there are, and keep the fits as Parquet files.

    Killed or stopped, the same command goes on. Bad rows are left out and counted, unless --policy says otherwise.
    """
    from jaxlaws.bulk import bulk_fit
    from jaxlaws.bulk.fit import FOR_MANY
    from jaxlaws.bulk.forecast import parsed
    from jaxlaws.bulk.partition import sample
    from jaxlaws.objectives import parse

    told: dict[str, Any] = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    laws = [known(text) for text in law]
    if None in laws:  # the table's columns say what a formula's names are
        rows = sample(table, {**told, "policies": {**FOR_MANY, **(told["policies"] or {})}})
        laws = [law_of(text, rows) for text in law]
    told |= {
        "by": tuple(by or ("run",)),
        "where": where,
        "at": [parsed(text) for text in at or ()],
        "intervals": intervals,
        "engine": _engine(engine, workers, address, cpus, gpus, compile_cache),
        "budget": _bytes(budget),
        "partition": partition,
        "fresh": not resume,
        "fix": values("--fix", fix, "PARAMETER=NUMBER, such as alpha=0.5"),
        "free": free or (),
        "bounds": bounds(bound),
        "priors": priors(prior),
        "objective": parse(objective),
        "weights": weights,
        "starts": starts,
        "seed": seed,
    }
    with _progress(table) as on_progress:
        try:
            summary = bulk_fit(table, [one for one in laws if one], out=out, on_progress=on_progress, **told)
        except KeyboardInterrupt:
            print(f"jaxlaws: what is done is in {out}; the same command goes on from there", file=sys.stderr)
            raise
    if json:
        emit(summary.document())
    else:
        say(str(summary))
    return int(summary.fits == summary.failed or bool(summary.lost))


def _engine(name: str, workers: int | None, address: str | None, cpus: float, gpus: float, cache: str | None) -> Engine:
    from jaxlaws.bulk import pool, ray, serial

    if name not in ("serial", "pool", "ray"):
        raise JaxlawsError(f"`--engine {name}` must be one of serial, pool, ray.")
    if name != "ray" and (address is not None or gpus > 0 or cache is not None):
        raise JaxlawsError("`--address`, `--gpus` and `--compile-cache` are for `--engine ray`.")
    if name == "serial":
        if workers is not None:
            raise JaxlawsError("`--workers` is for `--engine pool` and `--engine ray`.")
        return serial()
    return pool(workers) if name == "pool" else ray(address=address, workers=workers, cpus=cpus, gpus=gpus, cache=cache)


def _bytes(text: str) -> int:
    number = text.strip().lower().removesuffix("b").removesuffix("i")
    unit = number[-1:] if number[-1:] in "kmgt" else ""
    try:
        size = float(number.removesuffix(unit)) * _UNITS[unit]
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise JaxlawsError(f"`--budget {text}` must be a number of bytes, such as 2G or 500M.")
    return int(size)


@contextmanager
def _progress(table: str) -> Iterator[Callable[[Summary], None]]:
    """A bar on a terminal; elsewhere a line now and then. Both on stderr."""
    if sys.stderr is None or not sys.stderr.isatty():
        with Progress() as notes:
            last = [time.monotonic()]

            def line(so_far: Summary) -> None:
                if time.monotonic() - last[0] > EVERY:
                    last[0] = time.monotonic()
                    notes.note(_state(so_far))

            yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from jaxlaws.runs.readers import shown

    parts = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"reading {shown(table)}", total=None)

        def move(so_far: Summary) -> None:
            bar.update(task, total=so_far.total_rows, completed=so_far.rows, description=_state(so_far))

        yield move


def _state(so_far: Summary) -> str:
    from jaxlaws.bulk.summary import FAILED

    kinds: dict[str, int] = {}
    for counts in so_far.statuses.values():
        for status, count in counts.items():
            if status in FAILED:
                kinds[status] = kinds.get(status, 0) + count
    share = f" of {so_far.rows / so_far.total_rows:.0%} of the rows" if so_far.total_rows else ""
    failed = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    return f"{so_far.fits} fits{share}, {so_far.rate:.0f} a second" + (f"; failed: {failed}" if failed else "")
