"""What the catalogue says of one entry: as a record, and as text."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from jaxlaws.cli._output import columns
from jaxlaws.spec import Law, Param, Pointer, Quantity


def entry(law: Law) -> dict[str, Any]:
    """What a list says of a law."""
    return {
        "name": law.name,
        "aliases": list(law.aliases),
        "inputs": list(law.inputs),
        "output": law.output.symbol,
        "gives": first_words(law.doc),
        "form": law.form.name if law.form else None,
        "evidence": law.evidence,
        "paper": _short(law.source, law.papers),
        "papers": list(law.papers),
        "source": law.source,
    }


def pointed(pointer: Pointer) -> dict[str, Any]:
    """All that there is to say of a paper without a law."""
    return {
        "name": pointer.name,
        "aliases": list(pointer.aliases),
        "text": pointer.text,
        "see": list(pointer.see),
        "paper": _short(pointer.source, pointer.papers),
        "papers": list(pointer.papers),
        "source": pointer.source,
        "bibtex": pointer.bibtex,
    }


def page(one: Law | Pointer) -> dict[str, Any]:
    """All that there is to say of an entry."""
    if isinstance(one, Pointer):
        return pointed(one)
    return {
        **entry(one),
        "variant": dict(one.options),
        "doc": one.doc,
        "inputs": {name: _quantity(q) for name, q in one.inputs.items()},
        "output": _quantity(one.output),
        "params": {name: _param(p) for name, p in one.params.items()},
        "linear": list(one.linear),
        "redundant": [list(group) for group in one.redundant],
        "constants": {
            name: {"about": c.about, "values": dict(c.params), "variant": dict(c.law.options)}
            for name, c in one.constants.items()
        },
        "derived": {name: _first_line(fn) for name, fn in one.derived.items()},
        "variants": {name: list(choices) for name, choices in one.variants.items()},
        "sizes": dict(one.sizes),
        "limits": list(one.limits),
        "data": list(one.data),
        "bibtex": one.bibtex,
    }


def written(page: dict[str, Any]) -> str:
    """The page of an entry as text."""
    head = page["name"] + _bracketed(page["aliases"], "also ")
    if "text" in page:
        see = f"\n\nUse instead\n{items(page['see'])}" if page["see"] else ""
        return f"{head}\n\nNo law of its own: {page['text']}{see}\n\nSource\n  {page['source']}"
    blocks = [f"{head}\n\n{page['doc']}"]
    inputs = {**page["inputs"], "gives": page["output"]}
    rows = [[name, f"{q['symbol']}: " * (name == "gives") + q["meaning"], q["unit"]] for name, q in inputs.items()]
    blocks.append("Quantities\n" + columns(rows, indent="  "))
    rows = [["", "start", "box", ""], *([name, *spelled(p)] for name, p in page["params"].items())]
    blocks.append("Parameters\n" + columns(rows, indent="  "))
    if page["redundant"]:
        blocks.append("Not told apart by data, unless one of each is held\n" + items(map(", ".join, page["redundant"])))
    if page["variants"] or page["sizes"]:
        blocks.append("Variants\n" + items(variants_of(page)))
    if page["constants"]:
        lines = []
        for name, c in page["constants"].items():
            variant = "".join(f", {k}={v}" for k, v in c["variant"].items())
            lines += [f"  {name}{variant}: {c['about']}"]
            lines += ["    " + ", ".join(f"{k} {exactly(v)}" for k, v in c["values"].items())]
        blocks.append("Published constants\n" + "\n".join(lines))
    if page["derived"]:
        blocks.append("Derived\n" + items(f"{name}{text}" for name, text in page["derived"].items()))
    if page["limits"]:
        blocks.append("Known limits\n" + items(page["limits"]))
    if page["data"]:
        blocks.append("Data to test on\n" + items(page["data"]))
    further = f"\n  also arXiv:{', '.join(page['papers'][1:])}" if page["papers"][1:] else ""
    blocks.append(f"Source\n  {page['source']}{further}\n  evidence: {page['evidence']}")
    return "\n\n".join(blocks)


def variants_of(page: dict[str, Any]) -> list[str]:
    """Names of a law's variants as the command line takes them, and what is the default."""
    out = []
    for key, choices in page["variants"].items():
        out += [f"{page['name']}:{key}={v}" + " (default)" * (i == 0) for i, v in enumerate(choices)]
    return out + [f"{page['name']}:{key}={n} (default; any number of {key})" for key, n in page["sizes"].items()]


def spelled(param: dict[str, Any]) -> list[str]:
    """Start box, box and remarks of a parameter."""
    if param["reference"]:
        return ["", "", "the highest learning rate of the fitted runs, stored with the fit"]
    notes = [param["unit"]] if param["unit"] else []
    notes += [f"held at {param['fixed']:g} unless freed"] if param["fixed"] is not None else []
    notes += [f"one for each {param['per']}"] if param["per"] else []
    notes += ["prior {:g} ± {:g}".format(*param["prior"])] if param["prior"] else []
    return ["{:g} ... {:g}".format(*param["start"]), "{:g} ... {:g}".format(*param["box"]), "; ".join(notes)]


def first_words(doc: str) -> str:
    """First sentence of a docstring, with its formula."""
    first = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"\.(?= [A-Z`]|$)", first)[0]


def exactly(value: float) -> str:
    """A number with all the digits that it has, and no more than that."""
    short = f"{value:.10g}"
    return short if float(short) == value else repr(float(value))


def items(texts: Iterable[str]) -> str:
    """A list, one line each."""
    return "\n".join(f"  - {text}" for text in texts)


def _short(source: str, papers: Sequence[str]) -> str:
    """Year and first arXiv id of a source, or the source itself."""
    year = re.search(r"\((\d{4})\)", source)
    return " ".join([*([year.group(1)] if year else []), *(f"arXiv:{i}" for i in papers[:1])]) or source


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
    return f"({', '.join(inspect.signature(fn).parameters)}) {first_words(inspect.getdoc(fn) or '')}".strip()


def _bracketed(names: Sequence[str], lead: str) -> str:
    return f" ({lead}{', '.join(names)})" if names else ""
