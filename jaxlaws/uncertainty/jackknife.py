"""Jackknife: the fit made again without each unit in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.variations import free_of, solved, subject
from jaxlaws.objectives import Objective
from jaxlaws.uncertainty import _resampling as resampling
from jaxlaws.uncertainty.bootstrap import absent, drawn
from jaxlaws.uncertainty.draws import Decision, Draws, check_level


@dataclass(frozen=True, eq=False)
class Jackknife:
    """Fits without each unit in turn. `left_out` names the units; `without` has the parameters of each fit, `(units,)`."""

    center: Fit
    left_out: tuple[str, ...]
    without: Draws

    def __repr__(self) -> str:
        return f"<{len(self.left_out)} fits of {self.center.law.label}: {self.without.kind}>"

    def error(self, fn: Callable[[dict[str, Any]], Any]) -> Any:
        """Standard error of `fn`, a pure JAX function of the dict of parameters: $\\sqrt{(G-1)/G \\sum (f_g - \\bar f)^2}$."""
        return jax.tree.map(self._error, self.without.decide(fn).draws)

    def interval(self, level: float = 0.95) -> dict[str, Any]:
        """Ends of the interval of each free parameter, by Student's quantile, in logarithms for positive ones."""
        check_level(level)
        params: dict[str, Any] = self.center.params  # type: ignore[assignment]  # a mapping of floats and dicts
        return {
            name: {k: self._ends(v, params[name][k], level) for k, v in value.items()}
            if isinstance(value, Mapping)
            else self._ends(value, params[name], level)
            for name, value in self.without.params.items()
            if name not in self.center.fixed
        }

    def decide(self, fn: Callable[[dict[str, Any]], Any], level: float = 0.95) -> Decision:
        """What `fn` gives, and how certain it is; as of `Draws`."""
        found = self.without.decide(fn, level)
        both = jax.tree.map(lambda d, v: self._ends(d, v, level), found.draws, found.value)
        low, high = jax.tree.transpose(jax.tree.structure(found.value), jax.tree.structure((0, 0)), both)
        return Decision(found.value, found.draws, low, high, found.undefined)

    def _error(self, values: np.ndarray) -> Any:
        good = np.asarray(values)[self.without.good]
        return np.sqrt((len(good) - 1.0) / len(good) * np.sum((good - good.mean(axis=0)) ** 2, axis=0))

    def _ends(self, values: np.ndarray, value: Any, level: float) -> Any:
        from scipy.special import stdtrit

        reach = stdtrit(max(len(self.left_out) - 1, 1), (1 + level) / 2)
        logs = np.all(values[self.without.good] > 0) and np.all(value > 0)
        if logs:
            error = reach * self._error(np.log(values))
            low, high = value * np.exp(-error), value * np.exp(error)
        else:
            error = reach * self._error(values)
            low, high = value - error, value + error
        return (float(low), float(high)) if np.ndim(low) == 0 else (low, high)


def jackknife(
    fit: Fit, runs: Any, *, by: str = "run", weights: np.ndarray | None = None, objective: Objective | None = None
) -> Jackknife:
    """Fits of the law of `fit` to `runs` without each unit in turn: "run" (a trunk goes with its branches), "row", or
    each value of a column.

    Every one starts at the fit; all are solved side by side. Raises `FitError` where what is left cannot be fitted.
    """
    of = subject(fit, runs, weights=weights, objective=objective)
    units = resampling.units(of, by)
    free = free_of(of)
    if units.count < 3:
        raise FitError(f"`jackknife(by={by!r})` needs at least 3 of them; got {units.count}.")
    keep = 1 - np.eye(units.count, dtype=np.uint16)
    weight = resampling.weighted(of, units, keep)
    held = absent(of, weight, units.count)
    found = solved(of, np.repeat(of.center[None], units.count, axis=0), weight=weight, held=held)
    draws = drawn(of, found, f"jackknife by {by}", notes=units.note, units=units.count, free=free, held=held)
    if not draws.good.any():
        raise FitError(f"`jackknife(by={by!r})`: without one of them nothing determines the {free} parameters.")
    return Jackknife(fit, resampling.labels(of, units), draws)
