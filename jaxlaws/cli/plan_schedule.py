"""`jaxlaws plan schedule`: the learning rate of every step that a fitted law predicts to end lowest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from jaxlaws.cli._options import Json, output_file, pairs, plot_file, values
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._stored import Source, belief
from jaxlaws.errors import JaxlawsError, nearest


def schedule(
    fit: Source,
    total: Annotated[int, typer.Option(metavar="STEPS", help="Steps of the run.", show_default=False)],
    peak: Annotated[float, typer.Option(metavar="LR", help="Learning rate after the warm-up.", show_default=False)],
    warmup: Annotated[int, typer.Option(metavar="STEPS", help="Steps of the climb to the peak.")] = 0,
    start: Annotated[float, typer.Option(metavar="LR", help="Learning rate that the climb begins at.")] = 0.0,
    ramp: Annotated[str, typer.Option(metavar="SHAPE", help="Climb: linear, cosine or linspace.")] = "linear",
    floor: Annotated[
        float | None, typer.Option(metavar="LR", help="Lowest learning rate. Default: 0, where the law allows it.")
    ] = None,
    end: Annotated[float | None, typer.Option(metavar="LR", help="Learning rate of the last step.")] = None,
    lowest_peak: Annotated[
        float | None, typer.Option(metavar="LR", help="Choose the peak too, between this and --peak.")
    ] = None,
    monotone: Annotated[
        bool, typer.Option("--monotone/--any-path", help="Whether the rate may rise again after the warm-up.")
    ] = True,
    max_slope: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Largest change in one step as a share of the peak; inf for none. Default: 0.02."
        ),
    ] = None,
    cooldown: Annotated[
        int | None, typer.Option(metavar="STEPS", help="The rate stays at the peak until so many steps before the end.")
    ] = None,
    weigh: Annotated[
        str | None, typer.Option(metavar="STEP=W,...", help="Minimise a weighted sum of losses instead of the last.")
    ] = None,
    risk: Annotated[
        Literal["center", "mean", "worst"],
        typer.Option(help="With draws: minimise the loss at the fit, the mean over draws, or the worst."),
    ] = "center",
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="Best of a family: wsd, cosine, linear or power.")
    ] = None,
    decay: Annotated[str | None, typer.Option(metavar="SHAPE", help="Cooldown of --family wsd.")] = None,
    knots: Annotated[int, typer.Option(metavar="N", help="Corners of a free path.")] = 64,
    at: Annotated[
        str | None, typer.Option(metavar="Q=V,...", help="Other inputs of the law, such as N=7e10; batch in tokens.")
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="PLAN.json", help="Store the plan here.")] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html.")] = None,
    json: Json = False,
) -> int:
    """Choose the learning rate of every step of a run, under limits."""
    from jaxlaws.plan import schedule as planned
    from jaxlaws.schedules import KINDS

    families = {name: KINDS[name] for name in ("wsd", "cosine", "linear", "power")}
    if family is not None and family not in families:
        raise JaxlawsError(f"`--family`: {nearest(family, families, what='family')}")
    inputs = {} if at is None else values("--at", at.split(","), "QUANTITY=NUMBER,..., such as N=7e10")
    path = None if weigh is None else _path(weigh)
    out_file, plot_place = output_file("--out", out, not_over=fit), plot_file(plot)
    source = belief(fit)
    with Progress() as progress:
        progress.doing(f"planning {total} steps")
        made = planned(
            source,
            total=total,
            peak=peak,
            warmup=warmup,
            start=start,
            ramp=ramp,
            floor=floor,
            end=end,
            lowest_peak=lowest_peak,
            monotone=monotone,
            max_slope=max_slope,
            cooldown=cooldown,
            path=path,
            risk=risk,
            knots=knots,
            family=None if family is None else families[family],
            decay=decay,
            inputs=inputs,
        )
        document: dict[str, Any] = made.summary()
        if out_file is not None:
            made.save(out_file)
            progress.note(f"stored in {out_file}")
        if plot_place is not None:
            from jaxlaws.plot import save, schedule_chart

            save(schedule_chart(made), plot_place)
            progress.note(f"drawn in {plot_place}")
    if json:
        emit(document)
    else:
        say(str(made))
    return 0


def _path(text: str) -> dict[int, float]:
    form = "STEP=WEIGHT,..., such as 12000=0.5,24000=0.5"
    found = values("--weigh", text.split(","), form)
    if not all(step.strip().isdecimal() for step in pairs("--weigh", text.split(","), form)):
        raise JaxlawsError(f"`--weigh {text}` must be {form}, with whole steps.")
    return {int(step): weight for step, weight in found.items()}
