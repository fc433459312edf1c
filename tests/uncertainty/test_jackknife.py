"""The jackknife, against fits by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import JaxlawsError, fit, read
from jaxlaws.objectives import squared
from jaxlaws.uncertainty import jackknife


def test_each_fit_is_the_least_squares_of_the_other_runs(line, line_fit):
    found = jackknife(line_fit, line)
    design = np.stack([np.ones(64), line.column("x")], axis=1)
    run = line.frame["run"].to_numpy()
    by_hand = np.array([np.linalg.lstsq(design[run != r], line.column("loss")[run != r])[0] for r in found.left_out])
    np.testing.assert_allclose(found.without.params["a"], by_hand[:, 0], atol=1e-7)
    assert found.left_out == tuple(line.names)
    error = np.sqrt(15 / 16 * np.sum((by_hand - by_hand.mean(axis=0)) ** 2, axis=0))
    assert found.error(lambda p: p["b"]) == pytest.approx(error[1], rel=1e-5)
    middle = found.decide(lambda p: p["a"] + 1.6 * p["b"])
    assert middle.low < middle.value < middle.high


def test_a_level_is_a_share(line_fit, line):
    with pytest.raises(JaxlawsError, match="must lie between 0 and 1; got 95"):
        jackknife(line_fit, line).interval(95)


def test_too_few_units_are_refused(line_fit, line):
    rows = read({"x": line.column("x"), "loss": line.column("loss"), "run": ["p", "q"] * 32})
    one = fit(line_fit.law, rows, objective=squared(on="raw"), starts=16)
    with pytest.raises(JaxlawsError, match="needs at least 3 of them; got 2"):
        jackknife(one, rows)
