"""Student's t: outliers cost ever less at the margin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxlaws.objectives._objective import check_positive, check_scale, spell


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Student:
    """Negative log-density of Student's t, in units in which small residuals cost about u^2/2."""

    scale: Any
    dof: Any
    on: str | None = field(default=None, metadata={"static": True})
    kind: str = field(default="student", metadata={"static": True})

    @property
    def unit(self) -> Any:
        return self.scale

    def rho(self, u: Any) -> Any:
        return 0.5 * self.dof * self.scale**2 * jnp.log1p(u * u / (self.dof * self.scale**2))

    def root(self, u: Any) -> Any:
        # sqrt(log1p(z) / z) is smooth at 0 but its formula is not: use the series there.
        z = u * u / (self.dof * self.scale**2)
        small = z < 1e-6
        safe = jnp.where(small, 1.0, z)
        return u * jnp.where(small, 1.0 - 0.25 * z, jnp.sqrt(jnp.log1p(safe) / safe))

    def __str__(self) -> str:
        return spell("student", self.scale, self.dof, on=self.on)


def student(scale: Any = 1e-3, *, dof: Any = 4.0, on: str | None = None) -> Student:
    r"""Cost $\frac{\nu s^2}{2} \log(1 + u^2/(\nu s^2))$ with $\nu$ = `dof`: far outliers hardly pull. Not convex: use
    many starts."""
    check_scale("student", on)
    check_positive("student", "scale", scale)
    check_positive("student", "dof", dof)
    return Student(scale, dof, on)
