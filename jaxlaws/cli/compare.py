"""`jaxlaws compare`: laws and settings ranked by what they say of rows that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxlaws.cli._opening import law_of, opened
from jaxlaws.cli._options import (
    AfterStep,
    Column,
    Json,
    Policy,
    Query,
    Schedules,
    Stitch,
    Table,
    Unit,
    Warmup,
    bounds,
    plot_file,
    priors,
    reading,
    values,
)
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._settings import Setting, settings
from jaxlaws.errors import JaxlawsError, nearest
from jaxlaws.spec import Law

if TYPE_CHECKING:
    from jaxlaws.runs import Runs
    from jaxlaws.validate import Candidate, Fold


def compare(
    table: Table,
    laws: Annotated[
        str, typer.Option(metavar="A,B,...", help="Laws by name (with options) or formulas, separated by commas.")
    ],
    holdout: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Rows to score, and not to fit. Without --where the rest is fitted."),
    ] = None,
    rollout: Annotated[
        str | None,
        typer.Option(
            metavar="QUANTITY", help="Fit below a cut of this column (N, D, C, step), score above it. C may be 6 N D."
        ),
    ] = None,
    leave_out: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Leave out each group of this column in turn; `schedule` finds schedules."),
    ] = None,
    cuts: Annotated[str, typer.Option(metavar="N|A,B,...", help="How many cuts --rollout makes, or where.")] = "4",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Rows to fit. Given more than once, each is a setting to compare."),
    ] = None,
    objective: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="Objective, as of `fit`; a setting. Repeatable.")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(metavar="row|run|COL", help="Weights, as of `fit`; a setting. Repeatable.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Fit each group of this column apart. Repeatable.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: WORD=VALUE ...'",
            help="A way to fit the laws, to compare with others: where, objective, weights, prior, fix, free, bound, by, share, "
            "pool or starts, such as 'pooled: by=size pool=alpha' or 'late: where=step > 1000'; 'plain:' says nothing. "
            "Repeatable.",
        ),
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(metavar="P", help="With --by: one value for all groups. Repeatable.")
    ] = None,
    pool: Annotated[
        list[str] | None, typer.Option(metavar="P", help="With --by: values drawn towards each other. Repeatable.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option(metavar="P=V", help="Hold a parameter in laws that have it. Repeatable.")
    ] = None,
    free: Annotated[
        list[str] | None,
        typer.Option(metavar="P", help="Fit a parameter that a law holds, where it has it. Repeatable."),
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="P=LO:HI", help="Box of a parameter, in laws that have it. Repeatable.")
    ] = None,
    prior: Annotated[
        list[str] | None, typer.Option(metavar="P=MEAN:SD", help="Normal prior, in laws that have it. Repeatable.")
    ] = None,
    starts: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Starts of each fit. Default: 64, and 16 for whole curves.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the resampling.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without roll-out and leave-one-out among the fitted rows.")
    ] = False,
    column: Column = None,
    unit: Unit = None,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw errors against distance: .png, .svg, .pdf or .html.")
    ] = None,
    json: Json = False,
) -> int:
    """Rank laws by their errors on rows that they were not fitted to, and say how sure the ranking is."""
    from jaxlaws import validate

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    chosen = [
        name for name, given in (("--holdout", holdout), ("--rollout", rollout), ("--leave-out", leave_out)) if given
    ]
    if len(chosen) != 1:
        said = " and ".join(chosen) or "none of them"
        raise JaxlawsError(f"`compare` needs one of --holdout, --rollout and --leave-out; got {said}.")
    told: dict[str, Any] = {
        "fix": values("--fix", fix, "PARAMETER=NUMBER, such as alpha=0.5"),
        "priors": dict(priors(prior)),
        "bounds": bounds(bound),
        "free": list(free or ()),
        "by": by or [],
        "share": share or [],
        "pool": pool or [],
        "starts": starts,
    }
    ways = settings(setting)
    _said_once(ways, {"where": where, "objective": objective, "weights": weights})
    file = plot_file(plot, not_over=table)
    with Progress() as progress:
        whole = opened(table, options, progress)
        every = _laws(laws, whole)
        # One --where says what is fitted; several are settings, compared on what the folds hold out.
        base, settings_where = (where[0], [None]) if where and len(where) == 1 else (None, where or [None])
        grid = _grid(settings_where, objective or [None], weights or [None])
        _known(every, told, ways)
        candidates = [
            _candidate(law, way, told | options, said, whole)
            for law in every
            for options, said in grid
            for way in _of_law(law, ways, progress)
        ]
        folds = _folds(whole, every[0].output.symbol, holdout, rollout, leave_out, base, cuts)
        for fold in folds:
            if fold.repeated:
                progress.note(
                    f"{fold.name}: {fold.repeated} rows repeat fitted rows of other runs: they are not scored"
                )
        found = validate.compare(candidates, whole, folds, more=not quick, seed=seed, told=progress.doing)
        if file is not None:
            from jaxlaws.plot import rollout_chart, save

            save(rollout_chart(found), file)
    if json:
        emit(found.summary())
    else:
        say(str(found))
    return int(all(s.failure for s in found.standings))


def _laws(text: str, runs: Runs) -> list[Law]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise JaxlawsError(
            f"`--laws {text}` must be names or formulas, separated by commas, such as chinchilla,kaplan_nd."
        )
    return [law_of(name, runs) for name in names]


def _said_once(ways: list[Setting], repeated: dict[str, list[str] | None]) -> None:
    """Raises where both a repeated option and a setting say how candidates differ in one thing."""
    for word, given in repeated.items():
        for way in ways:
            if word in way.told and given and len(given) > 1:
                raise JaxlawsError(
                    f"`--setting {way.name}` says `{word}=`, and --{word} is given {len(given)} times: say it once."
                )


def _grid(*choices: Sequence[str | None]) -> list[tuple[dict[str, Any], list[str]]]:
    """Every combination of --where, --objective and --weights, with what tells it from the others."""
    from jaxlaws.objectives import parse

    grid = []
    for where, objective, weights in product(*choices):
        shown = (where, objective, weights and f"weights {weights}")
        options = {"where": where, "objective": objective and parse(objective), "weights": weights}
        said = [str(s) for s, among in zip(shown, choices, strict=True) if len(set(among)) > 1]
        grid.append((options, said))
    return grid


def _of_law(law: Law, ways: list[Setting], progress: Progress) -> list[Setting]:
    """The settings whose parameters the law has."""
    able = []
    for way in ways:
        lacking = [name for name in way.parameters if name not in law.params]
        if lacking:
            progress.note(f"{law.label} has no {lacking[0]}: it is not compared under `{way.name}`")
        else:
            able.append(way)
    if not able:
        raise JaxlawsError(
            f"`{law.label}` has the parameters of no setting: add `--setting plain:` to compare it as it is."
        )
    return able


def _candidate(law: Law, way: Setting, command: dict[str, Any], said: list[str], runs: Runs) -> Candidate:
    """A law with those of the settings that concern it, named after what differs."""
    from jaxlaws.validate import candidate

    mine = dict(way.over(command))
    for option in ("fix", "priors", "bounds"):
        mine[option] = {k: v for k, v in mine[option].items() if k in law.params}
    for option in ("free", "share", "pool"):
        mine[option] = [k for k in mine[option] if k in law.params]
    mine["name"] = ", ".join([law.label, *said, *([way.name] if way.name else [])])
    try:
        for column in [*mine["by"], *{mine["weights"]} - {None, "row", "run"}]:
            if column not in runs.frame.columns:
                runs.column(column)  # raises, naming the nearest
        if mine["where"] is not None and not runs.mask(mine["where"]).any():
            raise JaxlawsError(f"{runs.source}: `where={mine['where']}` matches no row.")
        return candidate(law, **{k: v for k, v in mine.items() if v})
    except JaxlawsError as error:
        if not way.name:
            raise
        raise JaxlawsError(f"`--setting {way.name}`: {error}") from None


def _known(laws: list[Law], told: dict[str, Any], ways: list[Setting]) -> None:
    params = {name for law in laws for name in law.params}
    for option in ("fix", "free", "priors", "bounds", "share", "pool"):
        for name in told[option]:
            if name not in params:
                word = option.removesuffix("s")
                raise JaxlawsError(f"`--{word} {name}`: {nearest(name, params, what='parameter')}")
    for way in ways:
        for name in way.parameters:
            if name not in params:
                raise JaxlawsError(f"`--setting {way.name}`: {nearest(name, params, what='parameter')}")


def _folds(
    runs: Runs,
    outcome: str,
    holdout: str | None,
    rollout: str | None,
    leave_out: str | None,
    where: str | None,
    cuts: str,
) -> list[Fold]:
    from jaxlaws import validate

    if holdout is not None:
        return [validate.holdout(runs, holdout, where=where, outcome=outcome)]
    if leave_out is not None:
        return validate.leave_out(runs, leave_out, where=where, outcome=outcome)
    assert rollout is not None
    return validate.rollout(runs, rollout, cuts=_cuts(cuts), where=where, outcome=outcome)


def _cuts(text: str) -> int | list[float]:
    parts = [part.strip() for part in text.split(",")]
    try:
        if len(parts) == 1 and parts[0].isdecimal() and 0 < int(parts[0]) <= 100:
            return int(parts[0])
        return [float(part) for part in parts]
    except ValueError:
        raise JaxlawsError(
            f"`--cuts {text}` must be a number of cuts up to 100, or their places, such as 1e8,1e9."
        ) from None
