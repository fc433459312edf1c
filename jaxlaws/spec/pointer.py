"""Entries for papers that have no law of their own: what is known, and what to use instead."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from jaxlaws.spec.law import ids_in


@dataclass(frozen=True)
class Pointer:
    """A paper without a law that could be shipped: `text` says why, `see` names laws to use instead."""

    name: str
    source: str
    papers: tuple[str, ...]
    see: tuple[str, ...]
    text: str
    aliases: tuple[str, ...] = ()
    bibtex: str = ""

    def __str__(self) -> str:
        instead = f" Use {', '.join(f'`{name}`' for name in self.see)}." if self.see else ""
        return f"`{self.name}` has no law of its own: {self.text.rstrip('.')}.{instead}"


def pointer(
    name: str,
    *,
    source: str,
    papers: tuple[str, ...] = (),
    see: tuple[str, ...] = ("power",),
    text: str,
    aliases: tuple[str, ...] = (),
    bibtex: str = "",
) -> Pointer:
    """Entry of the catalogue for a paper that states no law, or whose law could not be obtained.

    `text` says in a sentence what the paper has instead; `see` names the laws to use. Searches find it by name and by
    arXiv id (those in `source` by themselves); asking for it as a law raises a sentence.
    """
    return Pointer(
        name=name,
        source=source,
        papers=tuple(dict.fromkeys((*ids_in(source), *papers))),
        see=see,
        text=text,
        aliases=aliases,
        bibtex=textwrap.dedent(bibtex).strip(),
    )
