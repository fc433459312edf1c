"""`jaxlaws fit`: a law fitted to a table, and scored on what was held out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._opening import known, law_of, opened
from jaxlaws.cli._options import (
    AfterStep,
    Bound,
    BranchOf,
    Column,
    Cost,
    Fix,
    Free,
    Json,
    Level,
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
    check_level,
    output_file,
    plot_file,
    priors,
    reading,
    values,
)
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._report import Score, documents, report
from jaxlaws.cli._resampled import marked, resampled, store
from jaxlaws.errors import JaxlawsError
from jaxlaws.spec import Law, catalogue, find

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.runs import Runs

DEFAULT = "progress_noise"


def fit(
    table: Table,
    law: Annotated[
        str | None,
        typer.Option(
            metavar="LAW",
            help="A name (with options: multi_power:warmup=excluded) or a formula ('E + A/N^alpha'). Default: progress_noise.",
        ),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Rows to fit, such as \"size == '25M' and step < 24000\".")
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Rows to score, and not to fit. Without --where the rest is fitted."),
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Fit each group of this column apart. Repeatable.")
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="P", help="With --by: one value of this parameter for all groups. Repeatable."),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(metavar="P", help="With --by: values of this parameter drawn towards each other. Repeatable."),
    ] = None,
    fix: Fix = None,
    free: Free = None,
    bound: Bound = None,
    prior: Prior = None,
    column: Column = None,
    unit: Unit = None,
    objective: Cost = "huber:1e-3",
    weights: Weights = "row",
    starts: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Starts of the search. Default: 256, and 32 for laws of whole curves."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the starts, and of resamples.")] = 0,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Intervals from N resamples, such as 1000. With --out, `predict` has them too."
        ),
    ] = None,
    bootstrap_by: Annotated[
        str, typer.Option(metavar="run|row|blocks|COL", help="What a resample draws as a whole: see the docs.")
    ] = "run",
    level: Level = 0.95,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    branch_of: BranchOf = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw data, fit and residuals: .png, .svg, .pdf or .html.")
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="FIT.json", help="Store the fit.")] = None,
    json: Json = False,
) -> int:
    """Fit a law to a table, from many starts at once, and score it on held-out rows; say how far the result can be trusted."""
    from jaxlaws.fitting import Fits, fit_pooled
    from jaxlaws.fitting import fit as fit_law
    from jaxlaws.objectives import parse
    from jaxlaws.runs import split

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    told = {
        "by": by or None,
        "share": share or (),
        "fix": values("--fix", fix, "PARAMETER=NUMBER, such as alpha=0.5"),
        "free": free or (),
        "bounds": bounds(bound),
        "priors": priors(prior),
        "objective": parse(objective),
        "weights": weights,
        "starts": starts,
        "seed": seed,
    }
    if branch_of is not None and holdout is None:
        raise JaxlawsError(f"`--branch-of {branch_of}` says how held-out runs are scored: give `--holdout` too.")
    if bootstrap is None and bootstrap_by != "run":
        raise JaxlawsError(f"`--bootstrap-by {bootstrap_by}` says what resamples draw: give `--bootstrap N` too.")
    check_level(level)
    if pool and (share or not by):
        raise JaxlawsError(f"`--pool {pool[0]}` draws groups towards each other: give `--by COL`, and no `--share`.")
    out_file = output_file("--out", out, not_over=table)
    chart_file = _plot_file(plot, table, by)
    one = None if law is None else known(law)
    with Progress() as progress:
        whole = opened(table, options, progress)
        one = one or (_default(whole, progress) if law is None else law_of(law, whole))
        rows, held, both = split(whole, where, holdout)
        if both:
            progress.note(f"{both} rows match both --where and --holdout: they are scored, not fitted")
        held = None if held is None else _checked(held, one, rows, progress)
        beside = None if held is None or holdout is None else _beside(whole, one, where, holdout, progress)
        progress.doing(
            f"fitting {one.label} to {len(rows)} rows of {len(rows.names)} runs"
            + f" from {starts} starts" * bool(starts)
        )
        found = fit_pooled(one, rows, pool=pool, **told) if pool else fit_law(one, rows, **told)
        found = marked(found, where, holdout)
        found, draws = resampled(found, rows, progress, resamples=bootstrap, level=level, by=bootstrap_by, seed=seed)
        fits = list(found.values()) if isinstance(found, Fits) else [found]
        if held is not None:
            progress.doing(f"scoring {len(held)} rows of {len(held.names)} runs")
        scores = _scores(fits, held, branch_of, progress)
        if out_file is not None:
            found.save(out_file)
            progress.note(f"stored in {out_file}")
            store(draws, fits, out_file, many=bool(by))
        if chart_file is not None:
            _draw(chart_file, fits[0], rows, held, branch_of, progress)
        progress.note(_took(fits))
        if json:
            for note in dict.fromkeys(note for f in fits for note in f.notes):
                progress.note(note)
    if json:
        emit(documents(one, fits, scores, by, beside))
    else:
        say(report(fits, scores) + (f"\n  noise floor: {beside['noise_floor']}" if beside else ""))
    return int(all(f.status.failed for f in fits))


def _default(runs: Runs, progress: Progress) -> Law:
    """The law that is fitted when none is named. Raises where the table does not carry it."""
    from jaxlaws.fitting.assemble import columns_of

    has = set(runs.frame.columns)
    if {"run", "step", "loss"} <= has and (has & {"lr", "lr_schedule"} or runs.schedules):
        progress.note(f"no --law is given: {DEFAULT} it is; see `jaxlaws laws`")
        return find(DEFAULT)
    able = [law.name for law in catalogue.values() if not law.is_curve and set(columns_of(law)) <= has]
    if "loss" not in has and not able:
        runs.column("loss")  # raises, naming what might be meant
    fits = f"these columns suffice for {', '.join(able)}" if able else f"known are {', '.join(catalogue)}"
    raise JaxlawsError(
        f"{runs.source}: name a law with `--law`: {fits}. (The default {DEFAULT} needs run, step, loss, and lr or lr_schedule.)"
    )


def _plot_file(plot: str | None, table: str, by: list[str] | None) -> Path | None:
    if plot is not None and by:
        raise JaxlawsError(
            f"`--plot {plot}` shows one fit, and --by makes many: choose a group with `--where` instead."
        )
    return plot_file(plot, not_over=table)


def _checked(held: Runs, law: Law, rows: Runs, progress: Progress) -> Runs:
    """The rows to score after the door's checks: what is wrong with them is known before the fit."""
    from jaxlaws.fitting.assemble import numeric_columns

    held = held.checked(numeric_columns(law))
    for finding in held.findings:
        if finding not in rows.findings and finding.kind != "constant_input":
            progress.note(f"held out: {finding.message}")
    return held


