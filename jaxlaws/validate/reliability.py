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


CURVES = Reliability({}, {}, (), "python -m benchmarks.criteria")
POINTS = Reliability({}, {}, (), "python -m benchmarks.criteria")
