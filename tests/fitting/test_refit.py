"""A fit made again on other rows, and what has changed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxlaws import fit, formula, huber, normal
from jaxlaws.errors import FitError
from jaxlaws.fitting import Fit, Fits, diff, load, refit


@pytest.fixture(scope="module")
def law():
    return formula("E + A / x^alpha", inputs=("x",))


@pytest.fixture(scope="module")
def stored(law, power_rows, tmp_path_factory):
    """A fit with a prior, a box and an objective of its own, to the first twelve rows, as it comes back from its file."""
    path = tmp_path_factory.mktemp("fits") / "fit.json"
    rows = {k: v[:12] for k, v in power_rows.items()}
    told = {"priors": {"alpha": normal(0.4, 0.1)}, "bounds": {"E": (1.0, 2.0)}, "objective": huber(3e-3)}
    fit(law, rows, starts=64, **told).save(path)
    return load(path)


def test_a_refit_is_the_fit_from_scratch_with_the_same_settings(law, stored, power_rows):
    again = refit(stored, power_rows)
    scratch = fit(
        law, power_rows, starts=64, priors={"alpha": normal(0.4, 0.1)}, bounds={"E": (1.0, 2.0)}, objective=huber(3e-3)
    )
    assert isinstance(again, Fit) and again.starts == 8 and again.rows == 16
    assert again.objective == pytest.approx(scratch.objective, rel=1e-9)
    for name in scratch.params:
        assert again[name] == pytest.approx(scratch[name], rel=1e-6), name
    assert (again.priors, again.boxes, again.objective_spec) == (scratch.priors, scratch.boxes, scratch.objective_spec)
    assert any("made again from a fit to" in note for note in again.notes)


def test_a_refit_to_the_same_rows_stays(stored, power_rows):
    again = refit(stored, {k: v[:12] for k, v in power_rows.items()}, starts=1)
    assert again.objective == pytest.approx(stored.objective, rel=1e-12)


def test_fixed_values_stay_fixed(law, power_rows):
    held = fit(law, power_rows, fix={"alpha": 0.3}, starts=16)
    again = refit(held, {k: v[:10] for k, v in power_rows.items()})
    assert again["alpha"] == 0.3 and again.fixed == ("alpha",)


def test_groups_are_made_again_on_their_own_rows(law, two_groups):
    first = fit(law, {k: v[2:30] for k, v in two_groups.items()}, by="size", starts=16)
    again = refit(first, two_groups)
    assert set(again) == {"small", "large"} and again["small"].rows == 16
    half = refit(first, {k: v[:16] for k, v in two_groups.items()})
    assert half["small"].objective == pytest.approx(again["small"].objective, rel=1e-9)
    assert half["large"].status.failed and "no rows to fit of size = large" in half["large"].reason
    assert np.isnan(half["large"]["alpha"]) and half["large"].rows == 0


def test_what_cannot_be_made_again_is_one_sentence(law, two_groups, power_rows):
    shared = fit(law, two_groups, by="size", share=("alpha",), starts=16)
    with pytest.raises(FitError, match="alpha are shared"):
        refit(shared, two_groups)
    weighed = fit(law, power_rows, weights=np.ones(16), starts=16)
    with pytest.raises(FitError, match="not stored: give `weights=`"):
        refit(weighed, power_rows)
    assert refit(weighed, power_rows, weights=np.ones(16)).objective == pytest.approx(weighed.objective)


def test_rows_of_weight_zero_are_not_counted_as_fitted(law, power_rows):
    some = fit(law, power_rows, weights=np.r_[np.ones(10), np.zeros(6)], starts=16)
    alone = fit(law, {k: v[:10] for k, v in power_rows.items()}, starts=16)
    assert (some.rows, some.largest) == (alone.rows, alone.largest) and len(some.runs) == 10
    assert some.objective == pytest.approx(alone.objective, rel=1e-9)


def test_a_difference_says_parameters_settings_and_predictions(law, stored, power_rows):
    other = fit(law, power_rows, starts=16)
    told = diff(stored, other)
    assert told.params["alpha"] == (stored["alpha"], other["alpha"])
    assert told.settings["rows"] == (12, 16) and "prior of alpha" in told.settings and "box of E" in told.settings
    assert told.at == {"x": 1e9}
    assert told.predicted == pytest.approx((float(stored.predict(x=1e9)), float(other.predict(x=1e9))))
    assert "alpha" in str(told) and "rows: 12 | 16" in str(told)
    assert not diff(other, other).settings
    with pytest.raises(FitError, match="no parameter in common"):
        diff(stored, fit(formula("B * x + F", inputs=("x",)), power_rows, starts=16))


def test_groups_take_the_weights_of_their_rows(law, two_groups):
    weights = np.r_[np.linspace(0.5, 2.0, 16), np.linspace(3.0, 0.1, 16)]
    first = fit(law, two_groups, by="size", weights=weights, starts=16)
    again = refit(first, two_groups, weights=weights)
    for size in ("small", "large"):
        assert again[size].objective == pytest.approx(first[size].objective, rel=1e-9)
    with pytest.raises(FitError, match="a weight for each of the 32 rows"):
        refit(first, two_groups, weights=weights[:16])
    lost = refit(first, two_groups)
    assert all("give `weights=`" in one.reason for one in lost.values())


def test_pooled_groups_are_not_made_again_one_by_one(law, two_groups, tmp_path):
    fits = Fits(
        [dataclasses.replace(f, pooled=("alpha",)) for f in fit(law, two_groups, by="size", starts=16).values()]
    )
    fits.save(tmp_path / "fits.json")
    with pytest.raises(FitError, match="alpha are partially pooled with other groups; .* `fit_pooled`"):
        refit(load(tmp_path / "fits.json"), two_groups)
