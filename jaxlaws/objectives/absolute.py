"""Least absolute deviations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax

from jaxlaws.objectives._objective import check_positive, check_scale, spell
from jaxlaws.objectives.huber import Huber

_CORE = 1e-7  # inside it the cost is a parabola: |u| alone has no second derivative to step by


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Absolute:
    """Cost |u|."""

    unit: Any = 1e-3
    on: str | None = field(default=None, metadata={"static": True})
    kind: str = field(default="absolute", metadata={"static": True})

    def rho(self, u: Any) -> Any:
        return Huber(_CORE).rho(u) / _CORE

    def root(self, u: Any) -> Any:
        return Huber(_CORE).root(u) / _CORE**0.5

    def __str__(self) -> str:
        return spell("absolute", on=self.on)


def absolute(*, on: str | None = None, unit: Any = 1e-3) -> Absolute:
    """Cost $|u|$: the median in place of the mean. Rounded within 1e-7 of zero. `unit` weighs priors only."""
    check_scale("absolute", on)
    check_positive("absolute", "unit", unit)
    return Absolute(unit, on)
