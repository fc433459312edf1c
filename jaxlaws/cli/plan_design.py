"""`jaxlaws plan design`: which runs to train next."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from jaxlaws.cli._options import Column, Json, Table, Unit, pairs, plot_file, reading, values
from jaxlaws.cli._output import Progress, emit, say
from jaxlaws.cli._stored import one_fit
from jaxlaws.errors import JaxlawsError

_AXIS = "INPUT=LOW:HIGH:COUNT, such as N=1e8:1e10:9"


def design(
    fit: Annotated[
        str, typer.Argument(metavar="FIT.json", help="What `jaxlaws fit --out` stored.", show_default=False)
    ],
    table: Table,
    axis: Annotated[
        list[str],
        typer.Option(
            "--grid",
            metavar="Q=LO:HI:COUNT",
            help="Values of an input of the candidates, evenly in its logarithm. Repeatable.",
            show_default=False,
        ),
    ],
    spend: Annotated[float, typer.Option(metavar="FLOP", help="Compute at hand.", show_default=False)],
    size_for: Annotated[
        float | None, typer.Option(metavar="FLOP", help="Make the best N for this budget certain.")
    ] = None,
    prediction_at: Annotated[
        str | None, typer.Option(metavar="Q=V,...", help="Or the prediction at these inputs.")
    ] = None,
    cost: Annotated[str, typer.Option(metavar="SPEC", help="Cost of a run, as in `plan allocate`.")] = "6ND",
    noise: Annotated[
        float | None, typer.Option(metavar="SHARE", help="How much one run scatters. Default: as the fit says.")
    ] = None,
    column: Column = None,
    unit: Unit = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html.")] = None,
    json: Json = False,
) -> int:
    """Choose runs of a grid that make a decision most certain for a compute, beside those of TABLE that the fit was made of."""
    from jaxlaws.plan import BestSize, Prediction, grid
    from jaxlaws.plan import budget as costs
    from jaxlaws.plan import design as planned
    from jaxlaws.runs import read

    if (size_for is None) == (prediction_at is None):
        raise JaxlawsError(
            "`plan design` needs a decision: `--size-for FLOP` or `--prediction-at Q=V,...`, one of them."
        )
    axes = {name: _axis(name, text) for name, text in pairs("--grid", axis, _AXIS).items()}
    decision: Any = None if size_for is None else BestSize(size_for)
    if prediction_at is not None:
        decision = Prediction(tuple(values("--prediction-at", prediction_at.split(","), "QUANTITY=NUMBER,...").items()))
    path = plot_file(plot, not_over=table)
    with Progress() as progress:
        found = one_fit(fit)
        rows = read(table, **reading(column, unit, None, None, False, None))
        progress.doing("planning")
        made = planned(found, rows, grid(**axes), decision, spend=spend, cost=costs.parse(cost), noise=noise)
        if path is not None:
            from jaxlaws.plot import design_chart, save

            save(design_chart(made), path)
            progress.note(f"drawn in {path}")
    emit(made.summary()) if json else say(str(made))
    return 0


def _axis(name: str, text: str) -> np.ndarray:
    try:
        low, high, count = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = count = 0.0
    if not (0.0 < low <= high < np.inf and count == int(count) >= 1):
        raise JaxlawsError(f"`--grid {name}={text}` must be {_AXIS}.")
    return np.geomspace(low, high, int(count))
