"""`jaxlaws laws` and `jaxlaws cite`: which laws there are, the page of one, and what to cite."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from textwrap import shorten
from typing import Annotated, Any

import typer

from jaxlaws.cli._options import Json
from jaxlaws.cli._output import columns, emit, say
from jaxlaws.errors import JaxlawsError, LawError, nearest
from jaxlaws.spec import Law, Param, Quantity, catalogue, find


def laws(
    law: Annotated[
        str | None,
        typer.Argument(
            metavar="LAW|WORD", help="A law's name, a formula, or a word to search for.", show_default=False
        ),
    ] = None,
    paper: Annotated[
        str | None, typer.Option(metavar="ID", help="Only laws of this paper, such as 2203.15556 or Hoffmann.")
    ] = None,
    json: Json = False,
) -> int:
    """List the laws and search among them; or show one: formula, parameters, units, constants, source, limits."""
    if law is not None and paper is None and (one := _named(law)):
        if json:
            emit(_page(one))
        else:
            say(_written(_page(one)))
        return 0
    found = [one for one in catalogue.values() if _mentions(one, law) and _is_of(one, paper)]
    if not found:
        raise LawError(_nothing(law, paper))
    if json:
        emit({"laws": [_entry(one) for one in found]})
    else:
        entries = [_entry(one) for one in found]
        head = ("LAW", "INPUTS", "SOURCE", "WHAT IT GIVES")
        rows = [
            (e["name"], ", ".join(e["inputs"]), e["paper"], shorten(e["gives"], 110, placeholder=" ..."))
            for e in entries
        ]
        say(columns([head, *rows]))
    return 0


def cite(law: Annotated[str, typer.Argument(metavar="LAW", help="A law's name.", show_default=False)]) -> int:
    """Print the BibTeX entry of a law's source."""
    one = find(law)
    if not one.bibtex:
        raise JaxlawsError(f"`cite {law}`: there is no BibTeX entry; the source is: {one.source}.")
    say(one.bibtex)
    return 0


def _named(text: str) -> Law | None:
    """The law that `text` names or spells, or None where it may be a word to search for."""
    if text.split(":")[0] in catalogue:
        return find(text)
    return None if re.fullmatch(r"[\w\s.:/-]*", text) else find(text)


def _mentions(law: Law, word: str | None) -> bool:
    inputs = [part for q in law.inputs.values() for part in (q.symbol, q.meaning)]
    text = " ".join([law.name, *law.aliases, law.doc, law.source, *inputs, *law.limits])
    return word is None or word.lower() in text.lower()


def _is_of(law: Law, paper: str | None) -> bool:
    wanted = (paper or "").lower().removeprefix("arxiv:").strip()
    return wanted in f"{law.source} {law.bibtex}".lower()


def _nothing(word: str | None, paper: str | None) -> str:
    if paper is None:
        names = [*catalogue, *(alias for law in catalogue.values() for alias in law.aliases)]
        return nearest(str(word), names, what="law")
    ids = {match for law in catalogue.values() for match in _ids(law)}
    about = f" about `{word}`" if word else ""
    return f"no law{about} of " + nearest(paper, ids, what="paper").removeprefix("unknown ")


def _ids(law: Law) -> list[str]:
    return re.findall(r"(?<=arXiv:)\d{4}\.\d{4,5}", law.source)


def _entry(law: Law) -> dict[str, Any]:
    year = re.search(r"\((\d{4})\)", law.source)
    parts = [year.group(1) if year else "", *(f"arXiv:{i}" for i in _ids(law)[:1])]
    return {
        "name": law.name,
        "aliases": list(law.aliases),
        "inputs": list(law.inputs),
        "output": law.output.symbol,
        "gives": _first_words(law.doc),
        "paper": " ".join(filter(None, parts)) or law.source,
        "source": law.source,
    }


def _first_words(doc: str) -> str:
    """First sentence of a docstring, with its formula."""
    first = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"\.(?= [A-Z`]|$)", first)[0]


