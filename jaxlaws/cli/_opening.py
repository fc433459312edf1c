"""What commands that fit begin with: the table, and laws by name or as formulas of its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jaxlaws.cli._output import Progress
from jaxlaws.errors import JaxlawsError
from jaxlaws.spec import Law, find, formula

if TYPE_CHECKING:
    from jaxlaws.runs import Runs


def opened(table: str, options: Mapping[str, Any], progress: Progress) -> Runs:
    """The checked table; what is told of it holds no passwords."""
    from jaxlaws.runs import read
    from jaxlaws.runs.readers import shown

    progress.doing(f"reading {shown(table)}")
    return read(table, **options)


def known(text: str) -> Law | None:
    """The law of a name, or of a formula that says by itself what its quantities are; None where the table has to."""
    return None if _reads_columns(text) else find(text)


def law_of(text: str, runs: Runs) -> Law:
    """The law of a name or a formula."""
    return known(text) or _of_columns(text, runs)


def _reads_columns(text: str) -> bool:
    """Whether `text` is a formula of neither N nor D: then the table says which of its names are quantities."""
    return not re.fullmatch(r"[\w:=.-]*", text) and not re.search(r"\b[ND]\b", text)


def _of_columns(text: str, runs: Runs) -> Law:
    """The law of a formula whose inputs are the table's columns of numbers that occur in it."""
    names = [str(c) for c in runs.frame.columns if runs.frame[c].dtype.kind in "iuf" and c != "loss"]
    inputs = [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]
    if not inputs:
        there = ", ".join(names) or "there are none"
        raise JaxlawsError(f"{runs.source}: formula `{text}` uses none of the columns of numbers: {there}.")
    return formula(text, inputs=inputs)
