"""Fits as one page to open, print and pass on.

| you have                                     | use                                                            |
|----------------------------------------------|----------------------------------------------------------------|
| a fit, and nothing else                      | `report(fit)` -> a `Page`: parameters, doubts, what-if         |
| the rows it was fitted to, or held out       | `report(fit, runs, held)`: data, residuals, errors             |
| draws of it                                  | `report(fit, runs, draws=draws)`: intervals and trade-offs     |
| several fits of the same rows                | `report([fit, other], runs)`: laws side by side                |
| plans, comparisons, forecasts                | `report(fit, ..., plans=[...])`: whatever `plot` can draw      |
| the page as a file                           | `page.save("report.html")`                                     |

A page is one file: it loads nothing, works without a network, follows light and dark, and shows everything that comes from
data as text. What it leaves out stands in it, with what would add it.

The front door's `jaxlaws.report(fit)` is this room: calling it is calling `report`.
"""

import sys
from types import ModuleType
from typing import Any

from jaxlaws.report.page import Page, report

__all__ = ["Page", "report"]


class _Room(ModuleType):
    """A module that can be called: Python puts an imported room at `jaxlaws.report`, where the front door has a function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Page:
        return report(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