def _page(law: Law) -> dict[str, Any]:
    return {
        **_entry(law),
        "name": law.name,
        "variant": dict(law.options),
        "doc": law.doc,
        "inputs": {name: _quantity(q) for name, q in law.inputs.items()},
        "output": _quantity(law.output),
        "params": {name: _param(p) for name, p in law.params.items()},
        "linear": list(law.linear),
        "constants": {
            name: {"about": c.about, "values": dict(c.params), "variant": dict(c.law.options)}
            for name, c in law.constants.items()
        },
        "derived": {name: _first_line(fn) for name, fn in law.derived.items()},
        "variants": {name: list(choices) for name, choices in law.variants.items()},
        "limits": list(law.limits),
        "bibtex": law.bibtex,
    }


def _quantity(quantity: Quantity) -> dict[str, str]:
    return {"symbol": quantity.symbol, "meaning": quantity.meaning, "unit": quantity.unit}


def _param(param: Param) -> dict[str, Any]:
    return {
        "unit": param.unit,
        "start": list(param.start),
        "box": [param.low, param.high],
        "scale": param.scale,
        "fixed": param.fixed,
        "prior": None if param.prior is None else list(param.prior[:2]),
        "per": param.per,
        "reference": param.reference,
    }


def _first_line(fn: Any) -> str:
    return f"({', '.join(inspect.signature(fn).parameters)}) {_first_words(inspect.getdoc(fn) or '')}".strip()


def _written(page: dict[str, Any]) -> str:
    """The page of a law as text."""
    blocks = [page["name"] + _bracketed(page["aliases"], "also ") + f"\n\n{page['doc']}"]
    inputs = {**page["inputs"], "gives": page["output"]}
    rows = [[name, f"{q['symbol']}: " * (name == "gives") + q["meaning"], q["unit"]] for name, q in inputs.items()]
    blocks.append("Quantities\n" + columns(rows, indent="  "))
    rows = [["", "start", "box", ""], *([name, *_spelled(p)] for name, p in page["params"].items())]
    blocks.append("Parameters\n" + columns(rows, indent="  "))
    if page["variants"]:
        shown = [f"{page['name']}:{k}={v}" for k, choices in page["variants"].items() for v in choices]
        blocks.append("Variants\n" + _items(f"{name}" + " (default)" * (i == 0) for i, name in enumerate(shown)))
    if page["constants"]:
        lines = []
        for name, c in page["constants"].items():
            variant = "".join(f", {k}={v}" for k, v in c["variant"].items())
            lines += [f"  {name}{variant}: {c['about']}"]
            lines += ["    " + ", ".join(f"{k} {v:g}" for k, v in c["values"].items())]
        blocks.append("Published constants\n" + "\n".join(lines))
    if page["derived"]:
        blocks.append("Derived\n" + _items(f"{name}{text}" for name, text in page["derived"].items()))
    if page["limits"]:
        blocks.append("Known limits\n" + _items(page["limits"]))
    blocks.append(f"Source\n  {page['source']}")
    return "\n\n".join(blocks)


def _spelled(param: dict[str, Any]) -> list[str]:
    if param["reference"]:
        return ["", "", "the highest learning rate of the fitted runs, stored with the fit"]
    notes = [param["unit"]] if param["unit"] else []
    notes += [f"held at {param['fixed']:g} unless freed"] if param["fixed"] is not None else []
    notes += [f"one for each {param['per']}"] if param["per"] else []
    notes += ["prior {:g} ± {:g}".format(*param["prior"])] if param["prior"] else []
    return ["{:g} ... {:g}".format(*param["start"]), "{:g} ... {:g}".format(*param["box"]), "; ".join(notes)]


def _bracketed(names: Sequence[str], lead: str) -> str:
    return f" ({lead}{', '.join(names)})" if names else ""


def _items(texts: Any) -> str:
    return "\n".join(f"  - {text}" for text in texts)
