"""Which laws there are. Each file is a family; each law is a pure function with its units, boxes, source and
constants.

| you have                                         | look at                                        |
|--------------------------------------------------|------------------------------------------------|
| final losses of models of several sizes and data | `chinchilla`, `kaplan_nd`, `overtraining`      |
| one quantity only                                | `power`, `power_plus_constant`                 |
| whole loss curves and their learning rates       | `progress_noise`, `multi_power`, `lr_annealing`|
| validation losses and downstream errors          | `error_from_loss`                              |
| sweeps over learning rate and batch              | `step_law`, `step_law_batch`                   |

`catalogue` finds them by name; importing this room fills it.
"""

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.kaplan import kaplan_nd
from jaxlaws.laws.lr_annealing import lr_annealing
from jaxlaws.laws.multi_power import multi_power
from jaxlaws.laws.overtraining import error_from_loss, overtraining
from jaxlaws.laws.power import power, power_plus_constant
from jaxlaws.laws.progress_noise import progress_noise
from jaxlaws.laws.step_law import step_law, step_law_batch
from jaxlaws.spec import Law, Pointer, catalogue

# An import above is all that it takes: what it brings is listed and registered here.
__all__ = sorted(name for name, entry in globals().items() if isinstance(entry, Law | Pointer))  # pyright: ignore[reportUnsupportedDunderAll]  # its value cannot be had without running the laws

for _name in __all__:
    catalogue.register(globals()[_name])
