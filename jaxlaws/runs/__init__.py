"""Run tables: read from anywhere, checked at the door, in long form with one row an observation.

| you have                                                      | use                                             |
|---------------------------------------------------------------|-------------------------------------------------|
| a file, a folder, an address or a table in memory             | `read`                                          |
| the same, larger than memory                                  | `stream`: tables of so many whole runs          |
| the name of somebody's public data                            | `published`, or `read("published:NAME")`        |
| nothing yet                                                   | `shipped`, or `read("shipped:tiny_transformers")`|
| a program to try on many runs whose truth is known            | `generate`, `write_generated`                   |
| a table, and rows to choose                                   | `Runs.where`, `split` (to fit, and to score)    |
| columns that are going to be used                             | `Runs.checked`, `check_columns`                 |
| a run whose learning rate is wanted at every step             | `Runs.rates`                                    |

Canonical columns, which others are recognised as or mapped to: `run`, `step`, `loss` (nats), `lr`, `batch` (tokens a
step), `N`, `D`, `C` (FLOP), `std`, `lr_schedule` (a spec of the whole run). Every other column keeps its name. Nothing is
repaired silently: what the door did about what it saw is in `Runs.findings`.
"""

from jaxlaws.runs.checks import Finding, check_columns
from jaxlaws.runs.generate import Faults, generate, write_generated
from jaxlaws.runs.published import published
from jaxlaws.runs.rates import RateOptions, Rates
from jaxlaws.runs.read import read
from jaxlaws.runs.shipped import shipped
from jaxlaws.runs.split import split
from jaxlaws.runs.stream import stream
from jaxlaws.runs.table import Runs

__all__ = [
    "Faults",
    "Finding",
    "RateOptions",
    "Rates",
    "Runs",
    "check_columns",
    "generate",
    "published",
    "read",
    "shipped",
    "split",
    "stream",
    "write_generated",
]
