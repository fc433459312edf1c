"""How sure is a number?

| to know                                                     | use                                            |
|-------------------------------------------------------------|------------------------------------------------|
| how parameters, predictions, decisions scatter              | `bootstrap(fit, runs)` -> `Draws`              |
| the interval of anything that is computed from parameters   | `draws.decide(fn)`, `draws.predict(...)`       |

Resamples are the fit's own problem under other weights: they start at the fit and are solved side by side. Rows of one run
are not independent of each other, so runs are what is resampled, where there are enough of them.
"""

from jaxlaws.uncertainty.bootstrap import bootstrap
from jaxlaws.uncertainty.draws import Decision, Draws

__all__ = ["Decision", "Draws", "bootstrap"]
