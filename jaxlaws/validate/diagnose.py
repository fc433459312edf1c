"""What the residuals of a fit say against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting import Fit
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.validate.noise import Noise, noise
from jaxlaws.validate.residuals import Residuals, residuals

STRANGE = 4.0  # robust standard deviations beyond which a run is an outlier


@dataclass(frozen=True)
class Diagnosis:
    """Residuals of a fit, summed up. Residuals are prediction less observation on the scale of the fit's objective.

    - `autocorrelation`: of one residual with the one before it in its run; `effective`: independent observations.
    - `trend`: by input, what residuals gain per decade, and its standard error over independent observations: a law whose
      residuals have a trend is wrong where it extrapolates.
    - `outliers`: runs whose mean residual lies more than four robust standard deviations off the others', and how many.
    - `ratio`: mean square of the residuals over that of replicates, `p_value` the chance of one as large under a true law;
      NaN without replicates. `noise` is where the replicates come from.
    """

    autocorrelation: float
    effective: float
    trend: Mapping[str, tuple[float, float]]
    outliers: Mapping[str, float]
    ratio: float
    p_value: float
    noise: Noise
    rmse: float
    rows: int

    @property
    def refuted(self) -> bool | None:
        """Whether residuals exceed replicate noise at the level of 1 %; None where there are no replicates."""
        return None if math.isnan(self.p_value) else self.p_value < 0.01

    def __str__(self) -> str:
        lines = [f"{self.rows} residuals, root mean square {self.rmse:.3g}; noise floor: {self.noise}"]
        if not math.isnan(self.autocorrelation):
            lines.append(
                f"autocorrelation {self.autocorrelation:.2f}: they amount to {self.effective:.0f} independent observations"
            )
        for name, (slope, error) in self.trend.items():
            certain = "  a trend: do not extrapolate along it" if abs(slope) > 3.0 * error else ""
            lines.append(f"trend with {name}: {slope:+.2g} ({error:.1g}) per decade{certain}")
        for run, size in self.outliers.items():
            lines.append(f"run {run!r} is an outlier: {size:+.1f} standard deviations")
        verdict = {
            None: "no replicates: noise cannot refute the law here",
            True: f"refuted: residuals are {self.ratio:.3g} times replicate noise in mean square (p = {self.p_value:.1g})",
            False: f"not refuted: residuals are {self.ratio:.3g} times replicate noise in mean square (p = {self.p_value:.2g})",
        }
        return "\n".join([*lines, verdict[self.refuted]])


def diagnose(fit: Fit, runs: Any, along: str | Sequence[str] | None = None) -> Diagnosis:
    """What the residuals of `fit` on a table say against it.

    `along` names the quantity, or quantities, to look for a trend along; default: every input that varies, and the step of
    curves. With replicates (rows that agree in every input, or runs that agree in their learning rates) the law is held
    against their noise, both on the scale of the fit's objective: for points by the F test of lack of fit, for curves by
    the F test of residuals' mean square, a run counting as one observation.
    """
    found = residuals(fit, runs)
    floor = noise(runs, fit.law, on=found.on)
    names = numeric_columns(fit.law, observed=False) if along is None else [along] if isinstance(along, str) else along
    for name in names if along is not None else ():
        if name not in found.table.frame.columns:
            raise FitError(
                f"`diagnose(along=...)`: {nearest(name, map(str, found.table.frame.columns), what='column')}"
            )
    trend = {}
    for name in names:
        value = found.column(name)
        if (value > 0).all() and value.max() > value.min():
            trend[name] = _slope(np.log10(value), found)
    ratio, p_value = (_curves if fit.law.is_curve else _points)(fit, found, floor)
    return Diagnosis(
        autocorrelation=found.autocorrelation,
        effective=found.effective,
        trend=trend,
        outliers=_outliers(found, _free(fit)),
        ratio=ratio,
        p_value=p_value,
        noise=floor,
        rmse=float(np.sqrt(np.mean(found.value**2))),
        rows=len(found.value),
    )


def _slope(x: np.ndarray, found: Residuals) -> tuple[float, float]:
    """Least-squares slope, and its error by the sum of each run's pull: rows of one run are one observation."""
    centred = x - x.mean()
    spread = float(np.sum(centred**2))
    slope = float(np.sum(centred * found.value) / spread)
    left = found.value - found.value.mean() - slope * centred
    _, code = np.unique(found.run, return_inverse=True)
    pulls = np.bincount(code, centred * left)
    n = len(pulls)
    if n < 3:
        share = max(found.effective / len(x), 1.0 / len(x))
        return slope, float(np.sqrt(np.mean(left**2) / (spread * share)))
    return slope, float(np.sqrt(np.sum(pulls**2) * n / (n - 1)) / spread)


def _outliers(found: Residuals, free: int) -> dict[str, float]:
    names, code = np.unique(found.run, return_inverse=True)
    if len(names) < 5:
        return {}
    mean = np.bincount(code, found.value) / np.bincount(code)
    off = mean - np.median(mean)
    # A robust fit goes through about as many rows as it has parameters: these say nothing of the scatter.
    through = min(free, len(names) // 2) if len(names) == len(code) else 0
    spread = 1.4826 * float(np.median(np.sort(np.abs(off))[through:]))
    if spread == 0:
        return {}
    far = {str(n): float(o / spread) for n, o in zip(names, off, strict=True) if abs(o) > STRANGE * spread}
    return dict(sorted(far.items(), key=lambda item: -abs(item[1])))


def _free(fit: Fit) -> int:
    return sum(len(v) if isinstance(v, dict) else 1 for n, v in fit.params.items() if n not in fit.fixed)


def _points(fit: Fit, found: Residuals, floor: Noise) -> tuple[float, float]:
    """F test of lack of fit: what the residuals have beyond replicates, against replicates."""
    if floor.freedom == 0 or not floor.sd > 0:
        return math.nan, math.nan
    pure = floor.freedom * floor.sd**2
    freedom = len(found.value) - floor.freedom - _free(fit)
    if freedom < 1:
        return math.nan, math.nan
    ratio = max(float(np.sum(found.value**2)) - pure, 0.0) / freedom / floor.sd**2
    return ratio, _chance(ratio, freedom, floor.freedom)


def _curves(fit: Fit, found: Residuals, floor: Noise) -> tuple[float, float]:
    del fit
    if floor.freedom == 0 or not floor.sd > 0:
        return math.nan, math.nan
    _, code = np.unique(found.run, return_inverse=True)
    each = np.bincount(code, found.value**2) / np.bincount(code)
    ratio = float(each.mean()) / floor.sd**2
    return ratio, _chance(ratio, len(each), floor.freedom)


def _chance(ratio: float, above: int, below: int) -> float:
    from scipy.special import fdtrc

    return float(fdtrc(above, below, ratio))
