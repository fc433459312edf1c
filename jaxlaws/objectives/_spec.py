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
}


def parse(spec: str) -> Objective:
    """Objective that a spec such as `huber:1e-3:raw` or `asymmetric:0.1:huber:1e-3` names. Raises `FitError`."""
    name, *rest = spec.split(":")
    if name == "asymmetric":
        return _asymmetric(spec, rest)
    if name not in _KINDS:
        raise FitError(f"`--objective {spec}`: {nearest(name, [*_KINDS, 'asymmetric'], what='objective')}")
    on = rest.pop() if rest and rest[-1] in SCALES else None
    try:
        return _KINDS[name](*map(float, rest), on=on)
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, FitError) else f"expected {name}[:number][:{'|'.join(SCALES)}]."
        raise FitError(f"`--objective {spec}`: {reason}") from None


def _asymmetric(spec: str, rest: list[str]) -> Objective:
    """`asymmetric[:UNDER][:BASE]`, with a number alone after UNDER for Huber's delta."""
    under = 0.1
    if rest and rest[0] not in _KINDS and rest[0] not in SCALES:
        try:
            under = float(rest.pop(0))
        except ValueError:
            raise FitError(f"`--objective {spec}`: expected asymmetric[:number][:objective].") from None
    base = ":".join(rest if rest and rest[0] in _KINDS else ["huber", *rest])
    try:
        return asymmetric(parse(base), under=under)
    except FitError as error:
        raise FitError(f"`--objective {spec}`: {str(error).removeprefix(f'`--objective {base}`: ')}") from None
