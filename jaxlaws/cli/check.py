"""`jaxlaws check`: a table as the door sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    reading,
)
from jaxlaws.cli._output import columns, emit, say
from jaxlaws.errors import TableError
from jaxlaws.spec import Law, find

if TYPE_CHECKING:
    from jaxlaws.runs import Finding, Runs


def check(
    table: Table,
    law: Annotated[
        str | None,
        typer.Option(metavar="LAW", help="Check what this law needs; default: every column that is recognised."),
    ] = None,
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
    """Show what the door sees in a table: its columns, its runs, and problems by row. Exit status 2 if a fit would refuse it."""
    from jaxlaws.runs import read
    from jaxlaws.runs.checks import resolved

    options = reading(column, unit, policy, warmup, lr_after_step, schedules, query, stitch)
    # A table by name comes with rules of its own, and what they settled is settled.
    ready = read(table) if table.startswith(("published:", "shipped:")) else None
    rules = resolved({**(ready.policies if ready else {}), **(options["policies"] or {})})
    # What would be refused is kept here, so that everything wrong is seen at once; the rules then say which it was.
    seeing = {kind: "keep" if rule == "raise" else rule for kind, rule in rules.items()}
    one = None if law is None else find(law)
    runs = read(table if ready is None else ready, **{**options, "policies": seeing})
    runs = runs.checked(_used(runs, one))
    seen = {
        "source": runs.source,
        "rows": len(runs),
        "columns": [{"name": str(c), "from": runs.origins.get(str(c), str(c))} for c in runs.frame.columns],
        "runs": _by_run(runs, one),
        "problems": [
            _problem(f, "raise" if rules.get(f.kind) == "raise" and f.policy == "keep" else f.policy)
            for f in runs.findings
        ],
    }
    refused = [p for p in seen["problems"] if p["policy"] == "raise"]
    seen["ok"] = not refused
    if json:
        emit(seen)
    else:
        say(_written(seen))
    if refused:
        kinds = ", ".join(dict.fromkeys(p["kind"] for p in refused))
        raise TableError(
            f"{runs.source}: a fit would refuse this table ({kinds}); correct it, or say `--policy KIND=drop|keep`."
        )
    return 0


def _used(runs: Runs, law: Law | None) -> list[str]:
    """Columns of numbers that the law needs, or all that the door recognises. Raises when one is missing."""
    from jaxlaws.fitting.assemble import columns_of, numeric_columns
    from jaxlaws.runs.columns import NUMERIC

    if law is None:
        return [name for name in NUMERIC if name in runs.frame.columns]
    for name in columns_of(law):
        if name not in runs.frame.columns:
            runs.column(name)  # raises, naming the nearest
    return numeric_columns(law)


def _by_run(runs: Runs, law: Law | None) -> list[dict[str, Any]]:
    steps = "step" in runs.frame.columns
    rates = steps and (bool(runs.schedules) or "lr" in runs.frame.columns) and (law is None or law.is_curve)
    if law is not None and law.is_curve and not rates:
        runs.column("lr")  # raises: a curve law needs one
    out = []
    for name in runs.names:
        rows = runs.of(name)
        entry: dict[str, Any] = {"run": name, "rows": len(rows)}
        if steps:
            entry |= {"first": int(rows["step"].min()), "last": int(rows["step"].max())}
        if rates:
            entry["rate"] = _rate(runs, name, law)
        out.append(entry)
    return out


def _rate(runs: Runs, name: str, law: Law | None) -> str:
    try:
        return runs.rates(name).note.removeprefix(f"run {name!r}: ")
    except TableError as error:
        if law is not None:
            raise
        return f"unknown: {error}"


def _problem(finding: Finding, policy: str) -> dict[str, Any]:
    # A message ends with what was done; here that is not yet decided.
    message = finding.message.rpartition("; ")[0] if policy == "raise" else finding.message
    return {
        "kind": finding.kind,
        "policy": policy,
        "count": finding.count,
        "rows": list(finding.rows),
        "runs": list(finding.by_run or finding.runs),
        "by_run": dict(finding.by_run),
        "message": message,
    }


SHOWN = 30
MOST = 500


def _written(seen: dict[str, Any]) -> str:
    lines = [f"{seen['source']}: {seen['rows']} rows of {len(seen['runs'])} runs", "", "Columns"]
    named = [f"{c['name']} (from {c['from']})" if c["from"] != c["name"] else c["name"] for c in seen["columns"]]
    lines += ["  " + ", ".join(named), ""]
    single = all(entry["rows"] == 1 for entry in seen["runs"])
    if not single:
        head = ["run", "rows", *(("first step", "last step") if "first" in seen["runs"][0] else ()), ""]
        rows = [
            [
                r["run"],
                str(r["rows"]),
                *((str(r["first"]), str(r["last"])) if "first" in r else ()),
                _short(r.get("rate", "")),
            ]
            for r in seen["runs"][:SHOWN]
        ]
        lines += ["Runs", columns([head, *rows], indent="  ")]
        lines += [f"  ... and {len(seen['runs']) - SHOWN} more"] if len(seen["runs"]) > SHOWN else []
        lines += [""]
    lines += ["Problems"] if seen["problems"] else ["No problems."]
    lines += [f"  {_MARK[p['policy']]}  {p['kind']}: {p['message']}" for p in seen["problems"]]
    left_out = [
        [run, str(count) if count else "all", p["kind"]]
        for p in seen["problems"]
        if p["policy"] == "drop"
        for run, count in p["by_run"].items()
    ]
    if left_out:
        lines += ["", "Left out, run by run", columns([["run", "rows", "why"], *left_out[:MOST]], indent="  ")]
        lines += [f"  ... and {len(left_out) - MOST} more; --json has them all"] if len(left_out) > MOST else []
    return "\n".join(lines)


_MARK = {"raise": "refused", "drop": "dropped", "keep": "kept   "}


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:297] + "..."
