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


def marked(found: Fit | Fits, where: str | None, holdout: str | None = None) -> Any:
    """The fit with the expression that chose its rows: those of `where`, without those of `holdout`."""
    from jaxlaws.fitting import Fit, Fits

    rest = "" if holdout is None else f"not ({holdout})"
    chosen = f"({where}) and {rest}" if where and rest else where or rest
    if isinstance(found, Fit):
        return dataclasses.replace(found, where=chosen)
    return Fits([dataclasses.replace(one, where=chosen) for one in found.values()])


def resampled(
    found: Fit | Fits, rows: Runs, progress: Progress, *, resamples: int | None, level: float, **told: Any
) -> tuple[Fit | Fits, dict[int, Draws]]:
    """Fits with intervals, and draws of each that has some, by its place; none where no `resamples` are asked for, or no fit is
    there. Of a group that cannot be resampled the reason is told."""
    from jaxlaws.fitting import Fit, Fits
    from jaxlaws.uncertainty import Draws, bootstrap

    fits = [found] if isinstance(found, Fit) else list(found.values())
    if resamples is None or all(one.status.failed for one in fits):
        return found, {}
    progress.doing(f"fitting {resamples} resamples")
    many = bootstrap(found, rows, resamples=resamples, **told)
    if isinstance(many, Draws):
        return many.marked(level), {0: many}
    for key, one in many.items():
        if not len(one):
            progress.note(f"group {key} has {one.notes[0]}")
    draws = {i: one for i, one in enumerate(many.values()) if len(one)}
    return Fits([draws[i].marked(level) if i in draws else one for i, one in enumerate(fits)]), draws


def store(draws: dict[int, Draws], fits: list[Fit], out_file: Path, *, many: bool) -> None:
    """Draws beside the fit, for `predict`; those of an earlier fit go."""
    from jaxlaws.uncertainty import beside, save

    place = beside(out_file)
    if draws:
        marked = [dataclasses.replace(one, center=fits[i]) for i, one in draws.items()]
        save({i: one for i, one in enumerate(marked)} if many else marked[0], place)
    else:
        place.unlink(missing_ok=True)
