"""What an objective is: a residual's cost, and its signed root, which turns the sum of costs into a sum of squares."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxlaws.errors import FitError
from jaxlaws.objectives._link import SCALES


@runtime_checkable
class Objective(Protocol):
    """One residual `u` = prediction - observation on the scale `on` to its cost. Numbers are pytree leaves: new ones
    compile nothing."""

    @property
    def kind(self) -> str:
        """Name of the objective, static: JAX does not tell registered dataclasses apart by their class alone."""
        ...

    @property
    def on(self) -> str | None:
        """Scale of the residuals: log, raw or logit; None takes that of the law's output."""
        ...

    def rho(self, u: Any) -> Any:
        """Cost of each residual; about u^2/2 for small ones."""
        ...

    def root(self, u: Any) -> Any:
        """sign(u) sqrt(2 rho(u)), differentiable at 0."""
        ...

    @property
    def unit(self) -> Any:
        """The residual that counts as one standard deviation where priors are weighed against data."""
        ...

    def __str__(self) -> str:
        """Spec as the command line takes it, such as `huber:0.001:log`."""
        ...


def check_scale(name: str, on: str | None) -> None:
    """Raise `FitError` unless `on` is a scale."""
    if on is not None and on not in SCALES:
        raise FitError(f"`{name}(on=...)` must be one of {', '.join(SCALES)}; got {on!r}.")


def check_positive(name: str, argument: str, value: Any) -> None:
    """Raise `FitError` unless a concrete number is finite and above 0."""
    if isinstance(value, int | float) and not 0 < value < float("inf"):
        raise FitError(f"`{name}({argument}=...)` must be a finite number above 0; got {value}.")


def spell(name: str, *values: Any, on: str | None) -> str:
    """`huber:0.001:log`."""
    return ":".join([name, *map(_number, values), *([on] if on else [])])


def _number(value: Any) -> str:
    """Shortest text that reads back as the same number."""
    exact, short = repr(float(value)), f"{float(value):g}"
    return short if float(short) == float(value) else exact
