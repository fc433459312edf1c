"""The page of fits, as one file of HTML."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit, Fits
from jaxlaws.fitting.result import write_whole
from jaxlaws.plot import ready
from jaxlaws.plot.save import Inert
from jaxlaws.report._charts import Store, library
from jaxlaws.report._fits import Subject, compared, shown_fit
from jaxlaws.report._plans import planned
from jaxlaws.runs import Runs
from jaxlaws.uncertainty import Draws

MOST = 8  # fits that a page shows in full
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """A page as `html`, and what it leaves out, each with what would add it."""

    html: str
    left_out: tuple[str, ...]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to one file, whole or not at all. Raises `FitError` where it cannot be written."""
        write_whole(Path(path), self.html)

    def __repr__(self) -> str:
        return f"<page of {len(self.html) / 1e6:.1f} MB>"


def report(
    fits: Fit | Fits | Sequence[Fit],
    runs: Runs | Sequence[Runs | None] | None = None,
    held: Runs | Sequence[Runs | None] | None = None,
    *,
    draws: Draws | Sequence[Draws | None] | None = None,
    plans: Sequence[Any] = (),
    title: str = "",
    left_out: Sequence[str] = (),
) -> Page:
    """A page that shows fits: formula, data, residuals, parameters, doubts, errors, and predictions that follow controls.

    `runs` are the rows that were fitted, `held` rows that were not, `draws` what `bootstrap` gave: one for all fits, or one
    for each (`None` where there is none). `plans` are records of planners, comparisons, influences, profiles, or charts of
    altair. `left_out` adds to what the page says that it leaves out. The page loads nothing, and is the same for the same
    arguments.

    Raises `JaxlawsError` where there is nothing to show, or where altair, its converter, jinja2 or latex2mathml are missing.
    """
    _ready()
    many = [fits] if isinstance(fits, Fit) else list(fits.values()) if isinstance(fits, Fits) else list(fits)
    if not many:
        raise JaxlawsError("`report(fits)` needs a fit at least; got none.")
    shown = many[:MOST]
    subjects = [
        Subject(one, *rest, name=f"fit{i}")
        for i, (one, *rest) in enumerate(
            zip(
                shown,
                _each("runs", runs, Runs, len(many))[:MOST],
                _each("held", held, Runs, len(many))[:MOST],
                _each("draws", draws, Draws, len(many))[:MOST],
                strict=True,
            )
        )
    ]
    store = Store()
    parts = [shown_fit(one, store) for one in subjects]
    comparison = compared(subjects, many, store) if len(many) > 1 else None
    plan_parts = [planned(one, store, f"plan{i}") for i, one in enumerate(plans)]
    missing = [*left_out, *dict.fromkeys(text for part in parts for text in part["left_out"])]
    if len(many) > MOST:
        missing.insert(0, f"Pictures of {len(many) - MOST} of {len(many)} fits: a page shows {MOST} in full.")
    if not plans:
        missing.append(
            "Plans: give `--plan PLAN.json` (what `jaxlaws plan schedule --out` stored) and `--budget FLOP,...`, or "
            "`report(fit, plans=[...])` with what any planner, `validate.compare` or `online` returned."
        )
    pictures = [
        p
        for part in ([] if comparison is None else [comparison], parts, plan_parts)
        for one in part
        for p in one["every"]
    ]
    html = _written(
        title=title or _title(many),
        fits=parts,
        comparison=comparison,
        plans=plan_parts,
        left_out=missing,
        contents=_contents(parts, comparison is not None, bool(plans)),
        citations=list(dict.fromkeys(part["citation"] for part in parts if part["citation"])),
        manifest=_manifest(many),
        version=many[0].versions.get("jaxlaws", ""),
        store=inert(store.sets),
        pictures=inert(
            [
                {
                    "id": p.id,
                    "spec": {k: v for k, v in p.spec.items() if k != "usermeta"},
                    "controls": p.controls,
                    "answers": p.spec.get("usermeta", {}).get("answers", {}),
                    "domain": p.domain,
                }
                for p in pictures
            ]
        ),
    )
    return Page(html, tuple(missing))


def inert(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, cls=Inert, allow_nan=False, separators=(",", ":"))


def _ready() -> None:
    ready()
    for name in ("jinja2", "latex2mathml"):
        try:
            __import__(name)
        except ImportError:
            raise JaxlawsError(f"a report needs the package {name}: `pip install 'jaxlaws[report]'`.") from None


def _each(name: str, given: Any, kind: type, count: int) -> list[Any]:
    if given is None or isinstance(given, kind):
        return [given] * count
    listed = list(given)
    if len(listed) != count:
        raise JaxlawsError(
            f"`report({name}=...)` must be one for all fits or one for each of {count}; got {len(listed)}."
        )
    return listed


def _title(fits: Sequence[Fit]) -> str:
    from jaxlaws.plot._style import shown

    laws = list(dict.fromkeys(shown(one.law.label.replace(" ** ", "^")) for one in fits))
    sources = list(dict.fromkeys(shown(one.source, 50) for one in fits))
    what = ", ".join(laws[:3]) + (f" and {len(laws) - 3} more" if len(laws) > 3 else "")
    return f"{what} on {sources[0]}" + (f" and {len(sources) - 1} more" if len(sources) > 1 else "")


def _contents(parts: Sequence[Any], compared: bool, plans: bool) -> list[tuple[str, str]]:
    out = [("laws", "Side by side")] if compared else []
    if len(parts) == 1:
        out += [(f"{parts[0]['id']}-law", "What was fitted")] + [(s["id"], s["title"]) for s in parts[0]["sections"]]
    else:
        out += [(part["id"], part["title"]) for part in parts]
    return [*out, *([("plans", "Plans")] if plans else []), ("about", "About this page")]


def _manifest(fits: Sequence[Fit]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for one in fits:
        for name, version in one.versions.items():
            found.setdefault(name, []).append(version)
    facts = [(name, ", ".join(dict.fromkeys(versions))) for name, versions in found.items()]
    seconds = [one.seconds for one in fits if one.seconds]
    if seconds:
        run, compile_ = (sum(s.get(k, 0.0) for s in seconds) for k in ("run", "compile"))
        facts.append(("time of the fit" + "s" * (len(fits) > 1), f"{run:.2g} s, and {compile_:.2g} s of compiling"))
    return facts


def _written(**told: Any) -> str:
    import jinja2

    place = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    place.filters["ticked"] = _ticked
    script = (HERE / "page.js").read_text(encoding="utf-8")
    scripts = {"library": library(), "script": script}
    # Only these two scripts may run, whatever else would come to stand in the page.
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts.values()
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return place.get_template("page.html.jinja").render(**told, **scripts, policy=policy, style=style)


def _ticked(text: str) -> Any:
    """Text with what stands between backticks as code, everything escaped."""
    from markupsafe import Markup, escape

    pieces = str(text).split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(pieces))
