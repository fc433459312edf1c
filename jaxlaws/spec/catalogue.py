"""Laws by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jaxlaws.errors import LawError, nearest
from jaxlaws.spec.formula import formula
from jaxlaws.spec.law import Law


class Catalogue(Mapping[str, Law]):
    """Names and aliases to laws; iterating gives the names, in the order of registration."""

    def __init__(self) -> None:
        self._laws: dict[str, Law] = {}
        self._aliases: dict[str, str] = {}

    def register(self, law: Law) -> None:
        """Add a law under its name and aliases. Raises `LawError` when another law has one of them."""
        for name in (law.name, *law.aliases):
            taken = self._aliases.get(name, name)
            if self._laws.get(taken, law) is not law:
                raise LawError(f"the catalogue has a law `{name}` already: {self._laws[taken]!r}.")
        self._laws[law.name] = law
        self._aliases |= dict.fromkeys(law.aliases, law.name)

    def __getitem__(self, name: str) -> Law:
        """Law by name or alias, with options as in `multi_power:warmup=excluded`. Raises `LawError` naming the
        nearest."""
        head, *options = name.split(":")
        head = self._aliases.get(head, head)
        if head not in self._laws:
            raise LawError(nearest(head, [*self._laws, *self._aliases], what="law"))
        chosen = {key: value for key, _, value in (option.partition("=") for option in options)}
        return self._laws[head].variant(**chosen) if chosen else self._laws[head]

    def __iter__(self) -> Iterator[str]:
        return iter(self._laws)

    def __len__(self) -> int:
        return len(self._laws)

    def __contains__(self, name: object) -> bool:
        return name in self._laws or name in self._aliases


catalogue = Catalogue()


def find(law: Law | str) -> Law:
    """The law that is meant: a law itself, a name (with options), or the text of a formula. Raises `LawError`."""
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        raise LawError(
            f"a law is a `Law`, a name such as `chinchilla`, or a formula such as `E + A/N^alpha`; got {law!r}."
        )
    looks_like_a_name = law.replace("_", "").replace("-", "").split(":")[0].isalnum()
    return catalogue[law] if looks_like_a_name else formula(law)
