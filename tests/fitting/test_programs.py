"""How many programs are compiled: by the shapes of the data, never by their numbers or by how many groups there are."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws import fit, formula


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


def curves_of(lengths, seed):
    rng = np.random.default_rng(seed)
    rows = [(f"run {i}", step, length) for i, length in enumerate(lengths) for step in range(1, length + 1)]
    step = np.array([s for _, s, _ in rows], dtype=float)
    rate = 1e-3 * (1.0 - 0.9 * step / np.array([n for *_, n in rows]))
    loss = (2.0 + 0.5 * (step * 1e-3) ** -0.4) * np.exp(rng.normal(0, 1e-3, len(rows)))
    return {"run": [r for r, *_ in rows], "step": step, "loss": loss, "lr": rate}


@pytest.fixture(scope="module")
def compiled_by():
    """Function that calls another and says how many programs that compiled, in all threads."""
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )

    def count(call):
        before = len(compiled)
        assert not any(one.status.failed for one in call().values())
        return len(compiled) - before

    return count


@pytest.fixture(scope="module")
def programs_of(compiled_by):
    """Function that fits groups of these lengths and says how many programs that compiled."""

    def count(lengths, seed):
        return compiled_by(lambda: fit("power_plus_constant", groups_of(lengths, seed), by="who", starts=4, seed=7))

    return count


@pytest.fixture(scope="module")
def programs_of_curves(compiled_by):
    """The same for curves of these numbers of steps."""

    def count(lengths, seed):
        return compiled_by(lambda: fit("lr_annealing", curves_of(lengths, seed), by="run", starts=4, seed=7))

    return count


def test_programs_do_not_grow_with_groups(programs_of):
    few = programs_of([10, 20, 40, 90], 0)  # rows padded to 32, 64 and 128
    assert 3 <= few <= 6  # a search of each shape, and further trips where a group needs them
    lengths = np.random.default_rng(1).integers(8, 120, 60).tolist()
    assert programs_of(lengths, 2) <= 6 - few
    assert programs_of(lengths, 3) == 0


def test_curves_of_many_lengths_share_few_programs(programs_of_curves):
    few = programs_of_curves([50, 60, 40], 0)  # steps padded to 64
    assert 1 <= few <= 2
    assert programs_of_curves(np.random.default_rng(4).integers(34, 64, 20).tolist(), 5) <= 2 - few
    assert programs_of_curves([63] * 20, 6) == 0


def test_a_process_that_fits_much_drops_programs_in_time(monkeypatch):
    """Each takes memory maps, of which Linux gives a process only so many."""
    cleared = []
    monkeypatch.setattr("jaxlaws.fitting._programs.MAPS", 0)
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    x = np.geomspace(1.0, 8.0, 9)
    law, rows = formula("E + A / x^alpha", inputs=("x",)), {"x": x, "loss": 1.0 + x**-0.5}
    fit(law, rows, starts=2)
    assert cleared == [1]
    fit(law, rows, starts=2)
    assert cleared == [1], "nothing was compiled"
