"""Inputs and parameters that come once for each domain, break or the like: `each(quantity.SHARE, "domains")`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxlaws.errors import LawError

LARGEST = 64


@dataclass(frozen=True)
class Each:
    """One `of` for each index of the named sizes; see `each`."""

    of: Any
    sizes: tuple[str, ...]


def each(of: Any, *sizes: str) -> Any:
    """`of` (a quantity or a parameter) once for each index of a size, or for each pair of indices of two.

    The law's function gets a tuple (of tuples) of scalars. From outside the law has one scalar for each: `r` is `r1`,
    `r2`, ..., and `t` over two sizes `t1_1`, `t1_2`, .... Where the start box differs, `of` is a function of the
    indices, from 1: `each(lambda i: positive(start=(10.0**i, 10.0 ** (i + 1))), "breaks")`.
    """
    if not sizes:
        raise LawError('`each` needs the name of a size: `each(quantity.SHARE, "domains")`.')
    return Each(of, sizes)


def spread(things: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """`things` with one scalar entry for each index in place of every `Each`."""
    out: dict[str, Any] = {}
    for name, thing in things.items():
        if isinstance(thing, Each):
            for index in _indices(thing, sizes):
                out[_spell(name, index)] = thing.of(*index) if isinstance(thing.of, Callable) else thing.of
        else:
            out[name] = thing
    return out


def names_of(name: str, things: Mapping[str, Any], sizes: Mapping[str, int]) -> list[str]:
    """Names of the scalars that `name` stands for."""
    thing = things.get(name)
    return [_spell(name, index) for index in _indices(thing, sizes)] if isinstance(thing, Each) else [name]


def gather(things: Mapping[str, Any], sizes: Mapping[str, int], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values under the names of `things`, each `Each` a tuple (of tuples): the opposite of `scatter`."""

    def inside(name: str, thing: Each, index: tuple[int, ...]) -> Any:
        if len(index) == len(thing.sizes):
            return values[_spell(name, index)]
        return tuple(inside(name, thing, (*index, i)) for i in range(1, sizes[thing.sizes[len(index)]] + 1))

    return {
        name: inside(name, thing, ()) if isinstance(thing, Each) else values[name]
        for name, thing in things.items()
        if isinstance(thing, Each) or name in values
    }


def scatter(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with every tuple (of tuples) written out: `{"t": (1, 2)}` is `{"t1": 1, "t2": 2}`."""
    out: dict[str, Any] = {}

    def inside(name: str, value: Any, index: tuple[int, ...]) -> None:
        if isinstance(value, tuple | list):
            for i, one in enumerate(value, 1):
                inside(name, one, (*index, i))
        else:
            out[_spell(name, index)] = value

    for name, value in values.items():
        inside(name, value, ())
    return out


def read_size(law: str, name: str, text: Any) -> int:
    """A size from its text. Raises `LawError`."""
    if not str(text).isascii() or not str(text).isdigit() or not 1 <= int(text) <= LARGEST:
        raise LawError(f"law `{law}`: `{name}` must be a whole number from 1 to {LARGEST}; got `{text}`.")
    return int(text)


def _indices(thing: Each, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(1, sizes[size] + 1) for size in thing.sizes)))


def _spell(name: str, index: tuple[int, ...]) -> str:
    return name + "_".join(map(str, index))