def _beside(whole: Runs, law: Law, where: str | None, holdout: str, progress: Progress) -> dict[str, Any]:
    """What to hold beside errors on held-out rows: how many of these were fitted too, in another run, and the noise floor."""
    from jaxlaws.validate import holdout as fold
    from jaxlaws.validate import noise

    found = fold(whole, holdout, where=where, repeated="keep", outcome=law.output.symbol)
    if found.repeated:
        progress.note(
            f"{found.repeated} of {int(found.score.sum())} held-out rows repeat fitted rows of another run, as a branch does "
            "those of its trunk: their errors are the fit's; `jaxlaws compare --holdout` leaves them out"
        )
    floor = noise(whole.select(found.fit | found.score), law)
    told = {"single_rows": floor.white, "run_to_run": floor.between}
    return {"repeated": found.repeated, "noise_floor": str(floor), "noise": told}


def _scores(fits: list[Fit], held: Runs | None, branch_of: str | None, progress: Progress) -> list[Score | None]:
    """Errors on the held-out rows, each group's by the fit of the same key."""
    if held is None:
        return [None] * len(fits)
    if not fits[0].by:
        return [fits[0].score(held, branch_of=branch_of)]
    from jaxlaws.fitting._groups import of_group

    scores: list[Score | None] = []
    scored = 0
    for one in fits:
        rows = of_group(held, one)
        scored += len(rows)
        scores.append(_score(one, rows, branch_of, progress) if len(rows) and not one.status.failed else None)
    if scored < len(held):
        progress.note(f"{len(held) - scored} rows to score belong to no fitted group of {', '.join(fits[0].by)}")
    return scores


def _score(one: Fit, rows: Runs, branch_of: str | None, progress: Progress) -> Score | None:
    try:
        return one.score(rows, branch_of=branch_of)
    except JaxlawsError as error:  # costs this group only
        progress.note(f"group {', '.join(map(str, one.key))} cannot be scored: {error}")
        return None


def _draw(file: Path, one: Fit, rows: Runs, held: Runs | None, branch_of: str | None, progress: Progress) -> None:
    from jaxlaws.plot import fit_chart, save

    progress.doing(f"drawing {file}")
    save(fit_chart(one, rows, held, branch_of=branch_of), file)


def _took(fits: list[Fit]) -> str:
    seconds = fits[0].seconds
    many = f"{len(fits)} fits, each " if len(fits) > 1 else ""
    starts, total = max(one.starts for one in fits), seconds["compile"] + seconds["run"]
    return f"{many}from {starts} starts in {total:.1f} s, {seconds['compile']:.1f} of them compiling"
