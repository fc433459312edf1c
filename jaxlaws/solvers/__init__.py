"""Minimise the sum of squares of any pure residual, from many starts at once.

| problem                                            | use                                    |
|----------------------------------------------------|----------------------------------------|
| a few parameters, smooth residuals (nearly always) | `levenberg_marquardt()`                |
| a first-order method from optax                    | `descent(optax.adam(1e-2), steps=500)` |
| many starts, most of them hopeless                 | `race(..., rungs=[Rung(...), ...])`    |
| one unknown in one equation                        | `bracketed_root`                       |
| a path: values and their changes within limits     | `minimise_path(f, start, Limits(...))` |
| how that minimum follows what it depends on        | `followed(f, found, Limits(...))`      |
| any smooth function of a few numbers in a box      | `lowest`                               |

Solvers know no laws: they see a residual function and starts. Coordinates stay in a box; one on its bound is exactly
there.
"""

from jaxlaws.solvers.descent import Descent, descent
from jaxlaws.solvers.levenberg_marquardt import (
    Batched,
    LevenbergMarquardt,
    Minimum,
    Residuals,
    columns,
    evaluate,
    evaluate_many,
    frozen,
    levenberg_marquardt,
)
from jaxlaws.solvers.newton import Lowest, lowest
from jaxlaws.solvers.path import Found, Limits, followed, minimise_path, minimise_paths
from jaxlaws.solvers.race import Race, Rung, Solver, race
from jaxlaws.solvers.root import bracketed_root
from jaxlaws.solvers.status import Status

__all__ = [
    "Batched",
    "Descent",
    "Found",
    "LevenbergMarquardt",
    "Limits",
    "Lowest",
    "Minimum",
    "Race",
    "Residuals",
    "Rung",
    "Solver",
    "Status",
    "bracketed_root",
    "columns",
    "descent",
    "evaluate",
    "evaluate_many",
    "followed",
    "frozen",
    "levenberg_marquardt",
    "lowest",
    "minimise_path",
    "minimise_paths",
    "race",
]
