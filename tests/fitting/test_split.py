"""A law in two parts, and side by side for many starts, gives what the law gives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import Curve, catalogue, schedules
from jaxlaws.fitting.problem import Data, Slot, predictions, predictor

GROUPS, RUNS, STARTS = 3, 2, 5


def curve(peak):
    return Curve.of(schedules.cosine(peak, total=900, end=0.1 * peak, warmup=60), at=np.arange(100, 901, 50))


def stacked(*curves):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *curves)


@pytest.mark.parametrize(
    ("name", "stored", "held"),
    [
        ("lr_annealing", True, {"lam": 0.999}),
        ("lr_annealing", True, {}),
        ("progress_noise", False, {}),
        ("multi_power", False, {}),
        ("chinchilla", True, {}),
        ("chinchilla", True, {"E": 1.7}),
    ],
)
def test_many_starts_at_once_are_one_after_another(name, stored, held):
    law = catalogue[name]
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        if law.is_curve:
            runs = [[curve(1e-3 * (1 + g + r)) for r in range(RUNS)] for g in range(GROUPS)]
            inputs = {"curve": stacked(*[stacked(*part) for part in runs])}
            observed = np.ones((GROUPS, RUNS, len(runs[0][0].step)))
            copy = {"L0": np.array([[0, 1], [1, 1], [0, 0]])}
        else:
            inputs = {"N": rng.uniform(1e7, 1e9, (GROUPS, 4)), "D": rng.uniform(1e9, 1e11, (GROUPS, 4))}
            observed = np.ones((GROUPS, 4))
            copy = {"alpha": rng.integers(0, 2, (GROUPS, 4))}
        fixed = {k: float(p.fixed) if p.fixed is not None else p.start[0] for k, p in law.params.items()}
        free_names = [k for k, p in law.params.items() if p.fixed is None and p.reference is None and k not in held]
        fixed = {k: np.full(GROUPS, held.get(k, v)) for k, v in fixed.items() if k not in free_names}
        free = {}
        for k in free_names:
            low, high = law.params[k].start
            shape = (2, GROUPS, STARTS) if k in copy else (GROUPS, STARTS)
            free[k] = rng.uniform(low, high, shape)
        layout = tuple(Slot(k, 2 if k in copy else 1, True, False) for k in free_names)
        data = jax.tree.map(jnp.asarray, Data(inputs, observed, observed, copy))

        def many(free, fixed, data):
            made = predictor(law, layout, fixed, data)
            assert made.stored is stored
            return made.at(free)

        found = jax.jit(many)(free, fixed, data).reshape(-1, GROUPS, STARTS)
        one = jax.jit(lambda params, data: predictions(law, params, data).ravel())
        for g in range(GROUPS):
            part = jax.tree.map(lambda leaf, g=g: leaf[g], data)
            for s in range(STARTS):
                params = {k: v[g] for k, v in fixed.items()} | {k: v[..., g, s] for k, v in free.items()}
                np.testing.assert_allclose(found[:, g, s], one(params, part), rtol=1e-12)
