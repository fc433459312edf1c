"""Data mixtures: printed ratios, public losses over shares, and what the simplex leaves undetermined."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxlaws import catalogue, fit
from jaxlaws.errors import FitError
from jaxlaws.objectives import squared

LAWS = catalogue
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


# --- exponential law, arXiv:2403.16952 ----------------------------------------------------------------------------------


def three_domains(data_dir, target):
    """32 mixtures of Github, Books3 and Pile-CC at 410M and step 60 000: shares in this order and the target's loss."""
    table = pd.read_parquet(data_dir / "mixing_laws" / "losses.parquet")
    chosen = (table["family"] == "3Mix") & (table["model"] == "410M") & (table["step"] == 60000)
    table = table[chosen & table["val_domain"].str.endswith(target)].drop_duplicates("run").sort_values("run")
    shares = table["run"].str.extract(r"-([\d.]+)-([\d.]+)-([\d.]+)$").astype(float)
    return table.assign(**{f"r{i + 1}": shares[i] for i in range(3)}).reset_index(drop=True)[["r1", "r2", "r3", "loss"]]


# Mean absolute errors in nats over 21 fitted and 11 held-out mixtures: of this library, none is printed for this set. The
# spread (standard deviation) of the losses is .55, .10 and .11.
@pytest.mark.parametrize(
    ("target", "fitted", "held"), [("Github", 0.04, 0.16), ("Books3", 0.02, 0.03), ("Pile-CC", 0.01, 0.013)]
)
def test_mixtures_that_were_not_fitted_are_predicted(target, fitted, held, data_dir):
    table = three_domains(data_dir, target)
    assert len(table) == 32
    out = table.index % 3 == 0
    found = fit("data_mixing_exp", table[~out], objective=squared(on="raw"))

    def error(rows):
        return float(np.abs(found.predict(rows[["r1", "r2", "r3"]]) - rows["loss"].to_numpy()).mean())

    assert error(table[~out]) < fitted
    assert error(table[out]) < held
    assert found.status.name == "converged"
    # A domain's own data help it most.
    assert np.argmin([found[f"t{i}"] for i in (1, 2, 3)]) == ("Github", "Books3", "Pile-CC").index(target)


def test_scale_and_common_shift_cannot_be_told_apart_on_the_simplex(data_dir):
    law = LAWS["data_mixing_exp"]
    p = {"c": 2.0, "k": 1.0, "t1": -1.5, "t2": 0.4, "t3": -0.2}
    moved = {"c": 2.0, "k": np.exp(0.7), "t1": -2.2, "t2": -0.3, "t3": -0.9}
    r = RNG.dirichlet(np.ones(3), 20)
    np.testing.assert_allclose(np.asarray(law(*r.T, **p)), np.asarray(law(*r.T, **moved)), rtol=1e-13)
    with pytest.raises(FitError, match="rank-deficient"):
        fit("data_mixing_exp", three_domains(data_dir, "Pile-CC"), free=("k",))


def test_published_set_of_five_domains_prefers_each_domains_own_data():
    names = ("academic", "prose", "dialogue", "symbolic", "internet")
    base = {f"r{i}": 0.2 for i in range(1, 6)}
    for own, name in enumerate(names, 1):
        constants = LAWS["data_mixing_exp"].constants[name]
        level = float(constants(**base))
        assert 1.5 < level < 4.5  # nats a token of a 70M model
        losses = [float(constants(**{f"r{i}": 0.6 if i == o else 0.1 for i in range(1, 6)})) for o in range(1, 6)]
        # Dialogue is the one domain that helps another, the internet's, and less than its own data do.
        assert np.argmin(losses) == own - 1
        assert sum(loss < level for loss in losses) == (2 if name == "internet" else 1)


# --- BiMix, arXiv:2405.14908 ---------------------------------------------------------------------------------------------


def test_first_amplitude_of_bimix_is_redundant():
    law, p = LAWS["bimix"], {"alpha": 0.07, "B": 20.0, "beta": 0.4, "C": 1.9}
    r, s = RNG.uniform(0.01, 0.7, 24), RNG.uniform(1e3, 2e5, 24)
    loss = np.asarray(law(r, s, A=1.0, **p))
    moved = np.asarray(law(r, s, A=2.0, alpha=0.07, B=10.0, beta=0.4, C=0.95))
    np.testing.assert_allclose(loss, moved, rtol=1e-13)
    table = pd.DataFrame({"r": r, "s": s, "loss": loss * (1.0 + 1e-4 * np.cos(np.arange(24.0)))})
    assert fit("bimix", table)["alpha"] == pytest.approx(0.07, abs=1e-3)
    with pytest.raises(FitError, match="rank-deficient"):
        fit("bimix", table, free=("A",))


