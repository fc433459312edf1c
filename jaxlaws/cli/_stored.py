"""Stored fits that commands take, and what else can say what is believed of a law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jaxlaws.errors import JaxlawsError, nearest

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit
    from jaxlaws.spec import Constants
    from jaxlaws.uncertainty import Draws

Source = Annotated[
    str,
    typer.Argument(
        metavar="FIT",
        help="What `jaxlaws fit --out` stored, draws of a fit (.npz), or published constants, such as chinchilla@besiroglu.",
        show_default=False,
    ),
]


def one_fit(path: str) -> Fit:
    """The fit in a file. Raises a sentence where it holds several."""
    from jaxlaws.fitting import Fits, load

    found = load(path)
    if isinstance(found, Fits):
        raise JaxlawsError(f"{path} holds {len(found)} fits of groups; store the one that is meant by itself.")
    return found


def belief(text: str) -> Fit | Draws | Constants:
    """A stored fit, or the draws that `--bootstrap` left beside it; stored draws (.npz); or published constants as `LAW@NAME`."""
    from pathlib import Path

    from jaxlaws.spec import find
    from jaxlaws.uncertainty import Draws, of_fit

    if text.endswith(".npz"):
        return Draws.load(text)
    name, at, key = text.partition("@")
    if not at or Path(text).exists():
        fit = one_fit(text)
        return of_fit(fit, text) or fit
    law = find(name)
    if key not in law.constants:
        raise JaxlawsError(f"{text}: {nearest(key, law.constants, what=f'set of constants of {law.name}')}")
    return law.constants[key]
