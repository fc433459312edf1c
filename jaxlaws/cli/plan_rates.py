"""`jaxlaws plan learning-rate` and `batch-size`: how fast, and on how many tokens at once."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from jaxlaws.cli._options import Column, Json, Unit, bounds, numbers, plot_file, reading, values
from jaxlaws.cli._output import Progress, columns, emit, say
from jaxlaws.cli._stored import belief
from jaxlaws.errors import JaxlawsError

Fit = Annotated[
    str | None,
    typer.Argument(
        metavar="[FIT]", help="A stored fit, draws (.npz), or published constants (LAW@NAME).", show_default=False
    ),
]
At = Annotated[str | None, typer.Option(metavar="Q=V,...", help="Inputs of the law, such as N=1e9,loss=2.6.")]
Level = Annotated[float, typer.Option(metavar="SHARE", help="Level of the intervals, where draws are given.")]
Plot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html.")]


def learning_rate(
    fit: Fit = None,
    N: Annotated[float | None, typer.Option("--N", metavar="N", help="Parameters.")] = None,
    D: Annotated[float | None, typer.Option("--D", metavar="D", help="Training tokens.")] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Fit a surface to sweeps: N, D, lr, batch, loss.")
    ] = None,
    near: Annotated[
        float, typer.Option(metavar="SHARE", help="With --sweep: rows so near to their cell's lowest loss count.")
    ] = 0.01,
    batch: Annotated[
        float | None, typer.Option(metavar="TOKENS", help="Hold the batch: the best rate there, and what it costs.")
    ] = None,
    loss: Annotated[float | None, typer.Option(metavar="L", help="Training loss, for rules that ask for it.")] = None,
    within: Annotated[float, typer.Option(metavar="SHARE", help="Share of the loss that counts as flat.")] = 0.0025,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="Q=LO:HI", help="Where lr and batch are looked for. Repeatable.")
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="P=V", help="With --sweep: hold a parameter of the surface, such as delta=0. Repeatable."),
    ] = None,
    column: Column = None,
    unit: Unit = None,
    level: Level = 0.95,
    plot: Plot = None,
    json: Json = False,
) -> int:
    """Best learning rate and batch: by a surface fitted to sweeps, and by all published rules side by side."""
    import jaxlaws.laws  # noqa: F401  # fills the catalogue
    from jaxlaws.plan import learning_rate as planned
    from jaxlaws.plan import rules, surface
    from jaxlaws.spec import catalogue

    if N is None or D is None:
        raise JaxlawsError("`plan learning-rate` needs `--N` parameters and `--D` tokens.")
    if fit is not None and sweep is not None:
        raise JaxlawsError("`plan learning-rate` takes a FIT or `--sweep TABLE`: give one of them.")
    path = plot_file(plot)
    if path is not None and fit is None and sweep is None:
        raise JaxlawsError(f"`--plot {plot}` draws a surface: give a FIT or `--sweep TABLE`.")
    told: dict[str, Any] = {"N": N, "D": D}
    document: dict[str, Any] = {**told, "surface": None}
    texts = []
    with Progress() as progress:
        source = None if fit is None else belief(fit)
        if sweep is not None:
            from jaxlaws.runs import read

            progress.doing(f"fitting a surface to {sweep}")
            rows = read(sweep, **reading(column, unit, None, None, False, None))
            source = surface(rows, near=near, fix=values("--fix", fix, "PARAMETER=NUMBER, such as delta=0"))
        if source is not None:
            progress.doing("planning")
            free = planned(source, **told, within=within, bounds=bounds(bound), level=level)
            document["surface"] = free.summary()
            texts.append(str(free))
            if batch is not None:
                lr, price = free.changed(batch)
                document["held"] = {"batch": batch, "lr": float(lr[0]), "price": float(price[0])}
                texts.append(
                    f"at a batch of {batch:.4g} tokens: rate {lr[0]:.3g}, loss {100 * price[0]:.3g} % above the best"
                )
            if path is not None:
                from jaxlaws.plot import basin_chart, save

                save(basin_chart(free), path)
                progress.note(f"drawn in {path}")
        found = rules(
            catalogue.values(),
            **told,
            **({} if loss is None else {"loss": loss}),
            **({} if batch is None else {"batch": batch}),
        )
    document["rules"] = [vars(rule) for rule in found]
    rows = [("RULE", "GIVES", "VALUE", "UNIT", "DOMAIN")]
    for rule in found:
        unit_ = "" if rule.unit == "1" else rule.unit
        rows.append(
            (
                rule.name,
                rule.gives,
                f"{rule.value:.4g}" if np.isfinite(rule.value) else "-",
                unit_,
                rule.missing or rule.about,
            )
        )
    texts.append(columns(rows))
    emit(document) if json else say("\n\n".join(texts))
    return 0


def batch_size(
    fit: Annotated[
        str,
        typer.Argument(
            metavar="FIT",
            help="A stored fit, draws (.npz), or published constants, such as steps_to_target@302M.",
            show_default=False,
        ),
    ],
    at: At = None,
    batch: Annotated[str | None, typer.Option(metavar="TOKENS[,...]", help="Batches to be told about.")] = None,
    base: Annotated[
        float, typer.Option(metavar="TOKENS", help="Base batch of the definition by perfect scaling.")
    ] = 131072.0,
    overhead: Annotated[float, typer.Option(metavar="SHARE", help="Its share of steps above perfect scaling.")] = 0.2,
    ramp: Annotated[
        float | None,
        typer.Option(metavar="TOKENS", help="Also the growing batch that spends the tokens of this constant one."),
    ] = None,
    level: Level = 0.95,
    plot: Plot = None,
    json: Json = False,
) -> int:
    """Steps against tokens, the critical batch by each definition, and a batch that grows along the run."""
    from jaxlaws.plan import batch_ramp
    from jaxlaws.plan import batch_size as planned

    inputs = {} if at is None else values("--at", at.split(","), "QUANTITY=NUMBER,..., such as N=1e9,loss=2.6")
    path = plot_file(plot)
    with Progress() as progress:
        source = belief(fit)
        progress.doing("planning")
        made = planned(source, batch=numbers("--batch", batch), base=base, overhead=overhead, level=level, **inputs)
        document, text = made.summary(), str(made)
        if ramp is not None:
            grown = batch_ramp(source, batch=ramp, **inputs)
            some = np.unique(np.linspace(0, len(grown.batch) - 1, 25).astype(int))
            saved = 1.0 - float(grown.steps[-1]) / float(grown.constant_steps)
            rows = [
                {"tokens": float(grown.tokens[i]), "batch": float(grown.batch[i]), "loss": float(grown.loss[i])}
                for i in some
            ]
            document["ramp"] = {
                "constant_batch": ramp,
                "constant_steps": float(grown.constant_steps),
                "steps": float(grown.steps[-1]),
                "points": rows,
            }
            cells = [(f"{r['tokens']:.3g}", f"{r['batch']:.3g}", f"{r['loss']:.4g}") for r in rows[::4]]
            text += f"\n\ngrowing batch: {100 * saved:.1f} % fewer steps than {ramp:.4g} tokens throughout, for as many in all\n"
            text += columns([("TOKENS SO FAR", "BATCH", "LOSS"), *cells])
        if path is not None:
            from jaxlaws.plot import batch_chart, save

            save(batch_chart(made), path)
            progress.note(f"drawn in {path}")
    emit(document) if json else say(text)
    return 0
