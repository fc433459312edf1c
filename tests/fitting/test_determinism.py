"""Same seed, same data: same bits, whatever else is fitted beside it, and however rows are ordered or padded."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit
from jaxlaws.fitting.assemble import bucket
from jaxlaws.solvers import levenberg_marquardt


def bits(found):
    return [np.float64(v).tobytes() for v in (*found.params.values(), found.objective, found.agree)]


def many_groups(count):
    """Groups of 16 rows with noise of their own; the names tell which."""
    rng = np.random.default_rng(4)
    x = np.geomspace(1e6, 1e9, 16)
    losses = [(1.5 + 0.1 * g + 300.0 * x**-0.35) * np.exp(1e-3 * rng.standard_normal(16)) for g in range(count)]
    return {
        "x": np.tile(x, count),
        "loss": np.concatenate(losses),
        "group": np.repeat([f"g{g}" for g in range(count)], 16),
    }


def part(rows, names):
    keep = np.isin(rows["group"], names)
    return {k: v[keep] for k, v in rows.items()}


def test_fitting_twice_gives_the_same_bits(power_rows, power_fit, quick):
    assert bits(fit("power_plus_constant", power_rows, **quick)) == bits(power_fit)


def test_another_process_gives_the_same_bits(power_rows, power_fit, python):
    script = f"""
import numpy as np
from jaxlaws import fit
from jaxlaws.solvers import Rung
rows = {{"x": {power_rows["x"].tolist()}, "loss": {power_rows["loss"].tolist()}}}
found = fit("power_plus_constant", rows, starts=16, rungs=(Rung(None, 60),))
print(" ".join(np.float64(v).tobytes().hex() for v in (*found.params.values(), found.objective, found.agree)))
"""
    assert python("-c", script).split() == [b.hex() for b in bits(power_fit)]


def test_another_seed_means_other_starts_and_the_same_minimum(power_rows, power_fit, quick):
    still = levenberg_marquardt(trips=0, polish=0)
    first, second = (fit("power_plus_constant", power_rows, starts=4, solver=still, seed=s) for s in (0, 1))
    assert bits(first) != bits(second)
    assert (first.seed, second.seed) == (0, 1)
    found = fit("power_plus_constant", power_rows, seed=1, **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)


@pytest.fixture(scope="module")
def eleven(quick):
    """More groups than one compiled batch holds."""
    rows = many_groups(11)
    return rows, fit("power_plus_constant", rows, by="group", **quick)


@pytest.mark.parametrize("names", [["g3"], ["g10"], ["g9", "g0", "g4"]])
def test_group_has_the_same_bits_alone_and_among_others(eleven, quick, names):
    rows, together = eleven
    for name, found in fit("power_plus_constant", part(rows, names), by="group", **quick).items():
        assert bits(found) == bits(together[name]), name


def test_group_has_the_same_bits_whether_or_not_its_neighbours_converge(power_rows):
    """More trips for a neighbour that has not converged must not move a group that has."""
    far = levenberg_marquardt(trips=12, polish=20)
    starts = np.array([[1.69, 296.0, 0.349]])  # at home in the first group; nowhere near the second
    x = power_rows["x"]
    loss = np.r_[power_rows["loss"], 1e-2 + 1e6 * x**-0.9]
    rows = {"x": np.r_[x, x], "loss": loss, "group": np.repeat(["near", "far"], 16)}
    chosen = {"by": "group", "starts": starts, "solver": far}
    both = fit("power_plus_constant", rows, **chosen)
    assert bits(fit("power_plus_constant", part(rows, ["near"]), **chosen)["near"]) == bits(both["near"])
    assert bits(fit("power_plus_constant", part(rows, ["far"]), **chosen)["far"]) == bits(both["far"])


def test_groups_of_other_sizes_change_nothing(eleven, quick):
    rows, together = eleven
    short = {k: np.r_[v, rows[k][:9]] for k, v in part(rows, ["g3"]).items()}
    short["group"] = np.r_[["g3"] * 16, ["short"] * 9]
    assert bits(fit("power_plus_constant", short, by="group", **quick)["g3"]) == bits(together["g3"])


@pytest.mark.parametrize("more", [1, 4])
def test_rows_of_weight_zero_change_nothing(power_rows, power_fit, quick, more):
    rows = {k: np.r_[v, v[:more]] for k, v in power_rows.items()}
    found = fit("power_plus_constant", rows, weights=np.r_[np.ones(16), np.zeros(more)], **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)
    for name in found.params:
        # Longer sums round differently: 1e-16 times a condition of 1e4.
        assert found[name] == pytest.approx(power_fit[name], rel=1e-10), name
    assert bucket(16 + more) > bucket(16)  # the rows really went into another shape


def test_order_of_rows_does_not_matter(power_rows, power_fit, quick):
    order = np.random.default_rng(3).permutation(16)
    found = fit("power_plus_constant", {k: v[order] for k, v in power_rows.items()}, **quick)
    assert found.objective == pytest.approx(power_fit.objective, rel=1e-12)
    for name in found.params:
        assert found[name] == pytest.approx(power_fit[name], rel=1e-9), name
