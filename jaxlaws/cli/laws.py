"""`jaxlaws laws` and `jaxlaws cite`: which laws there are, the page of one, and what to cite."""

from __future__ import annotations

import re
from textwrap import shorten
from typing import Annotated, Any

import typer

from jaxlaws.cli._options import Json
from jaxlaws.cli._output import columns, emit, say
from jaxlaws.cli._page import entry, page, pointed, written
from jaxlaws.cli.catalogue import markdown
from jaxlaws.errors import JaxlawsError, LawError, nearest
from jaxlaws.spec import Law, Pointer, catalogue, citation, find


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
    input: Annotated[
        list[str] | None,
        typer.Option(metavar="Q", help="Only laws that take this input, such as N or curve; repeatable."),
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the pages of what is found, as docs/catalogue.md has them.")
    ] = False,
    json: Json = False,
) -> int:
    """List the laws and search among them; or show one: formula, parameters, units, constants, source, limits.

    With `form of X` a law has the formula of X under a paper's own names. Evidence: checked (read in the authors' text
    or code, and a printed number came out again), read, second-hand, derived, or unverified.
    """
    wanted = tuple(input or ())
    if law is not None and paper is None and not wanted and (one := _named(law)):
        if as_markdown:
            say(markdown([one] if isinstance(one, Law) else [], [one] if isinstance(one, Pointer) else []))
        elif json:
            emit(page(one))
        else:
            say(written(page(one)))
        return 0
    found = [one for one in catalogue.values() if _mentions(one, law) and _is_of(one, paper) and _takes(one, wanted)]
    others = [] if wanted else [one for one in _pointers() if _mentions(one, law) and _is_of(one, paper)]
    if not found and not others:
        raise LawError(_nothing(law, paper, wanted))
    if as_markdown:
        say(markdown(found, others, whole=not (law or paper or wanted)))
    elif json:
        emit({"laws": [entry(one) for one in found], "pointers": [pointed(one) for one in others]})
    else:
        say("\n\n".join(filter(None, [_listed(found), _listed_pointers(others)])))
    return 0


def cite(law: Annotated[str, typer.Argument(metavar="LAW", help="A law's name.", show_default=False)]) -> int:
    """Print the BibTeX entry of a law's source, or of a paper that has none."""
    one = catalogue.pointers.get(law) or find(law)
    text = citation(one)
    if not text:
        raise JaxlawsError(f"`cite {law}`: there is no BibTeX entry; the source is: {one.source}.")
    say(text)
    return 0


def _pointers() -> list[Pointer]:
    """The entries that are no laws, each once."""
    return list({id(one): one for one in catalogue.pointers.values()}.values())


def _listed(found: list[Law]) -> str:
    if not found:
        return ""
    rows = []
    for e in map(entry, found):
        form = f"form of {e['form']}: " if e["form"] else ""
        gives = shorten(form + e["gives"], 110, placeholder=" ...")
        rows.append((e["name"], ", ".join(e["inputs"]), e["paper"], e["evidence"], gives))
    return columns([("LAW", "INPUTS", "SOURCE", "EVIDENCE", "WHAT IT GIVES"), *rows])


def _listed_pointers(found: list[Pointer]) -> str:
    if not found:
        return ""
    rows = [
        (p["name"], p["paper"], ", ".join(p["see"]), shorten(p["text"], 110, placeholder=" ..."))
        for p in map(pointed, found)
    ]
    return columns([("PAPER WITHOUT A LAW", "SOURCE", "SEE", "WHAT IT HAS INSTEAD"), *rows])


def _named(text: str) -> Law | Pointer | None:
    """The law or pointer that `text` names or spells, or None where it may be a word to search for."""
    if text in catalogue.pointers:
        return catalogue.pointers[text]
    if text.split(":")[0] in catalogue:
        return find(text)
    return None if re.fullmatch(r"[\w\s.:/-]*", text) else find(text)


def _mentions(one: Law | Pointer, word: str | None) -> bool:
    if isinstance(one, Pointer):
        parts: list[Any] = [one.name, *one.aliases, one.text, one.source, *one.papers]
    else:
        parts = [one.name, *one.aliases, one.doc, one.source, *one.limits, *one.papers, one.evidence]
        parts += [part for q in (*one.inputs.values(), one.output) for part in (q.symbol, q.meaning)]
        parts += [about for about, _ in one.published.values()]
    return word is None or word.lower() in " ".join(parts).lower()


def _is_of(one: Law | Pointer, paper: str | None) -> bool:
    wanted = (paper or "").lower().removeprefix("arxiv:").strip()
    return wanted in " ".join([one.source, one.bibtex, *one.papers]).lower()


def _takes(law: Law, inputs: tuple[str, ...]) -> bool:
    known = {*law.inputs, *(q.symbol for q in law.inputs.values())}
    return set(inputs) <= known


def _nothing(word: str | None, paper: str | None, inputs: tuple[str, ...]) -> str:
    every = [*catalogue.values(), *_pointers()]
    if inputs:
        known = {name for law in catalogue.values() for name in (*law.inputs, *(q.symbol for q in law.inputs.values()))}
        strange = [name for name in inputs if name not in known]
        if strange:
            return nearest(strange[0], known, what="input")
        return f"no law takes {', '.join(inputs)}" + " with what else was asked for." * bool(word or paper)
    if paper is None:
        return nearest(str(word), [name for one in every for name in (one.name, *one.aliases)], what="law")
    about = f" about `{word}`" if word else ""
    ids = {match for one in every for match in one.papers}
    return f"no law{about} of " + nearest(paper, ids, what="paper").removeprefix("unknown ")
