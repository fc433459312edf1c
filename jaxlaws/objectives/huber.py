"""Huber's robust cost, the field's default on log losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.objectives._objective import check_positive, check_scale, spell


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Huber:
    """Cost u^2/2 up to `delta`, a straight line beyond."""

    delta: Any
    on: str | None = field(default=None, metadata={"static": True})
    kind: str = field(default="huber", metadata={"static": True})

    @property
    def unit(self) -> Any:
        return self.delta

    def rho(self, u: Any) -> Any:
        size = jnp.abs(u)
        return jnp.where(size <= self.delta, 0.5 * u * u, self.delta * (size - 0.5 * self.delta))

    def root(self, u: Any) -> Any:
        size = jnp.abs(u)
        inside = size <= self.delta
        beyond = jnp.sqrt(jnp.where(inside, 1.0, self.delta * (2.0 * size - self.delta)))
        return jnp.where(inside, u, jnp.sign(u) * beyond)

    def __str__(self) -> str:
        return spell("huber", self.delta, on=self.on)


def huber(delta: Any = 1e-3, *, on: str | None = None) -> Huber:
    r"""Cost $u^2/2$ for $|u| \le \delta$, $\delta(|u| - \delta/2)$ beyond. Larger `delta` trusts outliers more.

    Summed, never averaged: a mean makes optimisers stop early (Besiroglu et al. 2024, arXiv:2404.10102).
    """
    check_scale("huber", on)
    check_positive("huber", "delta", delta)
    return Huber(delta, on)
