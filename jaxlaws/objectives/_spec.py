"""Objectives from the command line: `huber:1e-3:log`."""

from __future__ import annotations

from typing import Any

from jaxlaws.errors import FitError, nearest
from jaxlaws.objectives._link import SCALES
from jaxlaws.objectives._objective import Objective
from jaxlaws.objectives.absolute import absolute
from jaxlaws.objectives.asymmetric import asymmetric
from jaxlaws.objectives.huber import huber
from jaxlaws.objectives.squared import squared
from jaxlaws.objectives.student import student

_KINDS: dict[str, Any] = {
    "squared": lambda on: squared(on=on),
    "absolute": lambda on: absolute(on=on),
    "huber": lambda *numbers, on: huber(*numbers, on=on),
    "student": lambda scale=1e-3, dof=4.0, *, on: student(scale, dof=dof, on=on),
    "asymmetric": lambda under=0.1, delta=1e-3, *, on: asymmetric(huber(delta, on=on), under=under),
}


def parse(spec: str) -> Objective:
    """Objective that a spec such as `huber:1e-3:raw` names. Raises `FitError`."""
    name, *rest = spec.split(":")
    if name not in _KINDS:
        raise FitError(f"`--objective {spec}`: {nearest(name, _KINDS, what='objective')}")
    on = rest.pop() if rest and rest[-1] in SCALES else None
    try:
        return _KINDS[name](*map(float, rest), on=on)
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, FitError) else f"expected {name}[:number][:{'|'.join(SCALES)}]."
        raise FitError(f"`--objective {spec}`: {reason}") from None
