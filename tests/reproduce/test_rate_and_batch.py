"""Loss over size, batch and steps, or over rate and batch, on the Step Law runs: arXiv:2607.01487, arXiv:2507.21184 and our own basin."""

from __future__ import annotations

import jax
import pytest

from jaxlaws import catalogue, published


@pytest.fixture(scope="module")
def runs(data_dir):
    return published("steplaw").frame


def test_three_term_law_at_its_best_batch_is_chinchilla():
    law = catalogue["three_term"]
    p = {"E": 1.5, "A": 400.0, "P": 30.0, "Q": 100.0, "a": 0.34, "b": 0.4, "c": 0.6}
    with jax.enable_x64(True):
        chinchilla = law.derived["chinchilla_form"](**p)
        for D in (1e9, 1e12):
            best = law.derived["best_batch"](D, **p)
            there = law(N=1e9, batch=best["batch"], step=best["step"], **p)
            assert float(catalogue["chinchilla"](N=1e9, D=D, **chinchilla)) == pytest.approx(float(there), rel=1e-12)
