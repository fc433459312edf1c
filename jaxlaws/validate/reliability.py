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


# Three runs of a model fitted, its others scored, their rows before a branch included. The form of `progress_noise` and that of
# `limited_progress` were proposed with test errors on such runs in view.
CURVES = Reliability(
    correlation={
        "objective": {"mpl 25M": 0.6, "mpl 100M": -0.09, "peak 0.001": 0.6},
        "aicc": {"mpl 25M": 0.6, "mpl 100M": 0.03, "peak 0.001": 0.77},
        "bic": {"mpl 25M": 0.54, "mpl 100M": -0.09, "peak 0.001": 0.83},
        "leave_out": {"mpl 25M": 0.03, "mpl 100M": -0.54, "peak 0.001": 0.37},
        "rollout": {"mpl 25M": 0.5, "mpl 100M": -0.49, "peak 0.001": 0.2},
    },
    regret={"objective": 1.68, "aicc": 1.39, "bic": 1.47, "leave_out": 1.79, "rollout": 1.39},
    laws=(
        "multi_power",
        "lr_annealing",
        "progress_noise",
        "progress_noise, shift",
        "limited_progress",
        "limited_progress, shift",
    ),
    command="python -m benchmarks.criteria curves",
)
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
