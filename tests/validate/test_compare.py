"""Laws and settings ranked by held-out error."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from jaxlaws import fit, formula, huber, normal, read
from jaxlaws.errors import FitError
from jaxlaws.objectives import squared
from jaxlaws.validate import Blend, Ranking, assess, candidate, compare, holdout, leave_out, rank, rollout
from jaxlaws.validate.blend import stack


@pytest.fixture(scope="module")
def laws(quick):
    return [
        candidate(formula("E + A / N^alpha"), name="with floor", **quick),
        candidate(formula("A / N^alpha"), name="without", **quick),
    ]


@pytest.fixture(scope="module")
def comparison(laws, powers):
    return compare(laws, powers, rollout(powers, "N", cuts=2))


def test_a_fold_is_fitted_as_its_rows_alone_would_be(powers, quick):
    one = holdout(powers, "N > 1e8")
    law = formula("E + A / N^alpha")
    there = assess(law, powers, one, **quick)
    rows = powers.select(one.fit)
    alone = fit(law, rows, **quick)
    found = there.fits[0]
    for name in alone.params:
        assert found[name] == pytest.approx(alone[name], rel=1e-6), name
    assert (found.rows, found.runs, found.largest) == (alone.rows, alone.runs, alone.largest)
    held = alone.score(powers.select(one.score))
    assert there.errors() == pytest.approx([held["mae"]], rel=1e-6)
    assert there.reach[0] == pytest.approx(1e9 / rows.column("N").max())


def test_weights_by_run_are_those_of_the_fitted_rows(powers, quick):
    rows = np.arange(16)
    runs = powers.frame.assign(run=np.where(rows < 4, "short", "long"))
    table = read(runs)
    law = formula("E + A / N^alpha")
    one = holdout(table, "N > 3e8")
    there = assess(law, table, one, weights="run", **quick).fits[0]
    alone = fit(law, table.select(one.fit), weights="run", **quick)
    assert there.objective == pytest.approx(alone.objective, rel=1e-6)


def test_the_law_that_made_the_data_extrapolates_best(comparison):
    assert [s.name for s in comparison.standings] == ["with floor", "without"]
    first, second = comparison.standings
    assert comparison.winner is first and first.best > 0.95 and comparison.blend is None
    assert first.error < 0.3 * second.error
    assert first.criteria["aicc"] < second.criteria["aicc"] and first.criteria["rollout"] < second.criteria["rollout"]


def test_a_comparison_prints_and_is_plain_json(comparison):
    text = str(comparison)
    assert "with floor wins" in text and "noise floor: unknown" in text and "leave-one-out" in text
    document = json.loads(json.dumps(comparison.summary()))
    assert document["winner"] == "with floor" and document["candidates"][1]["name"] == "without"
    assert max(map(len, text.splitlines())) <= 120


def test_laws_that_say_the_same_are_tied_and_blended(powers, quick):
    law = formula("E + A / N^alpha")
    every = [
        candidate(law, name="delta", objective=huber(1e-3), **quick),
        candidate(law, name="wide", objective=huber(2e-3), **quick),
    ]
    found = compare(every, powers, leave_out(powers, "part"), more=False)
    assert found.winner is None and all(s.tied for s in found.standings)
    assert found.blend is not None and found.blend.weights.sum() == pytest.approx(1.0)
    n = np.array([2e9, 4e9])
    each = np.stack([s.fit.predict(N=n) for s in found.standings])
    middle = found.blend.predict(N=n)
    assert (middle >= each.min(axis=0) - 1e-12).all() and (middle <= each.max(axis=0) + 1e-12).all()
    assert (found.blend.spread(N=n) <= np.ptp(each, axis=0)).all()


def test_settings_are_compared_like_laws(powers, quick):
    law = formula("E + A / N^alpha")
    wrong = candidate(law, name="wrong prior", priors={"alpha": normal(2.0, 1e-4)}, **quick)
    early = candidate(law, name="large only", where="N > 1e7", **quick)
    found = compare([candidate(law, **quick), early, wrong], powers, rollout(powers, "N", cuts=[2e8]), more=False)
    assert found.standings[-1].name == "wrong prior"
    assert found["large only"].assessment.fits[0].rows < found[law.label].assessment.fits[0].rows


def test_groups_apart_shared_and_pooled_are_settings_too(powers, quick):
    law = formula("A / N^alpha")
    table = read(powers.frame.assign(kind=np.arange(16) % 4))
    told = {"by": "kind", "objective": squared(), **quick}
    every = [
        candidate(law, name="apart", **told),
        candidate(law, name="shared", share=["alpha"], **told),
        candidate(law, name="pooled", pool="alpha", **told),
    ]
    found = compare(every, table, holdout(table, "N > 4e8"), more=False)
    assert not any(s.failure for s in found.standings)
    spread = {s.name: np.ptp([f["alpha"] for f in s.fit.values()]) for s in found.standings}
    assert spread["shared"] == 0.0 < spread["pooled"] < spread["apart"]
    # Groups fitted jointly have one objective, that of all of them.
    [shared] = {f.objective for f in found["shared"].fit.values()}
    assert found["shared"].criteria["objective"] == shared
    assert any("Objectives, weights, priors or rows differ" in note for note in found.notes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prior": {}}, "`candidate\\(prior=...\\)`: unknown setting `prior`; nearest: `priors`"),
        ({"holdout": "N > 1"}, "folds say what is held out"),
        ({"weights": np.ones(16)}, '"row", "run" or a column'),
        ({"priors": {"beta": normal(1.0, 1.0)}}, "unknown free parameter `beta`"),
        ({"fix": {"alpha": 1.0}, "priors": {"alpha": normal(1.0, 1.0)}}, "unknown free parameter `alpha`"),
        ({"share": ["alpha"]}, "name the groups by `by=`"),
        ({"pool": ["alpha"]}, "name the column that says which group"),
        ({"pool": ["alpha"], "by": "part", "share": ["A"]}, "give one of `share` and `pool`"),
    ],
)
def test_settings_that_no_fit_of_the_law_can_have_are_told_before_any_is_made(settings, words):
    with pytest.raises(FitError, match=words):
        candidate(formula("A / N^alpha"), **settings)


def test_a_law_that_cannot_be_fitted_comes_last_with_its_reason(powers, quick):
    many = formula("E + A/N^a + B/N^b + F/N^c + G/N^d")
    found = compare([many, candidate(formula("A / N^alpha"), **quick)], powers, holdout(powers, "N > 2e6"), more=False)
    assert "too few" in found.standings[-1].failure and found.standings[0].failure == ""
    assert "failed: " in str(found)
    with pytest.raises(FitError, match="no law could be scored"):
        compare([many], powers, holdout(powers, "N > 2e6"))


def test_laws_of_different_outputs_are_not_ranked(powers):
    with pytest.raises(FitError, match="different outputs"):
        compare(["chinchilla", "error_from_loss"], powers, holdout(powers, "N > 2e6"))


def test_a_group_is_scored_by_its_own_fit(powers, quick):
    frame = powers.frame.assign(kind=np.where(np.arange(16) % 2 == 0, "even", "odd"))
    one = holdout(frame, "N > 2e8")
    found = assess(formula("A / N^alpha"), frame, one, by="kind", **quick)
    kinds = frame["kind"].to_numpy()
    for kind in ("even", "odd"):
        alone = fit(formula("A / N^alpha"), frame[one.fit & (kinds == kind)], **quick)
        mine = one.score & (kinds == kind)
        np.testing.assert_allclose(found.predicted[0, mine], alone.predict(frame[mine]), rtol=1e-6)


def test_a_group_left_out_whole_has_no_fit_of_its_own_and_it_says_so(powers, quick):
    law = formula("A / N^alpha")
    words = "fitted for each part apart, and the fold `without part 0` scores no part that it fits: hold out part of each part"
    with pytest.raises(FitError, match=words):
        compare([candidate(law, by="part", **quick)], powers, leave_out(powers, "part"), more=False)


# --- how sure a ranking is -------------------------------------------------------------------------------------------------


def test_shares_of_first_places_follow_the_normal_law():
    # Two candidates whose paired difference over 100 runs has mean .2 and sd 1: ahead with probability Phi(.2 * 10) = .977.
    rng = np.random.default_rng(5)
    gap = rng.standard_normal(100)
    gap = 0.2 + (gap - gap.mean()) / gap.std()
    errors = np.stack([5.0 + np.zeros(100), 5.0 + gap])[:, None, :]
    found = rank(errors, np.arange(100).astype(str))
    assert not found.blocks and found.units == 100
    assert found.ahead[0, 1] == pytest.approx(0.977, abs=0.012)
    assert found.best.sum() == pytest.approx(1.0)


def test_few_runs_are_cut_into_blocks_and_it_says_so():
    errors = np.abs(np.random.default_rng(1).standard_normal((2, 1, 60)))
    found = rank(errors, np.repeat(["a", "b", "c"], 20))
    assert found.blocks and found.units == 24


def test_runs_weigh_the_same_whatever_their_length():
    errors = np.r_[np.full(90, 1.0), np.full(10, 3.0)][None, None, :]
    run = np.repeat(["long", "short"], [90, 10])
    assert rank(errors, run).error[0] == pytest.approx(2.0)


def test_stacking_finds_the_mixture_that_made_the_data():
    rng = np.random.default_rng(2)
    parts = rng.standard_normal((3, 200))
    observed = 0.7 * parts[0] + 0.3 * parts[2]
    np.testing.assert_allclose(stack(parts, observed, np.ones(200)), [0.7, 0.0, 0.3], atol=1e-6)


def test_squared_errors_and_named_metrics_agree_with_their_definitions(powers, quick):
    one = holdout(powers, "N > 1e8")
    found = assess(formula("A / N^alpha"), powers, one, objective=squared(), **quick)
    error = (found.predicted[0] - found.observed)[one.score]
    observed = found.observed[one.score]
    assert found.errors("rmse")[0] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert found.errors("worst")[0] == pytest.approx(np.max(np.abs(error / observed)))
    assert found.errors("r2")[0] == pytest.approx(1 - np.sum(error**2) / np.sum((observed - observed.mean()) ** 2))


def test_a_family_of_branches_is_one_draw():
    # 100 trunks, each with three branches that err as it does: four times the runs, and no more that is known.
    rng = np.random.default_rng(5)
    gap = rng.standard_normal(100)
    gap = np.repeat(0.1 + (gap - gap.mean()) / gap.std(), 4)
    errors = np.stack([5.0 + np.zeros(400), 5.0 + gap])[:, None, :]
    run = np.arange(400).astype(str)
    found = rank(errors, run, family=np.repeat(np.arange(100), 4))
    assert (found.units, found.runs) == (100, 400)
    assert found.ahead[0, 1] == pytest.approx(0.841, abs=0.02)  # Phi(1); Phi(2) were they all independent
    assert rank(errors, run).ahead[0, 1] == pytest.approx(0.977, abs=0.012)


def test_runs_that_branch_are_ranked_with_their_trunk(laws, powers):
    number = np.arange(16)
    frame = powers.frame.assign(
        run=[f"r{i}" for i in number],
        step=np.where(number < 8, 4, 8),
        parent=["" if i < 8 else f"r{i - 8}" for i in number],
    )
    found = compare(laws, frame, leave_out(frame, "part"), more=False)
    assert (found.ranking.units, found.ranking.runs) == (8, 16)
    assert "resampling 8 families of 16 runs, branches with their trunk" in " ".join(str(found).split())
    in_blocks = dataclasses.replace(found, ranking=dataclasses.replace(found.ranking, blocks=True))
    assert "fewer than 8 families of branches and their trunks" in " ".join(str(in_blocks).split())


def test_first_places_are_shared_by_as_few_as_fill_95_percent():
    ahead = np.array([[0.0, 0.96, 0.96], [0.04, 0.0, 0.5], [0.04, 0.5, 0.0]])
    ones = np.ones(3, dtype=int)
    told = {"error": np.array([1.0, 2.0, 3.0]), "low": ones, "high": ones, "ahead": ahead, "units": 9, "runs": 9}
    assert Ranking(best=np.array([0.92, 0.05, 0.03]), blocks=False, **told).tied.tolist() == [True, True, False]
    assert Ranking(best=np.array([0.95, 0.04, 0.01]), blocks=False, **told).tied.tolist() == [True, False, False]


def test_all_metrics_are_of_the_rows_that_every_candidate_predicts(powers, quick):
    frame = powers.frame.assign(kind=np.where(np.arange(16) < 14, "old", "new"))
    one = holdout(frame, "N > 1e8")
    law = formula("A / N^alpha")
    found = compare(
        [candidate(law, **quick), candidate(law, name="by kind", by="kind", **quick)], frame, one, more=False
    )
    told = found[law.label]
    error = (told.assessment.predicted[0] - told.assessment.observed)[one.score & (frame["kind"] == "old").to_numpy()]
    assert told.scores["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert told.scores["mae"] == pytest.approx(told.error) == pytest.approx(np.mean(np.abs(error)))
    assert "2 rows to score that not every candidate predicts are left out" in str(found)


def test_what_fitted_rows_say_is_not_compared_between_other_rows_or_scales(powers, quick):
    law = formula("E + A / N^alpha")
    early = candidate(law, name="large only", where="N > 1e7", **quick)
    found = compare([candidate(law, **quick), early], powers, rollout(powers, "N", cuts=[2e8]), more=False)
    assert all(np.isnan(s.criteria["aicc"]) and np.isnan(s.criteria["bic"]) for s in found.standings)
    assert "not fitted to the same rows: AICc and BIC cannot be compared" in " ".join(str(found).split())
    raw = candidate(law, name="raw", objective=squared(on="raw"), **quick)
    logs = candidate(law, name="logs", objective=squared(), **quick)
    found = compare([logs, raw], powers, rollout(powers, "N", cuts=[2e8]), more=False)
    # Noise of .1 %: both scales are nearly right, and their likelihoods of the losses nearly the same.
    assert found["logs"].criteria["aicc"] == pytest.approx(found["raw"].criteria["aicc"], abs=6.0)
    assert "different scales (log, raw)" in " ".join(str(found).split()) and "ranks nothing" in str(found)
    assert len(found.summary()["notes"]) == 2


def test_a_blend_takes_inputs_of_any_shape_and_fits_by_group(powers, quick):
    law = formula("E + A / N^alpha")
    one, other = fit(law, powers, **quick), fit(law, powers, fix={"alpha": 0.3}, **quick)
    blend = Blend(("one", "other"), np.array([0.25, 0.75]), "stacked", 0.0, (one, other))
    N = np.geomspace(1e6, 1e9, 6).reshape(2, 3)
    np.testing.assert_allclose(blend.predict(N=N), 0.25 * one.predict(N=N) + 0.75 * other.predict(N=N))
    assert blend.spread(N=N).shape == (2, 3)
    table = {"N": powers.column("N"), "loss": powers.column("loss"), "kind": ["a", "b"] * 8}
    grouped = fit(law, table, by="kind", **quick)
    mixed = Blend(("one", "by kind"), np.array([0.5, 0.5]), "average", 0.0, (one, grouped))
    mine = np.where(np.arange(16) % 2 == 0, grouped["a"].predict(table), grouped["b"].predict(table))
    np.testing.assert_allclose(mixed.predict(table), 0.5 * one.predict(table) + 0.5 * mine)
    with pytest.raises(FitError, match="fitted by group: give a table"):
        mixed.predict(N=1e9)
