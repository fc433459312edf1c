"""Every exception that jaxlaws raises on purpose.

    JaxlawsError (ValueError)
    ├── LawError            a law, formula or catalogue name that makes no sense
    ├── ScheduleError       a schedule or its spec string
    ├── TableError          a run table that the door refuses
    │   └── ExpressionError an expression over a table (`--where`, `--holdout`)
    ├── DataError           a public data set that cannot be had here
    ├── FitError            a fit that cannot start, or a stored one that cannot be read
    ├── BulkError           a folder of fits that cannot be written, or is another request's
    ├── PlanError           a plan that cannot be made: nothing is feasible, or the law cannot say
    └── TracerError         a host function called under `jit`, `vmap` or `grad`

All of them are `ValueError`s whose message is one sentence that names the call, the rule, what came and the cure.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class JaxlawsError(ValueError):
    """Root of the tree."""


class LawError(JaxlawsError):
    """A law, a formula or a catalogue name that makes no sense."""


class ScheduleError(JaxlawsError):
    """A learning-rate schedule, or its spec string, that makes no sense."""


class TableError(JaxlawsError):
    """A run table that the door refuses."""


class ExpressionError(TableError):
    """An expression over a table that is not in the whitelist, or names no column."""


class DataError(JaxlawsError):
    """A public data set that cannot be had here."""


class FitError(JaxlawsError):
    """A fit that cannot start, or a stored one that cannot be read."""


class BulkError(JaxlawsError):
    """A folder of fits that cannot be written or gone on with, or a request for one that makes no sense."""


class PlanError(JaxlawsError):
    """A plan that cannot be made: no choice is feasible, or the law cannot say what is asked of it."""


class TracerError(JaxlawsError):
    """A host function called under a JAX transformation."""


def nearest(name: str, known: Iterable[str], *, what: str) -> str:
    """Sentence that says which known names are close to an unknown one, or lists all when none is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"unknown {what} `{name}`; nearest: {', '.join(f'`{c}`' for c in close)}."
    return f"unknown {what} `{name}`; known: {', '.join(names)}."
