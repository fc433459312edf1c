"""Starting points are SciPy's scrambled Sobol points, without the time that importing them takes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from jaxlaws.fitting.starts import sobol


@pytest.mark.parametrize("dimensions", range(1, 19))
@pytest.mark.parametrize("count", [1, 2, 37, 256])
@pytest.mark.filterwarnings("ignore:The balance properties:UserWarning")
def test_points_are_those_of_scipy(count, dimensions):
    expected = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(11)).random(count)
    np.testing.assert_array_equal(sobol(count, dimensions, 11), expected)
