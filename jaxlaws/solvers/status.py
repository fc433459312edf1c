"""How a fit ended. Inside `jit` a code, outside its name."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The worst that holds of a fit; the last three return NaN parameters."""

    converged = 0
    at_bound = 1  # converged, with a parameter on its bound
    stalled = 2  # no further descent found, yet the gradient is not small
    rank_deficient = 3  # the data do not determine every parameter
    too_few_rows = 4
    non_finite = 5  # no start gave a finite objective

    @property
    def failed(self) -> bool:
        """Whether the parameters are NaN."""
        return self >= Status.rank_deficient
