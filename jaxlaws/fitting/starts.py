"""Scrambled Sobol points: a function of their number, their dimension and the seed alone."""

from __future__ import annotations

import functools
import warnings

import numpy as np

_BITS = 30
# Primitive polynomials and first direction numbers of Joe and Kuo (2008), new-joe-kuo-6, for dimensions 2 to 16.
_JOE_KUO = (
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
)


@functools.lru_cache(maxsize=8)  # the same for every group of a table
def sobol(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Points of the unit cube, `(count, dimensions)`: those of `scipy.stats.qmc.Sobol`, scrambled by Matousek's linear
    matrices and a shift.

    Importing that module takes a fifth of the time that a first fit takes, so that up to 16 dimensions are computed
    here; a test holds them against SciPy's.
    """
    if dimensions > len(_JOE_KUO) + 1:
        return _by_scipy(count, dimensions, seed)
    rng = np.random.default_rng(seed).spawn(1)[0]  # as SciPy does
    powers = 2 ** np.arange(_BITS, dtype=np.uint32)
    quasi = rng.integers(2, size=(dimensions, _BITS), dtype=np.uint32) @ powers
    lower = np.tril(rng.integers(2, size=(dimensions, _BITS, _BITS), dtype=np.uint32), -1)
    lower = lower | np.eye(_BITS, dtype=np.uint32)
    columns = np.array([_direction_numbers(d) for d in range(dimensions)], dtype=np.uint32)
    bits = (columns[:, None, :] >> np.arange(_BITS - 1, -1, -1, dtype=np.uint32)[None, :, None]) & 1
    scrambled = (powers[::-1] @ ((lower @ bits) % 2)).astype(np.uint32)  # of each direction number, highest bit first
    # Gray code: the next point differs by the direction number of the lowest 0 bit.
    steps = np.arange(count - 1)
    changed = np.round(np.log2(~steps & (steps + 1))).astype(int)
    moves = np.concatenate([quasi[:, None], scrambled[:, changed]], axis=1)
    points = np.bitwise_xor.accumulate(moves, axis=1).T / 2.0**_BITS
    points.flags.writeable = False
    return points


def _direction_numbers(dimension: int) -> list[int]:
    """The binary digits that each bit of a point's index flips, before scrambling."""
    if dimension == 0:
        m = [1] * _BITS
    else:
        polynomial, first = _JOE_KUO[dimension - 1]
        degree = len(first)
        m = list(first)
        for k in range(degree, _BITS):
            new = m[k - degree] ^ (m[k - degree] << degree)
            for i in range(1, degree):
                if polynomial >> (degree - i) & 1:
                    new ^= m[k - i] << i
            m.append(new)
    return [value << (_BITS - 1 - k) for k, value in enumerate(m)]


def _by_scipy(count: int, dimensions: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    sampler = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # balance asks for a power of 2; a start box does not need it
        return sampler.random(count)
