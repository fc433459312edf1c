"""Weights that cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import JaxlawsError, fit

X = np.geomspace(1.0, 1e5, 16)
STD = np.geomspace(1e-3, 1e-2, 16)


@pytest.mark.parametrize("weights", ["std", STD, 1.0 / (1.0 / STD)])
def test_weights_that_look_inverted_are_refused(weights):
    rows = {"x": X, "loss": 3.0 * X**-0.2, "std": STD}
    with pytest.raises(JaxlawsError, match="the weights look inverted") as error:
        fit("power", rows, weights=weights, starts=8)
    assert "give 1/std^2" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(16), "dict: weights given as an array are all 0"),
        ("w", "dict: weights \\(column `w`\\) must be finite and at least 0; row 4 has nan, the first of 2"),
    ],
)
def test_weights_that_are_none_are_refused_with_their_place(weights, words):
    w = np.where(np.isin(np.arange(16), [3, 8]), np.nan, 1.0)
    with pytest.raises(JaxlawsError, match=words):
        fit("power", {"x": X, "loss": 3.0 * X**-0.2, "w": w}, weights=weights, starts=8)
