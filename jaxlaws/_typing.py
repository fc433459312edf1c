"""The words that annotations are made of: one vocabulary of axes, and the array types they are written with.

| axis        | one entry is                                                                 |
|-------------|------------------------------------------------------------------------------|
| `runs`      | one training run                                                             |
| `rows`      | one row of a run table: one observation                                      |
| `steps`     | one logged step of a run's curve                                             |
| `nodes`     | one change of a learning rate, or a merged group of them                     |
| `groups`    | one fit of a batch of fits, as `by=` makes them                              |
| `starts`    | one starting point of a fit                                                  |
| `params`    | one parameter of a law, in the law's own order                               |
| `draws`     | one parameter vector out of a distribution of them                           |
| `resamples` | one resampled data set of a bootstrap                                        |
| `folds`     | one split into rows to fit and rows to score                                 |
| `rates`     | one exponential rate of a sum over what lies before a step                   |

An annotation names the axes that the array has, outermost first: `Float[Array, "starts params"]`. A single axis has a
leading space, `Float[Array, " params"]`, so that linters do not take it for a name; a scalar is `""`; leading axes of any
number are `"*batch params"`. `Float` leaves precision open: pure functions compute in the dtype that they are given.
"""

from jaxtyping import Array, Bool, Float, Int

__all__ = ["Array", "Bool", "Float", "Int"]
