"""Scrambled Sobol points: a function of their number, their dimension and the seed alone."""

from __future__ import annotations

import warnings

import numpy as np


def sobol(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Points of the unit cube, `(count, dimensions)`."""
    from scipy.stats import qmc

    sampler = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # balance asks for a power of 2; a start box does not need it
        return sampler.random(count)
