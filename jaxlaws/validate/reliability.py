"""How well each criterion has predicted errors on rows that it had not seen, measured on public data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reliability:
    """Spearman's rank correlation of a criterion, over laws, with their error on held-out data: 1 ranks them right, 0 says
    nothing. `correlation` is by criterion and data set; `regret` the error of the law that the criterion picks over the
    lowest error of any, its mean over the data sets. `command` prints both."""

    correlation: Mapping[str, Mapping[str, float]]
    regret: Mapping[str, float]
    laws: tuple[str, ...]
    command: str


# Curves have not been measured by this command yet: nothing is stated of them.
CURVES = Reliability({}, {}, (), "python -m benchmarks.criteria curves")
# The form of `overtraining` was proposed on the two gadre tables; the other laws were not.
POINTS = Reliability(
    correlation={
        "objective": {"chinchilla_epoch": 0.79, "olmo_ladder": 0.77, "gadre c4": -0.5, "gadre rpj": 0.14},
        "aicc": {"chinchilla_epoch": 0.43, "olmo_ladder": 0.82, "gadre c4": -0.57, "gadre rpj": -0.64},
        "bic": {"chinchilla_epoch": 0.36, "olmo_ladder": 0.82, "gadre c4": -0.67, "gadre rpj": -0.64},
        "leave_out": {"chinchilla_epoch": 0.86, "olmo_ladder": 0.71, "gadre c4": 0.18, "gadre rpj": 0.29},
        "rollout": {"chinchilla_epoch": 0.95, "olmo_ladder": 0.5, "gadre c4": -0.11, "gadre rpj": 0.57},
    },
    regret={"objective": 7.15, "aicc": 14.41, "bic": 14.41, "leave_out": 3.18, "rollout": 3.38},
    laws=(
        "chinchilla",
        "kaplan_nd",
        "skaling",
        "farseer",
        "overtraining",
        "acoustic",
        "E + A/(N D)^a",
        "chinchilla, squared",
    ),
    command="python -m benchmarks.criteria points",
)
