"""What is believed of a law: one set of parameters, or many draws of them besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from jaxlaws.errors import PlanError, TracerError
from jaxlaws.spec import Law
from jaxlaws.uncertainty.draws import widening

LEVEL = 0.95  # of intervals


@dataclass(frozen=True)
class Belief:
    """`params` has arrays `(1 + draws,)`: the centre first, then the draws."""

    law: Law
    params: Mapping[str, np.ndarray]
    largest: Mapping[str, float]
    units: int = 0
    free: int = 0
    failed: int = 0  # draws that are no minimum, left out

    @property
    def draws(self) -> int:
        return len(next(iter(self.params.values()))) - 1 if self.params else 0

    @property
    def centre(self) -> dict[str, float]:
        return {name: float(values[0]) for name, values in self.params.items()}

    def interval(self, values: np.ndarray, level: float = LEVEL) -> np.ndarray:
        """Interval `(..., 2)` of a decision at the centre and at each draw, `(..., 1 + draws)`, as wide as the interval of a
        parameter of these draws would be: where few things were resampled their quantiles are too narrow."""
        factor, middle = widening(self.units, self.free, level), values[..., :1]
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.nanmin(np.where(np.isfinite(values), values, 1.0), axis=-1, keepdims=True) > 0
            ends = interval(values[..., 1:], level)
            apart = np.exp(np.log(middle) + factor * (np.log(ends) - np.log(middle)))
            return np.where(logs, apart, middle + factor * (ends - middle))

    def silent(self, *values: np.ndarray) -> int:
        """How many draws have no answer to one of some questions, `(..., 1 + draws)` each; intervals leave those out."""
        if not self.draws:
            return 0
        lost = [~np.isfinite(v[..., 1:]).reshape(-1, self.draws).all(axis=0) for v in values]
        return int(np.any(lost, axis=0).sum()) if lost else 0


def told(draws: int, failed: int, silent: int, level: float) -> list[str]:
    """What is to be said of intervals: of how many draws they are, and which were left out."""
    if not draws:
        return []
    notes = [f"in brackets {100 * level:g} % intervals of {draws} draws"]
    notes += [f"{failed} failed draws are left out of them"] if failed else []
    return notes + ([f"{silent} draws have no answer, so that intervals are of the others alone"] if silent else [])


def check_level(call: str, level: Any) -> None:
    """Raises `PlanError` unless intervals can have this level."""
    if isinstance(level, bool) or not isinstance(level, int | float | np.number) or not 0.0 < level < 1.0:
        raise PlanError(f"`{call}(level=...)` must lie between 0 and 1; got {level!r}.")


def believed(source: Any, call: str, level: float = LEVEL) -> Belief:
    """Law and parameters of a `Fit`, of draws (`law`, `params` with arrays `(draws,)`, `center`), or of `law.constants[...]`.

    A parameter with a copy for each run or group counts by the mean of its copies. Raises `PlanError`, also for a `level`
    that no interval has, or `TracerError` under a transformation.
    """
    check_level(call, level)
    law, params = getattr(source, "law", None), getattr(source, "params", None)
    if not isinstance(law, Law) or not isinstance(params, Mapping):
        raise PlanError(f"`{call}` takes a fit, draws of one, or `law.constants[...]`; got {type(source).__name__}.")
    refuse_tracers(call, dict(params))
    status = getattr(source, "status", None)
    if getattr(status, "failed", False):
        raise PlanError(
            f"`{call}`: the fit of `{law.name}` failed ({getattr(source, 'reason', '') or status}); fit again first."
        )
    held = {name: p.fixed for name, p in law.params.items() if p.fixed is not None and name not in params}
    values = {name: _numbers(value) for name, value in {**held, **params}.items()}
    missing = [name for name in law.params if name not in values]
    if missing:
        raise PlanError(f"`{call}`: there is no value of `{missing[0]}` of `{law.name}`.")
    count = max((v.size for v in values.values() if v.ndim), default=0)
    centre = getattr(source, "center", None)  # a fit, or its parameters
    given = getattr(centre, "params", centre)
    out = {}
    for name in law.params:
        drawn = np.broadcast_to(values[name], (count,)) if count else np.atleast_1d(values[name])
        middle = np.median(drawn) if given is None else np.mean(_numbers(given.get(name, np.median(drawn))))
        out[name] = np.r_[middle, drawn] if count else drawn
    sound = np.asarray(np.all([np.isfinite(v) for v in out.values()], axis=0)) if out else np.ones(1, bool)
    if count:
        sound[1:] &= getattr(source, "good", True)
    if not sound[0]:
        raise PlanError(f"`{call}`: parameters of `{law.name}` are not finite; fit again first.")
    largest = getattr(source, "largest", None) or getattr(centre, "largest", None) or {}
    more = {name: int(getattr(source, name, 0)) for name in ("units", "free")} if count else {}
    return Belief(law, {k: v[sound] for k, v in out.items()}, dict(largest), **more, failed=int((~sound).sum()))


def refuse_tracers(call: str, *values: Any) -> None:
    """Raises `TracerError` when a host function is called under `jit`, `vmap` or `grad`."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values)):
        raise TracerError(f"`{call}` is a host function; inside jit, vmap or grad use the room's pure functions.")


def interval(values: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Interval `(..., 2)` of draws in the last axis; draws without a finite answer are left out."""
    share = 0.5 * (1.0 - level)
    finite = np.where(np.isfinite(values), values, np.nan)
    empty = np.asarray(~np.isfinite(values).any(axis=-1))
    filled = np.where(empty[..., None], 0.0, finite)
    out = np.moveaxis(np.nanquantile(filled, [share, 1.0 - share], axis=-1), 0, -1)
    return np.where(empty[..., None], np.nan, out)


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, Mapping):  # copies of one parameter: their mean, over the copies
        return np.mean([np.asarray(v, dtype=np.float64) for v in value.values()], axis=0)
    return np.asarray(value, dtype=np.float64)
