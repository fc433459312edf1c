"""What a fit says of later steps, or of other inputs, as columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import BulkError, JaxlawsError
from jaxlaws.runs import Runs
from jaxlaws.schedules import Schedule
from jaxlaws.spec import Law

if TYPE_CHECKING:
    from jaxlaws.fitting import Fit


@dataclass(frozen=True)
class Target:
    """A place to forecast: a step of each run, or inputs of a law."""

    step: int | None = None
    inputs: tuple[tuple[str, float], ...] | None = None

    @property
    def column(self) -> str:
        """Its column, `forecast_24000` or `forecast_N_7e10_D_1.4e12`."""
        if self.inputs is None:
            return f"forecast_{self.step}"
        return "_".join(["forecast", *(f"{name}_{value:g}".replace("+", "") for name, value in self.inputs)])


def target(given: Any) -> Target:
    """Target of a step, or of a mapping of inputs. Raises `BulkError`."""
    if isinstance(given, Mapping) and given:
        return Target(inputs=tuple((str(k), float(v)) for k, v in given.items()))
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 1:
        return Target(step=int(given))
    raise BulkError(f"`bulk_fit(at=...)` takes steps of at least 1, or inputs as a mapping; got {given!r}.")


def parsed(text: str) -> Any:
    """`24000` or `N=7e10,D=1.4e12`, as `bulk_fit(at=...)` takes it."""
    if re.fullmatch(r"\d+", text.strip()):
        return int(text)
    try:
        return {name.strip(): float(value) for name, value in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise BulkError(f"`--at {text}` must be a step, such as 24000, or inputs, such as N=7e10,D=1.4e12.") from None


def suits(place: Target, law: Law) -> bool:
    """Whether a law can be evaluated there."""
    if place.inputs is None:
        return set(law.inputs) == {"curve"}
    return set(law.inputs) == {name for name, _ in place.inputs}


def forecasts(fit: Fit, runs: Runs, targets: Sequence[Target], *, each: bool) -> dict[str, Any]:
    """A value a column; of a step one for each run of the group, unless the group is a run (`each`)."""
    out: dict[str, Any] = {}
    for place in targets:
        if place.inputs is not None and suits(place, fit.law):
            inputs: dict[str, Any] = dict(place.inputs)
            value = float(fit.predict(**inputs).ravel()[0])
            out[place.column] = value if np.isfinite(value) else None
    steps = [place.step for place in targets if place.step is not None]
    if not steps or set(fit.law.inputs) != {"curve"}:
        return out
    by_run = {run: _at_steps(fit, runs, run, steps) for run in runs.names}
    for i, step in enumerate(steps):
        found = {run: float(v[i]) for run, v in by_run.items() if np.isfinite(v[i])}
        out[f"forecast_{step}"] = next(iter(found.values()), None) if each else list(found.items())
    return out


def _at_steps(fit: Fit, runs: Runs, run: str, steps: Sequence[int | None]) -> np.ndarray:
    """Predictions at `steps`, NaN where the run's learning rate is not known so far out."""
    import pandas as pd

    wanted = np.array(sorted({int(s) for s in steps if s is not None and s <= _known(runs, run)}))
    out = np.full(len(steps), np.nan)
    if len(wanted) == 0:
        return out
    own = runs.of(run)
    frame = pd.concat([own.iloc[[0]]] * len(wanted)).assign(step=wanted)
    frame = frame.set_axis(pd.RangeIndex(1, len(wanted) + 1, name="row"), axis=0)
    try:
        found = fit.predict(replace(runs, frame=frame, whole=runs.whole or runs))
    except JaxlawsError:  # the law has no value there
        return out
    values = dict(zip(wanted.tolist(), found, strict=True))
    return np.array([values.get(step, np.nan) for step in steps])


def _known(runs: Runs, run: str) -> float:
    """The last step at which the run's learning rate is known."""
    schedule = runs.schedules.get(run)
    if isinstance(schedule, Schedule):
        return np.inf if schedule.total is None else float(schedule.total)
    if schedule is not None:
        return float(len(schedule) - 1)
    whole = runs.whole or runs
    logged = whole.values(run, "step")[np.isfinite(whole.values(run, "lr"))]
    return float(logged.max(initial=0)) + int(runs.rate_options.after_step)
