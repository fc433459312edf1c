"""What to cite for an entry of the catalogue."""

from __future__ import annotations

import re

from jaxlaws.spec.law import Law
from jaxlaws.spec.pointer import Pointer


def citation(entry: Law | Pointer) -> str:
    """BibTeX of an entry's source: its own, or made of a source like `Li et al. (2025), Title, arXiv:2503.04715`; then,
    as comments, the further papers that speak of it. Empty where there is neither."""
    text = entry.bibtex or _made(entry.source)
    further = [paper for paper in entry.papers if paper not in text]
    return "\n".join([text, *(f"% see also arXiv:{paper}" for paper in further)]) if text else ""


def _made(source: str) -> str:
    match = re.fullmatch(
        r"(?P<authors>[^(]+) \((?P<year>\d{4})\), (?P<title>.+), arXiv:(?P<id>\d{4}\.\d{4,5}).*", source
    )
    if match is None:
        return ""
    authors = re.sub(r",? et al\.?$", " and others", match["authors"])
    key = re.sub(r"\W.*", "", authors).lower() + match["year"]
    return (
        f"@misc{{{key},\n  title={{{match['title']}}},\n  author={{{authors}}},\n  year={{{match['year']}}},\n"
        f"  eprint={{{match['id']}}},\n  archivePrefix={{arXiv}}\n}}"
    )
