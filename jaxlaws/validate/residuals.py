"""Residuals of a fit on its output's natural scale, in the order of their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxlaws.fitting import Fit
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.objectives import link, parse
from jaxlaws.runs import Runs, read


@dataclass(frozen=True, eq=False)
class Residuals:
    """Prediction minus observation `(rows,)`, rows of one run together and in order of their steps (or tokens).

    `run` is the run of each and `rows` its place in `table`; `on` is the scale: log, raw or logit.
    """

    value: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    run: np.ndarray
    rows: np.ndarray
    table: Runs
    on: str

    def column(self, name: str) -> np.ndarray:
        """A column of the table in the order of the residuals."""
        return self.table.column(name)[self.rows]

    @property
    def autocorrelation(self) -> float:
        """Correlation of a residual with the one before it in its run, each run about its own mean; NaN below 8 pairs."""
        return _autocorrelation(self.value, self.run)

    @property
    def effective(self) -> float:
        """Independent observations that the rows amount to, if residuals are autoregressive: n (1 - r) / (1 + r) in each
        run, at least one a run."""
        _, count = np.unique(self.run, return_counts=True)
        # About the fitted law, not each run's own mean: a shift of a whole run is correlation too.
        r = _autocorrelation(self.value, self.run, centred=False)
        share = (1.0 - r) / (1.0 + r) if r > 0 else 1.0
        return float(np.sum(np.maximum(count * share, 1.0)))


def residuals(fit: Fit, runs: Any) -> Residuals:
    """Residuals of `fit` on a table whose outcomes are known."""
    table = read(runs).checked(numeric_columns(fit.law))
    run = table.frame["run"].astype(str).to_numpy(dtype=object)
    code = table.frame["run"].factorize()[0]
    along = next((c for c in ("step", "D") if c in table.frame.columns), None)
    order = np.lexsort((np.zeros(len(table)) if along is None else table.column(along), code))
    predicted, observed = fit.predict(table), table.column(fit.law.output.symbol)
    rows = order[np.isfinite(predicted[order])]
    on = parse(fit.objective_spec).on or fit.law.output.scale
    value = natural(predicted[rows], on) - natural(observed[rows], on)
    return Residuals(value, observed[rows], predicted[rows], run[rows], rows, table, on)


def natural(values: np.ndarray, on: str) -> np.ndarray:
    """Values on the scale on which residuals are taken, float64."""
    with jax.enable_x64(True):
        return np.asarray(link(np.asarray(values, dtype=np.float64), on))


def _autocorrelation(value: np.ndarray, run: np.ndarray, *, centred: bool = True) -> float:
    same = run[1:] == run[:-1]
    if same.sum() < 8:
        return float("nan")
    if centred:
        _, code = np.unique(run, return_inverse=True)
        value = value - (np.bincount(code, value) / np.bincount(code))[code]
    power = float(np.mean(value**2))
    return float(np.mean((value[1:] * value[:-1])[same]) / power) if power > 0 else float("nan")
