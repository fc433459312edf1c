"""`jaxlaws plan allocate`, `isoflop` and `overtraining`: how large a model, on how much data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from jaxlaws.cli._options import Json, bounds, numbers, pairs, plot_file, values
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._stored import Source, belief

Cost = Annotated[
    str,
    typer.Option(
        metavar="SPEC",
        help="6ND, or training, transformer, lifetime, precision or sparse with numbers, such as lifetime:tokens=1e13.",
    ),
]
Budget = Annotated[str | None, typer.Option(metavar="FLOP[,...]", help="Budgets in FLOP.")]
Held = Annotated[list[str] | None, typer.Option(metavar="Q=V", help="Hold an input of the law at a value. Repeatable.")]
Level = Annotated[float, typer.Option(metavar="SHARE", help="Level of the intervals, where draws are given.")]
Plot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html.")]

_HOLD = "INPUT=NUMBER, such as U=1e11"


def allocate(
    fit: Source,
    budget: Budget = None,
    loss: Annotated[
        str | None, typer.Option(metavar="L[,...]", help="The least budget that reaches this loss.")
    ] = None,
    cost: Cost = "6ND",
    bound: Annotated[list[str] | None, typer.Option(metavar="Q=LO:HI", help="Limits of a choice. Repeatable.")] = None,
    hold: Held = None,
    tie: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=Q+Q+...", help="Make several inputs one choice, such as P=P_w+P_a. Repeatable."),
    ] = None,
    level: Level = 0.95,
    plot: Plot = None,
    json: Json = False,
) -> int:
    """Size and data for a budget, or the least budget for a loss: by closed form where the law has one, else by gradient."""
    from jaxlaws.plan import allocate as planned
    from jaxlaws.plan import budget as costs

    ties = {
        name: tuple(text.split("+"))
        for name, text in pairs("--tie", tie, "NAME=INPUT+INPUT, such as P=P_w+P_a").items()
    }
    return _told(
        lambda source: planned(
            source,
            numbers("--budget", budget),
            loss=numbers("--loss", loss),
            cost=costs.parse(cost),
            bounds=bounds(bound),
            held=values("--hold", hold, _HOLD),
            ties=ties,
            level=level,
        ),
        fit,
        plot,
        json,
    )


def isoflop(
    fit: Source,
    table: Annotated[
        str | None,
        typer.Argument(metavar="[TABLE]", help="Runs on lines of equal compute, with N, D, loss.", show_default=False),
    ] = None,
    budget: Budget = None,
    width: Annotated[
        float, typer.Option(metavar="X", help="Without TABLE: each line's sizes span this factor.")
    ] = 16.0,
    points: Annotated[int, typer.Option(metavar="N", help="Without TABLE: sizes of a line.")] = 9,
    offset: Annotated[float, typer.Option(metavar="X", help="Without TABLE: the middle size over the best.")] = 1.0,
    drift: Annotated[
        float, typer.Option(metavar="P", help="Without TABLE: the power of the budget by which that grows.")
    ] = 0.0,
    cost: Cost = "6ND",
    hold: Held = None,
    level: Level = 0.95,
    plot: Plot = None,
    json: Json = False,
) -> int:
    """Best sizes on lines of equal compute by the law and by parabolas, and what parabolas alone are off by."""
    from jaxlaws.plan import budget as costs
    from jaxlaws.plan import isoflop as planned

    return _told(
        lambda source: planned(
            source,
            numbers("--budget", budget),
            runs=table,
            width=width,
            points=points,
            offset=offset,
            drift=drift,
            cost=costs.parse(cost),
            held=values("--hold", hold, _HOLD),
            level=level,
        ),
        fit,
        plot,
        json,
    )


def overtraining(
    fit: Source,
    budget: Annotated[float, typer.Option(metavar="FLOP", help="Budget of the best model.", show_default=False)],
    factor: Annotated[str | None, typer.Option(metavar="X[,...]", help="Sizes over the best one.")] = None,
    cost: Cost = "6ND",
    hold: Held = None,
    level: Level = 0.95,
    plot: Plot = None,
    json: Json = False,
) -> int:
    """What smaller and larger models cost that reach the loss of the best, and after how much serving a smaller one pays."""
    from jaxlaws.plan import budget as costs
    from jaxlaws.plan import overtraining as planned

    factors = numbers("--factor", factor)
    more: dict[str, Any] = {} if factors is None else {"factors": factors}
    return _told(
        lambda source: planned(
            source, budget, cost=costs.parse(cost), held=values("--hold", hold, _HOLD), level=level, **more
        ),
        fit,
        plot,
        json,
    )


def _told(plan: Callable[[Any], Any], fit: str, plot: str | None, json: bool) -> int:
    path = plot_file(plot)
    source = belief(fit)
    with Progress() as progress:
        progress.doing("planning")
        made = plan(source)
        if path is not None:
            from jaxlaws.plot import save, sizes_chart

            save(sizes_chart(made), path)
            progress.note(f"drawn in {path}")
    if json:
        emit(made.summary())
    else:
        say(str(made))
    return 0
