"""What should be trained next: choices by gradients through a fitted law.

| to choose                                             | use                                             |
|-------------------------------------------------------|-------------------------------------------------|
| the learning rate of every step of a run              | `schedule(fit, total=..., peak=...)`            |

Planners take a fit, draws of one (then what they say has an interval), or `law.constants[...]`. They know laws by their
`Law` alone, and refuse what a law cannot rank.
"""

from jaxlaws.plan.schedule import SchedulePlan, schedule

__all__ = ["SchedulePlan", "schedule"]
