"""Distillation, parallel streams, fine-tuning, over-optimisation, replicas, repeated samples: printed numbers again."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from jaxlaws import catalogue, fit, formula
from jaxlaws.errors import FitError
from jaxlaws.objectives import squared

LAWS = catalogue


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


# --- distillation, arXiv:2502.08606 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("N", [1e8, 3e8, 1e9, 3e9, 1e10, 1e11])
def test_best_teacher_at_endless_data_gives_the_supervised_bound(N):
    student = LAWS["distillation"].constants["C4"]
    alone = LAWS["distillation_supervised"].constants["C4"]
    bound = float(alone(N=N, D=1e60))
    best = minimize_scalar(lambda L: float(student(N_S=N, D_S=1e60, L_T=L)), bounds=(1.0, 3.5), method="bounded").fun
    # The paper says that they are equal; its rounded constants leave up to 0.013 nats.
    assert best == pytest.approx(bound, abs=0.013)


def test_exponents_of_the_best_sizes_are_the_printed_ones():
    alone = LAWS["distillation_supervised"].constants["C4"].params
    student = LAWS["distillation"].constants["C4"].params
    # Printed as .513 and .664; from exponents of three digits they come out up to .001 higher.
    assert alone["beta"] / (alone["alpha"] + alone["beta"]) == pytest.approx(0.513, abs=1.1e-3)
    assert student["beta_d"] / (student["alpha_d"] + student["beta_d"]) == pytest.approx(0.664, abs=1.1e-3)


def test_student_is_never_below_its_teacher_in_this_form():
    student = LAWS["distillation"].constants["C4"]
    grid = np.meshgrid(np.geomspace(1e7, 1e11, 9), np.geomspace(1e9, 1e13, 9), np.linspace(1.5, 4.0, 9))
    N, D, L = (np.ravel(x) for x in grid)
    assert (np.asarray(student(N_S=N, D_S=D, L_T=L)) >= L).all()


# --- parallel streams, arXiv:2505.10475: the 24 losses of its released fit ----------------------------------------------------

SIZES = {
    1: (535813376, 693753856, 1088376320, 1571472384, 2774773760, 4353203200),
    2: (538195842, 696738818, 1092762882, 1577522690, 2784937986, 4368529922),
    4: (540577412, 699722756, 1097148164, 1583571460, 2795100164, 4383854084),
    8: (545340552, 705690632, 1105918728, 1595669000, 2815424520, 4414502408),
}
STREAMS = {
    "stack": {
        1: (1.1722, 1.1496, 1.1131, 1.0817, 1.0451, 1.0213),
        2: (1.1507, 1.1262, 1.094, 1.0623, 1.0244, 1.0025),
        4: (1.1354, 1.1124, 1.0808, 1.049, 1.0126, 0.9906),
        8: (1.1231, 1.0997, 1.0688, 1.0383, 1.0016, 0.9794),
    },
    "pile-refit": {
        1: (2.1113, 2.0671, 2.0027, 1.9539, 1.8876, 1.8451),
        2: (2.0772, 2.0363, 1.973, 1.9266, 1.861, 1.8137),
        4: (2.0544, 2.0128, 1.9509, 1.904, 1.8394, 1.7938),
        8: (2.0364, 1.9933, 1.9318, 1.8856, 1.8218, 1.7772),
    },
}


def streams(name, *, below=np.inf):
    rows = [
        (float(N), float(P), loss)
        for P, losses in STREAMS[name].items()
        for N, loss in zip(SIZES[P], losses, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["N", "P", "loss"])
    return table[table["N"] < below]


def r_squared(observed, predicted):
    return 1.0 - np.sum((observed - predicted) ** 2) / np.sum((observed - observed.mean()) ** 2)


@pytest.mark.parametrize(("name", "printed"), [("stack", 0.9978), ("pile-refit", 0.9987)])
def test_parallel_streams_fit_of_the_released_losses_comes_back(name, printed, huber_sum):
    table = streams(name)
    found = fit("parscale", table)
    published = LAWS["parscale"].constants[name]
    theirs = np.asarray(published(N=table["N"].to_numpy(), P=table["P"].to_numpy()))
    observed = table["loss"].to_numpy()
    assert r_squared(observed, theirs) == pytest.approx(printed, abs=5.1e-5)
    # L-BFGS-B stops a little above the minimum, in a valley: amplitudes agree to some percent, losses to 1e-4.
    assert found.objective <= huber_sum(observed, theirs) * (1.0 + 1e-9)
    np.testing.assert_allclose(found.predict(table), theirs, rtol=2e-3)
    assert found["k"] == pytest.approx(published.params["k"], rel=0.02)


def test_parallel_streams_leave_alpha_loose():
    # Without the largest size, 20 of 24 losses: as good a fit, with alpha .152 for .189 and E .58 for .69.
    whole, part = (fit("parscale", streams("stack", below=b)) for b in (np.inf, 4.3e9))
    for table, found in ((streams("stack"), whole), (streams("stack", below=4.3e9), part)):
        assert r_squared(table["loss"].to_numpy(), found.predict(table)) > 0.997
    assert part["alpha"] < 0.85 * whole["alpha"]


def test_equivalent_size_of_streams_has_the_same_loss():
    law = LAWS["parscale"]
    constants = law.constants["stack"]
    size = law.derived["equivalent_size"](N=1.6e9, P=8.0, **constants.params)["N"]
    assert float(constants(N=size, P=1.0)) == pytest.approx(float(constants(N=1.6e9, P=8.0)), rel=1e-12)


# --- fine-tuning, arXiv:2402.02314: losses at 200 to 1 638 400 samples and the scores of the released fits --------------------

SAMPLES = 200.0 * 2.0 ** np.arange(14)
TUNED = {
    # (data set, model): losses, root mean square log error of their rectified and of their vanilla fit
    ("FLAN", "gpt2"): (
        (
            4.38600015640258,
            4.28830003738403,
            4.19134998321533,
            4.0599250793457,
            3.89045000076293,
            3.825725,
            3.54565,
            3.27245,
            2.988425,
            2.686375,
            2.4488,
            2.19325,
            1.9785,
            1.7906,
        ),
        0.0074741701986837,
        0.0697230820202339,
    ),
    ("FLAN", "google/mt5-large"): (
        (
            2.5961829389,
            2.527809039,
            2.469872938,
            2.389120903,
            2.311027912,
            2.22012037,
            2.1377912898,
            2.051298398,
            1.9655354022979,
            1.8899120309,
            1.810210309,
            1.74120902938,
            1.6745179793,
            1.601290759209,
        ),
        0.0027497317819082144,
        0.01186362936241904,
    ),
    ("WMT19", "gpt2-medium"): (
        (
            2.89117837,
            2.874497652,
            2.734826326,
            2.663283348,
            2.546670914,
            2.369320631,
            2.122083902,
            1.88632524,
            1.645142555,
            1.424306512,
            1.22459805,
            1.068309784,
            0.943235278,
            0.854621947,
        ),
        0.005939301440407443,
        0.09913098042201053,
    ),
}


@pytest.mark.parametrize("which", TUNED, ids=lambda w: "-".join(w).replace("/", "_"))
def test_rectified_fits_score_no_worse_than_the_released_ones(which):
    losses, rectified, vanilla = TUNED[which]
    table = pd.DataFrame({"D": SAMPLES, "loss": losses})
    found = fit("sft_rectified", table, objective=squared())
    ours = float(np.sqrt(np.mean(np.log(found.predict(table) / table["loss"].to_numpy()) ** 2)))
    # Least squares on logs is what they measure; their fit minimises a surrogate, so it may be worse: not at all for the two
    # GPT-2 models, by a third for mT5.
    assert 0.7 * rectified <= ours <= rectified
    assert ours < 0.3 * vanilla


def test_vanilla_law_degenerates_where_there_is_a_plateau():
    # A curve that bends down has no floor that this form could find: a logarithm fits it as well.
    losses, _, _ = TUNED["FLAN", "gpt2"]
    with pytest.raises(FitError, match="rank-deficient"):
        fit("sft_vanilla", pd.DataFrame({"D": SAMPLES, "loss": losses}), objective=squared())


def test_rectified_law_is_the_released_codes_formula():
    law, A, b, beta, E = LAWS["sft_rectified"], 4.1, -6.2, 0.63, 1.3
    D = np.geomspace(200.0, 2e6, 15)
    theirs = (A - E) / (1.0 + np.exp(beta * np.log(D) + b)) + E
    params = {"B": (A - E) * np.exp(-b), "D_l": np.exp(-b), "beta": beta, "E": E}
    np.testing.assert_allclose(np.asarray(law(D, **params)), theirs, rtol=1e-13)
    zero = law.derived["zero_shot"](**params)["loss"]
    assert float(zero) == pytest.approx(A, rel=1e-13)
    assert float(law(0.0, **params)) == pytest.approx(A, rel=1e-13)


# --- over-optimisation, arXiv:2210.10760 ---------------------------------------------------------------------------------------


def test_kl_of_best_of_n_is_the_printed_one():
    kl = LAWS["gao_bon"].derived["best_of_n"]
    # Printed as about 6 and about 10 nats.
    assert float(kl(1000.0, alpha=0.6, beta=0.1)["KL"]) == pytest.approx(5.91, abs=5e-3)
    assert float(kl(60000.0, alpha=0.6, beta=0.1)["KL"]) == pytest.approx(10.0, abs=5e-2)
    at = kl(400.0, alpha=0.6, beta=0.1)
    assert float(at["reward"]) == pytest.approx(float(LAWS["gao_bon"](at["d"], alpha=0.6, beta=0.1)), rel=1e-13)


@pytest.mark.parametrize("name", ["gao_bon", "gao_rl"])
def test_best_reward_is_the_laws_value_at_its_peak(name):
    law, params = LAWS[name], {"alpha": 0.6, "beta": 0.12}
    best = law.derived["best_reward"](**params)["reward"]
    assert float(best) == pytest.approx(float(law(law.derived["peak"](**params)["d"], **params)), rel=1e-13)


# --- what is left ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("N", "measured", "off"), [(4e9, 2.224, -0.009), (1e10, 2.090, -0.033)])
def test_floor_free_law_of_replicas_falls_below_what_was_measured(N, measured, off):
    predicted = float(LAWS["diloco"].constants["data-parallel"](N=N, M=1.0))
    assert predicted / measured - 1.0 == pytest.approx(off, abs=1e-3)


def test_coverage_of_math_is_near_the_quoted_one():
    law = LAWS["repeated_sampling"].constants["MATH"]
    # Quoted .829 and .984; the second-hand constants have two or three digits.
    assert float(law(k=100.0)) == pytest.approx(0.829, abs=0.004)
    assert float(law(k=10000.0)) == pytest.approx(0.984, abs=0.01)


def test_a_decade_of_training_saves_the_printed_factor_at_test_time():
    law = LAWS["train_test_tradeoff"].constants["hex-9x9"]
    saved = float(law(C=1e15, elo=-500.0) / law(C=1e16, elo=-500.0))
    assert saved == pytest.approx(10.0**1.2, rel=1e-9)
    assert saved == pytest.approx(15.0, rel=0.06)  # "about 15", from a slope of two digits


def test_resistance_to_attacks_is_input_bits_for_each_output_bit():
    law = LAWS["activation_attack"]
    chi = law.derived["attack_resistance"](1024.0, 16.0, 50257.0, kappa=50.0)["chi"]
    controlled = float(law(1.0, kappa=50.0))
    assert float(chi) == pytest.approx(1024.0 * 16.0 / (controlled * np.log2(50257.0)), rel=1e-12)


def test_capacity_is_a_hinge_that_a_fit_finds_below_the_plateau():
    N = np.geomspace(1e7, 1e10, 12)
    held = np.minimum(1.7 * N, 3e9)
    found = fit("knowledge_capacity", pd.DataFrame({"N": N, "H": 3e9, "bits": held}))
    assert found["R"] == pytest.approx(1.7, rel=1e-9)


def test_efficiency_of_a_shifted_compute_curve_has_no_value_without_a_baseline():
    # arXiv:2210.11399 is such a shift: E + A (s C)^-alpha has one scale for two parameters.
    C = np.geomspace(1e19, 1e24, 12)
    table = pd.DataFrame({"C": C, "loss": 1.6 + 800.0 * (2.0 * C) ** -0.15 * (1.0 + 1e-4 * np.cos(np.arange(12.0)))})
    with pytest.raises(FitError, match="rank-deficient"):
        fit(formula("E + A/(s*C)^alpha", inputs=("C",)), table)


def test_sigmoid_of_reward_is_straight_in_its_logits():
    law, p = LAWS["rl_sigmoid"], {"R0": 0.3, "A": 0.61, "C_mid": 3000.0, "B": 1.4}
    C = np.geomspace(100.0, 1e5, 9)
    R = np.asarray(law(C, **p))
    np.testing.assert_allclose(np.log((R - p["R0"]) / (p["A"] - R)), p["B"] * np.log(C / p["C_mid"]), rtol=1e-9)
    assert float(law(jnp.float64(3000.0), **p)) == pytest.approx(0.5 * (0.3 + 0.61))
