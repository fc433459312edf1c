"""Laws by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from jaxlaws.errors import LawError, nearest
from jaxlaws.spec.formula import formula
from jaxlaws.spec.law import Law
from jaxlaws.spec.pointer import Pointer


class Catalogue(Mapping[str, Law]):
    """Names and aliases to laws; iterating gives the names, in the order of registration. `pointers` has the entries
    that are no laws."""

    def __init__(self) -> None:
        self._laws: dict[str, Law] = {}
        self._pointers: dict[str, Pointer] = {}
        self._aliases: dict[str, str] = {}

    def register(self, entry: Law | Pointer) -> None:
        """Add a law or a pointer under its name and aliases. Raises `LawError` when another entry has one of them."""
        for name in (entry.name, *entry.aliases):
            head = self._aliases.get(name, name)
            taken = self._laws.get(head) or self._pointers.get(head) or entry
            if taken is not entry:
                raise LawError(f"the catalogue has a law `{name}` already: {taken!r}.")
        if isinstance(entry, Pointer):
            self._pointers[entry.name] = entry
        else:
            self._laws[entry.name] = entry
        self._aliases |= dict.fromkeys(entry.aliases, entry.name)

    @property
    def pointers(self) -> Mapping[str, Pointer]:
        """Entries for papers without a law, by name and alias."""
        aliases = {alias: self._pointers[name] for alias, name in self._aliases.items() if name in self._pointers}
        return MappingProxyType(self._pointers | aliases)

    def __getitem__(self, name: str) -> Law:
        """Law by name or alias, with options as in `multi_power:warmup=excluded`. Raises `LawError` naming the
        nearest."""
        head, *options = name.split(":")
        head = self._aliases.get(head, head)
        if head in self._pointers:
            raise LawError(str(self._pointers[head]))
        if head not in self._laws:
            raise LawError(nearest(head, [*self._laws, *self._pointers, *self._aliases], what="law"))
        chosen = {key: value for key, _, value in (option.partition("=") for option in options)}
        return self._laws[head].variant(**chosen) if chosen else self._laws[head]

    def __iter__(self) -> Iterator[str]:
        return iter(self._laws)

    def __len__(self) -> int:
        return len(self._laws)

    def __contains__(self, name: object) -> bool:
        return name in self._laws or self._aliases.get(name) in self._laws  # type: ignore[arg-type]  # any object may be asked for


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
