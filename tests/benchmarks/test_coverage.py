"""The coverage study simulates what it says, and its table says which methods had their assumptions."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxlaws import Curve, catalogue, schedules

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    return importlib.import_module("benchmarks.coverage")


def test_noise_has_the_size_and_the_correlation_it_is_said_to_have(study):
    noise = study.Noise(row=3e-3, run=2e-3, correlation=0.8)((20_000, 8), np.random.default_rng(0))
    expected = 4e-6 + 9e-6 * 0.8 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    # 20 000 runs know a covariance to 1 % of the variance; the largest of 36 errors is three times that.
    np.testing.assert_allclose(np.cov(noise.T), expected, rtol=0, atol=0.03 * 13e-6)


def test_a_share_of_rows_are_outliers_of_ten_times_the_noise(study):
    noise = study.Noise(outliers=0.05)((4000, 1), np.random.default_rng(0))
    # Above four standard deviations: 69 % of the outliers, and nothing else to speak of.
    assert np.mean(np.abs(noise) > 4 * 3e-3) == pytest.approx(0.69 * 0.05, rel=0.2)


def test_curves_are_those_of_the_law_that_is_fitted(study):
    case = study.CASES["curves"]
    clean = study.truth(case)
    with jax.enable_x64(True):
        for i in range(4):
            schedule, at = schedules.parse(case.inputs["lr_schedule"][i][0]), case.inputs["step"][i]
            curve = Curve.of(schedule, at=at, warmup="peak")
            law = catalogue["lr_annealing"](curve, lam=0.999, **study.CURVES)
            np.testing.assert_allclose(clean[i], law, rtol=0, atol=1e-7)


def test_its_table_brackets_methods_whose_assumptions_do_not_hold(study):
    held = {"cases": {"E": 0.95, "far": 0.94}, "laplace": {"E": 0.6, "far": 0.7}}
    counted = {"cases": 200, "laplace": 100}
    *_, line, errors = study._held({"correlated": {"held": held, "counted": counted}})
    assert "| 94.0 to 95.0 |" in line and "| (60.0 to 70.0) |" in line
    assert "1.5 of 200" in errors
