"""Small tables that the tests of validation share: 16 rows, so that most fits run one compiled program."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import read
from jaxlaws.solvers import Rung

QUICK = {"starts": 16, "rungs": (Rung(None, 60),)}


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session")
def powers():
    """Sixteen losses within .1 % of 1.7 + 300 N^-.35, four sizes of model a decade."""
    n = np.geomspace(1e6, 1e9, 16)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16)
    return read({"N": n, "loss": (1.7 + 300.0 * n**-0.35) * np.exp(noise), "part": np.arange(16) // 4})


@pytest.fixture(scope="session")
def branches():
    """Three runs of 20 logged steps: `a`, `b` that repeats the first 12 rows of `a`, and `c` that is another run."""
    step = np.arange(10.0, 210.0, 10.0)
    rng = np.random.default_rng(3)
    own = {name: 3.0 * step**-0.1 + 1e-3 * rng.standard_normal(20) for name in "abc"}
    own["b"][:12] = own["a"][:12]
    lr = {"a": np.full(20, 1e-3), "b": np.where(np.arange(20) < 12, 1e-3, 1e-4), "c": np.full(20, 1e-3)}
    rows = [(r, s, x, y) for r in "abc" for s, x, y in zip(step, own[r], lr[r], strict=True)]
    run, steps, loss, rate = map(list, zip(*rows, strict=True))
    return read({"run": run, "step": steps, "loss": loss, "lr": rate}, warmup="0")