def test_best_shares_of_bimix_follow_lagranges_rule():
    # r_i^(alpha_i + 1) is proportional to alpha_i K_i, K_i = B_i/s^beta_i + C_i: the sum of losses is then stationary.
    law, alpha, floor = LAWS["bimix"], np.array([0.05, 0.1, 0.2]), np.array([1.5, 2.0, 2.5])
    K = 20.0 / 5e4**0.4 + floor

    def shares(multiplier):
        return (alpha * K / multiplier) ** (1.0 / (alpha + 1.0))

    low, high = 1e-3, 1e3
    for _ in range(200):
        low, high = (low, (low * high) ** 0.5) if shares((low * high) ** 0.5).sum() < 1 else ((low * high) ** 0.5, high)
    r = shares(low)

    def total(r):
        parts = [law(r[i], 5e4, A=1.0, alpha=alpha[i], B=20.0, beta=0.4, C=floor[i]) for i in range(3)]
        return sum(parts)

    slope = np.asarray(jax.grad(total)(jnp.asarray(r)))
    assert r.sum() == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(slope, slope[0], rtol=1e-9)


# --- optimal mixtures, arXiv:2507.09404 ------------------------------------------------------------------------------------

ADDITIVE = {
    "E": 1.4,
    "A": 300.0,
    "B": 500.0,
    "alpha": 0.3,
    "beta": 0.33,
    **{"C1": 1.2, "C2": 0.6, "C3": 3.0, "g1": 0.4, "g2": 0.7, "g3": 0.2},
}


def test_joint_law_contains_the_additive_one():
    joint = {k: v for k, v in ADDITIVE.items() if k not in "AB"} | {"gA": 1.0, "gB": 1.0}
    joint |= {f"CA{i}": 300.0 for i in (1, 2, 3)} | {f"CB{i}": 500.0 for i in (1, 2, 3)}
    h = RNG.dirichlet(np.ones(3), 12)
    N, D = RNG.uniform(1e8, 1e10, 12), RNG.uniform(1e9, 1e12, 12)
    ours = LAWS["optimal_mixture_joint"](N, D, *h.T, **joint)
    theirs = LAWS["optimal_mixture_additive"](N, D, *h.T, **ADDITIVE)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-12)


def best_mixture(law, params, N, D):
    """Shares of least loss on a fine grid of the simplex."""
    grid = np.array([(a, b, 1.0 - a - b) for a in np.linspace(0, 1, 101) for b in np.linspace(0, 1, 101) if a + b <= 1])
    grid = np.clip(grid, 0.0, 1.0)
    return grid[np.argmin(np.asarray(law(np.full(len(grid), N), np.full(len(grid), D), *grid.T, **params)))]


def test_best_mixture_of_the_additive_law_depends_on_neither_size_nor_data():
    law = LAWS["optimal_mixture_additive"]
    few, many = best_mixture(law, ADDITIVE, 1e8, 1e9), best_mixture(law, ADDITIVE, 1e11, 1e13)
    np.testing.assert_array_equal(few, many)
    assert few.min() > 0.0
    assert np.isfinite(float(law(1e9, 1e11, 1.0, 0.0, 0.0, **ADDITIVE)))  # 0^g is 0, with slopes


def test_best_mixture_of_the_joint_law_moves():
    law = LAWS["optimal_mixture_joint"]
    p = {k: v for k, v in ADDITIVE.items() if k not in "AB"} | {"gA": 1.0, "gB": 1.0}
    p |= {"CA1": 300.0, "CA2": 300.0, "CA3": 300.0, "CB1": 1000.0, "CB2": 1000.0, "CB3": 100.0}
    few, many = best_mixture(law, p, 1e9, 1e9), best_mixture(law, p, 1e9, 1e13)
    assert few[2] > many[2] + 0.02  # the domain that needs few tokens, when there are few


# --- continual pretraining, arXiv:2406.01375 and arXiv:2407.17467 ------------------------------------------------------------

