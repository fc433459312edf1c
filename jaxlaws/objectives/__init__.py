"""Residuals to one number: costs of one residual, which fits sum, and priors.

| residuals are                                          | use                         |
|--------------------------------------------------------|-----------------------------|
| log losses with some outliers (the field's default)    | `huber(1e-3)`               |
| clean, or the paper used least squares                 | `squared()`                 |
| heavy with outliers                                    | `absolute()`, `student()`   |
| above the frontier where runs are badly tuned          | `asymmetric(under=0.1)`     |
| of any kind, and a parameter is known beforehand       | `normal(mean, sd)` as prior |

Residuals are taken on the natural scale of the law's output (log for losses, steps and rates, raw for errors); `on=`
changes it. Objectives are pytrees whose numbers are leaves: a new delta compiles nothing.
"""

from jaxlaws.objectives._link import link
from jaxlaws.objectives._objective import Objective
from jaxlaws.objectives._spec import parse
from jaxlaws.objectives.absolute import absolute
from jaxlaws.objectives.asymmetric import asymmetric
from jaxlaws.objectives.huber import huber
from jaxlaws.objectives.prior import Normal, normal
from jaxlaws.objectives.squared import squared
from jaxlaws.objectives.student import student

__all__ = [
    "Normal",
    "Objective",
    "absolute",
    "asymmetric",
    "huber",
    "link",
    "normal",
    "parse",
    "squared",
    "student",
]
