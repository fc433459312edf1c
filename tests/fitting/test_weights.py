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


def test_weights_of_nothing_are_refused():
    with pytest.raises(JaxlawsError, match="not all 0"):
        fit("power", {"x": X, "loss": 3.0 * X**-0.2}, weights=np.zeros(16), starts=8)
