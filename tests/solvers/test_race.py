"""Many starts, fewer with each rung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.errors import FitError
from jaxlaws.solvers import Minimum, Rung, evaluate, levenberg_marquardt, race

WIDE = np.full(1, 100.0)


def double_well(dtype: Any) -> Any:
    """Minima at 1 (objective .02) and -1 (objective .18): residuals x^2 - 1 and (x - 2)/5, about."""
    del dtype
    return lambda x: jnp.stack([3.0 * (x[0] ** 2 - 1.0), (x[0] - 2.0) / 5.0])


def run(starts: Any, rungs: Any, problem: Any = double_well, solver: Any = None) -> Any:
    solver = levenberg_marquardt() if solver is None else solver
    with jax.enable_x64(True):
        starts = jnp.asarray(starts, jnp.float64).reshape(len(starts), -1)
        low, high = (jnp.full(starts.shape[1], b) for b in (-100.0, 100.0))
        found = jax.jit(lambda s: race(problem, s, low, high, solver=solver, rungs=rungs))(starts)
        return jax.device_get(found)


@dataclass(frozen=True)
class Stand:
    """A solver that stays where it is."""

    def run(self, residuals: Any, start: Any, low: Any, high: Any, *, trips: int | None = None) -> Minimum:
        return evaluate(residuals, start, jnp.ones((), start.dtype))


def test_race_finds_the_lower_of_two_minima_and_names_its_start():
    found = run([-3.0, -0.5, 2.5, -2.0], (Rung(None, 40),))
    assert found.winner == 2
    assert found.objectives.shape == (4,)
    with jax.enable_x64(True):
        alone = [
            levenberg_marquardt(trips=40).run(double_well(None), jnp.array([s]), -WIDE, WIDE)
            for s in (-3.0, -0.5, 2.5, -2.0)
        ]
        expected = [float(m.objective) for m in alone]
    np.testing.assert_allclose(found.objectives, expected, rtol=1e-9)
    assert found.best.objective == found.objectives.min()


def test_ties_go_to_the_smaller_index_in_every_rung():
    # Equal objectives everywhere: each rung keeps the first ones, and the first of all wins.
    flat = lambda dtype: lambda x: jnp.stack([jnp.zeros_like(x[0]) + 2.0])  # noqa: E731
    found = run([5.0, 4.0, 3.0, 2.0], (Rung(None, 0), Rung(2, 0), Rung(1, 0)), flat, Stand())
    assert found.winner == 0
    np.testing.assert_array_equal(found.best.x, [5.0])
    mirror = lambda dtype: lambda x: jnp.stack([x[0] ** 2])  # noqa: E731
    found = run([3.0, -2.0, 2.0, -2.0], (Rung(None, 0), Rung(3, 0)), mirror, Stand())
    assert found.winner == 1


def test_only_the_best_go_on_and_the_others_keep_what_they_had_reached():
    square = lambda dtype: lambda x: jnp.stack([x[0] - 1.0])  # noqa: E731
    starts = [9.0, 2.0, 5.0, 3.0]
    found = run(starts, (Rung(None, 0), Rung(2, 30)), square)
    # Losers stand at half their squared distance, the two best at 0.
    np.testing.assert_allclose(found.objectives, [32.0, 0.0, 8.0, 0.0], atol=1e-20)
    assert found.winner in (1, 3)
    np.testing.assert_allclose(found.reached[:, 0], [9.0, 1.0, 5.0, 1.0], rtol=1e-12)


def test_more_places_than_starts_keep_all():
    found = run([-3.0, 2.5], (Rung(None, 5), Rung(8, 40)))
    assert found.objectives.shape == (2,) and found.winner == 1


def test_float32_rung_explores_and_float64_polishes():
    seen = []

    def problem(dtype: Any) -> Any:
        seen.append(jnp.dtype(dtype).name)
        return lambda x: jnp.stack([3.0 * (x[0] ** 2 - 1.0), (x[0] - 2.0) / 5.0]) + 0.0 * jnp.ones(2, dtype)

    starts = np.linspace(-3.0, 3.0, 9)
    mixed = run(starts, (Rung(None, 10, "float32"), Rung(3, 30)), problem)
    assert seen == ["float32", "float64"]
    pure = run(starts, (Rung(None, 40),))
    assert mixed.best.x.dtype == mixed.objectives.dtype == np.float64
    # The polish is in float64 whatever explored.
    assert mixed.best.objective == pytest.approx(pure.best.objective, rel=1e-12)
    np.testing.assert_allclose(mixed.best.x, pure.best.x, rtol=1e-7)


def test_race_that_ends_in_float32_reports_its_best_in_the_starts_type():
    mixed = run([2.5, -2.0], (Rung(None, 30, "float32"),))
    assert mixed.best.x.dtype == mixed.best.objective.dtype == np.float64
    with jax.enable_x64(True):
        again = evaluate(double_well(None), jnp.asarray(mixed.best.x), 1.0)
    assert mixed.best.objective == pytest.approx(float(again.objective), rel=1e-12)


def test_float64_rung_runs_in_the_default_type_where_64_bit_types_are_off():
    low, high = jnp.full(1, -100.0), jnp.full(1, 100.0)
    found = jax.jit(lambda s: race(double_well, s, low, high, solver=levenberg_marquardt(), rungs=(Rung(None, 30),)))(
        jnp.array([[2.5], [-2.0]])
    )
    assert found.best.x.dtype == jnp.float32 and int(found.winner) == 0


def test_start_that_cannot_be_evaluated_never_wins_nor_crowds_out_others():
    bad = lambda dtype: lambda x: jnp.stack([jnp.where(x[0] > 3.0, jnp.nan, x[0] - 1.0)])  # noqa: E731
    found = run([5.0, 6.0, 2.0, 7.0], (Rung(None, 0), Rung(2, 20)), bad)
    assert found.winner == 2 and found.best.objective < 1e-20
    assert not np.isfinite(found.objectives[[0, 1, 3]]).any()


def test_race_in_which_no_start_can_be_evaluated_says_so_by_its_objective():
    bad = lambda dtype: lambda x: jnp.stack([x[0] + jnp.nan])  # noqa: E731
    found = run([5.0, 6.0], (Rung(None, 5),), bad)
    assert not np.isfinite(found.best.objective) and found.winner == 0


@pytest.mark.parametrize("wrong", [{"trips": -1}, {"keep": 0}, {"dtype": "float16"}, {"dtype": "int32"}])
def test_rung_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(FitError, match="a rung needs trips >= 0, keep >= 1 and dtype float32 or float64; got Rung"):
        Rung(**{"keep": None, "trips": 5} | wrong)
