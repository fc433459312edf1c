"""What is said for a law by the rows that it was fitted to: likelihood, less a price for its parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.fitting import Fit
from jaxlaws.validate.residuals import residuals


@dataclass(frozen=True)
class Criteria:
    """Information criteria of a fit; smaller is better, and only differences on the same rows mean something. The likelihood
    is that of the outcomes themselves, whatever scale `on` the residuals are normal on, so that fits on the logarithm and on
    the raw loss can be compared.

    `parameters` counts the fitted ones and the noise, `effective` the independent observations that the rows amount to.
    `aicc` is infinite where these do not exceed the parameters by two.
    """

    log_likelihood: float
    aicc: float
    bic: float
    parameters: int
    effective: float
    rows: int
    on: str


def criteria(fit: Fit, runs: Any, *, effective: float | None = None) -> Criteria:
    """AICc and BIC of a fit on a table, for normal residuals on the scale of its objective.

    Rows of one run are not independent: the likelihood counts `Residuals.effective` observations, which for curves logged
    often are far fewer than rows. Give `effective` where laws are compared, so that it is the same for all of them. Robust
    objectives minimise something else: there these rank laws by their squared residuals all the same. AICc: Hurvich and Tsai
    (1989).
    """
    found = residuals(fit, runs)
    effective = found.effective if effective is None else effective
    free = sum(len(v) if isinstance(v, dict) else 1 for name, v in fit.params.items() if name not in fit.fixed)
    count = free + 1
    mean_square = float(np.mean(found.value**2))
    # A density of f(y) is one of y after multiplication by |f'(y)|.
    slope = {"log": 1.0 / found.observed, "logit": 1.0 / (found.observed * (1.0 - found.observed))}.get(found.on)
    jacobian = 0.0 if slope is None else effective * float(np.mean(np.log(np.abs(slope))))
    normal = -0.5 * effective * (math.log(2.0 * math.pi * mean_square) + 1.0) if mean_square > 0 else math.inf
    likelihood = normal + jacobian
    room = effective - count - 1.0
    aicc = -2.0 * likelihood + 2.0 * count * effective / room if room > 0 else math.inf
    bic = -2.0 * likelihood + count * math.log(effective)
    return Criteria(likelihood, aicc, bic, count, effective, len(found.value), found.on)
