"""Which law, and how far out does it hold?

| question                                                       | use                                                |
|----------------------------------------------------------------|----------------------------------------------------|
| how wrong is it on rows chosen by an expression?               | `holdout(runs, "N > 1e9")` -> a fold               |
| how wrong is it beyond what was fitted?                        | `rollout(runs, "N")` -> folds, fit below, score above |
| does it carry over to another schedule, size or run?           | `leave_out(runs, "schedule")` -> folds             |
| how wrong is a law on such folds?                              | `assess(law, runs, folds)`                         |
| which of several laws, or settings of one, is to be trusted?   | `compare(laws, runs, folds)`, `candidate(law, ...)`|
| what can no law predict?                                       | `noise(runs, law)`                                 |
| what do residuals say; is the law refuted?                     | `diagnose(fit, runs)`                              |
| which runs do parameters and decisions hang on?                | `influence(fit, runs, decision)`                   |
| likelihood less a price for parameters                         | `criteria(fit, runs)`                              |
| which rows say the same thing twice?                           | `repeats(runs, seen)`                              |

Rows to score that repeat fitted rows of another run (a trunk that branches share) are left out and counted. Fits to few runs
cannot choose the form of a law: a ranking comes with the share of resamples that it survives, and every criterion with what
it was worth on public data.
"""

from jaxlaws.validate._fold import Fold
from jaxlaws.validate.assess import Assessment, Candidate, assess, candidate
from jaxlaws.validate.blend import Blend
from jaxlaws.validate.compare import Comparison, Standing, compare
from jaxlaws.validate.criteria import Criteria, criteria
from jaxlaws.validate.diagnose import Diagnosis, diagnose
from jaxlaws.validate.holdout import holdout
from jaxlaws.validate.influence import Influence, influence
from jaxlaws.validate.leave_out import leave_out
from jaxlaws.validate.noise import Noise, noise
from jaxlaws.validate.ranking import Ranking, rank
from jaxlaws.validate.repeats import repeats
from jaxlaws.validate.residuals import Residuals, residuals
from jaxlaws.validate.rollout import rollout

__all__ = [
    "Assessment",
    "Blend",
    "Candidate",
    "Comparison",
    "Criteria",
    "Diagnosis",
    "Fold",
    "Influence",
    "Noise",
    "Ranking",
    "Residuals",
    "Standing",
    "assess",
    "candidate",
    "compare",
    "criteria",
    "diagnose",
    "holdout",
    "influence",
    "leave_out",
    "noise",
    "rank",
    "repeats",
    "residuals",
    "rollout",
]
