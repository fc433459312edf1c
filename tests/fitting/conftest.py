"""Small laws and tables that the tests of fitting share: 16 rows, so that most of them run one compiled program."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, fixed, law, quantity, real
from jaxlaws.solvers import Rung

# Starts and one rung: enough for these laws, and a quarter of the default program.
QUICK = {"starts": 16, "rungs": (Rung(None, 60),)}
WIDE = {"start": (-2.0, 2.0), "box": (-100.0, 100.0)}


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={"a": real(**WIDE), "b": real(**WIDE), "c": fixed(0.0, real(**WIDE))},
    linear=("a", "b", "c"),
    source="a test",
)
def parabola(x, *, a, b, c):
    """a + b x + c x^2: whatever is fitted to it by least squares has a closed form."""
    return a + b * x + c * x * x


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session", name="parabola")
def _parabola():
    return parabola


@pytest.fixture(scope="session")
def line_rows():
    """Sixteen rows near 3 - x/2."""
    x = np.linspace(0.2, 3.0, 16)
    return {"x": x, "loss": 3.0 - 0.5 * x + 0.05 * np.random.default_rng(1).standard_normal(16)}


@pytest.fixture(scope="session")
def power_rows():
    """Sixteen rows within .1 % of 1.7 + 300 x^-.35."""
    x = np.geomspace(1e6, 1e9, 16)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16)
    return {"x": x, "loss": (1.7 + 300.0 * x**-0.35) * np.exp(noise)}


@pytest.fixture(scope="session")
def two_groups(power_rows):
    """The rows twice, the second time with another floor and other noise."""
    x = power_rows["x"]
    noise = 1e-3 * np.random.default_rng(2).standard_normal(16)
    other = (2.1 + 200.0 * x**-0.32) * np.exp(noise)
    return {"x": np.r_[x, x], "loss": np.r_[power_rows["loss"], other], "size": ["small"] * 16 + ["large"] * 16}


@pytest.fixture(scope="session")
def power_fit(power_rows):
    """`power_plus_constant` fitted to `power_rows`."""
    return fit("power_plus_constant", power_rows, **QUICK)
