"""Task accuracy from the loss on the right answers: the OLMo ladder, arXiv:2412.04403. Nobody printed these numbers."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import fit, published
from jaxlaws.objectives import squared

SMALL = ("190M", "370M", "760M")


@pytest.fixture(scope="module")
def ladder(data_dir):
    return published("olmo_ladder").frame


def pairs(rows, task):
    """Bits a byte and accuracy of a task, under the law's names."""
    return rows[[f"bpb_{task}", f"accuracy_{task}"]].set_axis(["loss", "accuracy"], axis=1)


@pytest.mark.parametrize(
    ("task", "status", "within"),
    [
        ("hellaswag_val_rc_5shot", "converged", 0.015),
        # No curve has bent towards its ceiling: that one is not determined, and predictions nearby are good all the same.
        ("arc_easy_test_rc_5shot", "at_bound", 0.012),
    ],
)
def test_accuracy_of_the_largest_models_follows_from_that_of_smaller_ones(task, status, within, ladder):
    found = fit("sigmoid", pairs(ladder[ladder["size"].isin(SMALL)], task), starts=64)
    ends = ladder[ladder["size"] == "1B"].groupby("run").tail(1)
    held = pairs(ends, task)
    assert len(held) == 6 and held["loss"].min() < pairs(ladder[ladder["size"].isin(SMALL)], task)["loss"].min()
    assert found.status.name == status
    assert float(np.abs(found.predict(held[["loss"]]) - held["accuracy"].to_numpy()).max()) < within


@pytest.mark.parametrize("task", ["HellaSwag", "MMLU", "ARC-C", "Winograd"])
def test_accuracy_of_llama_2_follows_from_the_compute_of_other_families(task, data_dir):
    """Families differ in data and recipe, so compute alone explains some 70 % of the spread between models."""
    frame = published("obs_scaling").frame
    frame = frame[frame["C"].notna() & frame[task].notna()]
    # Decades of compute that are left to 1e26 FLOP stand for the loss.
    rows = frame.assign(loss=26.0 - np.log10(frame["C"]), accuracy=frame[task])[["family", "loss", "accuracy"]]
    held = rows["family"] == "Llama-2"
    found = fit("sigmoid", rows[~held][["loss", "accuracy"]], starts=64, objective=squared())
    assert found.status.name == "converged" and found.agree > 0.8
    missed = rows["accuracy"].to_numpy() - found.predict(rows[["loss"]])
    assert 1.0 - np.var(missed) / np.var(rows["accuracy"].to_numpy()) > 0.7
    assert held.sum() == 3 and np.abs(missed[held.to_numpy()]).max() < 0.07
