"""`jaxlaws compare`: laws and settings ranked by what they say of rows that they have not seen."""

from __future__ import annotations

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
    plot_file,
    priors,
    reading,
    values,
)
from jaxlaws.cli._output import Progress, emit, say
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
    share: Annotated[
        list[str] | None, typer.Option(metavar="P", help="With --by: one value for all groups. Repeatable.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option(metavar="P=V", help="Hold a parameter in laws that have it. Repeatable.")
    ] = None,
    free: Annotated[
        list[str] | None,
        typer.Option(metavar="P", help="Fit a parameter that a law holds, where it has it. Repeatable."),
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
        "free": list(free or ()),
        "by": by or None,
        "share": share or (),
        "starts": starts,
    }
    file = plot_file(plot, not_over=table)
    with Progress() as progress:
        whole = opened(table, options, progress)
        every = _laws(laws, whole)
        # One --where says what is fitted; several are settings, compared on what the folds hold out.
        base, settings_where = (where[0], [None]) if where and len(where) == 1 else (None, where or [None])
        grid = list(product(settings_where, objective or [None], weights or [None]))
        candidates = [_candidate(law, told, *settings, many=grid) for law in every for settings in grid]
        _known([c.law for c in candidates], told)
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


def _candidate(
    law: Law, told: dict[str, Any], where: str | None, objective: str | None, weights: str | None, *, many: list[Any]
) -> Candidate:
    """A law with those of the settings that concern it, named after what differs."""
    from jaxlaws.objectives import parse
    from jaxlaws.validate import candidate

    mine: dict[str, Any] = {
        "fix": {k: v for k, v in told["fix"].items() if k in law.params},
        "priors": {k: v for k, v in told["priors"].items() if k in law.params},
        "free": tuple(k for k in told["free"] if k in law.params),
        "share": tuple(k for k in told["share"] if k in law.params),
        "by": told["by"],
    }
    if told["starts"] is not None:
        mine["starts"] = told["starts"]
    if objective is not None:
        mine["objective"] = parse(objective)
    if weights is not None:
        mine["weights"] = weights
    varied = [len({g[i] for g in many}) > 1 for i in range(3)]
    said = [
        s for s, differs in zip((where, objective, weights and f"weights {weights}"), varied, strict=True) if differs
    ]
    name = ", ".join([law.label, *map(str, said)])
    return candidate(law, name=name, where=where, **{k: v for k, v in mine.items() if v})


def _known(laws: list[Law], told: dict[str, Any]) -> None:
    params = {name for law in laws for name in law.params}
    for option in ("fix", "free", "priors", "share"):
        for name in told[option]:
            if name not in params:
                raise JaxlawsError(f"`--{option.removesuffix('s')} {name}`: {nearest(name, params, what='parameter')}")


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
