"""Fits and their errors on held-out rows, as JSON or as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jaxlaws.cli._output import columns

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.spec import Law

Score = Mapping[str, Any]

FULL = 6  # fits that are reported at length; more of them become a table


def documents(
    law: Law,
    fits: list[Fit],
    scores: list[Score | None],
    by: list[str] | None,
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `--json` prints: one fit, or with `by` its groups; `beside` is what held-out errors are compared with."""
    if beside is not None:
        scores = [None if score is None else {**score, **beside} for score in scores]
    each = [_document(one, score) for one, score in zip(fits, scores, strict=True)]
    if not by:
        return each[0]
    return {"law": law.name, "variant": dict(law.options), "by": by, "groups": each, "seconds": dict(fits[0].seconds)}


def report(fits: list[Fit], scores: list[Score | None]) -> str:
    """What a reader is told: each fit at length, or a table of many."""
    if len(fits) > FULL:
        return _table(fits, scores)
    return "\n\n".join(_at_length(one, score) for one, score in zip(fits, scores, strict=True))


def _document(one: Fit, score: Score | None) -> dict[str, Any]:
    document = one.summary() | {"weights": one.weights, "objective_spec": one.objective_spec, "source": one.source}
    document |= {"notes": list(one.notes)}
    document |= {} if score is None else {"holdout": score}
    return {"key": one.key[0] if len(one.key) == 1 else list(one.key), **document} if one.key else document


def _at_length(one: Fit, score: Score | None) -> str:
    if score is None:
        return str(one)
    names = list(score["by_run"])[:SHOWN]
    rows = [["held out", "rows", *_ERRORS]]
    rows += [_errors(name, score["by_run"][name]) for name in names]
    rows += [_errors("all rows", score)]
    rows += [_errors("mean of runs", score["run_mean"])] if score["run_mean"] else []
    left = len(score["by_run"]) - len(names)
    return f"{one}\n\n{columns(rows, indent='  ')}" + (f"\n  ({left} more runs: see --json)" if left else "")


SHOWN = 40
_ERRORS = ("mae", "rmse", "mape", "worst", "r2")


def _errors(name: str, score: Score) -> list[str]:
    percent = [f"{100 * score[k]:.3g} %" for k in ("mape", "worst")]
    return [
        name,
        str(score.get("rows", "")),
        f"{score['mae']:.4g}",
        f"{score['rmse']:.4g}",
        *percent,
        f"{score['r2']:.4f}",
    ]


def _table(fits: list[Fit], scores: list[Score | None]) -> str:
    """One line a fit."""
    copied = {name for one in fits for name, value in one.params.items() if isinstance(value, dict)}
    names = [name for name in fits[0].law.params if name not in fits[0].fixed and name not in copied]
    rows = [[*fits[0].by, "rows", *names, "objective", "agree", "held-out mae", "status"]]
    for one, score in zip(fits, scores, strict=True):
        numbers = [f"{one.params[n]:.5g}" for n in names]
        mae = "" if score is None else f"{score['mae']:.4g}"
        shown = [
            f"{one.objective:.5g}",
            f"{one.agree:.0%}",
            mae,
            one.status.name + f": {one.reason}" * bool(one.reason),
        ]
        rows.append([*map(str, one.key), str(one.rows), *numbers, *shown])
    return f"{fits[0].law.label} fitted to {fits[0].source}, {len(fits)} groups\n\n{columns(rows, indent='  ')}"
