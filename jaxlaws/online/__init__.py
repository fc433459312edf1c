"""Inside a training loop: where the run ends, how sure that is, and what would end better.

| you have                                                | use                                                        |
|---------------------------------------------------------|------------------------------------------------------------|
| fits, draws or published constants of earlier runs      | `forecaster(source, peak=...)` -> a `Forecaster`           |
| a training step                                         | `state = forecaster.update(state, step, loss, lr)`         |
| the question where it ends                              | `forecaster.forecast(state, ahead(schedule), at)`          |
| a schedule of ours, a function or rates                 | `ahead(schedule)`: arrays, so that another compiles nothing |
| a run that was logged already                           | `replay(forecaster, steps, losses, rates)`                 |
| doubts about the loss: spikes, divergence               | `signals(state)`                                           |
| a sibling that may end better                           | `ends_worse(ours, other)`, `behind(ours, other)`           |
| a budget, and a cooldown to begin some time             | `cooldown(forecaster, state, total)`                       |
| logged runs to learn from how wide intervals must be    | `calibrated(forecaster, runs)`                             |
| a loop on the host, a tracker, a trainer of others      | `Watch(forecaster, schedule)`, `writers`, `hooks`          |

All but `forecaster` and `ahead` is pure: it works under `jit`, `scan`, `vmap` and `shard_map`, with donated buffers, in
float32 or float64. A state is four arrays of 3 kB together, however long the run.
"""

from jaxlaws.online import hooks, writers
from jaxlaws.online.ahead import ahead
from jaxlaws.online.calibrate import Logged, calibrated
from jaxlaws.online.cooldown import Cooldown, cooldown
from jaxlaws.online.forecaster import Forecast, Forecaster, forecaster
from jaxlaws.online.history import State
from jaxlaws.online.prior import Prior, prior_from
from jaxlaws.online.replay import replay
from jaxlaws.online.signals import Signals, behind, ends_worse, signals
from jaxlaws.online.watch import Watch

__all__ = [
    "Cooldown",
    "Forecast",
    "Forecaster",
    "Logged",
    "Prior",
    "Signals",
    "State",
    "Watch",
    "ahead",
    "behind",
    "calibrated",
    "cooldown",
    "ends_worse",
    "forecaster",
    "hooks",
    "prior_from",
    "replay",
    "signals",
    "writers",
]
