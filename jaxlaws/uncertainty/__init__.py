"""How sure is a number?

| to know                                                      | use                                                  |
|--------------------------------------------------------------|------------------------------------------------------|
| how parameters, predictions and decisions scatter            | `bootstrap(fit, runs)` -> `Draws`: the default       |
| the same of fits by group, also with shared parameters       | `bootstrap(fits, runs)` -> `Draws` by key            |
| the interval of anything that is computed from parameters    | `draws.decide(fn)`, `draws.predict(...)`             |
| the same at once, from the curvature at the fit              | `sandwich(fit, runs)`, `laplace(fit, runs)`          |
| how far one parameter, or two, can be moved                  | `profile(fit, runs)`, `contour(fit, runs, pair)`     |
| what each run does to the fit                                | `jackknife(fit, runs)`                               |
| draws as a file                                              | `draws.save(path)`, `load(path)`                     |
| those that `jaxlaws fit --bootstrap --out` left              | `of_fit(fit, path)`                                  |

| method     | asks of the noise                          | follows bent valleys | of few runs (below 8)                      |
|------------|--------------------------------------------|----------------------|--------------------------------------------|
| bootstrap  | that runs are independent                  | yes                  | blocks of rows within runs, and says so    |
| wild       | the same, and symmetry                     | yes                  | refused                                    |
| parametric | normal, as correlated as the residuals are | yes                  | as it is                                   |
| sandwich   | that runs are independent                  | no                   | neighbours correlated as they are          |
| laplace    | that rows scatter alike                    | no                   | as it is                                   |
| profile    | that rows scatter alike                    | yes                  | as it is                                   |
| jackknife  | that runs are independent; no kinks        | no                   | three at least                             |

A trunk and the runs that branch from it are one run here. Resamples, profiles and leave-one-outs are the fit's own problem
under other weights: they start at the fit and are solved side by side. None of them sees that a law is wrong; `validate`
does.
"""

from jaxlaws.uncertainty.bootstrap import bootstrap
from jaxlaws.uncertainty.covariance import Covariance, laplace, sandwich
from jaxlaws.uncertainty.draws import Decision, Draws, beside, load, of_fit, save
from jaxlaws.uncertainty.jackknife import Jackknife, jackknife
from jaxlaws.uncertainty.profile import Contour, Profile, contour, profile

__all__ = [
    "Contour",
    "Covariance",
    "Decision",
    "Draws",
    "Jackknife",
    "Profile",
    "beside",
    "bootstrap",
    "contour",
    "jackknife",
    "laplace",
    "load",
    "of_fit",
    "profile",
    "sandwich",
    "save",
]
