"""Rules of estimation from arXiv:2410.11840, on the OLMo ladder (arXiv:2412.04403) and (Mis)Fitting (arXiv:2502.18969).

Errors are absolute relative errors (ARE) of the loss at the end of the largest runs, averaged. They are this library's: nobody printed
them for these rows.
"""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, published
from jaxlaws.fitting import values_from


@pytest.fixture(scope="module")
def ladder(data_dir):
    """Evaluations with the share of the run that is over, and the ends of the 1B runs, which are not fitted."""
    frame = published("olmo_ladder").frame
    frame = frame.assign(done=frame["step"] / frame.groupby("run")["step"].transform("max"))
    large = frame["size"] == "1B"
    small = frame["size"].isin(["190M", "370M", "760M"])
    return frame[small], frame[large & (frame["done"] == 1.0)]


def are(found, held):
    return 100.0 * float(np.mean(np.abs(found.predict(held[["N", "D"]]) / held["loss"].to_numpy() - 1.0)))


@pytest.fixture(scope="module")
def by_ends(ladder):
    small, _ = ladder
    return fit("chinchilla", small[small["done"] == 1.0], starts=64)


def test_checkpoints_of_the_second_half_predict_no_worse_than_ends_alone(ladder, by_ends):
    small, held = ladder
    assert by_ends.rows == 18 and len(held) == 6
    ends = are(by_ends, held)
    later = are(fit("chinchilla", small[small["done"] > 0.5][["N", "D", "loss"]], starts=64), held)
    assert ends == pytest.approx(0.68, abs=0.02)
    assert later == pytest.approx(0.56, abs=0.02)
    assert later < ends


def test_borrowed_exponents_predict_the_largest_runs(ladder, by_ends):
    # Their rule 7: exponents of another family and the rest fitted can work. Their rule 4: below 4 % is a tie.
    small, held = ladder
    ends = small[small["done"] == 1.0]
    borrowed = fit("chinchilla", ends, fix=values_from("chinchilla", "besiroglu", ["alpha", "beta"]), starts=64)
    assert borrowed.fixed == ("alpha", "beta")
    assert are(borrowed, held) == pytest.approx(1.52, abs=0.03)
    assert are(by_ends, held) < 1.0


def test_reach_is_the_target_over_the_largest_fitted_model(ladder, by_ends):
    # Their rule 6: report target over largest fitted.
    _, held = ladder
    assert by_ends.reach(N=held["N"].to_numpy())["N"] == pytest.approx(1.687, abs=1e-3)


def test_early_training_spoils_a_fit(ladder, by_ends):
    # Their rule: drop the first tenth. Here the rate is a cosine, and the first half does harm too.
    small, held = ladder
    everything = are(fit("chinchilla", small[["N", "D", "loss"]], starts=64), held)
    without_start = are(fit("chinchilla", small[small["done"] > 0.1][["N", "D", "loss"]], starts=64), held)
    assert everything > without_start > are(by_ends, held)
    assert everything > 2.0  # percent


def test_amplitudes_and_exponents_are_hardly_told_apart(by_ends):
    # Five parameters vary in about three directions: A with alpha (and E), B with beta.
    assert {("E", "A", "alpha"), ("B", "beta")} == {tuple(group) for group in by_ends.trade_offs}


def test_exponent_of_size_depends_on_what_is_counted(data_dir):
    # The best peak rate of each size and length where two or more were tried; embeddings are three quarters of the smallest.
    ends = published("misfitting").frame
    ends = ends[ends["loss"] < 6.0]
    cells = ends.groupby(["model", "D"])
    tried = cells["lr_peak"].transform("nunique")
    best = ends[(tried >= 2) & (ends["loss"] == cells["loss"].transform("min"))]
    with_embeddings = fit("chinchilla", best[["N", "D", "loss"]], starts=64)
    without = fit("chinchilla", best[["N_no_embed", "D", "loss"]].rename(columns={"N_no_embed": "N"}), starts=64)
    assert with_embeddings["alpha"] == pytest.approx(0.152, abs=4e-3)
    assert without["alpha"] == pytest.approx(0.050, abs=2e-3)
    # And without them there is no floor left to find: the fit says that E is on its bound.
    assert without.status.name == "at_bound" and "E" in without.at_bound
