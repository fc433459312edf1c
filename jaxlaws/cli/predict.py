"""`jaxlaws predict`: what a stored fit says of other rows, other inputs, other schedules."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from jaxlaws.cli._opening import opened
from jaxlaws.cli._options import (
    AfterStep,
    BranchOf,
    Column,
    Json,
    Policy,
    Query,
    Schedules,
    Stitch,
    Unit,
    Warmup,
    check_level,
    output_file,
    reading,
    values,
)
from jaxlaws.cli._options import steps as read_steps
from jaxlaws.cli._output import Progress, columns, emit, say
from jaxlaws.errors import JaxlawsError, nearest

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.runs import Runs
    from jaxlaws.spec import Law
    from jaxlaws.uncertainty import Draws

Rows = list[dict[str, Any]]


def predict(
    fit: Annotated[
        str, typer.Argument(metavar="FIT.json", help="What `jaxlaws fit --out` stored.", show_default=False)
    ],
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE", help="Rows to predict; where their outcome is known, errors too.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="Q=V,...", help="Inputs to predict at, instead of a table, such as N=7e10,D=1.4e12."),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="A learning rate, instead of a table, such as 'cosine(peak=3e-4, total=24000)'."
        ),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="S,...", help="Steps of the schedule to predict at. Default: its end.")
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help="Rows of the table to predict.")] = None,
    branch_of: BranchOf = None,
    column: Column = None,
    unit: Unit = None,
    policy: Policy = None,
    warmup: Warmup = None,
    lr_after_step: AfterStep = False,
    schedules: Schedules = None,
    query: Query = None,
    stitch: Stitch = False,
    level: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Level of the intervals of a fit stored by `fit --bootstrap N --out`. Default: 0.95."
        ),
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="CSV", help="Write the predictions here.")] = None,
    json: Json = False,
) -> int:
    """Predict with a stored fit: a table row by row, at given inputs, or along a schedule."""
    from jaxlaws.fitting import Fits, load
    from jaxlaws.runs import split
    from jaxlaws.uncertainty import of_fit

    if (table is None) == (at is None and schedule is None):
        raise JaxlawsError("`predict` needs one of a TABLE, `--at Q=V,...` and `--schedule SPEC`.")
    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    inputs = {} if at is None else values("--at", at.split(","), "QUANTITY=NUMBER,..., such as N=7e10,D=1.4e12")
    wanted = read_steps(steps)
    if wanted and schedule is None:
        raise JaxlawsError(f"`--steps {steps}` are steps of a schedule: give `--schedule` too.")
    out_file = output_file("--out", out, not_over=fit)
    if level is not None:
        check_level(level)
    found = load(fit)
    fits = list(found.values()) if isinstance(found, Fits) else [found]
    said = [_Said(one, of_fit(one, fit), 0.95 if level is None else level) for one in fits]
    if level is not None and all(one.draws is None for one in said):
        raise JaxlawsError(
            f"`--level {level:g}`: {fit} has no draws to take intervals from: fit with `--bootstrap N --out`."
        )
    for name in inputs:
        if name not in fits[0].law.inputs:
            raise JaxlawsError(f"`--at {at}`: {nearest(name, fits[0].law.inputs, what='input')}")
    with Progress() as progress:
        if table is not None:
            runs = split(opened(table, options, progress), where)[0]
            document = _of_table(said, runs, branch_of, progress)
        elif schedule is not None:
            document = _along(said, schedule, wanted, branch_of, inputs)
        else:
            document = _at(said, inputs)
        document |= _intervals(said)
        rows = document["predictions"]
        if out_file is not None:
            from jaxlaws.fitting.result import write_whole

            write_whole(out_file, _csv(rows))
            progress.note(f"{len(rows)} predictions in {out_file}")
        if table is not None and out_file is None and not json:
            for line in _summary(document):
                progress.note(line)
    if json:
        emit(document)
    elif table is None:
        say("\n".join([_aligned(rows), *_summary(document)]))
    elif out_file is None:
        say(_csv(rows).rstrip("\n"))
    else:
        say("\n".join(_summary(document)))
    return 0


@dataclass(frozen=True)
class _Said:
    """A fit and its draws, if it has some."""

    fit: Fit
    draws: Draws | None
    level: float

    def predict(self, runs: Runs | None = None, **more: Any) -> dict[str, np.ndarray]:
        """Predictions, and their ends where there are draws, by column."""
        if self.draws is None:
            return {"predicted": self.fit.predict(runs, **more)}
        value, low, high = self.draws.predict(runs, level=self.level, **more)
        return {"predicted": value, "low": np.asarray(low), "high": np.asarray(high)}


def _intervals(said: list[_Said]) -> dict[str, Any]:
    """What the ends of predictions are."""
    drawn = [one for one in said if one.draws is not None]
    if not drawn or drawn[0].draws is None:
        return {}
    notes = list(dict.fromkeys(note for one in drawn for note in (one.draws.notes if one.draws else ())))
    return {"intervals": {"level": drawn[0].level, "kind": drawn[0].draws.kind, "notes": notes}}


def _of_table(said: list[_Said], runs: Runs, branch_of: str | None, progress: Progress) -> dict[str, Any]:
    from jaxlaws.fitting._groups import mask
    from jaxlaws.fitting.assemble import columns_of, numeric_columns

    fits = [one.fit for one in said]
    law = fits[0].law
    for name in columns_of(law)[:-1]:
        if name not in runs.frame.columns:
            runs.column(name)  # raises, naming the nearest
    runs = runs.checked(numeric_columns(law, observed=False))
    names = [name for name in numeric_columns(law, observed=False) if name in runs.frame.columns]
    ends = ("low", "high") * any(one.draws is not None for one in said)
    predicted = {name: np.full(len(runs), np.nan) for name in ("predicted", *ends)}
    left = np.ones(len(runs), dtype=bool)
    reach: dict[str, float] = {}
    for speaker, one in zip(said, fits, strict=True):
        rows = mask(runs, one)
        left &= ~rows
        if rows.any() and not one.status.failed:
            for name, values in speaker.predict(runs.select(rows), branch_of=branch_of).items():
                predicted[name][rows] = values
            reach = _farther(reach, one.reach(**{name: runs.column(name)[rows] for name in names}))
    if left.any():
        progress.note(
            f"{int(left.sum())} rows belong to no fitted group of {', '.join(fits[0].by)}: they have no prediction"
        )
    shown = ["run", *(["step"] if law.is_curve else []), *(name for name in law.inputs if name != "curve")]
    cells = [runs.frame[name].tolist() for name in shown]
    cells += [values.tolist() for values in predicted.values()]
    rows = [dict(zip([*shown, *predicted], row, strict=True)) for row in zip(*cells, strict=True)]
    return _document(law, rows, reach) | _errors(fits, runs, branch_of)


def _errors(fits: list[Fit], runs: Runs, branch_of: str | None) -> dict[str, Any]:
    """Errors where the outcome is in the table, for one fit or by group."""
    from jaxlaws.fitting._groups import of_group

    symbol = fits[0].law.output.symbol
    if symbol not in runs.frame.columns:
        return {}
    known = runs.select(np.isfinite(runs.column(symbol)))
    scores = []
    for one in fits:
        rows = of_group(known, one)
        if len(rows) and not one.status.failed:
            scores.append({"key": list(one.key), **one.score(rows, branch_of=branch_of)})
    if not scores:
        return {}
    if fits[0].by:
        return {"errors_by_group": scores}
    return {"errors": {k: v for k, v in scores[0].items() if k != "key"}}


def _along(
    said: list[_Said], schedule: str, steps: list[int] | None, branch_of: str | None, inputs: dict[str, Any]
) -> dict[str, Any]:
    from jaxlaws.schedules import parse

    parsed = parse(schedule)
    if steps is None:
        if parsed.total is None:
            raise JaxlawsError(f"`--schedule {schedule}` has no end: give `total=` in it, or `--steps`.")
        steps = [parsed.total]
    rows = []
    for one in said:
        found = one.predict(schedule=parsed, at=steps, branch_of=branch_of, **inputs)
        each = [dict(zip(found, map(float, v), strict=True)) for v in zip(*found.values(), strict=True)]
        rows += [_keyed(one.fit) | {"step": s} | values for s, values in zip(steps, each, strict=True)]
    fits = [one.fit for one in said]
    return _document(fits[0].law, rows, _reach(fits, {"step": steps, **inputs})) | {"schedule": str(parsed)}


def _at(said: list[_Said], inputs: dict[str, Any]) -> dict[str, Any]:
    rows = [_keyed(one.fit) | inputs | {k: float(v) for k, v in one.predict(**inputs).items()} for one in said]
    fits = [one.fit for one in said]
    return _document(fits[0].law, rows, _reach(fits, inputs))


def _keyed(one: Fit) -> dict[str, Any]:
    return dict(zip(one.by, one.key, strict=True))


def _reach(fits: list[Fit], inputs: dict[str, Any]) -> dict[str, float]:
    """How far out the inputs are for the fit that has seen least."""
    reach: dict[str, float] = {}
    for one in fits:
        reach = reach if one.status.failed else _farther(reach, one.reach(**inputs))
    return reach


def _farther(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: max(ratio, one.get(name, 0.0)) for name, ratio in other.items()}


def _document(law: Law, rows: Rows, reach: dict[str, float]) -> dict[str, Any]:
    if any("low" in row for row in rows):  # a group without draws has no ends
        rows = [{**row, "low": row.get("low", np.nan), "high": row.get("high", np.nan)} for row in rows]
    return {
        "law": law.name,
        "variant": dict(law.options),
        "quantity": law.output.symbol,
        "unit": law.output.unit,
        "reach": reach,
        "predictions": rows,
    }


def _summary(document: dict[str, Any]) -> list[str]:
    """Errors, and how far out the predictions are."""
    errors = [([], document["errors"])] if "errors" in document else []
    errors += [(score["key"], score) for score in document.get("errors_by_group", [])]
    lines = []
    for key, e in errors:
        group = f"{', '.join(map(str, key))}: " if key else ""
        worst = f"mean error {100 * e['mape']:.3g} %, worst {100 * e['worst']:.3g} %"
        lines.append(
            f"{group}{e['rows']} outcomes are known: mae {e['mae']:.4g}, rmse {e['rmse']:.4g}, {worst}, r2 {e['r2']:.4f}"
        )
    far = [f"{name} is {ratio:.3g} x the largest fitted" for name, ratio in document["reach"].items() if ratio > 1.005]
    lines += [f"extrapolates: {', '.join(far)}"] if far else []
    if "intervals" in document:
        told = document["intervals"]
        lines.append(
            f"low, high: {100 * told['level']:g} % intervals of the law's value, {told['kind']}; outcomes scatter around it"
        )
        lines += told["notes"]
    return lines


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow("" if isinstance(v, float) and v != v else v for v in row.values())
    return text.getvalue()


def _aligned(rows: Rows) -> str:
    cells = [[f"{v:.7g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    return columns([list(rows[0]), *cells])
