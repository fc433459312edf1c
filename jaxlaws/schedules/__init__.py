"""A learning rate over steps: pure functions `step -> lr`, and what a law sees of one.

A schedule is called with a step (or an array of steps) and returns the absolute rate that this step's update uses. It
is an optax schedule as it stands, prints as a spec string, and `parse` reads that string back.

| you have                                        | use                                    |
|-------------------------------------------------|----------------------------------------|
| one rate                                        | `constant`                             |
| a decay over the whole run                      | `linear`, `cosine`, `power`            |
| a plateau and a cooldown at its end             | `wsd(decay="linear" or "1-sqrt" ...)`  |
| jumps: two-stage, 8-1-1                         | `multistep`, `eight_one_one`           |
| points read off a log or found by a planner     | `knots`                                |
| a climb before, or several pieces in a row      | `warmup`, `join`                       |
| the rates themselves, and a law to evaluate     | `Curve.of`, `Curve.on_grid`            |

Step 0 is the state before the first update: sums of the rate start at step 1.
"""

from jaxlaws.schedules._schedule import Schedule
from jaxlaws.schedules._spec import KINDS, parse
from jaxlaws.schedules.constant import constant
from jaxlaws.schedules.cosine import cosine
from jaxlaws.schedules.join import join
from jaxlaws.schedules.knots import knots
from jaxlaws.schedules.linear import linear
from jaxlaws.schedules.multistep import eight_one_one, multistep
from jaxlaws.schedules.power import power
from jaxlaws.schedules.warmup import warmup
from jaxlaws.schedules.wsd import wsd

__all__ = [
    "KINDS",
    "Schedule",
    "constant",
    "cosine",
    "eight_one_one",
    "join",
    "knots",
    "linear",
    "multistep",
    "parse",
    "power",
    "warmup",
    "wsd",
]
