"""Parameters of a law: the box they live in, where searches start, and on which scale they move."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxlaws.errors import LawError


@dataclass(frozen=True)
class Param:
    """One parameter.

    `low`, `high` are the box in raw units, `start` is the box of the searches' starts. On the log scale the solver
    moves log(value); `spread` says whether starts are spread evenly in the value or its logarithm. `fixed` is the
    value that is used, not fitted, unless a fit frees the parameter. `prior` is (mean, sd, unit residual) of a normal
    prior; `per` names a column (such as `run`) whose every value gets its own copy of the parameter. `reference` names
    what of the fitted runs the value is taken from: it is stored with the fit, never fitted.
    """

    start: tuple[float, float]
    low: float
    high: float
    scale: Literal["log", "linear"]
    spread: Literal["log", "linear"]
    unit: str = ""
    fixed: float | None = None
    prior: tuple[float, float, float] | None = None
    per: str | None = None
    reference: Literal["peak_lr"] | None = None

    def __post_init__(self) -> None:
        low, high = self.start
        if not all(map(math.isfinite, (low, high, self.low, self.high))):
            raise LawError(
                f"a parameter needs a finite box and start box; got {self.start} in [{self.low}, {self.high}]."
            )
        if not self.low <= low <= high <= self.high:
            raise LawError(f"a parameter needs low <= start <= high; got {self.start} in [{self.low}, {self.high}].")
        if self.scale == "log" and self.low <= 0:
            raise LawError(f"a parameter on the log scale needs a box above 0; got low={self.low}.")


def positive(
    *, start: tuple[float, float], box: tuple[float, float] | None = None, unit: str = "", **more: Any
) -> Param:
    """Amplitude, scale or floor: above 0, moved and started on the log scale. The box reaches 1e6 beyond the start
    box."""
    low, high = box or (start[0] * 1e-6, start[1] * 1e6)
    return Param(start, low, high, "log", "log", unit, **more)


def exponent(*, start: tuple[float, float], box: tuple[float, float] = (1e-4, 10.0), **more: Any) -> Param:
    """Exponent: above 0, moved on the log scale, started evenly in its value."""
    return Param(start, box[0], box[1], "log", "linear", "", **more)


def real(*, start: tuple[float, float], box: tuple[float, float], unit: str = "", **more: Any) -> Param:
    """Parameter of either sign, moved and started on its own scale."""
    return Param(start, box[0], box[1], "linear", "linear", unit, **more)


def reference(of: Literal["peak_lr"], *, unit: str = "") -> Param:
    """A stored reference taken from the fitted runs: `peak_lr`, the highest learning rate among them."""
    return Param((1e-6, 1.0), 1e-12, 1e3, "log", "log", unit, reference=of)


def fixed(value: float, param: Param) -> Param:
    """`param`, held at `value` unless a fit frees it."""
    return replace(param, fixed=value)
