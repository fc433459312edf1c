"""Law x runs x objective -> fit.

| where                                              | use                                                      |
|----------------------------------------------------|----------------------------------------------------------|
| a table of runs, on the host                       | `fit(law, runs, ...)` -> `Fit`, with `by=` -> `Fits`     |
| arrays inside your own jit, vmap or grad           | `solve(law, inputs, observed, ...)`                      |
| a fitted law at other inputs, runs or schedules    | `fit.predict(...)`, `fit.score(...)`                     |
| the same fit on new rows                           | `refit(fit, runs)`; `diff(a, b)` says what has changed   |
| groups that are alike, but not the same            | `fit_pooled(law, runs, by=..., pool=...)` -> `Fits`      |
| what other experiments or fits say of parameters   | `priors_from(law, sets)`, `values_from(law, set, names)` |
| a stored fit                                       | `fit.save(path)`, `load(path)`                           |

Host functions take and return NumPy and work in float64, whatever the process is set to; `solve` computes in the dtype
of its data.
"""

from jaxlaws.fitting.borrow import priors_from, values_from
from jaxlaws.fitting.difference import Difference, diff
from jaxlaws.fitting.engine import Solution, solve
from jaxlaws.fitting.fit import fit
from jaxlaws.fitting.pooled import fit_pooled
from jaxlaws.fitting.predict import predict, score
from jaxlaws.fitting.refit import refit
from jaxlaws.fitting.result import Fit, Fits, load

__all__ = [
    "Difference",
    "Fit",
    "Fits",
    "Solution",
    "diff",
    "fit",
    "fit_pooled",
    "load",
    "predict",
    "priors_from",
    "refit",
    "score",
    "solve",
    "values_from",
]
