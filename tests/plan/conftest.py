"""What the tests of planners share: draws of a law's parameters, as `uncertainty` makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from jaxlaws import catalogue


@dataclass(frozen=True)
class Draws:
    law: object
    params: dict
    center: dict


@pytest.fixture(scope="session")
def chinchilla():
    return catalogue["chinchilla"].constants["besiroglu"]


@pytest.fixture(scope="session")
def draws(chinchilla):
    """Fifty parameter sets around the published one."""
    random = np.random.default_rng(0)
    params = {k: v * np.exp(0.02 * random.normal(size=50)) for k, v in chinchilla.params.items()}
    return Draws(chinchilla.law, params, dict(chinchilla.params))
