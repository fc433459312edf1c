"""What a page says of each fit, and of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxlaws import plot
from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.fitting.report import MEANING, doubts
from jaxlaws.plot._style import shown
from jaxlaws.report._charts import Picture, Store, drawn, picture
from jaxlaws.report._formula import formula, prose
from jaxlaws.runs import Runs
from jaxlaws.solvers import Status
from jaxlaws.spec import citation
from jaxlaws.uncertainty import Draws
from jaxlaws.validate import Diagnosis, diagnose

LISTED = 20  # runs of a table
HALF = 0.5  # share of the starts below which their agreement is worth a word

_NO_RUNS = (
    "Data against fit, residuals, errors by run: a stored fit holds no rows. Give them with `--data TABLE`, or "
    "`report(fit, runs)`."
)
_NO_DRAWS = (
    "How parameters scatter and trade off: no draws lie beside the fit. `jaxlaws fit ... --bootstrap 1000 --out FIT.json` "
    "leaves them there; in Python `report(fit, draws=bootstrap(fit, runs))`."
)
_NO_HELD = (
    "Errors on rows that were not fitted: `--holdout EXPR` scores the rows it matches, `report(fit, runs, held)` in Python; "
    "`validate.compare` given as a plan shows a roll-out."
)


@dataclass(frozen=True)
class Subject:
    """A fit, and what is known beside it; `name` begins the anchors of its part of the page."""

    fit: Fit
    runs: Runs | None
    held: Runs | None
    draws: Draws | None
    name: str


Scores = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
"""Errors on the fitted rows, and on those held out."""


def shown_fit(one: Subject, store: Store) -> dict[str, Any]:
    """One fit, as the template takes it."""
    fit, failed = one.fit, one.fit.status.failed
    runs = None if one.runs is None or failed else one.runs.checked(numeric_columns(fit.law))
    held = None if one.held is None or failed else one.held.checked(numeric_columns(fit.law))
    told = Subject(fit, runs, held, one.draws, one.name)
    scores = _score(fit, runs), _score(fit, held)
    diagnosis = None if runs is None else _diagnosed(fit, runs)
    sections = [] if failed else list(filter(None, _sections(told, scores, diagnosis, store)))
    missing = [
        text for text, there in ((_NO_RUNS, one.runs), (_NO_HELD, one.held), (_NO_DRAWS, one.draws)) if there is None
    ]
    missing += [text for section in sections for text in section.pop("why", [])]
    return {
        "id": one.name,
        "title": _name(fit),
        "tiles": _tiles(fit, scores),
        "verdict": _verdict(told, diagnosis),
        "formula": formula(fit.law),
        "prose": prose(fit.law),
        "limits": list(fit.law.limits),
        "parameters": _parameters(fit),
        "data": _data(fit),
        "settings": _settings(fit),
        "schedules": _first([shown(s, 300) for s in dict.fromkeys(fit.schedules.values())], 40, "schedules"),
        "notes": [shown(n, 600) for n in fit.notes],
        "sections": sections,
        "left_out": [] if failed else missing,
        "citation": citation(fit.law),
        "every": [p for s in sections for p in s["pictures"]],
    }


def compared(subjects: Sequence[Subject], fits: Sequence[Fit], store: Store) -> dict[str, Any]:
    """Several fits side by side."""
    scores = {one.name: _score(one.fit, one.held) for one in subjects}
    known = any(scores.values())
    rows = []
    for i, fit in enumerate(fits):
        score = scores.get(f"fit{i}")
        rows.append(
            [
                _name(fit),
                fit.status.name.replace("_", " "),
                str(len(_free(fit))),
                f"{fit.rows:,}",
                _number(fit.objective),
                f"{fit.agree:.0%}",
                *([f"{100 * score['mape']:.3g} %" if score else ""] if known else []),
                str(len(doubts(fit))),
            ]
        )
    head = [
        "fit",
        "status",
        "free parameters",
        "rows",
        "objective",
        "starts that agree",
        *["held-out error"] * known,
        "doubts",
    ]
    notes = []
    if len({(one.data_hash, one.objective_spec, one.weights) for one in fits}) > 1:
        notes.append("Objectives of different rows, weights or costs cannot be compared.")
    notes.append("A lower objective is no proof of a better law: errors on rows that were not fitted decide.")
    table = {"title": "Fits", "head": head, "rows": rows[:200], "notes": notes}
    pictures: list[Picture] = []
    same = {one.fit.data_hash for one in subjects if not one.fit.status.failed}
    of = [one for one in subjects if not one.fit.status.failed]
    if len(of) > 1 and len(same) == 1 and all(one.runs is not None for one in of):
        for rows_of, what in ((of[0].runs, "fitted rows"), (of[0].held, "held-out rows")):
            if rows_of is None:
                continue
            chart, why = drawn(lambda rows_of=rows_of: plot.laws_chart([one.fit for one in of], rows_of))
            if chart is not None:
                pictures.append(
                    picture(chart, f"laws-{what.split('-')[0].split()[0]}", store, title=f"Errors on {what}")
                )
            else:
                notes.append(shown(why, 300))
    return {"table": table, "pictures": pictures, "every": pictures}


def _sections(one: Subject, scores: Scores, diagnosis: Diagnosis | None, store: Store) -> list[dict[str, Any] | None]:
    fit, runs, draws, name = one.fit, one.runs, one.draws, one.name
    data = left = None
    if runs is not None:
        tables = [
            t
            for t in (
                _errors(scores[0], "Errors on the fitted rows"),
                _errors(scores[1], "Errors on held-out rows"),
            )
            if t
        ]
        makes = {"data": lambda: plot.fit_chart(fit, runs, one.held)}
        data = _section(f"{name}-data", "Data against fit", makes, store, caption="Data and prediction", tables=tables)
    if runs is not None:
        points = [] if diagnosis is None else str(diagnosis).splitlines()
        makes = {"residuals": lambda: plot.residuals_chart(fit, runs)}
        left = _section(f"{name}-left", "Residuals", makes, store, caption="What the fit leaves over", points=points)
    sure = {"agreement": lambda: plot.agreement_chart(fit)} if fit.spread else {}
    if draws is not None:
        sure |= {"intervals": lambda: plot.intervals_chart(draws), "tradeoffs": lambda: plot.trade_offs_chart(draws)}
    certain = _section(f"{name}-sure", "How sure are the parameters?", sure, store) if sure else None
    makes = {"whatif": lambda: plot.what_if_chart(fit, runs, draws=draws)}
    if set(fit.law.inputs) == {"N", "D"}:
        makes["budget"] = lambda: plot.budget_chart(fit)
    what_if = _section(f"{name}-if", "What if?", makes, store)
    return [data, left, certain, what_if]


def _section(
    anchor: str,
    title: str,
    makes: Mapping[str, Any],
    store: Store,
    *,
    caption: str = "",
    tables: Sequence[Any] = (),
    points: Sequence[str] = (),
) -> dict[str, Any]:
    """A section with those of its charts that can be drawn; of the others it says why not."""
    pictures, why = [], []
    for key, make in makes.items():
        chart, reason = drawn(make)
        if chart is None:
            why.append(f"{title} {reason}" if reason.startswith("`") else f"{title}: {reason}")
        else:
            pictures.append(picture(chart, f"{anchor}-{key}", store, title=caption))
    return {
        "id": anchor,
        "title": title,
        "pictures": pictures,
        "tables": tables,
        "points": points,
        "why": why,
    }


def _diagnosed(fit: Fit, runs: Runs) -> Diagnosis | None:
    try:
        return diagnose(fit, runs)
    except JaxlawsError:
        return None


def _verdict(one: Subject, diagnosis: Diagnosis | None) -> dict[str, Any]:
    fit = one.fit
    if fit.status.failed:
        return {
            "tone": "bad",
            "title": "There is no fit here",
            "points": [fit.reason],
            "text": "Its parameters are not numbers; nothing on this page may be used.",
        }
    points = doubts(fit)
    if fit.status is Status.stalled:
        points.insert(
            0, "The search stalled before it reached a minimum: more starts, or other bounds, may find a lower one."
        )
    if one.runs is not None and one.runs.sha256 != fit.data_hash:
        points.insert(0, "The rows drawn here are not exactly those that were fitted: their contents differ.")
    small = []
    if 0.05 <= fit.agree < HALF:
        small.append(
            f"Only {fit.agree:.0%} of the starts agree; the others ended in worse minima, which is common, but look at it."
        )
    if diagnosis is not None:
        if diagnosis.refuted:
            points.append(
                f"Replicates refute the law: what it leaves over is {diagnosis.ratio:.3g} times their noise in mean square "
                f"(p = {diagnosis.p_value:.1g})."
            )
        for name, (slope, error) in diagnosis.trend.items():
            if abs(slope) > 3.0 * error:
                points.append(
                    f"Residuals have a trend with {name} ({slope:+.2g} ± {error:.1g} a decade): do not extrapolate along it."
                )
        far = list(diagnosis.outliers)[:5]
        if far:
            small.append(f"Outlying runs: {', '.join(shown(f, 40) for f in far)}.")
    points = [_sentence(p) for p in points]
    if points:
        return {
            "tone": "bad" if len(points) > 1 or fit.status is Status.stalled else "care",
            "title": "Do not trust this fit without a second look",
            "points": points + small,
            "text": "What to do: more varied runs, a law with fewer parameters, or held-out rows that show the doubt to be idle.",
        }
    if small:
        return {
            "tone": "care",
            "title": "A second look is due",
            "points": small,
            "text": "Nothing else speaks against this fit.",
        }
    return {
        "tone": "good",
        "title": "Nothing that was looked at speaks against this fit",
        "points": [],
        "text": "That is no proof of the law: what it says far beyond the fitted rows is the usual risk.",
    }


def _tiles(fit: Fit, scores: Scores) -> list[tuple[str, str]]:
    out = [
        ("status", fit.status.name.replace("_", " ")),
        ("rows fitted", f"{fit.rows:,}"),
        ("runs", f"{len(fit.runs):,}"),
        (f"of {fit.starts} starts agree", f"{fit.agree:.0%}"),
        ("objective", f"{fit.objective:.4g}"),
    ]
    for score, what in zip(scores, ("mean error, fitted", "mean error, held out"), strict=True):
        if score:
            out.append((what, f"{100 * score['mape']:.3g} %"))
    return out


def _parameters(fit: Fit) -> dict[str, Any]:
    rows = []
    for name, value in fit.params.items():
        tags = [
            tag
            for tag, there in (
                ("fixed", fit.fixed),
                ("shared", fit.shared),
                ("partially pooled", fit.pooled),
                ("on its bound", fit.at_bound),
            )
            if name in there
        ]
        tags += [
            f"trades off with {', '.join(o for o in group if o != name)}" for group in fit.trade_offs if name in group
        ]
        ends = fit.intervals.get(name)
        box = fit.boxes.get(name)
        many = value if isinstance(value, Mapping) else {"": value}
        for key, number in list(many.items())[:LISTED]:
            pair = ends.get(key) if isinstance(ends, Mapping) else ends
            rows.append(
                [
                    shown(f"{name} [{key}]" if key else name, 60),
                    _number(number),
                    *([f"{_number(pair[0])} to {_number(pair[1])}" if pair else ""] if fit.intervals else []),
                    f"{_number(box[0])} to {_number(box[1])}" if box else "",
                    fit.law.params[name].unit,
                    "; ".join(tags),
                ]
            )
        if len(many) > LISTED:
            rows.append([f"{name}: {len(many) - LISTED} more", *[""] * (len(rows[-1]) - 1)])
    head = ["parameter", "value", *["interval"] * bool(fit.intervals), "box of the search", "unit", "remarks"]
    notes = [f"Intervals: {fit.interval_of}."] if fit.intervals else ["No intervals were asked for."]
    return {"title": "Parameters", "head": head, "rows": rows, "notes": notes}


def _data(fit: Fit) -> list[tuple[str, str]]:
    names = ", ".join(shown(r, 40) for r in fit.runs[:6]) + (
        f" and {len(fit.runs) - 6:,} more" if len(fit.runs) > 6 else ""
    )
    out = [("source", shown(fit.source, 200))]
    out += (
        [("group", ", ".join(f"{k} = {shown(v, 60)}" for k, v in zip(fit.by, fit.key, strict=True)))] if fit.key else []
    )
    out += [("rows chosen by", shown(fit.where, 300))] if fit.where else []
    out += [("rows", f"{fit.rows:,}"), ("runs", f"{len(fit.runs):,}: {names}")]
    for name, value in fit.largest.items():
        many = fit.distinct.get(name)
        out.append((f"largest {name}", f"{value:.4g}" + (f", {many} different values" if many else "")))
    return [*out, ("contents (SHA-256)", fit.data_hash[:16])]


def _settings(fit: Fit) -> list[tuple[str, str]]:
    out = [
        ("law", fit.law.label),
        ("outcome", MEANING[fit.status]),
        ("objective", f"{fit.objective_spec}, summed over rows"),
        ("weights", f"by {fit.weights}"),
        ("starts", f"{fit.starts}, seed {fit.seed}"),
    ]
    if math.isfinite(fit.condition):
        out.append(("condition", f"{fit.condition:.3g}"))
    if fit.law.is_curve:
        out.append(("steps of a curve", "all" if fit.bins is None else f"in at most {fit.bins} bins"))
    if fit.priors:
        told = ", ".join(f"{n} {m:.4g} ± {s:.3g}" for n, (m, s, _) in fit.priors.items())
        out.append(("priors (on the search's scale)", shown(told, 200)))
    return [*out, ("evidence for the form", fit.law.evidence)]


def _errors(score: Mapping[str, Any] | None, title: str) -> dict[str, Any] | None:
    if score is None:
        return None

    def row(name: str, e: Mapping[str, Any]) -> list[str]:
        return [
            shown(name, 60),
            f"{e['rows']:,}",
            f"{e['mae']:.3g}",
            f"{e['rmse']:.3g}",
            f"{100 * e['mape']:.3g} %",
            f"{100 * e['worst']:.3g} %",
            _number(e["r2"]),
        ]

    by_run = sorted(score["by_run"].items(), key=lambda item: -item[1]["mape"])
    rows = [row("all rows", score), *(row(name, e) for name, e in by_run[:LISTED])]
    notes = [f"The {LISTED} worst of {len(by_run):,} runs."] if len(by_run) > LISTED else []
    head = ["run", "rows", "mean absolute", "root mean square", "mean", "worst", "r2"]
    return {"title": title, "head": head, "rows": rows, "notes": notes}


def _score(fit: Fit, runs: Runs | None) -> Mapping[str, Any] | None:
    if runs is None or fit.status.failed:
        return None
    try:
        return fit.score(runs)
    except JaxlawsError:
        return None


def _free(fit: Fit) -> list[str]:
    return [name for name in fit.params if name not in fit.fixed]


def _name(fit: Fit) -> str:
    key = ", ".join(f"{k} = {v}" for k, v in zip(fit.by, fit.key, strict=True))
    return shown(fit.law.label.replace(" ** ", "^") + (f" [{key}]" if key else ""), 80)


def _first(lines: list[str], most: int, what: str) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"and {len(lines) - most:,} more {what}"]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".") if " " in text else text


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else "none"
