"""Resamples of what a command fitted, and their draws beside the stored fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxlaws.cli._output import Progress

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit, Fits
    from jaxlaws.runs import Runs
    from jaxlaws.uncertainty import Draws


def resampled(found: Fit | Fits, rows: Runs, progress: Progress, **told: Any) -> dict[int, Draws]:
    """Draws of each fit that has some, by its place; of a group that cannot be resampled the reason is told."""
    from jaxlaws.uncertainty import Draws, bootstrap

    many = bootstrap(found, rows, **told)
    if isinstance(many, Draws):
        return {0: many}
    for key, one in many.items():
        if not len(one):
            progress.note(f"group {key} has {one.notes[0]}")
    return {i: one for i, one in enumerate(many.values()) if len(one)}


def store(draws: dict[int, Draws], fits: list[Fit], out_file: Path, *, many: bool) -> None:
    """Draws beside the fit, for `predict`; those of an earlier fit go."""
    from jaxlaws.uncertainty import beside, save

    place = beside(out_file)
    if draws:
        marked = [dataclasses.replace(one, center=fits[i]) for i, one in draws.items()]
        save({i: one for i, one in enumerate(marked)} if many else marked[0], place)
    else:
        place.unlink(missing_ok=True)
