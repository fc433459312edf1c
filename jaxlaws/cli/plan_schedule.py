"""`jaxlaws plan schedule`: the learning rate of every step that a fitted law predicts to end lowest."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jaxlaws.cli._options import Json, values
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._stored import Source


def schedule(
    fit: Source,
    total: Annotated[int, typer.Option(metavar="STEPS", help="Steps of the run.", show_default=False)],
    peak: Annotated[float, typer.Option(metavar="LR", help="Learning rate after the warm-up.", show_default=False)],
    warmup: Annotated[int, typer.Option(metavar="STEPS", help="Steps of the climb to the peak.")] = 0,
    floor: Annotated[float | None, typer.Option(metavar="LR", help="Lowest learning rate. Default: 0.")] = None,
    at: Annotated[str | None, typer.Option(metavar="Q=V,...", help="Other inputs of the law, such as N=7e10.")] = None,
    json: Json = False,
) -> int:
    """Choose the learning rate of every step of a run."""
    from jaxlaws.cli._stored import belief
    from jaxlaws.plan import schedule as planned

    inputs = {} if at is None else values("--at", at.split(","), "QUANTITY=NUMBER,..., such as N=7e10")
    found = belief(fit)
    with Progress() as progress:
        progress.doing(f"planning {total} steps")
        made = planned(found, total=total, peak=peak, warmup=warmup, floor=floor, inputs=inputs)
        document: dict[str, Any] = made.summary()
    if json:
        emit(document)
    else:
        say(str(made))
    return 0
