"""Curves that were not fitted: the errors that docs/extrapolation.md gives for `limited_progress`."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit
from jaxlaws.solvers import levenberg_marquardt

# Mean over the six unseen curves of each one's mean absolute error, of progress_noise with its shift and of this law.
BEFORE = {"25M": 0.0028, "100M": 0.0023}
NOW = {"25M": 0.00225, "100M": 0.00220}
ONE_RUNG = levenberg_marquardt(trips=100, polish=0)  # half the program of two rungs


@pytest.fixture(scope="module", params=["25M", pytest.param("100M", marks=pytest.mark.slow)])
def fitted(request, mpl):
    size = request.param
    return size, fit("limited_progress", mpl(size)[0], weights="run", free=("m", "d"), solver=ONE_RUNG)


def test_unseen_curves_are_predicted_better_than_by_progress_noise(fitted, mpl):
    size, found = fitted
    error = found.score(mpl(size)[1])["run_mean"]["mae"]
    assert error <= NOW[size]
    assert error < BEFORE[size]


def test_prediction_is_the_recurrence_of_its_page(fitted, mpl, curves):
    """Every step by itself, in NumPy: an unseen run has the common shift alone."""
    size, found = fitted
    _, test = mpl(size)
    schedule = test.frame["schedule"].to_numpy()
    predicted, p = found.predict(test), found.params
    for name in dict.fromkeys(schedule):
        curve = curves(size)[name]
        x = curve.lr / p["lr_ref"]
        t = np.arange(len(x)) / 1000.0
        noise = np.zeros(len(x))
        for i in range(1, len(x)):
            keep = np.exp(-p["k"] * x[i] / 1000.0)
            noise[i] = keep * noise[i - 1] + (1.0 - keep) * x[i] ** p["q"]
        limited = x[1:] * (1.0 + x[1:] / (p["h"] * t[1:])) ** -p["c"]
        progress, area = (np.cumsum(v)[curve.step - 1] / 1000.0 for v in (limited, x[1:]))
        exact = p["L0"] + p["A"] * progress ** -p["a"] + p["B"] * noise[curve.step] + p["m"] * area**-1.5
        # Nodes may err by 1e-5 nats at the fitted constants.
        np.testing.assert_allclose(predicted[schedule == name], exact, rtol=0, atol=1e-5, err_msg=name)
