"""Schedules by law: closed forms, published optima, limits kept."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlaws
from jaxlaws import plan

RELEASED = {
    "25M": 3.14968,
    "100M": 2.79414,
}  # final losses that the authors' optimisation logs, drops after the warm-up only


class Known:
    """A law with parameters, as planners take it."""

    def __init__(self, law, params):
        self.law, self.params = law, dict(params)


def of_multi_power(size):
    law = jaxlaws.catalogue["multi_power"]
    return Known(law.variant(warmup="excluded"), law.constants[size].params)


@pytest.mark.parametrize("size", ["25M", "100M"])
def test_multi_power_ends_below_the_released_optimum_with_its_shape(size):
    found = plan.schedule(of_multi_power(size), total=24_000, peak=3e-4, warmup=2160)
    rates, step = found.as_array(), np.arange(24_001)
    assert found.loss <= RELEASED[size]
    assert 21_300 <= step[(step > 2160) & (rates < 0.99 * 3e-4)][0] <= 21_700
    assert 22_200 <= step[(step > 2160) & (rates < 0.5 * 3e-4)][0] <= 22_500
    assert (np.diff(rates[2160:]) <= 1e-18).all() and (np.diff(rates[2160:]) >= -0.0201 * 3e-4).all()
    assert all(g.gain > 0.001 for g in found.gains.values())
