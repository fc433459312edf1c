"""Inside a training loop: where the run ends, how sure that is, and what would end better.

| you have                                                | use                                                        |
|---------------------------------------------------------|------------------------------------------------------------|
| fits, draws or published constants of earlier runs      | `forecaster(source, peak=...)` -> a `Forecaster`           |
| a training step                                         | `state = forecaster.update(state, step, loss, lr)`         |
| the question where it ends                              | `forecaster.forecast(state, ahead(schedule), at)`          |
| a schedule of ours, a function or rates                 | `ahead(schedule)`: arrays, so that another compiles nothing |
| a run that was logged already                           | `replay(forecaster, steps, losses, rates)`                 |

All but `forecaster` and `ahead` is pure: it works under `jit`, `scan`, `vmap` and `shard_map`, with donated buffers, in
float32 or float64. A state is four arrays of 3 kB together, however long the run.
"""

from jaxlaws.online.ahead import ahead
from jaxlaws.online.forecaster import Forecast, Forecaster, forecaster
from jaxlaws.online.history import State
from jaxlaws.online.prior import Prior, prior_from
from jaxlaws.online.replay import replay

__all__ = ["Forecast", "Forecaster", "Prior", "State", "ahead", "forecaster", "prior_from", "replay"]
