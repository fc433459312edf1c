"""The step law by its published procedure: Li et al. (2025), arXiv:2503.04715."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import catalogue, fit, published
from jaxlaws.objectives import squared

# Mean and standard deviation of the authors' 1000 released bootstraps.
RELEASED = {"alpha": (0.712922, 0.029858), "beta": (0.307491, 0.019139), "batch": (0.570944, 0.018669)}


@pytest.fixture(scope="module")
def near_optimal(data_dir):
    """Runs within .25 % of the lowest smoothed loss of their (N, D) cell."""
    frame = published("steplaw").frame
    lowest = frame.groupby(["N", "D"])["loss"].transform("min")
    return frame[frame["loss"] / lowest - 1.0 < 0.0025]


@pytest.fixture(scope="module")
def rate(near_optimal):
    return fit("step_law", near_optimal, objective=squared())


@pytest.fixture(scope="module")
def batch(near_optimal):
    return fit("step_law_batch", near_optimal, objective=squared())


def test_fit_is_the_log_linear_regression_of_the_procedure(near_optimal, rate, batch):
    N, D, lr, tokens = (np.log(near_optimal[c].to_numpy()) for c in ("N", "D", "lr", "batch"))
    # Centred, so that the normal equations lose no digits; the intercept follows.
    (n, d), *_ = np.linalg.lstsq(np.c_[N - N.mean(), D - D.mean()], lr - lr.mean(), rcond=None)
    slope = np.dot(D - D.mean(), tokens - tokens.mean()) / np.dot(D - D.mean(), D - D.mean())
    assert len(near_optimal) == 129
    assert rate["alpha"] == pytest.approx(-n, rel=1e-6)
    assert rate["beta"] == pytest.approx(d, rel=1e-6)
    # An intercept lies log D = 25 away from the data: its error is 25 times the slope's.
    assert np.log(rate["c"]) == pytest.approx(lr.mean() - n * N.mean() - d * D.mean(), abs=3e-5)
    assert batch["beta"] == pytest.approx(slope, rel=1e-6)
    assert np.log(batch["d"]) == pytest.approx(tokens.mean() - slope * D.mean(), abs=3e-5)


def test_stored_constants_are_the_mean_of_the_released_bootstraps(data_dir):
    path = data_dir / "steplaw" / "1004_fitted_lr_bs_scaling_model_parameters.csv"
    table = np.genfromtxt(path, delimiter=",", names=True)
    unrounded = catalogue["step_law"].constants["dense-unrounded"].params
    tokens = catalogue["step_law_batch"].constants["dense-unrounded"].params
    for name, mean in (("alpha", -table["lr_coefN"].mean()), ("beta", table["lr_coefD"].mean())):
        assert unrounded[name] == pytest.approx(mean, abs=5.1e-5)
    assert unrounded["c"] == pytest.approx(np.exp(table["lr_intercept"].mean()), abs=5.1e-4)
    assert tokens["beta"] == pytest.approx(table["bs_coefD"].mean(), abs=5.1e-5)
    assert tokens["d"] == pytest.approx(np.exp(table["bs_intercept"].mean()), abs=5.1e-5)
    spread = {"alpha": table["lr_coefN"].std(), "beta": table["lr_coefD"].std(), "batch": table["bs_coefD"].std()}
    for name, (_, printed) in RELEASED.items():
        assert spread[name] == pytest.approx(printed, rel=1e-3)


@pytest.mark.xfail(
    strict=True,
    reason="the released table has 129 near-optimal runs of 17 cells; the authors' own regression gives .766, .197, .613, "
    "with bootstrap spreads of .053, .033, .039, twice the printed ones: the constants come from runs that are not in it",
)
def test_exponents_lie_within_the_printed_bootstrap_spread(rate, batch):
    found = {"alpha": rate["alpha"], "beta": rate["beta"], "batch": batch["beta"]}
    for name, (mean, spread) in RELEASED.items():
        assert found[name] == pytest.approx(mean, abs=spread), name
