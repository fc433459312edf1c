"""A fit as text for the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from jaxlaws.solvers import Status
from jaxlaws.spec import quantity

if TYPE_CHECKING:
    from jaxlaws.fitting.result import Fit

SIZES = 5  # fewer different sizes than this do not show the bend of a power law

MEANING = {
    Status.converged: "converged",
    Status.at_bound: "converged, with a parameter on its bound",
    Status.stalled: "stalled: no further descent was found, yet the gradient is not small",
    Status.rank_deficient: "failed: the data do not determine every parameter",
    Status.too_few_rows: "failed: too few rows",
    Status.non_finite: "failed: no start gave a finite objective",
}


def report(fit: Fit) -> str:
    """Parameters, how far the starts agree, and what to distrust, at most 100 columns wide."""
    head = f"{fit.law.label} fitted to {fit.source}"
    if fit.key:
        head += " [" + ", ".join(f"{k}={v}" for k, v in zip(fit.by, fit.key, strict=True)) + "]"
    lines = [head, f"  {MEANING[fit.status]}" + (f": {fit.reason}" if fit.status.failed else "")]
    if fit.status.failed:
        return _wrapped(lines)
    shown = ", ".join(fit.runs[:4]) + (", ..." if len(fit.runs) > 4 else "")
    what = f"{fit.rows} rows of {len(fit.runs)} runs" + (f" ({shown})" if fit.law.is_curve else "")
    lines.append(f"  {what}; objective {fit.objective:.7g} ({fit.objective_spec}, weights by {fit.weights})")
    lines.append(f"  {fit.agree:.0%} of {fit.starts} starts agree within 1 % of the best objective")
    lines.append("")
    lines += ["  " + line for line in _parameters(fit)]
    marked = [("! ", w) for w in doubts(fit)] + [("- ", n) for n in fit.notes]
    if marked:
        lines.append("")
    for mark, text in marked:
        lines += textwrap.wrap(text, 98, initial_indent=f"  {mark}", subsequent_indent="    ")
    return _wrapped(lines)


def _wrapped(lines: list[str]) -> str:
    """Lines as one text of at most 100 columns."""
    out: list[str] = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        out += textwrap.wrap(line, 100, subsequent_indent=indent) if len(line) > 100 else [line]
    return "\n".join(out)


def _parameters(fit: Fit) -> list[str]:
    width = max(map(len, fit.params))
    lines = []
    for name, value in fit.params.items():
        unit = fit.law.params[name].unit
        tags = [unit] if unit else []
        tags += ["fixed"] if name in fit.fixed else []
        tags += ["shared"] if name in fit.shared else []
        tags += ["partially pooled"] if name in fit.pooled else []
        tags += ["on its bound"] if name in fit.at_bound else []
        ends = fit.intervals.get(name)
        if isinstance(value, dict):
            shown = ", ".join(f"{k} {v:.4g}{_ends(ends and ends.get(k))}" for k, v in value.items())
        else:
            shown = f"{value:<12.6g}" + (f"{_ends(ends):<26}" if fit.intervals else "")
        lines.append(f"{name:<{width}}  {shown}  {', '.join(tags)}".rstrip())
    if fit.intervals:
        lines.append(f"intervals: {fit.interval_of}")
    return lines


def _ends(ends: tuple[float, float] | None) -> str:
    return f" ({ends[0]:.5g} to {ends[1]:.5g})" if ends else ""


def doubts(fit: Fit) -> list[str]:
    """What a reader of the fit is warned of: `cautions`, and starts that disagree."""
    out = list(cautions(fit))
    if fit.agree < 0.05 and fit.starts >= 16 and not fit.status.failed:
        out.append(f"only {fit.agree:.0%} of the starts agree: a lower minimum may exist; try more starts.")
    return out


def cautions(fit: Fit) -> tuple[str, ...]:
    """What makes parameters, and every interval around them, doubtful."""
    out = []
    for names in fit.trade_offs:
        out.append(
            f"{_listed(names)} are not separately identified: they trade off along a valley where the fit is as good."
        )
    if fit.at_bound:
        out.append(
            f"{_listed(fit.at_bound)} ended on the bound of the box; widen it with bounds= if that makes no sense."
        )
    sizes = (quantity.PARAMETERS.unit, quantity.TOKENS.unit, quantity.FLOP.unit)
    for name, count in fit.distinct.items():
        if 1 < count < SIZES and name in fit.law.inputs and fit.law.inputs[name].unit in sizes:
            out.append(
                f"only {count} different {name} were fitted: how the law bends along {name} rests on its form alone. "
                f"Do not trust intervals beyond them; take at least {SIZES}."
            )
    return tuple(out)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
