"""Over-prediction costs more than under-prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.objectives._objective import Objective, check_positive, spell
from jaxlaws.objectives.huber import huber


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Asymmetric:
    """`base`, times `under` where the observation lies above the prediction."""

    base: Any
    under: Any
    kind: str = field(default="asymmetric", metadata={"static": True})

    @property
    def on(self) -> str | None:
        return self.base.on

    @property
    def unit(self) -> Any:
        return self.base.unit

    def rho(self, u: Any) -> Any:
        return self.base.rho(u) * jnp.where(u < 0, self.under, 1.0)

    def root(self, u: Any) -> Any:
        return self.base.root(u) * jnp.where(u < 0, jnp.sqrt(jnp.asarray(self.under, dtype=u.dtype)), 1.0)

    def __str__(self) -> str:
        return f"{spell('asymmetric', self.under, on=None)}:{self.base}"


def asymmetric(base: Objective | None = None, *, under: Any = 0.1) -> Asymmetric:
    """`base` (default `huber(1e-3)`), where runs worse than the law count `under` times as much.

    A badly tuned run lies above the frontier, never below: `under` < 1 lets the law follow the best runs.
    """
    check_positive("asymmetric", "under", under)
    return Asymmetric(huber() if base is None else base, under)
