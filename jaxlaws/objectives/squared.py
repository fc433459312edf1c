"""Least squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax

from jaxlaws.objectives._objective import check_positive, check_scale, spell


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Squared:
    """Cost u^2/2."""

    unit: Any = 1e-3
    on: str | None = field(default=None, metadata={"static": True})
    kind: str = field(default="squared", metadata={"static": True})

    def rho(self, u: Any) -> Any:
        return 0.5 * u * u

    def root(self, u: Any) -> Any:
        return u

    def __str__(self) -> str:
        return spell("squared", on=self.on)


def squared(*, on: str | None = None, unit: Any = 1e-3) -> Squared:
    """Cost $u^2/2$: every residual counts in full, outliers most of all. `unit` weighs priors only."""
    check_scale("squared", on)
    check_positive("squared", "unit", unit)
    return Squared(unit, on)
