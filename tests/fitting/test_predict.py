"""What a fitted law says of other inputs, and how wrong it is where the outcome is known, against plain NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxlaws import catalogue, predict, read
from jaxlaws.errors import FitError, TableError
from jaxlaws.fitting import Fit
from jaxlaws.schedules import constant, parse
from jaxlaws.solvers import Status

CHINCHILLA = {"E": 1.8172, "A": 477.84, "B": 2143.9, "alpha": 0.34731, "beta": 0.36718}
PROGRESS = {"L0": 2.9, "A": 0.9, "B": 0.1, "a": 0.5, "k": 20.0, "p": 0.7, "q": 0.8, "m": 0.1, "lr_ref": 3e-4}


def record(law, params, **more):
    """Fit record that was never fitted."""
    nothing = {
        "fixed": (),
        "objective": 0.0,
        "reason": "",
        "objective_spec": "huber:0.001",
        "weights": "row",
        "rows": 0,
    }
    nothing |= {
        "runs": (),
        "starts": 1,
        "agree": 1.0,
        "remaining": 0.0,
        "at_bound": (),
        "condition": 1.0,
        "trade_offs": (),
    }
    nothing |= {"largest": {}, "source": "made up", "data_hash": "", "status": Status.converged}
    return Fit(law=catalogue[law], params=params, **(nothing | more))


def chinchilla(N, D):
    p = CHINCHILLA
    return p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]


@pytest.fixture(scope="module")
def point():
    return record("chinchilla", CHINCHILLA)


@pytest.fixture(scope="module")
def curve():
    shift = {"trunk": 0.02, "other": -0.03}
    labels = {"d": {"trunk": "trunk", "twin": "trunk", "other": "other"}}
    return record("progress_noise", PROGRESS | {"d": shift}, labels=labels)


def progress_noise(lr, *, d=0.0):
    """The law at steps 1, 2, ..., every step by itself."""
    p, x = PROGRESS, lr / PROGRESS["lr_ref"]
    noise = np.zeros(len(x))
    for t in range(1, len(x)):
        keep = np.exp(-p["k"] * x[t] / 1000.0)
        noise[t] = keep * noise[t - 1] + (1.0 - keep) * x[t] ** p["q"]
    progress, area = np.cumsum(x[1:] ** p["p"]) / 1000.0, np.cumsum(x[1:]) / 1000.0
    return p["L0"] + p["A"] * progress ** -p["a"] + p["B"] * noise[1:] + (p["m"] + d) * area**-1.5


SPEC = "wsd(peak=3e-4, hold=800, total=1000, warmup=50, end=3e-5)"
STEPS = np.arange(20, 1001, 20)


def branch(*runs):
    return {"run": np.repeat(runs, 50), "step": np.tile(STEPS, len(runs)), "lr_schedule": [SPEC] * 50 * len(runs)}


# --- points ------------------------------------------------------------------------------------------------------------


def test_numbers_and_arrays_broadcast(point):
    assert point.predict(N=7e10, D=1.4e12) == pytest.approx(chinchilla(7e10, 1.4e12), rel=1e-14)
    N, D = np.geomspace(1e8, 1e11, 4)[:, None], np.geomspace(1e9, 1e13, 5)[None, :]
    grid = point.predict(N=N, D=D)
    assert grid.shape == (4, 5) and grid.dtype == np.float64
    np.testing.assert_allclose(grid, chinchilla(N, D), rtol=1e-14)
    # Integers beyond 2^53 are floats at the door.
    np.testing.assert_allclose(
        point.predict(N=70_000_000_000, D=[1_400_000_000_000, 10**19]), chinchilla(7e10, np.array([1.4e12, 1e19]))
    )


def test_table_is_predicted_row_by_row(point):
    rng = np.random.default_rng(0)
    N, D = 10.0 ** rng.uniform(7, 11, 13), 10.0 ** rng.uniform(9, 13, 13)
    np.testing.assert_allclose(predict(point, {"N": N, "D": D}), chinchilla(N, D), rtol=1e-14)


def test_score_is_made_of_the_textbook_errors(point):
    rng = np.random.default_rng(0)
    N, D = 10.0 ** rng.uniform(7, 11, 13), 10.0 ** rng.uniform(9, 13, 13)
    observed = chinchilla(N, D) * np.exp(0.01 * rng.standard_normal(13))
    score = point.score({"N": N, "D": D, "loss": observed})
    error = chinchilla(N, D) - observed
    assert score["rows"] == 13
    assert score["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-9)
    assert score["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-9)
    assert score["mape"] == pytest.approx((np.abs(error) / observed).mean(), rel=1e-9)
    assert score["worst"] == pytest.approx((np.abs(error) / observed).max(), rel=1e-9)
    assert score["r2"] == pytest.approx(1 - (error**2).sum() / ((observed - observed.mean()) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"N": 7e10}, "needs N, D; got N"),
        ({}, "needs N, D; got nothing"),
        ({"N": 7e10, "D": 1e12, "C": 1e21}, "needs N, D; got"),
        ({"N": -7e10, "D": 1e12}, "N must be finite and above 0"),
        ({"N": 7e10, "D": [1e12, np.nan]}, "D must be finite and above 0"),
        ({"N": 7e10, "D": 1e12, "schedule": constant(1e-3, total=10)}, "does not see learning rates"),
        ({"N": 7e10, "D": 1e12, "branch_of": "trunk"}, "without a shift for each run"),
        ({"N": [1e9, 1e10], "D": [1e9, 1e10, 1e11]}, "shape"),
    ],
)
def test_wrong_inputs_of_a_point_law_are_refused(point, inputs, words):
    with pytest.raises(FitError, match=words):
        point.predict(**inputs)


def test_inputs_beside_a_table_are_refused_not_ignored(point):
    with pytest.raises(FitError):
        point.predict({"N": [1e9], "D": [1e10]}, N=1e12)


def test_table_without_an_input_names_it(point):
    with pytest.raises(TableError, match="`D`"):
        point.predict({"N": [1e9]})


# --- curves ------------------------------------------------------------------------------------------------------------


def test_schedule_is_predicted_at_its_steps(curve):
    exact = progress_noise(parse(SPEC).as_array(1000))
    for schedule in (SPEC, parse(SPEC), parse(SPEC).as_array(1000)):
        # Required of merged nodes: 1e-5 nats.
        np.testing.assert_allclose(curve.predict(schedule=schedule, at=STEPS), exact[STEPS - 1], rtol=0, atol=1e-5)


def test_schedule_without_steps_is_predicted_at_two_hundred_of_them(curve):
    exact = progress_noise(parse(SPEC).as_array(1000))
    np.testing.assert_allclose(curve.predict(schedule=SPEC), exact[4::5], rtol=0, atol=1e-5)


def test_runs_have_the_shift_of_their_own_trunk(curve):
    lr = parse(SPEC).as_array(1000)
    predicted = curve.predict(branch("trunk", "twin", "other", "unseen")).reshape(4, 50)
    for found, d in zip(predicted, (0.02, 0.02, -0.03, 0.0), strict=True):
        np.testing.assert_allclose(found, progress_noise(lr, d=d)[STEPS - 1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("told", ["other", {"unseen": "other"}])
def test_branch_of_gives_a_new_run_the_shift_of_a_known_one(curve, told):
    exact = progress_noise(parse(SPEC).as_array(1000), d=-0.03)[STEPS - 1]
    np.testing.assert_allclose(curve.predict(branch("unseen"), branch_of=told), exact, rtol=0, atol=1e-5)
    if isinstance(told, str):
        np.testing.assert_allclose(curve.predict(schedule=SPEC, at=STEPS, branch_of=told), exact, rtol=0, atol=1e-5)


def test_branch_of_leaves_the_runs_that_it_does_not_name(curve):
    plain, told = (curve.predict(branch("trunk", "unseen"), branch_of=b) for b in (None, {"unseen": "other"}))
    assert (plain[:50] == told[:50]).all() and (plain[50:] != told[50:]).all()


def test_scores_of_curves_come_by_run_and_as_their_mean(curve):
    lr = parse(SPEC).as_array(1000)
    exact = progress_noise(lr, d=0.02)[STEPS - 1]
    table = branch("trunk", "twin") | {"loss": np.r_[exact + 0.01, exact - 0.03]}
    score = curve.score(read(table))
    assert score["by_run"]["trunk"]["mae"] == pytest.approx(0.01, abs=1e-5)
    assert score["by_run"]["twin"]["mae"] == pytest.approx(0.03, abs=1e-5)
    assert score["run_mean"]["mae"] == pytest.approx(0.02, abs=1e-5) == pytest.approx(score["mae"], abs=1e-5)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({}, "needs a table of runs or `schedule=`"),
        ({"schedule": SPEC, "branch_of": "nobody"}, "run 'nobody' was not fitted; fitted were trunk"),
        ({"schedule": "constant(peak=1e-3)"}, "has no end"),
        ({"schedule": SPEC, "N": 1e9}, "N"),
    ],
)
def test_wrong_inputs_of_a_curve_law_are_refused(curve, choice, words):
    with pytest.raises(FitError, match=words):
        curve.predict(**choice)


def test_failed_fit_predicts_nothing_but_nan(point):
    failed = dataclasses.replace(point, params=dict.fromkeys(CHINCHILLA, float("nan")), status=Status.too_few_rows)
    assert np.isnan(failed.predict(N=1e9, D=1e10))
