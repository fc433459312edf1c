"""What should be trained next: choices by gradients through a fitted law.

| to choose                                             | use                                             |
|-------------------------------------------------------|-------------------------------------------------|
| size and data for a budget, or a budget for a loss    | `allocate(fit, 1e23)`, `allocate(fit, loss=2)`  |
| sizes on lines of equal compute, parabola against law | `isoflop(fit, [1e20, 1e21])`                    |
| a model smaller than the best, at a price             | `overtraining(fit, 1e23)`                       |
| what training and serving cost                        | `budget.Training()`, `budget.Lifetime(1e13)`    |
| the learning rate of every step of a run              | `schedule(fit, total=..., peak=...)`            |
| any of it inside your own jit, vmap or grad           | `optimum`, `least_budget`, `price`, `parabola`  |

Planners take a fit, draws of one (then what they say has an interval), or `law.constants[...]`. They know laws by their
`Law` alone, and refuse what a law cannot rank.
"""

from jaxlaws.plan import budget
from jaxlaws.plan.allocate import Allocation, Optimum, allocate, least_budget, optimum
from jaxlaws.plan.isoflop import Profiles, isoflop, parabola
from jaxlaws.plan.overtraining import Prices, overtraining, price
from jaxlaws.plan.schedule import SchedulePlan, schedule

__all__ = [
    "Allocation",
    "Optimum",
    "Prices",
    "Profiles",
    "SchedulePlan",
    "allocate",
    "budget",
    "isoflop",
    "least_budget",
    "optimum",
    "overtraining",
    "parabola",
    "price",
    "schedule",
]