DCPT = {
    "E": 1.5,
    "A": 200.0,
    "B": 500.0,
    "C": 0.1,
    "alpha": 0.3,
    "beta": 0.35,
    "gamma": 0.5,
    "eta": 0.4,
    "eps": 0.05,
}


def test_required_signs_of_continual_pretraining():
    law, at = LAWS["dcpt"], (1.8e9, 1e10, 0.2)
    slopes = jax.grad(lambda N, D, r: law(N, D, r, **DCPT), argnums=(0, 1, 2))(*at)
    said = law.derived["slope_in_share"](*at, **DCPT)["slope"]
    assert float(said) == pytest.approx(float(slopes[2]), rel=1e-12)
    assert float(slopes[0]) < 0.0 and float(slopes[1]) < 0.0
    mixed = jax.grad(lambda D: jax.grad(lambda r: law(1.8e9, D, r, **DCPT))(0.2))(1e10)
    assert float(mixed) < 0.0
    # The third is not automatic: where a small share costs little and data cost much the loss rises with the share.
    assert float(slopes[2]) < 0.0
    assert float(law.derived["slope_in_share"](*at, **(DCPT | {"C": 1e-3, "B": 5e3}))["slope"]) > 0.0


def test_no_tokens_reach_a_loss_below_what_size_and_share_leave():
    tokens_for = LAWS["dcpt"].derived["tokens_for"]
    assert np.isnan(float(tokens_for(1.6, 1.8e9, 0.2, **DCPT)["D"]))
    assert float(tokens_for(2.5, 1.8e9, 0.2, **DCPT)["D"]) > 0.0


def test_printed_usage_of_the_share_is_where_its_table_crosses_three_percent():
    # Domain shares against the general loss, from the paper's first usage; 2.8602 is the loss before.
    share = np.array([0.9, 0.91, 0.92, 0.924, 0.93, 0.94, 1.0])
    loss = np.array([2.9052, 2.9193, 2.9376, 2.9445, 2.9644, 2.9848, 3.4667])
    # Interpolated .9245, printed .924.
    assert np.interp(1.03 * 2.8602, loss, share) == pytest.approx(0.924, abs=6e-4)


@pytest.mark.parametrize(("size", "printed"), [("460M", 29.8), ("940M", 34.9), ("1.6B", 41.4), ("3.1B", 47.8)])
def test_printed_critical_ratios_come_back(size, printed):
    ratio = 100.0 * float(LAWS["cmr"].constants[size](D=2e10))
    assert ratio == pytest.approx(printed, abs=0.05)  # all printed digits


CMR_LOSSES = {
    "460M": (1.4628, 1.4844, 1.5122, 1.5387, 1.5561),
    "940M": (1.3723, 1.3910, 1.4155, 1.4385, 1.4538),
    "1.6B": (1.3242, 1.3416, 1.3643, 1.3854, 1.3994),
    "3.1B": (1.2585, 1.2750, 1.2965, 1.3170, 1.3305),
}
RATIOS = (1.0, 0.75, 0.5, 1.0 / 3.0, 0.25)


@pytest.mark.parametrize(("size", "s"), [("460M", 0.178), ("940M", 0.179), ("1.6B", 0.198), ("3.1B", 0.163)])
def test_fit_to_shares_of_a_third_and_more_predicts_a_quarter(size, s):
    table = pd.DataFrame({"R": RATIOS, "loss": CMR_LOSSES[size]})
    found = fit("cmr_loss", table[:4], objective=squared(on="raw"))
    # Losses are second-hand, with four decimals; exponents are this library's.
    assert found["s"] == pytest.approx(s, abs=5e-4)
    np.testing.assert_allclose(found.predict(table), table["loss"], atol=4e-4)


def test_exponent_of_a_logarithm_runs_to_zero_and_the_fit_says_so():
    R = np.array(RATIOS)
    table = pd.DataFrame({"R": R, "loss": 1.5 - 0.07 * np.log(R) + 2e-5 * np.cos(np.arange(5.0))})
    try:
        found = fit("cmr_loss", table, objective=squared(on="raw"))
    except FitError as error:
        assert "rank-deficient" in str(error)
    else:
        # a and b stand for a slope that has no power: a s is -.07.
        assert abs(found["s"]) < 0.05
        assert found["a"] * found["s"] == pytest.approx(-0.07, rel=0.02)
        assert {"a", "s", "b"} <= set(found.trade_offs[0])
