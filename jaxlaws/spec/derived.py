"""What a derived quantity claims to be, said beside its closed form so that a test can hold it against the law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Claim:
    """`kind` of what the function returns: where the law (or `of` instead) is least or most among all values with the
    same `given`, or where it `equals` its argument of that name. `ranges` says where arguments are met."""

    kind: Literal["least", "most", "equals"]
    given: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    of: Callable[..., Any] | None = None
    output: str = ""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def least(
    given: Mapping[str, Callable[..., Any]] | None = None,
    *,
    of: Callable[..., Any] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a derived quantity: what it returns minimises the law, with what is `given` held.

    `given={"C": lambda N, D: 6.0 * N * D}` says that the argument `C` is this function of the inputs; a name that is a
    number, such as `{"1": lambda r: sum(r)}`, is that constant. `of(law, values, params)` replaces the law where
    something else is minimised, such as a weighted sum, or a law whose inputs are tied together; `values` are the
    returned and the given ones. Without `given` the minimum is over all values of what is returned. Arguments that are
    inputs of the law are held.
    """
    return _mark(Claim("least", dict(given or {}), of, ranges=dict(ranges or {})))


def most(
    given: Mapping[str, Callable[..., Any]] | None = None,
    *,
    of: Callable[..., Any] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a derived quantity: what it returns maximises the law; else as `least`."""
    return _mark(Claim("most", dict(given or {}), of, ranges=dict(ranges or {})))


def equals(
    output: str, *, of: Callable[..., Any] | None = None, ranges: Mapping[str, tuple[float, float]] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a derived quantity: at what it returns, the law is what its argument `output` says."""
    return _mark(Claim("equals", {}, of, output, dict(ranges or {})))


def claim_of(fn: Callable[..., Any]) -> Claim | None:
    """What a derived quantity claims to be, if it says so."""
    return getattr(fn, "claim", None)


def _mark(claim: Claim) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(fn: Callable[..., Any]) -> Callable[..., Any]:
        fn.claim = claim  # type: ignore[attr-defined]  # functions carry attributes
        return fn

    return mark
