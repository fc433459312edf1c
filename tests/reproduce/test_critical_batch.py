"""Steps to a target against batch: Zhang et al. (2024), arXiv:2410.21676, on their own measurements."""

from __future__ import annotations

import csv

import jax
import numpy as np
import pytest

from jaxlaws import catalogue, fit
from jaxlaws.objectives import squared

# The released notebook: a, b in sequences of 512, and the batch that takes 20 % more steps than perfect scaling from 256.
RELEASED = {
    "85M": (85, 1293.8268694659337, 2834258.0888740215, 745.32),
    "151M": (151, 1752.4211962796799, 5677478.783007255, 955.158),
    "302M": (302, 2095.3497601960876, 11383269.891870424, 1393.727),
    "604M": (604, 2459.9274969089824, 19449688.58779496, 1888.522),
    "1.2B": (1200, 3897.306597333535, 43381130.22429582, 2533.411),
}
SEQUENCE = 512


@pytest.fixture(scope="module")
def steps(data_dir):
    with (data_dir / "critical_batch_size" / "steps_to_target.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        size: {
            "run": [r["batch_size_seqs_512tok"] for r in rows if r["model"] == size],
            "batch": [SEQUENCE * float(r["batch_size_seqs_512tok"]) for r in rows if r["model"] == size],
            "step": [float(r["steps_used_in_fit_cell5"]) for r in rows if r["model"] == size],
        }
        for size in RELEASED
    }


@pytest.fixture(scope="module")
def fits(steps):
    # ln S = ln(a + b/B) by least squares: the law's own scale.
    return {size: fit("steps_to_target", table, objective=squared()) for size, table in steps.items()}


@pytest.mark.parametrize("size", RELEASED)
def test_hyperbola_is_the_released_one(size, fits):
    _, a, b, _ = RELEASED[size]
    # SciPy's curve_fit of the notebook stops at 1e-8 of its objective.
    assert fits[size]["Smin"] == pytest.approx(a, rel=1e-5)
    assert fits[size]["Emin"] == pytest.approx(b * SEQUENCE, rel=1e-5)


@pytest.mark.parametrize("size", RELEASED)
def test_critical_batch_by_the_rule_of_20_percent(size, fits):
    *_, released = RELEASED[size]
    both = catalogue["steps_to_target"].derived["critical_batch"](256.0 * SEQUENCE, 0.2, **fits[size].params)
    assert float(both["overhead"]) / SEQUENCE == pytest.approx(released, rel=2e-5)
    # At it the run takes 20 % more steps than perfect scaling from the base would, as the rule says.
    law = fits[size].law
    scaled = 1.2 * law(batch=256.0 * SEQUENCE, **fits[size].params) * 256.0 * SEQUENCE / both["overhead"]
    assert float(law(batch=both["overhead"], **fits[size].params)) == pytest.approx(float(scaled), rel=1e-6)
    # By the other definition the steps are doubled there.
    assert float(law(batch=both["ratio"], **fits[size].params)) == pytest.approx(2 * fits[size]["Smin"], rel=1e-6)


def test_growth_of_the_critical_batch_is_the_released_power(fits):
    millions = np.array([size for size, *_ in RELEASED.values()], dtype=float)
    rule = catalogue["steps_to_target"].derived["critical_batch"]
    batch = [float(rule(256.0 * SEQUENCE, 0.2, **f.params)["overhead"]) for f in fits.values()]
    found = fit("cbs_zhang", {"N": millions * 1e6, "batch": batch}, objective=squared())
    assert found["beta"] == pytest.approx(0.4682782, rel=2e-5)
    assert found["c"] / SEQUENCE * 1e6 ** found["beta"] == pytest.approx(93.1968, rel=1e-4)
    by_data = fit("cbs_zhang_data", {"D": 20e6 * millions, "batch": batch}, objective=squared())
    assert by_data["c"] / SEQUENCE * 1e6 ** by_data["beta"] == pytest.approx(22.917, rel=1e-4)
    # The paper's forecast for 6B: 5478 sequences.
    assert float(found.predict(N=[6e9])[0]) / SEQUENCE == pytest.approx(5478, abs=0.6)


def test_power_lines_weight_decay_gives_the_timescale():
    law = catalogue["power_lines"]
    params = {"c": 1.1, "m": 0.5}
    with jax.enable_x64(True):
        decay = law.derived["weight_decay"](1e6, 2e-3, 2e10, 1e9, **params)["weight_decay"]
        tau = law(M=20.0, **params)
    assert 1e6 / (2e-3 * float(decay) * 2e10) == pytest.approx(float(tau), rel=1e-12)
