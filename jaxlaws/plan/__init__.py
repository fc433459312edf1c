"""What should be trained next: choices by gradients through a fitted law.

| to choose                                             | use                                             |
|-------------------------------------------------------|-------------------------------------------------|
| size and data for a budget, or a budget for a loss    | `allocate(fit, 1e23)`, `allocate(fit, loss=2)`  |
| sizes on lines of equal compute, parabola against law | `isoflop(fit, [1e20, 1e21])`                    |
| a model smaller than the best, at a price             | `overtraining(fit, 1e23)`                       |
| rate and batch, on a surface fitted to sweeps         | `learning_rate(surface(runs), N=7e9, D=1e12)`   |
| what published rules say of both                      | `rules(laws, N=7e9, D=1e12)`                    |
| the critical batch, steps against tokens              | `batch_size(fit)`                               |
| a batch that grows along the run                      | `batch_ramp(fit, loss=2.6, N=1e9, batch=1e6)`   |
| runs to add, for the most certain decision           | `design(fit, runs, grid(N=..., D=...), BestSize(1e24), spend=1e22)` |
| what training and serving cost                        | `budget.Training()`, `budget.Lifetime(1e13)`    |
| the learning rate of every step of a run              | `schedule(fit, total=..., peak=...)`            |
| the best schedule of a family                         | `schedule(fit, ..., family=schedules.wsd)`      |
| a stored schedule plan                                | `plan.save(path)`, `load(path)`                 |
| any of it inside your own jit, vmap or grad           | `optimum`, `best_rate`, `best_path`, `hyperbola`, `ramp` ... |

Planners take a fit, draws of one (then what they say has an interval), or `law.constants[...]`. They know laws by their
`Law` alone, and refuse what a law cannot rank.
"""

from jaxlaws.plan import budget
from jaxlaws.plan._schedule_plan import Gain, SchedulePlan, load
from jaxlaws.plan.allocate import Allocation, allocate
from jaxlaws.plan.batch_size import Batches, Hyperbola, Ramp, batch_ramp, batch_size, hyperbola, ramp
from jaxlaws.plan.best_path import Path, best_path, corners
from jaxlaws.plan.design import BestSize, Design, Picks, Prediction, design, greedy, grid, sensitivities, shrunk
from jaxlaws.plan.isoflop import Profiles, isoflop, parabola
from jaxlaws.plan.learning_rate import Best, Rates, Rule, best_rate, half_widths, learning_rate, rules, surface
from jaxlaws.plan.optimum import Optimum, least_budget, optimum
from jaxlaws.plan.overtraining import Prices, overtraining, price
from jaxlaws.plan.schedule import schedule

__all__ = [
    "Allocation",
    "Batches",
    "Best",
    "BestSize",
    "Design",
    "Gain",
    "Hyperbola",
    "Optimum",
    "Path",
    "Picks",
    "Prediction",
    "Prices",
    "Profiles",
    "Ramp",
    "Rates",
    "Rule",
    "SchedulePlan",
    "allocate",
    "batch_ramp",
    "batch_size",
    "best_path",
    "best_rate",
    "budget",
    "corners",
    "design",
    "greedy",
    "grid",
    "half_widths",
    "hyperbola",
    "isoflop",
    "learning_rate",
    "least_budget",
    "load",
    "optimum",
    "overtraining",
    "parabola",
    "price",
    "ramp",
    "rules",
    "schedule",
    "sensitivities",
    "shrunk",
    "surface",
]
