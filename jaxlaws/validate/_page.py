"""A comparison as text and as plain values."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from jaxlaws.validate.blend import names_of
from jaxlaws.validate.ranking import ENOUGH

if TYPE_CHECKING:
    from jaxlaws.validate.compare import Comparison, Standing

_CRITERIA = {
    "objective": "objective",
    "aicc": "AICc",
    "bic": "BIC",
    "leave_out": "leave-one-out",
    "rollout": "roll-out",
}


def page(one: Comparison) -> str:
    """The report that a comparison prints as."""
    lines = [f"{len(one.standings)} candidates on {one.source}, ranked by mean absolute error on held-out rows"]
    lines += [f"  {f.name}: {int(f.fit.sum())} rows fitted, {int(f.score.sum())} scored{_leaked(f)}" for f in one.folds]
    lines += [f"  noise floor: {one.noise}", ""]
    rows = [["", "held-out mae", "mape", "worst", "comes first", "places (95 %)", "mae / run to run"]]
    for s in one.standings:
        if s.failure:
            rows.append([s.name, f"failed: {s.failure}", "", "", "", "", ""])
            continue
        floor = f"{s.error / one.noise.between:.2f}" if math.isfinite(one.noise.between) else "unknown"
        rows.append(
            [
                s.name,
                _number(s.error),
                f"{100 * s.scores['mape']:.3g} %",
                f"{100 * s.scores['worst']:.3g} %",
                f"{s.best:.0%}",
                f"{s.ranks[0]} to {s.ranks[1]}",
                floor,
            ]
        )
    lines += _table(rows)
    lines += ["", *_wrapped(_verdict(one))]
    if any(s.criteria for s in one.standings):
        lines += ["", *_criteria(one)]
    for note in one.notes:
        lines += _wrapped(note)
    return "\n".join(lines)


def _leaked(fold: Any) -> str:
    return f" ({fold.repeated} more repeat fitted rows of other runs)" if fold.repeated else ""


def _verdict(one: Comparison) -> str:
    text = f"Ranks by resampling {_units(one)}."
    if one.ranking.blocks:
        runs = "runs" if one.ranking.runs < ENOUGH else "families of branches and their trunks"
        text += f" That is fewer than {ENOUGH} {runs}: what differs from run to run is not in these shares."
    sound = [s.name for s in one.standings if not s.failure]
    if len(sound) < 2:
        return f"Nothing is ranked: {sound[0] if sound else 'none'} alone could be fitted and scored."
    if one.winner is not None:
        return f"{text} {one.winner.name} wins: it comes first in {one.winner.best:.1%} of the resamples."
    tied = "; ".join(s.name for s in one.standings if s.tied)
    text += f" None comes first in 95 % of them: {tied} share the first place."
    if one.blend is not None:
        how = "Stacked" if one.blend.kind == "stacked" else "Their average"
        text += f" {how}: {names_of(one.blend.names, one.blend.weights)}, held-out mae {_number(one.blend.error)}."
    return text


def _units(one: Comparison) -> str:
    r = one.ranking
    if r.blocks:
        return f"{r.units} blocks within {r.runs} runs"
    return f"{r.units} runs" if r.units == r.runs else f"{r.units} families of {r.runs} runs, branches with their trunk"


def _criteria(one: Comparison) -> list[str]:
    names = [c for c in _CRITERIA if any(math.isfinite(s.criteria.get(c, math.nan)) for s in one.standings)]
    rows = [["what fitted rows say", *(_CRITERIA[c] for c in names)]]
    rows += [[s.name, *(_number(s.criteria.get(c, math.nan)) for c in names)] for s in one.standings if not s.failure]
    told = one.reliability
    for data in next(iter(told.correlation.values()), {}):
        rows.append([f"rank correlation on {data}", *(_share(told.correlation.get(c, {}).get(data)) for c in names)])
    if told.regret:
        rows.append(["error of its pick / lowest", *(_share(told.regret.get(c)) for c in names)])
    lines = _table(rows)
    if not told.correlation:
        lines += _wrapped(
            f"What these criteria are worth for such laws has not been measured here: `{told.command}` does."
        )
    else:
        laws = ", ".join(told.laws)
        lines += _wrapped(
            f"Rank correlations are those of each criterion with errors on test curves or larger models, over {laws}, measured "
            f"by `{told.command}`: 1 ranks right, 0 says nothing."
        )
    return lines


def _share(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "-"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 98)


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows if not row[1].startswith("failed: ")) for i in range(len(rows[0]))]
    widths[0] = max(len(row[0]) for row in rows)
    out = []
    for row in rows:
        if row[1].startswith("failed: "):
            out.append(f"  {row[0]:<{widths[0]}}  {row[1]}")
        else:
            cells = [f"{row[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))]
            out.append("  " + "  ".join(cells).rstrip())
    return out


def summary(one: Comparison) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "source": one.source,
        "winner": None if one.winner is None else one.winner.name,
        "candidates": [_standing(s) for s in one.standings],
        "folds": [
            {
                "name": f.name,
                "fit": int(f.fit.sum()),
                "score": int(f.score.sum()),
                "repeated": f.repeated,
                "along": f.along or None,
                "cut": f.cut,
            }
            for f in one.folds
        ],
        "ranking": {"units": one.ranking.units, "blocks": one.ranking.blocks, "runs": one.ranking.runs},
        "notes": list(one.notes),
        "noise": {"rows": one.noise.white, "between": one.noise.between, "pairs": one.noise.pairs},
        "blend": None
        if one.blend is None
        else {
            "kind": one.blend.kind,
            "weights": dict(zip(one.blend.names, one.blend.weights.tolist(), strict=True)),
            "mae": one.blend.error,
        },
        "reliability": {
            "correlation": {k: dict(v) for k, v in one.reliability.correlation.items()},
            "regret": dict(one.reliability.regret),
            "command": one.reliability.command,
        },
    }


def _standing(s: Standing) -> dict[str, Any]:
    a = s.assessment
    scored = [
        {"fold": f.name, "reach": r, **(e or {}), "failure": why}
        for f, r, e, why in zip(a.folds, a.reach, a.scores, a.failures, strict=True)
    ]
    return {
        "name": s.name,
        "law": a.candidate.law.name,
        "place": s.place,
        "mae": s.error,
        **{k: v for k, v in s.scores.items() if k != "mae"},
        "first": s.best,
        "places": list(s.ranks),
        "tied": s.tied,
        "criteria": dict(s.criteria),
        "failure": s.failure,
        "folds": scored,
    }
