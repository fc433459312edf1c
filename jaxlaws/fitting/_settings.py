"""What was asked of `fit`, once checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting.engine import Plan, default_rungs
from jaxlaws.fitting.problem import Layout
from jaxlaws.objectives import Normal, Objective
from jaxlaws.solvers import Descent, Rung, Solver
from jaxlaws.spec import Law, Param

GIVEN = "jaxlaws_weight"  # column that carries weights given as an array along with their rows
GIVEN_APART = "weight_of_row"  # the same, of fits that are made and looked at more than once


@dataclass(frozen=True)
class Settings:
    """What all groups of one call of `fit` have in common. `fix`, `priors` and `params` go by parameter name; `weights` is
    "row", "run" or a column; `starts` a number or raw values `(starts, free parameters)`; `bins` how many of them a long run
    has, None for none."""

    law: Law
    params: Mapping[str, Param]
    fix: Mapping[str, float]
    objective: Objective
    weights: str
    starts: int | np.ndarray
    priors: Mapping[str, Normal]
    solver: Solver
    explore: Descent | None
    rungs: tuple[Rung, ...] | None
    seed: int
    bins: int | None
    told: tuple[str, ...] = ()  # where borrowed values and priors come from

    def plan(self, layout: Layout) -> Plan:
        """What of the search is static, for free parameters in this order."""
        linear = isinstance(self.starts, int | np.integer)
        rungs = self.rungs or default_rungs(self.law, layout, self.solver, linear=linear)
        return Plan(self.law, layout, self.solver, rungs, self.explore, linear)

    def per(self) -> dict[str, str]:
        """Column that says which copy of a parameter a row uses, of parameters with copies."""
        return {k: p.per for k, p in self.params.items() if p.per is not None and p.fixed is None}


def check_free(params: Mapping[str, Param], priors: Iterable[str], share: Sequence[str], by: Sequence[str]) -> None:
    """Raises `FitError` for a prior on what is not fitted, and for parameters shared over no groups."""
    free = {name for name, param in params.items() if param.fixed is None and param.reference is None}
    for name in [*priors, *share]:
        if name not in free:
            raise FitError(f"`fit`: {nearest(name, free, what='free parameter')}")
    if share and not by:
        raise FitError("`fit(share=...)` pools parameters over groups: name the groups by `by=`.")


def given(weights: np.ndarray, rows: int) -> np.ndarray:
    """Weights `(rows,)` given as an array. Raises `FitError` for any other shape."""
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (rows,):
        raise FitError(f"`fit(weights=...)` needs a weight for each of the {rows} rows; got shape {array.shape}.")
    return array
