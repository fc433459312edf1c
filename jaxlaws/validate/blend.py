"""Several laws as one: their mean, or the mixture that predicts held-out rows best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting import Fit, Fits
from jaxlaws.runs import read
from jaxlaws.validate.assess import predictions

PARTS = 10  # of what was scored, at most, that are left out in turn when stacking is scored


@dataclass(frozen=True, eq=False)
class Blend:
    """A mixture of fitted laws. `weights` are at least 0 and sum to 1; `error` is the mixture's own held-out error, of weights
    that had not seen the rows they were scored on; `kind` is "stacked" or "average". `spread` of predictions is an error
    bar where the laws are about equally good."""

    names: tuple[str, ...]
    weights: np.ndarray
    kind: str
    error: float
    fits: tuple[Fit | Fits, ...]

    def predict(self, runs: Any = None, **inputs: Any) -> np.ndarray:
        """The weighted mean of the laws' predictions; arguments as of `Fit.predict`. Fits by group need a table, whose
        columns say the group of each row: NaN in rows of a group that was not fitted."""
        return np.tensordot(self.weights, self._each(runs, inputs), 1)

    def spread(self, runs: Any = None, **inputs: Any) -> np.ndarray:
        """Weighted standard deviation of the laws' predictions."""
        each = self._each(runs, inputs)
        middle = np.tensordot(self.weights, each, 1)
        return np.sqrt(np.tensordot(self.weights, (each - middle) ** 2, 1))

    def _each(self, runs: Any, inputs: dict[str, Any]) -> np.ndarray:
        if any(isinstance(f, Fits) for f in self.fits):
            if runs is None or inputs:
                raise FitError(
                    "`Blend.predict`: some of its laws are fitted by group: give a table with the groups' columns."
                )
            runs = read(runs)
        return np.stack([f.predict(runs, **inputs) if isinstance(f, Fit) else predictions(f, runs) for f in self.fits])


def stack(predicted: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights `(laws,)`, at least 0 and summing to 1, of the mixture of `predicted` `(laws, rows)` that has the least weighted
    squared error (Breiman 1996, stacked regressions)."""
    from scipy.optimize import nnls

    root = np.sqrt(weight / weight.sum())
    error = (predicted - observed) * root
    scale = float(np.sqrt(np.mean(np.sum(error**2, axis=1))))
    if scale == 0:
        return np.full(len(predicted), 1.0 / len(predicted))
    # Sum to one: errors of a mixture are the mixture of errors, so the sum is one more, heavy, equation.
    heavy = 1e4
    rows = np.vstack([error.T / scale, np.full((1, len(predicted)), heavy)])
    found, _ = nnls(rows, np.r_[np.zeros(error.shape[1]), heavy])
    return found / found.sum()


def stacked_error(
    predicted: np.ndarray, observed: np.ndarray, weight: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of the stack for each row `(rows,)`, with weights found without the row's unit, and which rows have any."""
    names = np.unique(unit)
    parts = [names[i :: min(PARTS, len(names))] for i in range(min(PARTS, len(names)))]
    out = np.full(len(observed), np.nan)
    if len(parts) < 2:
        return out, np.zeros(len(observed), dtype=bool)
    for part in parts:
        inside = np.isin(unit, part)
        out[inside] = stack(predicted[:, ~inside], observed[~inside], weight[~inside]) @ predicted[:, inside]
    return out, np.isfinite(out)


def names_of(names: Sequence[str], weights: np.ndarray) -> str:
    """`0.60 multi_power + 0.40 lr_annealing`."""
    return " + ".join(f"{w:.2f} {n}" for n, w in zip(names, weights, strict=True) if w >= 0.005)
