"""The annealing law on the 40 printed points of its paper: Tissue et al. (2024), arXiv:2408.11029, Fig. 2."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.optimize import least_squares

from jaxlaws import Curve, catalogue, fit, read, schedules
from jaxlaws.solvers import levenberg_marquardt

STEPS = np.arange(1000, 20001, 1000)
COSINE = [
    3.6696358, 3.3254106, 3.1908393, 3.1158533, 3.0604768, 3.0203840, 2.9880967, 2.9612265, 2.9395165, 2.9195616,
    2.9030452, 2.8881907, 2.8767889, 2.8654318, 2.8565135, 2.8489892, 2.8436390, 2.8398669, 2.8380618, 2.8376071,
]  # fmt: skip
CONSTANT = [
    3.6714418, 3.3256260, 3.1884103, 3.1119470, 3.0583540, 3.0211415, 2.9874816, 2.9608200, 2.9406552, 2.9241402,
    2.9054413, 2.8942103, 2.8807929, 2.8702695, 2.8621750, 2.8530996, 2.8448784, 2.8383856, 2.8326995, 2.8294308,
]  # fmt: skip
PEAK, WARMUP, TOTAL = 2e-4, 500, 20000
PRINTED = {"L0": 2.628, "A": 0.429, "C": 0.411, "alpha": 0.550}  # in the figure
REFIT = {"L0": 2.6278, "A": 0.4297, "C": 0.4108, "alpha": 0.5498}  # of these 40 points by the paper's script
ONE_RUNG = levenberg_marquardt(trips=100, polish=0)  # half the program of two rungs


def rates(cosine: bool) -> np.ndarray:
    """Rate of steps 0..20000, the warm-up at the peak, as the paper's script counts it."""
    x = np.clip((np.arange(TOTAL + 1) - WARMUP) / (TOTAL - WARMUP), 0.0, 1.0)
    return 0.5 * PEAK * (1.0 + np.cos(np.pi * x)) if cosine else np.full(TOTAL + 1, PEAK)


def exact_sums(lr: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S1 and S2 by the recurrence, every step by itself; the rate at step 0 belongs to no update."""
    momentum = np.zeros(len(lr))
    for i in range(1, len(lr)):
        momentum[i] = 0.999 * momentum[i - 1] + lr[i - 1] - lr[i]
    return np.cumsum(lr[1:])[at - 1], np.cumsum(momentum[1:])[at - 1]


@pytest.fixture(scope="module")
def fitted():
    """By schedule specs, as a user would give them."""
    ends = f"total={TOTAL}, warmup={WARMUP}"
    specs = {"cosine": f"cosine(peak={PEAK}, end=0.0, {ends})", "constant": f"constant(peak={PEAK}, {ends})"}
    return fit("lr_annealing", table(STEPS) | {"lr_schedule": [specs[r] for r in table(STEPS)["run"]]}, solver=ONE_RUNG)


@pytest.fixture(scope="module")
def script(fitted):
    """With the script's extra term in S1, the rate at step 0: the same curves, begun one step earlier."""
    runs = table(STEPS + 1)
    shifted = {name: np.r_[PEAK, rates(name == "cosine")] for name in ("cosine", "constant")}
    return fit("lr_annealing", read(runs, schedules=shifted), solver=ONE_RUNG)


def table(steps):
    return {"run": ["cosine"] * 20 + ["constant"] * 20, "step": [*steps, *steps], "loss": COSINE + CONSTANT}


def test_constants_are_those_printed_in_the_figure(fitted):
    assert fitted.status.name == "converged"
    assert fitted["lam"] == 0.999 and "lam" in fitted.fixed
    for name, printed in PRINTED.items():
        # Half a digit for rounding, half for the one step by which the script's S1 is longer.
        assert fitted[name] == pytest.approx(printed, abs=1.001e-3), name


def test_script_s_sum_gives_the_refit_s_constants_to_their_printed_digits(script):
    for name, value in REFIT.items():
        assert script[name] == pytest.approx(value, abs=5.001e-5), name


def exact_objective(params, huber_sum, *, first: int) -> float:
    """Objective at fitted constants, every step summed by itself, of curves that begin `first` steps early."""
    total = 0.0
    for cosine, observed in ((True, COSINE), (False, CONSTANT)):
        S1, S2 = exact_sums(np.r_[[PEAK] * first, rates(cosine)], STEPS + first)
        total += huber_sum(np.array(observed), params["L0"] + params["A"] * S1 ** -params["alpha"] - params["C"] * S2)
    return total


def test_script_s_sum_gives_the_refit_s_objective(script, huber_sum):
    assert exact_objective(script.params, huber_sum, first=1) == pytest.approx(1.6292e-5, abs=5.001e-10)


def test_objective_is_what_numpy_sums_at_the_returned_constants(fitted, huber_sum):
    # Required of a curve's merged nodes: 1e-5 nats a row, about 1 % of these residuals; measured 1e-5 of the objective.
    assert fitted.objective == pytest.approx(exact_objective(fitted.params, huber_sum, first=0), rel=1e-4)


def test_scipy_finds_the_same_constants(fitted):
    sums = [exact_sums(rates(cosine), STEPS) for cosine in (True, False)]
    S1, S2 = (np.concatenate(s) for s in zip(*sums, strict=True))
    observed = np.array(COSINE + CONSTANT)

    def residuals(p):
        return np.log(p[0] + p[1] * S1 ** -p[2] - p[3] * S2) - np.log(observed)

    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    found = least_squares(residuals, [2.5, 0.5, 0.5, 0.5], loss="huber", f_scale=1e-3, x_scale="jac", **tight)
    assert fitted.objective <= found.cost * (1 + 1e-3)  # nodes against every step, as above
    for name, value in zip(("L0", "A", "alpha", "C"), found.x, strict=True):
        assert fitted[name] == pytest.approx(value, rel=1e-4), name


def test_area_and_annealing_of_the_cosine_are_the_published_ones():
    curve = Curve.of(schedules.cosine(PEAK, total=TOTAL, end=0.0, warmup=WARMUP), at=STEPS, warmup="peak")
    law = catalogue["lr_annealing"]
    floor = {"L0": 0.0, "A": 0.0, "alpha": 0.5, "lam": 0.999}
    with jax.enable_x64(True):
        annealed = np.asarray(law(curve=curve, C=0.0, **floor) - law(curve=curve, C=1.0, **floor))
    assert float(curve.area[-1]) == pytest.approx(2.0499, abs=5.001e-7)
    assert annealed[-1] == pytest.approx(0.197474, abs=1.5e-6)  # printed digits, and the nodes' error
    np.testing.assert_allclose(annealed, exact_sums(rates(True), STEPS)[1], rtol=0, atol=1e-6)


def test_all_starts_agree_on_a_convex_valley(fitted):
    assert fitted.agree > 0.9
