"""How long warm fits take. The bounds are three times what a quiet machine of two cores needs; benchmarks measure in earnest."""

from __future__ import annotations

import time

import numpy as np
import pytest

from jaxlaws import fit, published

pytestmark = pytest.mark.slow


def warm_seconds(call) -> float:
    """Seconds of a second call, when everything is compiled; the best of three, as other processes take turns."""
    call()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    print(f"{min(times):.2f} s warm")
    return min(times)


def test_chinchilla_from_512_starts_takes_about_a_second(data_dir):
    runs = published("chinchilla_epoch")
    assert warm_seconds(lambda: fit("chinchilla", runs, starts=512)) < 3.0  # aim: 1 s


def test_three_curves_of_the_multi_power_law_take_a_few_seconds(data_dir):
    runs = published("mpl_curves").where('size == "100M" and step < 24000')
    train = runs.select(np.isin(runs.frame["schedule"], ["cosine_24000", "constant_24000", "wsdcon_9"]))
    assert warm_seconds(lambda: fit("multi_power", train, starts=16)) < 30.0  # aim: 10 s
