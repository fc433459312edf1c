"""What a schedule planner returns: a schedule, and what its law says of it and of the usual ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jaxlaws.errors import PlanError
from jaxlaws.fitting.result import _dereference, _plain, _reference, write_whole
from jaxlaws.plan import _exact
from jaxlaws.plan._beliefs import LEVEL, Belief, told
from jaxlaws.plan._constraints import Constraints
from jaxlaws.schedules import Schedule, constant, cosine, parse, warmup, wsd
from jaxlaws.spec import Law

FORMAT = 1
POINTS = 200  # of a predicted curve


@dataclass(frozen=True)
class Gain:
    """Another schedule, the loss predicted for it, and by how much the plan's is lower: at the fit, and over the draws."""

    schedule: Schedule
    loss: float
    gain: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class SchedulePlan:
    """A schedule chosen by a law, and what the law predicts of it.

    `loss` is what was minimised, by the exact sum over all steps: the final loss, or as `path` weighs steps. `residual` is
    the largest entry of the projected gradient and `gap` the sum of multiplier x slack (both in units of the loss): to first
    order no schedule with the same corners is lower by more than the gap; a law convex in the rates has no lower one.
    """

    schedule: Schedule
    belief: Belief
    constraints: Constraints
    path: Mapping[int, float]
    risk: str
    inputs: Mapping[str, float]
    loss: float
    residual: float
    gap: float
    notes: tuple[str, ...] = ()

    @property
    def law(self) -> Law:
        """The law that chose."""
        return self.belief.law

    @property
    def spec(self) -> str:
        """The schedule as `schedules.parse` and `--schedule` read it."""
        return str(self.schedule)

    def as_array(self, steps: int | None = None) -> np.ndarray:
        """Rates of steps 0, 1, ..., `steps` (default: the horizon), float64."""
        return self.schedule.as_array(self.constraints.total if steps is None else steps)

    def as_optax(self, *, begin: int = 0) -> Callable[[Any], Any]:
        """The schedule for optax: a function of the number of updates made so far, under `jit` too.

        The first update uses the rate of step 1. A run that resumes with its optimizer's state needs nothing; one whose
        optimizer counts from 0 again says by `begin` how many updates were made before.
        """
        return lambda count: self.schedule(count + (begin + 1))

    def curve(self, at: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The predicted run: steps after the warm-up, the loss at each, and the ends of its interval over the draws (the loss
        itself where there are none), all `(steps,)`."""
        return self.band(self.schedule, at)

    def band(self, schedule: Schedule, at: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As `curve`, for another schedule of the same horizon. Raises `PlanError` for steps that are not of it."""
        c = self.constraints
        first = min(max(c.warmup, c.total // POINTS, 1), c.total)
        steps = np.unique(np.linspace(first, c.total, POINTS).astype(int)) if at is None else np.atleast_1d(at)
        whole = steps.ndim == 1 and steps.size > 0 and np.issubdtype(steps.dtype, np.number)
        if not whole or not (np.equal(steps, np.round(steps)) & (steps >= 1) & (steps <= c.total)).all():
            raise PlanError(f"`plan.curve(at=...)` must be whole steps from 1 to {c.total}; got {at}.")
        if (np.diff(steps) <= 0).any():
            raise PlanError(f"`plan.curve(at=...)` must increase; got {at}.")
        steps = steps.astype(np.int64)
        params = {k: v[None] for k, v in self.belief.params.items()}
        found = _exact.at_steps(self.law, params, [schedule], [c], [steps.tolist()], self.inputs)[0]
        if len(found) < 3:
            return steps, found[0], found[0], found[0]
        ends = self.belief.interval(found.T)
        return steps, found[0], ends[:, 0], ends[:, 1]

    @cached_property
    def gains(self) -> Mapping[str, Gain]:
        """The usual schedules for the same run, and what they lose to this one: cosine to a tenth of the peak, a linear
        cooldown to the floor over the last fifth, and the peak held; none falls below the floor."""
        return self.gain(_usual(self.constraints, float(np.max(self.as_array()))))

    def gain(self, others: Mapping[str, Schedule | str]) -> dict[str, Gain]:
        """The same for other schedules (or specs) of the same horizon."""
        named = {name: parse(other) if isinstance(other, str) else other for name, other in others.items()}
        mine, *theirs = self._losses([self.schedule, *named.values()])
        return {
            name: Gain(other, float(loss[0]), float(loss[0] - mine[0]), self._between(loss - mine))
            for (name, other), loss in zip(named.items(), theirs, strict=True)
        }

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Interval of the predicted loss over the draws."""
        return self._between(self._losses([self.schedule])[0])

    def _losses(self, schedules: Sequence[Schedule]) -> np.ndarray:
        """Weighted loss of each schedule at the fit and for every draw, `(schedules, 1 + draws)`."""
        n = len(schedules)
        same = {k: np.broadcast_to(v, (n, len(v))) for k, v in self.belief.params.items()}
        return _exact.weighted(self.law, same, schedules, [self.constraints] * n, [self.path] * n, self.inputs)

    def _between(self, values: np.ndarray) -> tuple[float, float] | None:
        if len(values) < 3:
            return None
        low, high = self.belief.interval(values)
        return float(low), float(high)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints of a plan, as plain Python values."""
        return {
            "law": self.law.name,
            "variant": dict(self.law.options),
            "schedule": self.spec,
            "loss": self.loss,
            "interval": self.interval,
            "gains": {
                name: {"schedule": str(g.schedule), "loss": g.loss, "gain": g.gain, "interval": g.interval}
                for name, g in self.gains.items()
            },
            "shape": _shape(self),
            "constraints": asdict(self.constraints),
            "path": {str(step): weight for step, weight in self.path.items()},
            "risk": self.risk,
            "inputs": dict(self.inputs),
            "draws": self.belief.draws,
            "certificate": {"residual": self.residual, "gap": self.gap},
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        c, shape, symbol = self.constraints, _shape(self), self.law.output.symbol
        lines = [
            f"{self.law.label}: {c.total} steps, peak {shape['peak']:.4g}, predicted {symbol} {self.loss:.5f}"
            + _ends(self.interval, ""),
            f"falls below 99 % of the peak at step {shape['falls']}, below half at {shape['half']}; ends at {shape['end']:.3g}",
        ]
        for name, g in self.gains.items():
            lines.append(f"lower than {name:<8} by {g.gain:.5f}{_ends(g.interval, '')}  {g.schedule}")
        silent = self.belief.silent(self._losses([self.schedule])[0]) if self.belief.draws else 0
        lines += told(self.belief.draws, self.belief.failed, silent, LEVEL)
        lines.append(f"certificate: projected gradient {self.residual:.1e}, gap {self.gap:.1e}")
        return "\n".join([*lines, *self.notes, self.spec])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one JSON file, whole or not at all; `plan.load` reads it."""
        document = {
            "format": FORMAT,
            "plan": "schedule",
            "law": _reference(self.law),
            "params": {k: v.tolist() for k, v in self.belief.params.items()},
            "largest": dict(self.belief.largest),
            "units": self.belief.units,
            "free": self.belief.free,
            **{k: v for k, v in self.summary().items() if k not in ("law", "variant", "gains", "interval", "shape")},
        }
        write_whole(Path(path), json.dumps(_plain(document), indent=1, allow_nan=False) + "\n")


def load(path: str | os.PathLike[str], *, laws: tuple[Law, ...] = ()) -> SchedulePlan:
    """Schedule plan from a file that `save` wrote. Executes nothing from it. Raises `PlanError`."""
    try:
        d = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: no such file; `plan.save(path)` or `--out` writes one.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise PlanError(f"{path}: is no stored plan ({error}).") from None
    if not isinstance(d, dict) or d.get("format") != FORMAT or d.get("plan") != "schedule":
        raise PlanError(f"{path}: is no stored schedule plan of format {FORMAT}.")
    try:
        limits = dict(d["constraints"])
        limits["max_slope"] = np.inf if limits["max_slope"] is None else limits["max_slope"]
        params = {k: np.array(v, dtype=np.float64) for k, v in d["params"].items()}
        law = _dereference(d["law"], laws)
        return SchedulePlan(
            schedule=parse(d["schedule"]),
            belief=Belief(law, params, d["largest"], int(d["units"]), int(d["free"])),
            constraints=Constraints(**limits),
            path={int(step): float(weight) for step, weight in d["path"].items()},
            risk=d["risk"],
            inputs=d["inputs"],
            loss=float(d["loss"]),
            residual=float(d["certificate"]["residual"]),
            gap=float(d["certificate"]["gap"]),
            notes=tuple(d["notes"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PlanError(f"{path}: the stored plan is damaged ({type(error).__name__}: {error}).") from None


def _usual(c: Constraints, peak: float) -> dict[str, Schedule]:
    held = constant(peak)
    hold = c.total - round(0.2 * (c.total - c.warmup))
    return {
        "cosine": cosine(peak, total=c.total, end=max(c.floor, 0.1 * peak), **c.climb),
        "wsd": wsd(peak, hold=hold, total=c.total, end=c.floor, **c.climb),
        "constant": warmup(held, steps=c.warmup, start=c.start, ramp=c.ramp) if c.warmup else held,
    }


def _shape(plan: SchedulePlan) -> dict[str, float]:
    """Peak, first steps below 99 % and half of it after the warm-up, and the final rate."""
    rates, c = plan.as_array(), plan.constraints
    peak = float(rates.max())
    after = rates[c.warmup :]

    def first(share: float) -> int:
        below = np.flatnonzero(after < share * peak)
        return c.warmup + int(below[0]) if len(below) else c.total

    return {"peak": peak, "falls": first(0.99), "half": first(0.5), "end": float(rates[-1])}


def _ends(interval: tuple[float, float] | None, none: str) -> str:
    return none if interval is None else f" ({interval[0]:.5f} to {interval[1]:.5f})"
