"""Our own law on the public curves: the errors on unseen schedules that its page promises."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit
from jaxlaws.solvers import levenberg_marquardt

# Mean over the six unseen curves of each one's mean absolute error.
SHIFTED = {"25M": 0.0029, "100M": 0.0024}
PLAIN = {"25M": 0.0034, "100M": 0.0025}
SIZES = ["25M", "100M"]
ONE_RUNG = levenberg_marquardt(trips=100, polish=0)  # half the program of two rungs


@pytest.fixture(scope="module")
def plain(mpl):
    return {size: fit("progress_noise", mpl(size)[0], weights="run", solver=ONE_RUNG) for size in SIZES}


@pytest.fixture(scope="module")
def shifted(mpl):
    return {
        size: fit("progress_noise", mpl(size)[0], weights="run", free=("m", "d"), solver=ONE_RUNG) for size in SIZES
    }


def mae(fitted, table, **more) -> float:
    return fitted.score(table, **more)["run_mean"]["mae"]


@pytest.mark.parametrize("size", SIZES)
def test_unseen_curves_are_predicted_without_the_run_shift(size, plain, mpl):
    assert len(mpl(size)[1].names) == 6
    # To the last digit of the table in our notes.
    assert mae(plain[size], mpl(size)[1]) <= PLAIN[size] + 5e-5


@pytest.mark.parametrize("size", SIZES)
def test_unseen_curves_are_predicted_better_with_the_run_shift(size, plain, shifted, mpl):
    with_shift = mae(shifted[size], mpl(size)[1])
    assert with_shift <= SHIFTED[size]
    assert with_shift < mae(plain[size], mpl(size)[1])


@pytest.mark.parametrize("size", SIZES)
def test_prediction_is_the_recurrence_of_its_page(size, shifted, mpl, curves):
    """Every step by itself, in NumPy: an unseen run has the common shift alone."""
    _, test = mpl(size)
    schedule = test.frame["schedule"].to_numpy()
    predicted = shifted[size].predict(test)
    p = shifted[size].params
    assert p["lr_ref"] == pytest.approx(3e-4, rel=1e-12)
    for name in dict.fromkeys(schedule):
        curve = curves(size)[name]
        x = curve.lr / p["lr_ref"]
        noise = np.zeros(len(x))
        for t in range(1, len(x)):
            keep = np.exp(-p["k"] * x[t] / 1000.0)
            noise[t] = keep * noise[t - 1] + (1.0 - keep) * x[t] ** p["q"]
        s = curve.step
        progress, area = np.cumsum(x[1:] ** p["p"])[s - 1] / 1000.0, np.cumsum(x[1:])[s - 1] / 1000.0
        exact = p["L0"] + p["A"] * progress ** -p["a"] + p["B"] * noise[s] + p["m"] * area**-1.5
        # Nodes may err by 1e-5 nats at the fitted constants.
        np.testing.assert_allclose(predicted[schedule == name], exact, rtol=0, atol=1e-5, err_msg=name)


def test_runs_of_one_trunk_share_their_shift(shifted):
    assert shifted["100M"].labels["d"]["100M-wsdcon_9"] == "100M-constant_24000"
    assert set(shifted["100M"]["d"]) == {"100M-constant_24000", "100M-cosine_24000"}
    # At 25M the two-stage curves branch from a run that was not fitted.
    assert set(shifted["25M"]["d"]) == {"25M-constant_24000", "25M-cosine_24000", "25M-wsdcon_9"}


def test_branches_of_a_known_trunk_are_predicted_no_worse(shifted, mpl):
    _, test = mpl("100M")
    trunk = "100M-constant_24000"
    branches = {run: trunk for run in test.names if run.startswith("100M-wsd")}
    assert len(branches) == 4
    apart, told = (shifted["100M"].score(test, branch_of=b)["by_run"] for b in (None, branches))
    assert np.mean([told[r]["mae"] for r in branches]) <= np.mean([apart[r]["mae"] for r in branches])
    for run in set(test.names) - set(branches):
        assert told[run] == apart[run]
    assert any(told[run]["mae"] != apart[run]["mae"] for run in branches)
