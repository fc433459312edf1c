"""Fits that the tests of uncertainty share: a straight line, whose answers have closed forms, and a power law."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, law, published, quantity, read, real
from jaxlaws.objectives import squared
from jaxlaws.solvers import Rung

QUICK = {"starts": 16, "rungs": (Rung(None, 60),)}
WIDE = {"start": (-2.0, 2.0), "box": (-100.0, 100.0)}


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={"a": real(**WIDE), "b": real(**WIDE)},
    linear=("a", "b"),
    source="a test",
)
def straight(x, *, a, b):
    """a + b x."""
    return a + b * x


@pytest.fixture(scope="session", name="straight")
def _straight():
    return straight


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session")
def line():
    """64 rows of 16 runs near 3 - x/2; rows of one run share a part of their noise."""
    rng = np.random.default_rng(4)
    x = rng.uniform(0.2, 3.0, 64)
    run = np.repeat(np.arange(16), 4)
    loss = 3.0 - 0.5 * x + 0.05 * rng.standard_normal(16)[run] + 0.05 * rng.standard_normal(64)
    return read({"x": x, "loss": loss, "run": [f"r{i}" for i in run]})


@pytest.fixture(scope="session")
def line_fit(straight, line):
    """Least squares of the line."""
    return fit(straight, line, objective=squared(on="raw"), **QUICK)


@pytest.fixture(scope="session")
def alone():
    """64 rows near 3 - x/2, each a run of its own."""
    x = np.random.default_rng(4).uniform(0.2, 3.0, 64)
    return read({"x": x, "loss": 3.0 - 0.5 * x + 0.05 * np.random.default_rng(5).standard_normal(64)})


@pytest.fixture(scope="session")
def alone_fit(straight, alone):
    return fit(straight, alone, objective=squared(on="raw"), **QUICK)


@pytest.fixture(scope="session")
def chinchilla(data_dir):
    """The digitised runs and their fit."""
    runs = published("chinchilla_epoch")
    return runs, fit("chinchilla", runs)


@pytest.fixture(scope="session")
def power_rows():
    """64 rows within .5 % of 1.7 + 300 x^-.35."""
    x = np.geomspace(1e6, 1e9, 64)
    noise = 5e-3 * np.random.default_rng(0).standard_normal(64)
    return read({"x": x, "loss": (1.7 + 300.0 * x**-0.35) * np.exp(noise)})


@pytest.fixture(scope="session")
def power_fit(power_rows):
    return fit("power_plus_constant", power_rows, **QUICK)
