"""Fits as pictures: data and prediction, relative errors, and for curves the learning rate below them.

| you have                               | use                                                      |
|----------------------------------------|----------------------------------------------------------|
| a fit and the rows it was fitted to    | `fit_chart(fit, runs)` -> an altair chart                |
| rows that were held out as well        | `fit_chart(fit, runs, held)`                             |
| what a fit leaves over                 | `residuals_chart(fit, runs)`                             |
| where the starts of its search ended   | `agreement_chart(fit)`                                   |
| several fits of the same rows          | `laws_chart(fits, runs)`                                 |
| questions of other inputs or schedules | `what_if_chart(fit)`, `budget_chart(fit)`: with controls |
| what a planner says of sizes and data  | `sizes_chart(plan)`                                      |
| what it says of rate and batch         | `basin_chart(rates)`, `batch_chart(batches)`             |
| runs to add                            | `design_chart(design)`                                   |
| laws compared on held-out rows         | `rollout_chart(comparison)`: errors against distance     |
| the influence of runs                  | `influence_chart(influence)`: what hangs on which run    |
| draws of parameters                    | `intervals_chart(draws)`, `trade_offs_chart(draws)`      |
| profiles, and contours of two          | `profile_chart(profile, contour)`                        |
| a planned learning rate                | `schedule_chart(plan)`                                   |
| forecasts of a run as it trained       | `forecast_chart(lines, ends)`                            |
| a chart that is to be a file           | `save(chart, path)`: .png, .svg, .pdf or .html           |
| no idea whether altair is installed    | `ready()`, which raises a sentence where it is not       |

Whole curves are drawn against the step; points against the input that varies most. What is thinned or out of view is
said below the title.
"""

from jaxlaws.plot._style import ready
from jaxlaws.plot.agreement import agreement_chart
from jaxlaws.plot.chart import fit_chart
from jaxlaws.plot.design import design_chart
from jaxlaws.plot.forecast import forecast_chart
from jaxlaws.plot.influence import influence_chart
from jaxlaws.plot.intervals import intervals_chart, profile_chart
from jaxlaws.plot.laws import laws_chart
from jaxlaws.plot.rates import basin_chart, batch_chart
from jaxlaws.plot.residuals import residuals_chart
from jaxlaws.plot.rollout import rollout_chart
from jaxlaws.plot.save import ENDINGS, save
from jaxlaws.plot.schedule import schedule_chart
from jaxlaws.plot.sizes import sizes_chart
from jaxlaws.plot.trade_offs import trade_offs_chart
from jaxlaws.plot.what_if import budget_chart, what_if_chart

__all__ = [
    "ENDINGS",
    "agreement_chart",
    "basin_chart",
    "batch_chart",
    "budget_chart",
    "design_chart",
    "fit_chart",
    "forecast_chart",
    "influence_chart",
    "intervals_chart",
    "laws_chart",
    "profile_chart",
    "ready",
    "residuals_chart",
    "rollout_chart",
    "save",
    "schedule_chart",
    "sizes_chart",
    "trade_offs_chart",
    "what_if_chart",
]
