"""Covariance of the parameters from the shape of the objective: fast, symmetric, and as good as the valley is straight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.density import dispersion, expansion, left_out, neighbours, off_bounds
from jaxlaws.fitting.report import cautions
from jaxlaws.fitting.variations import Subject, free_of, objectives, subject
from jaxlaws.objectives import Objective
from jaxlaws.solvers import Status
from jaxlaws.uncertainty import _resampling as resampling
from jaxlaws.uncertainty.draws import Decision, Draws, check_level


@dataclass(frozen=True, eq=False)
class Covariance:
    """Normal distribution of a fit's coordinates: logarithms of positive parameters, values of others.

    `matrix` is `(params, params)`, `names` says whose coordinate each is; parameters on their bound have no variance. `freedom`
    are the degrees of freedom that the matrix was estimated with: intervals take Student's quantile of as many.
    """

    center: Fit
    kind: str
    names: tuple[str, ...]
    matrix: np.ndarray
    units: int
    free: int
    freedom: int
    notes: tuple[str, ...]
    subject: Subject

    def __repr__(self) -> str:
        return f"<covariance of {', '.join(dict.fromkeys(self.names))} of {self.center.law.label}: {self.kind}>"

    def errors(self) -> np.ndarray:
        """Standard error of each coordinate, `(params,)`: a relative one for positive parameters."""
        return np.sqrt(np.diagonal(self.matrix))

    def interval(self, level: float = 0.95) -> dict[str, Any]:
        """Ends of the interval of each free parameter, as by endless draws: Student's quantile times its error to each side in
        coordinates, within its box; of one with copies, a dict by run."""
        from scipy.special import stdtrit

        check_level(level)
        reach = stdtrit(self.freedom, (1 + level) / 2) * self.errors()
        of = self.subject
        low, high = (of.values(np.clip(of.center + step, of.low, of.high)[None]) for step in (-reach, reach))
        return {
            name: {run: (float(low[name][run][0]), float(high[name][run][0])) for run in low[name]}
            if isinstance(low[name], dict)
            else (float(low[name][0]), float(high[name][0]))
            for name in low
            if name not in self.center.fixed
        }

    def draws(self, count: int = 1000, *, seed: int = 0) -> Draws:
        """Normal draws, of which intervals, predictions and decisions are read off."""
        of = self.subject
        rng = np.random.default_rng(seed)
        value, vector = np.linalg.eigh(self.matrix)
        spread = vector * np.sqrt(np.maximum(value, 0.0))
        half = rng.standard_normal((-(-count // 2), len(value)))
        steps = np.concatenate([half, -half])[:count] @ spread.T  # pairs: the mean is that of the fit
        x = np.clip(of.center + steps, of.low, of.high)
        return Draws(
            law=of.law,
            params=of.values(x),
            objective=objectives(of, x),
            status=np.full(count, int(Status.converged)),
            kind=self.kind,
            center=self.center,
            notes=self.notes,
            units=self.freedom,
            free=0,  # the covariance has paid for its parameters
        )

    def decide(self, fn: Callable[[dict[str, Any]], Any], level: float = 0.95) -> Decision:
        """What `fn` gives, and how certain it is, by 1000 draws; as of `Draws`."""
        return self.draws().decide(fn, level)

    def predict(
        self, runs: Any = None, *, level: float = 0.95, **more: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions of the fit, and the ends of the interval of each, by 1000 draws; as of `Draws`."""
        return self.draws().predict(runs, level=level, **more)


def laplace(
    fit: Fit, runs: Any, *, weights: np.ndarray | None = None, objective: Objective | None = None
) -> Covariance:
    """Covariance from the exact Hessian of the objective and the residuals' dispersion: rows are taken to scatter alike,
    neighbours within a run as correlated as they are. Intervals take Student's quantile of n-p degrees of freedom."""
    of = subject(fit, runs, weights=weights, objective=objective)
    freedom = int(np.count_nonzero(of.weight > 0)) - free_of(of)
    return _made(of, "Laplace", dispersion(of) * _inverse(of, expansion(of).hessian), 0, freedom, ())


def sandwich(
    fit: Fit, runs: Any, *, by: str = "run", weights: np.ndarray | None = None, objective: Objective | None = None
) -> Covariance:
    """Covariance that asks nothing of the noise but that units are independent (`by` "run", a trunk and its branches being
    one, "row" or a column): (G-1)/G times the sum over units of the squares of `left_out`, how far the fit moves without each,
    to first order.

    This is $H^{-1} J H^{-1}$ with the gradient of each unit freed of what the unit itself did to the fit, the estimator CV3L of
    MacKinnon, Nielsen & Webb (2024), arXiv:2406.00650: with J of plain gradients, intervals of few units that weigh unequally
    are too narrow. Intervals take Student's quantile of G-1 degrees of freedom, by row of n-p.

    With fewer than 8 runs, or no more than parameters, rows are the units, and the sum is enlarged by (1 + r)/(1 - r) for
    neighbours in a run whose gradients correlate by r.
    """
    return sandwich_at(subject(fit, runs, weights=weights, objective=objective), by=by)


def sandwich_at(of: Subject, *, by: str = "run") -> Covariance:
    """`sandwich` of a fit whose problem is at hand."""
    near = expansion(of)
    _inverse(of, near.hessian)  # refuses what is flat
    free = free_of(of)
    units = resampling.units(of, by)
    rows = int(np.count_nonzero(of.weight > 0))
    notes = units.note
    kind, factor = f"sandwich by {by}", 1.0
    freedom = rows - free if by == "row" else units.count - 1
    if by != "row" and (units.count < resampling.FEW or units.count <= free):
        if by != "run":
            raise FitError(
                f"`sandwich(by={by!r})`: {units.count} units cannot say how uncertain {free} parameters are."
            )
        notes += (f"{units.few} too few to be units: nothing is known of how runs differ from one another.",)
        freedom = rows - free
        units = resampling.units(of, "row")
        r = max(neighbours(of, gradient) for gradient in near.gradients.T)
        kind, factor = f"sandwich by row, neighbours correlated by {r:.2f}", (1.0 + r) / (1.0 - r)
    if rows <= free:
        raise FitError(f"`sandwich`: {rows} rows cannot say how uncertain {free} parameters are.")
    steps = left_out(of, near, units.of_row)
    factor *= (units.count - 1.0) / units.count
    return _made(of, kind, factor * steps.T @ steps, units.count, freedom, notes)


def _inverse(of: Subject, hessian: np.ndarray) -> np.ndarray:
    """Of the Hessian, over coordinates that are off their bounds."""
    keep = off_bounds(of)
    if not keep.any():
        return np.zeros_like(hessian)
    part = hessian[np.ix_(keep, keep)]
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(part)), 1e-300))
    value, vector = np.linalg.eigh(part * np.outer(scale, scale))
    if not value[0] > 1e-12 * value[-1]:
        raise FitError(
            f"the objective of `{of.law.name}` is flat in some direction at the fit: no covariance can be read off it; use "
            "`bootstrap` or `profile`."
        )
    out = np.zeros_like(hessian)
    out[np.ix_(keep, keep)] = (vector / value) @ vector.T * np.outer(scale, scale)
    return out


def _made(of: Subject, kind: str, matrix: np.ndarray, units: int, freedom: int, notes: tuple[str, ...]) -> Covariance:
    told = (*notes, *cautions(of.fit))
    return Covariance(of.fit, kind, tuple(of.names), matrix, units, free_of(of), max(freedom, 1), told, of)
