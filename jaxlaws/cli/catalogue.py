"""The catalogue as one Markdown page: `jaxlaws laws --markdown`, kept as docs/catalogue.md."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jaxlaws.cli._page import entry, exactly, first_words, page, pointed, spelled, variants_of
from jaxlaws.spec import Law, Pointer

HEAD = """# Catalogue

Generated from the laws themselves: edit those, then renew this page with `jaxlaws laws --markdown > docs/catalogue.md`.

*Evidence* says how a law's form is known. Checked: read in the authors' text or code, and a printed number came out again.
Read: in their text or code. Second-hand: in others' texts. Derived: by us, from a form that was read. Unverified: from
memory, from one summary, or from sources that contradict each other. Published sets are numbers that can be pointed to."""


def markdown(laws: Sequence[Law], pointers: Sequence[Pointer], *, whole: bool = False) -> str:
    """Page of laws by family, and of papers that have none; the `whole` catalogue has a head and an index too."""
    families: dict[str, list[Law]] = {}
    for law in laws:
        families.setdefault(law.found[1] if law.found[0] == "module" else "", []).append(law)
    blocks = [HEAD, _counted(laws, pointers), _index(laws)] if whole else []
    for module in sorted(families):
        title = first_words(importlib.import_module(module).__doc__ or "") if module else "Formulas"
        blocks += [f"## {title}", *(_law(one) for one in families[module])]
    if pointers:
        blocks += ["## Papers without a law of their own", _pointers(pointers)]
    return "\n\n".join(blocks)


def _counted(laws: Sequence[Law], pointers: Sequence[Pointer]) -> str:
    grades = Counter(law.evidence for law in laws)
    known = ", ".join(f"{n} {grade}" for grade, n in grades.most_common())
    forms = sum(law.form is not None for law in laws)
    sets = sum(len(law.published) for law in laws)
    papers = {paper for one in (*laws, *pointers) for paper in one.papers}
    return (
        f"{len(laws)} laws ({known or 'none'}), {forms} of them generic forms under a paper's names; {sets} published sets; "
        f"{len(pointers)} papers without a law; {len(papers)} arXiv papers."
    )


def _index(laws: Sequence[Law]) -> str:
    rows = []
    for e in map(entry, sorted(laws, key=lambda law: law.name)):
        gives = f"form of `{e['form']}`" if e["form"] else ""
        rows.append(
            [f"[`{e['name']}`](#{e['name']})", _some(e["inputs"]), e["output"], gives, e["evidence"], _ids(e["papers"])]
        )
    return _table(["law", "inputs", "gives", "", "evidence", "arXiv"], rows)


def _law(law: Law) -> str:
    p = page(law)
    also = f"Also {', '.join(f'`{a}`' for a in p['aliases'])}.\n\n" if p["aliases"] else ""
    blocks = [f"### {law.name}", also + _prose(p["doc"])]
    quantities = [[f"`{name}`", q["meaning"], q["unit"]] for name, q in p["inputs"].items()]
    quantities.append([f"gives `{p['output']['symbol']}`", p["output"]["meaning"], p["output"]["unit"]])
    blocks.append(_table(["quantity", "meaning", "unit"], quantities))
    blocks.append(_table(["parameter", "start", "box", ""], [[f"`{n}`", *spelled(v)] for n, v in p["params"].items()]))
    facts = [f"Linear given the rest: {_code(p['linear'])}."] if p["linear"] else []
    facts += [f"Data do not tell {_code(group)} apart: hold one." for group in p["redundant"]]
    if p["variants"] or p["sizes"]:
        facts.append(f"Variants: {_code(variants_of(p))}.")
    facts += [f"Derived `{name}`: {text}." for name, text in p["derived"].items()]
    for name, c in p["constants"].items():
        variant = "".join(f", {k}={v}" for k, v in c["variant"].items())
        values = ", ".join(f"{k} {exactly(v)}" for k, v in c["values"].items())
        facts.append(f"Published `{name}`{variant}: {values} ({c['about']}).")
    facts += [f"Limit: {text}" for text in p["limits"]]
    facts += [f"Data to test on: {_code(p['data'])}."] if p["data"] else []
    further = f"; also arXiv:{', '.join(p['papers'][1:])}" if p["papers"][1:] else ""
    facts.append(f"Source: {p['source']}{further}. Evidence: **{p['evidence']}**.")
    blocks.append("\n".join(f"- {fact}" for fact in facts))
    return "\n\n".join(blocks)


def _pointers(pointers: Sequence[Pointer]) -> str:
    rows = [
        [f"`{p['name']}`", p["text"], _code(p["see"]), p["source"]]
        for p in map(pointed, sorted(pointers, key=lambda one: one.name))
    ]
    return _table(["name", "what it has instead", "see", "source"], rows)


def _prose(doc: str) -> str:
    """A docstring without its examples."""
    kept = [block for block in doc.split("\n\n") if not block.lstrip().startswith(">>>")]
    return "\n\n".join(" ".join(block.split()) for block in kept)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _some(names: Sequence[str]) -> str:
    shown = list(names) if len(names) <= 5 else [*names[:3], "...", names[-1]]
    return ", ".join(shown)


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _ids(papers: Sequence[str]) -> str:
    return ", ".join(f"[{i}](https://arxiv.org/abs/{i})" for i in papers)
