"""Few bits: Kumar et al. (2024), arXiv:2411.04330; Sun et al. (2025), arXiv:2501.02423; Castro et al. (2025), arXiv:2505.14669."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxlaws.laws import fp4_eff, fp_quant, precision_ptq, precision_train, precision_unified_weights

INTEGER = dict(precision_train.constants["integer"].params)
CAPYBARA = dict(fp_quant.constants["Capybara"].params)
GPTQ = dict(precision_ptq.constants["GPTQ"].params)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def share_per_bit(P, offsets):
    """Parameters that are left, per bit: what the best precision maximises, in NumPy."""
    pairs = [(INTEGER[f"gamma_{x}"], offsets * INTEGER[f"n_{x}"]) for x in ("w", "a", "kv")]
    return np.prod([np.maximum(1.0 - np.exp(n - P / gamma), 0.0) for gamma, n in pairs], axis=0) / P


@pytest.mark.parametrize(
    ("offsets", "bits"),
    [(1.0, 7.0021), (0.0, 3.47)],
    ids=["with the offsets of App. K the headline of 7 to 8 bits", "without them half of it"],
)
def test_best_precision_is_the_headline_only_with_the_offsets(offsets, bits):
    params = INTEGER | {name: offsets * INTEGER[name] for name in ("n_w", "n_a", "n_kv")}
    best = float(precision_train.derived["optimal_precision"](**params)["P"])
    assert best == pytest.approx(bits, abs=5.1e-3 if offsets == 0.0 else 5.1e-5)
    P = np.linspace(1.0, 16.0, 150_001)
    assert best == pytest.approx(P[share_per_bit(P, offsets).argmax()], abs=2e-4)


def test_best_precision_does_not_depend_on_exponents_or_amplitudes():
    other = INTEGER | {"alpha": 0.3, "beta": 0.4, "A": 500.0, "B": 900.0}
    ours, theirs = (float(precision_train.derived["optimal_precision"](**p)["P"]) for p in (INTEGER, other))
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_critical_data_grows_with_the_bits_after_training():
    # Evaluated apart from this library, three digits.
    for bits, tokens in ((3, 1.64e10), (4, 8.86e10), (5, 4.79e11), (8, 7.56e13)):
        found = precision_ptq.derived["critical_data"](3e7, bits, INTEGER["B"], INTEGER["beta"], **GPTQ)
        assert float(found["D"]) == pytest.approx(tokens, rel=5e-3)


def test_offset_as_a_factor_takes_critical_data_to_a_third():
    shifted = GPTQ | {"C_T": GPTQ["C_T"] * np.exp(1.1277)}
    assert np.exp(1.1277) == pytest.approx(3.088, abs=6e-4)
    for bits, tokens in ((3, 5.3e9), (4, 2.9e10), (5, 1.56e11), (8, 2.5e13)):
        found = precision_ptq.derived["critical_data"](3e7, bits, INTEGER["B"], INTEGER["beta"], **shifted)
        assert float(found["D"]) == pytest.approx(tokens, rel=2e-2)  # two digits


def test_law_of_weights_is_a_difference_of_exponentials_at_the_rate_of_quantization():
    params = {k: INTEGER[k] for k in ("E", "A", "B", "alpha", "beta", "gamma_w", "n_w")} | GPTQ
    both = precision_unified_weights(2.2e8, 2.6e10, 8.0, 3.0, **params, C_w=1.0 / GPTQ["gamma_post"])
    none = precision_unified_weights(2.2e8, 2.6e10, 8.0, 8.0, **params, C_w=1.0 / GPTQ["gamma_post"])
    damage = [float(precision_ptq(2.2e8, 2.6e10, P, **GPTQ)) for P in (3.0, 8.0)]
    assert float(both - none) == pytest.approx(damage[0] - damage[1], rel=1e-12)


@pytest.mark.parametrize(("bits", "printed"), [(4, (2, 1)), (8, (4, 3)), (16, (8, 7))])
def test_best_format_rounds_to_the_printed_one(bits, printed):
    found = fp_quant.derived["optimal_format"](float(bits), **CAPYBARA)
    assert (round(float(found["E"])), round(float(found["M"]))) == printed


def test_critical_data_are_those_printed():
    # Printed as 1730T, 27T and .4T for a model of 1e9 parameters and blocks of 128.
    for (E, M), tokens, digit in (((8, 7), 1730e12, 1e12), ((4, 3), 27e12, 1e12), ((2, 1), 0.4e12, 0.1e12)):
        found = fp_quant.derived["critical_data"](1e9, float(E), float(M), 128.0, **CAPYBARA)
        assert float(found["D"]) == pytest.approx(tokens, abs=0.5 * digit)


def test_best_precision_lies_in_the_printed_bands():
    # Fig. 14: 4 to 8 bits for 1e11 to 1e14 tokens; and for budgets of 1e21 to 1e31. Digits evaluated apart from this library.
    by_data = [fp_quant.derived["optimal_precision"](D, 128.0, **CAPYBARA)["P"] for D in (1e11, 1e12, 1e13, 1e14)]
    np.testing.assert_allclose(by_data, [4.27, 5.18, 6.28, 7.62], atol=5.1e-3)
    budgets = (1e21, 1e24, 1e27, 1e30, 1e31)
    by_budget = [fp_quant.derived["compute_optimal"](C, 128.0, **CAPYBARA)["P"] for C in budgets]
    np.testing.assert_allclose(by_budget, [4.19, 5.00, 5.98, 7.14, 7.58], atol=6e-3)


def test_effective_parameters_have_the_loss_in_full_precision():
    N, D, P, B = 1e9, 1e11, 8.0, 128.0
    fewer = fp_quant.derived["effective_parameters"](N, D, P, B, **CAPYBARA)["N"]
    best = fp_quant.derived["optimal_format"](P, **CAPYBARA)
    full = CAPYBARA["n"] / fewer ** CAPYBARA["alpha"] + CAPYBARA["d"] / D ** CAPYBARA["beta"] + CAPYBARA["eps"]
    assert float(full) == pytest.approx(float(fp_quant(N, D, best["E"], best["M"], B, **CAPYBARA)), rel=1e-12)
    assert float(fewer) < N


def test_printed_losses_of_four_bit_training_come_back():
    # Two-digit constants: they leave .013 nats.
    for ratio, printed in ((25, 3.49), (50, 3.38), (100, 3.29), (200, 3.24), (400, 3.20)):
        assert float(fp4_eff.constants["Quartet"](N=3e7, D=ratio * 3e7)) == pytest.approx(printed, abs=0.0135)


def test_one_pair_of_efficiencies_does_not_describe_a_poor_method():
    assert float(fp4_eff.constants["LUQ-INT4"](N=3e7, D=25 * 3e7)) == pytest.approx(3.913, abs=6e-4)  # printed: 3.73
