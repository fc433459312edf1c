"""How sure each parameter of a fit is, as columns: `sandwich` intervals, without draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.variations import subject_of_group
from jaxlaws.objectives import Objective
from jaxlaws.runs import Runs
from jaxlaws.uncertainty.covariance import sandwich_at

LEVEL = 0.95
ENDS = ("low", "high")


def columns(name: str, *, copied: bool) -> list[str]:
    """Those of one parameter."""
    return [f"{name}_{end}_by_run" if copied else f"{name}_{end}" for end in ENDS]


def intervals(fit: Fit, rows: Runs, objective: Objective) -> dict[str, Any]:
    """Ends of the 95 % interval of each free parameter of a group's fit, and `interval_of`: what they rest on, or why there
    are none. A parameter on its bound has none."""
    try:
        found = sandwich_at(subject_of_group(fit, rows, objective=objective))
    except (JaxlawsError, np.linalg.LinAlgError) as error:
        return {"interval_of": f"none: {error}"}
    out: dict[str, Any] = {"interval_of": found.kind}
    for name, ends in found.interval(LEVEL).items():
        if name not in fit.at_bound:
            copied = isinstance(ends, Mapping)
            for i, column in enumerate(columns(name, copied=copied)):
                out[column] = [(run, pair[i]) for run, pair in ends.items()] if copied else ends[i]
    return out
