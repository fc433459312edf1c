"""Parameters from other experiments, and groups that are alike but not the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxlaws import catalogue, fit, formula, normal
from jaxlaws.errors import FitError
from jaxlaws.fitting import fit_pooled, load, priors_from, values_from


@pytest.fixture(scope="module")
def law():
    return formula("E + A / x^alpha", inputs=("x",))


def simulated(seed):
    """Exponents of eight groups, .03 apart in standard deviation, and sixteen rows a group; the last two see a decade of `x`
    only, and say little of their exponents."""
    rng = np.random.default_rng(seed)
    truth = 0.35 + 0.03 * rng.standard_normal(8)
    parts = []
    for i, alpha in enumerate(truth):
        x = np.geomspace(1e6, 1e9 if i < 6 else 1e7, 16)
        parts.append((x, (1.7 + 300.0 * x**-alpha) * np.exp(2e-3 * rng.standard_normal(16)), [f"g{i}"] * 16))
    x, loss, name = (np.concatenate(p) for p in zip(*parts, strict=True))
    return truth, {"x": x, "loss": loss, "group": name}


@pytest.fixture(scope="module")
def groups():
    return simulated(0)[1]


@pytest.fixture(scope="module")
def apart(law, groups):
    return fit(law, groups, by="group", starts=8)


@pytest.fixture(scope="module")
def pooled(law, groups):
    return fit_pooled(law, groups, by="group", pool=("alpha",), starts=8)


@pytest.mark.slow
def test_pooling_errs_less_than_fitting_apart(law):
    square = {"apart": 0.0, "pooled": 0.0}
    for seed in range(4):
        truth, rows = simulated(seed)
        fits = {
            "apart": fit(law, rows, by="group", starts=8),
            "pooled": fit_pooled(law, rows, by="group", pool=("alpha",), starts=8),
        }
        for name, found in fits.items():
            square[name] += sum((found[f"g{i}"]["alpha"] - a) ** 2 for i, a in enumerate(truth))
    assert square["pooled"] < 0.7 * square["apart"], square


def test_groups_that_say_little_are_drawn_to_the_others(apart, pooled):
    drawn = {k: abs(pooled[k]["alpha"] - apart[k]["alpha"]) for k in pooled}
    assert min(drawn["g6"], drawn["g7"]) > max(drawn[f"g{i}"] for i in range(6))
    mean, sd, _ = pooled["g0"].priors["alpha"]
    assert mean == pytest.approx(np.mean([pooled[f"g{i}"]["alpha"] for i in range(8)]), abs=0.1 * sd)


def test_a_pooled_fit_says_so_and_keeps_it_in_its_file(pooled, tmp_path):
    assert all(any("partially pooled over 8 groups of group" in n for n in f.notes) for f in pooled.values())
    pooled.save(tmp_path / "fits.json")
    again = load(tmp_path / "fits.json")
    assert again["g3"].priors == pooled["g3"].priors and again["g3"].notes == pooled["g3"].notes


@pytest.mark.slow
def test_groups_that_agree_are_as_good_as_shared(law):
    rng = np.random.default_rng(4)
    x = np.tile(np.geomspace(1e6, 1e9, 16), 8)
    loss = (1.7 + 300.0 * x**-0.35) * np.exp(5e-3 * rng.standard_normal(128))
    rows = {"x": x, "loss": loss, "group": np.repeat([f"g{i}" for i in range(8)], 16)}
    apart = fit(law, rows, by="group", starts=8)
    found = fit_pooled(law, rows, by="group", pool=("alpha",), starts=8)
    spread = {name: np.std([f["alpha"] for f in fits.values()]) for name, fits in (("apart", apart), ("pooled", found))}
    assert spread["pooled"] < 0.5 * spread["apart"]


def test_pooling_needs_three_groups_and_names(law, groups):
    few = {k: v[:32] for k, v in groups.items()}
    with pytest.raises(FitError, match="2 groups could be fitted apart; at least 3"):
        fit_pooled(law, few, by="group", pool=("alpha",), starts=8)
    with pytest.raises(FitError, match="`beta`"):
        fit_pooled(law, groups, by="group", pool=("beta",))
    with pytest.raises(FitError, match="shared by `fit`, or pooled here"):
        fit_pooled(law, groups, by="group", pool=("alpha",), share=("E",))


def test_a_group_of_as_many_rows_as_parameters_is_not_taken_to_be_known_exactly(law):
    # Its residuals are 0, and so would be the variance of its exponent: the mean of all groups would be this one's.
    rng = np.random.default_rng(2)
    x = [np.geomspace(1e6, 1e9, 12)] * 3 + [np.geomspace(1e6, 2e6, 3)]
    rows = {"x": np.concatenate(x), "group": np.repeat(["a", "b", "c", "few"], [12, 12, 12, 3])}
    rows["loss"] = (1.7 + 300.0 * rows["x"] ** -0.35) * np.exp(2e-3 * rng.standard_normal(39))
    found = fit_pooled(law, rows, by="group", pool=("alpha",), starts=8)
    mean, _, _ = found["a"].priors["alpha"]
    assert mean == pytest.approx(np.mean([found[k]["alpha"] for k in "abc"]), abs=0.01)
    assert found["few"]["alpha"] == pytest.approx(mean, abs=0.03)
    with pytest.raises(FitError, match="no group that could be fitted has more rows than parameters"):
        fit_pooled(
            law,
            {k: np.tile(v[-3:], 3) for k, v in rows.items()} | {"group": np.repeat(["a", "b", "c"], 3)},
            by="group",
            pool=("alpha",),
            starts=8,
        )


def test_priors_from_published_sets_are_the_predictive_normal():
    told = priors_from("overtraining", ["C4", "RedPajama", "RefinedWeb"])
    eta = [
        c.params["eta"]
        for n, c in catalogue["overtraining"].constants.items()
        if n in ("C4", "RedPajama", "RefinedWeb")
    ]
    assert set(told) == {"eta"}
    assert told["eta"].mean == pytest.approx(np.mean(eta))
    assert told["eta"].sd == pytest.approx(np.std(eta, ddof=1) * np.sqrt(4 / 3))
    assert priors_from("overtraining", ["C4", "RedPajama"], widen=2.0)["eta"].sd >= 2 * 0.05 * np.mean(eta[:2])
    with pytest.raises(FitError, match="at least two published sets"):
        priors_from("overtraining", ["C4"])
    with pytest.raises(FitError, match="`C5`"):
        priors_from("overtraining", ["C4", "C5"])


def test_priors_from_fits_are_what_one_more_would_scatter_by(law, apart):
    told = priors_from(law, [f for key, f in apart.items() if key != "g7"], ["alpha"])
    values = [apart[f"g{i}"]["alpha"] for i in range(7)]
    assert told["alpha"].mean == pytest.approx(np.mean(values))
    assert told["alpha"].sd == pytest.approx(np.std(values, ddof=1) * np.sqrt(8 / 7))
    assert told.origin.startswith("priors from 7 other fits of")
    assert priors_from(law, apart, ["alpha"]).keys() == {"alpha"}  # all groups of a fit by group


def test_fits_that_say_nothing_of_a_parameter_are_left_out_of_a_prior(law, apart):
    stuck = [dataclasses.replace(apart[f"g{i}"], at_bound=("alpha",)) for i in range(3)]
    told = priors_from(law, [apart["g3"], apart["g4"], *stuck], ["alpha"])
    assert told["alpha"].mean == pytest.approx((apart["g3"]["alpha"] + apart["g4"]["alpha"]) / 2)
    with pytest.raises(FitError, match="1 of 4 fits .* determined alpha"):
        priors_from(law, [apart["g3"], *stuck], ["alpha"])
    with pytest.raises(FitError, match="at least two"):
        priors_from(law, [apart["g3"], apart["g3"]], ["alpha"])
    with pytest.raises(FitError, match="says nothing of the parameters of `chinchilla`"):
        priors_from("chinchilla", list(apart.values()))


def test_fits_in_different_units_give_no_priors(apart):
    peaks = [
        dataclasses.replace(apart["g0"], law=catalogue["limited_progress"], params={"q": 0.7, "lr_ref": peak})
        for peak in (1e-3, 2e-3)
    ]
    with pytest.raises(FitError, match=r"different lr_ref \(0.001, 0.002\).*`fit\(..., fix=\{'lr_ref': ...\}\)`"):
        priors_from("limited_progress", peaks, ["q"])


def test_borrowed_values_and_priors_are_in_the_report(power_rows):
    rows = {"N": power_rows["x"], "D": power_rows["x"][::-1].copy() * 20, "loss": power_rows["loss"]}
    held = fit("chinchilla", rows, fix=values_from("chinchilla", "besiroglu", ["alpha", "beta"]), starts=8)
    assert held["alpha"] == catalogue["chinchilla"].constants["besiroglu"].params["alpha"]
    assert any("held as published in set besiroglu of chinchilla: alpha 0.3473" in note for note in held.notes)
    drawn = fit("chinchilla", rows, priors=priors_from("chinchilla", ["besiroglu", "hoffmann"]), starts=8)
    assert any("priors from published sets besiroglu, hoffmann" in note for note in drawn.notes)
    assert set(drawn.priors) == {"alpha", "beta"} and "published sets" in str(drawn)
    with pytest.raises(FitError, match="name the parameters"):
        values_from("chinchilla", "besiroglu", [])


BAD = {
    "held": ({"pool": ("alpha",), "fix": {"alpha": 0.3}}, "alpha of .* is held; free it, or pool another"),
    "nothing": ({"pool": ()}, "name the parameters that groups have in common"),
    "no group": ({"pool": ("alpha",), "by": ()}, "name the column"),
    "prior": (
        {"pool": ("alpha",), "priors": {"alpha": normal(0.3, 0.1)}},
        "the prior of alpha is learnt from the groups",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_pooled_is_one_sentence(law, groups, case):
    told, words = BAD[case]
    with pytest.raises(FitError, match=words):
        fit_pooled(law, groups, **{"by": "group", **told})


def test_parameters_of_runs_and_references_are_not_pooled(groups):
    with pytest.raises(FitError, match="d of `progress_noise` has a value for each run"):
        fit_pooled("progress_noise", groups, by="group", pool=("d",), free=("m", "d"))
    with pytest.raises(FitError, match="lr_ref of `progress_noise` is held"):
        fit_pooled("progress_noise", groups, by="group", pool=("lr_ref",))


def test_a_distribution_that_has_not_settled_is_doubted(law, groups, pooled, monkeypatch):
    assert not any("still moving" in note for one in pooled.values() for note in one.notes)
    assert pooled["g0"].pooled == ("alpha",) and "partially pooled" in str(pooled["g0"])
    monkeypatch.setattr("jaxlaws.fitting.pooled.ROUNDS", 1)
    weights = np.ones(128)
    found = fit_pooled(law, groups, by="group", pool=("alpha", "alpha"), starts=8, weights=weights)
    assert all(any("alpha over groups was still moving after 1 rounds" in n for n in f.notes) for f in found.values())
    assert found["g0"].weights == "given"
