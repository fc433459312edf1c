"""What two fits differ in: settings, data, parameters, predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting.result import Fit

_SETTINGS = (
    "source",
    "data_hash",
    "where",
    "rows",
    "objective_spec",
    "weights",
    "fixed",
    "shared",
    "pooled",
    "bins",
    "seed",
)


@dataclass(frozen=True)
class Difference:
    """`params` has, by parameter (`d[run]` for one with copies), the values of both fits; `settings` what they were told
    differently; `at` are inputs, the largest that either was fitted to, and `predicted` what both say there (None for laws
    of curves)."""

    names: tuple[str, str]
    params: Mapping[str, tuple[float, float]]
    objective: tuple[float, float]
    settings: Mapping[str, tuple[Any, Any]]
    at: Mapping[str, float]
    predicted: tuple[float, float] | None

    def __str__(self) -> str:
        head = ["", *self.names, "change"]
        rows = [[n, f"{a:.6g}", f"{b:.6g}", _change(a, b)] for n, (a, b) in self.params.items()]
        rows.append(["objective", f"{self.objective[0]:.6g}", f"{self.objective[1]:.6g}", _change(*self.objective)])
        if self.predicted is not None:
            where = ", ".join(f"{k} {v:.3g}" for k, v in self.at.items())
            rows.append([f"at {where}", *(f"{v:.6g}" for v in self.predicted), _change(*self.predicted)])
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]
        lines = ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]]
        lines += [""] * bool(self.settings)
        lines += [f"{name}: {a} | {b}" for name, (a, b) in self.settings.items()]
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "fits": list(self.names),
            "params": {k: {"a": a, "b": b, "change": b - a} for k, (a, b) in self.params.items()},
            "objective": {"a": self.objective[0], "b": self.objective[1]},
            "settings": {k: {"a": a, "b": b} for k, (a, b) in self.settings.items()},
            "at": dict(self.at),
            "predicted": None if self.predicted is None else {"a": self.predicted[0], "b": self.predicted[1]},
        }


def diff(a: Fit, b: Fit, *, names: tuple[str, str] = ("a", "b")) -> Difference:
    """What `b` has otherwise than `a`. Raises `FitError` for fits of laws that have no parameter in common."""
    one, other = _flat(a), _flat(b)
    both = [n for n in one if n in other]
    if not both:
        raise FitError(f"`diff`: `{a.law.label}` and `{b.law.label}` have no parameter in common.")
    params = {n: (one.get(n, math.nan), other.get(n, math.nan)) for n in dict.fromkeys([*one, *other])}
    told = {"law": (a.law.label, b.law.label), "status": (a.status.name, b.status.name)}
    told |= {n: (getattr(a, n), getattr(b, n)) for n in _SETTINGS}
    told |= {f"prior of {n}": (a.priors.get(n), b.priors.get(n)) for n in dict.fromkeys([*a.priors, *b.priors])}
    told |= {f"box of {n}": (a.boxes.get(n), b.boxes.get(n)) for n in dict.fromkeys([*a.boxes, *b.boxes])}
    told |= {f"version of {n}": (a.versions.get(n), b.versions.get(n)) for n in a.versions}
    at, predicted = _beyond(a, b)
    return Difference(
        names=names,
        params=params,
        objective=(a.objective, b.objective),
        settings={k: v for k, v in told.items() if v[0] != v[1]},
        at=at,
        predicted=predicted,
    )


def _flat(fit: Fit) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, value in fit.params.items():
        if isinstance(value, Mapping):
            out |= {f"{name}[{run}]": v for run, v in value.items()}
        else:
            out[name] = value
    return out


def _beyond(a: Fit, b: Fit) -> tuple[dict[str, float], tuple[float, float] | None]:
    same = set(a.law.inputs) == set(b.law.inputs) == set(a.largest) == set(b.largest)
    if a.law.is_curve or not same or a.status.failed or b.status.failed:
        return {}, None
    at: dict[str, Any] = {k: max(a.largest[k], b.largest[k]) for k in a.law.inputs}
    one, other = (float(np.asarray(f.predict(**at))) for f in (a, b))
    return at, (one, other)


def _change(a: float, b: float) -> str:
    if not (math.isfinite(a) and math.isfinite(b)):
        return "only in one"
    return f"{b - a:+.3g}" + (f" ({100 * (b / a - 1):+.2g} %)" if a != 0 else "")
