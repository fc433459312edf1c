"""How many programs are compiled: by the shapes of the data, never by their numbers or by how many groups there are."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws import fit


def groups_of(lengths, seed):
    rng = np.random.default_rng(seed)
    count = sum(lengths)
    x = np.exp(rng.uniform(np.log(1e6), np.log(1e9), count))
    floor = rng.uniform(1.5, 2.5)
    return {
        "x": x,
        "loss": (floor + 300.0 * x**-0.35) * np.exp(rng.normal(0, 1e-3, count)),
        "who": np.repeat([f"group {i}" for i in range(len(lengths))], lengths),
    }


@pytest.fixture(scope="module")
def programs_of():
    """Function that fits groups of these lengths and says how many programs that compiled, in all threads."""
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )

    def count(lengths, seed):
        before = len(compiled)
        found = fit("power_plus_constant", groups_of(lengths, seed), by="who", starts=4, seed=7)
        assert not any(one.status.failed for one in found.values())
        return len(compiled) - before

    return count


def test_programs_do_not_grow_with_groups(programs_of):
    few = programs_of([10, 20, 40, 90], 0)  # rows padded to 32, 64 and 128
    assert 3 <= few <= 6  # a search of each shape, and further trips where a group needs them
    lengths = np.random.default_rng(1).integers(8, 120, 60).tolist()
    assert programs_of(lengths, 2) <= 6 - few
    assert programs_of(lengths, 3) == 0
