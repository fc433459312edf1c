"""The learning rate of every step: the schedule that a law of whole curves predicts to end lowest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import jax
import numpy as np

from jaxlaws.errors import PlanError
from jaxlaws.plan import _corners
from jaxlaws.plan._beliefs import Belief, believed, interval, refuse_tracers
from jaxlaws.plan._rates import Grid, Problem, grid_of, optimal, step_by_step
from jaxlaws.schedules import Schedule, constant, cosine, knots, warmup, wsd
from jaxlaws.solvers import Limits
from jaxlaws.spec import Law

Risk = Literal["center", "mean", "worst"]

ROUNDS = 3  # times that corners are placed anew
CYCLES = 4
BATCH = 64  # problems of one compiled program, where there are more than one
SLOPE = 0.02  # largest change a step, as a share of the peak: steeper falls are rarely among the runs that laws are fitted to


@dataclass(frozen=True)
class Constraints:
    """What a schedule must keep to. Rates are absolute; `max_slope` is a share of the peak a step."""

    total: int
    peak: float
    warmup: int
    start: float
    ramp: str
    floor: float
    end: float | None
    lowest_peak: float | None
    monotone: bool
    max_slope: float
    cooldown: int | None


@dataclass(frozen=True, eq=False)
class SchedulePlan:
    """A schedule, and what its law predicts of it.

    `loss` is the predicted objective, by the exact sum over all steps: the final loss, or as `path` weighs it. `residual`
    and `gap` (in the loss's unit) say how far the search was from a stationary point: no schedule with the same corners is
    lower by more to first order.
    """

    schedule: Schedule
    law: Law
    params: Mapping[str, np.ndarray] = field(repr=False)
    constraints: Constraints
    path: Mapping[int, float]
    risk: str
    inputs: Mapping[str, float]
    loss: float
    residual: float
    gap: float
    notes: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        """The schedule as `schedules.parse` reads it."""
        return str(self.schedule)

    def as_array(self, steps: int | None = None) -> np.ndarray:
        """Rates of steps 0, 1, ..., `steps` (default: the horizon), float64."""
        return self.schedule.as_array(self.constraints.total if steps is None else steps)

    def as_optax(self, *, begin: int = 0) -> Callable[[Any], Any]:
        """The schedule for optax: a function of the number of updates made so far, under `jit` too.

        The first update uses the rate of step 1. `begin` is how many steps were made before the optimizer's own count began,
        where a resumed run starts its count anew.
        """
        return lambda count: self.schedule(count + (begin + 1))

    @cached_property
    def against(self) -> Mapping[str, Schedule]:
        """The usual schedules for the same run: cosine to a tenth of the peak, a linear cooldown over the last fifth, and
        the peak held; none of them below the floor."""
        return usual(self.constraints, float(np.max(self.as_array())))

    @cached_property
    def gains(self) -> Mapping[str, Gain]:
        """What each of the usual schedules loses to this one; see `gain`."""
        return self.gain(self.against)

    def gain(self, others: Mapping[str, Schedule]) -> dict[str, Gain]:
        """Predicted loss of other schedules of the same horizon, less that of this one, with an interval over the draws."""
        mine, *theirs = self._losses([self.schedule, *others.values()])
        return {
            name: Gain(schedule, float(loss[0]), float(loss[0] - mine[0]), _between(loss - mine))
            for (name, schedule), loss in zip(others.items(), theirs, strict=True)
        }

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Interval of the predicted objective over the draws."""
        return _between(self._losses([self.schedule])[0])

    def summary(self) -> dict[str, Any]:
        """What `--json` prints of a plan, as plain Python values."""
        gains = {
            name: {"schedule": str(g.schedule), "loss": g.loss, "gain": g.gain, "interval": g.interval}
            for name, g in self.gains.items()
        }
        return {
            "law": self.law.name,
            "variant": dict(self.law.options),
            "schedule": self.spec,
            "loss": self.loss,
            "interval": self.interval,
            "gains": gains,
            "constraints": asdict(self.constraints),
            "path": dict(self.path),
            "risk": self.risk,
            "inputs": dict(self.inputs),
            "residual": self.residual,
            "gap": self.gap,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.law.label}: predicted {self.law.output.symbol} {self.loss:.5f}", self.spec]
        for name, g in self.gains.items():
            lines.append(f"{name:<9} {g.loss:.5f}  {g.gain:+.5f}  {g.schedule}")
        return "\n".join([*lines, *self.notes])

    def _losses(self, schedules: Sequence[Schedule]) -> np.ndarray:
        """Objective of each schedule for the centre and every draw, `(schedules, 1 + draws)`."""
        return exact(self.law, self.params, schedules, [self.constraints] * len(schedules), self.path, self.inputs)


@dataclass(frozen=True)
class Gain:
    """A usual schedule, what it is predicted to reach, and by how much the plan is lower: at the fit, and over draws."""

    schedule: Schedule
    loss: float
    gain: float
    interval: tuple[float, float] | None


def schedule(
    source: Any,
    *,
    total: Any,
    peak: Any,
    warmup: int = 0,
    start: float = 0.0,
    ramp: str = "linear",
    floor: float | None = None,
    end: float | None = None,
    lowest_peak: float | None = None,
    monotone: bool = True,
    max_slope: float | None = None,
    cooldown: int | None = None,
    path: Mapping[int, float] | None = None,
    risk: Risk = "center",
    knots: int = 64,
    inputs: Mapping[str, float] | None = None,
) -> Any:
    """Schedule of `total` steps under `peak` that the law predicts to end with the lowest loss."""
    inputs = dict(inputs or {})
    refuse_tracers("schedule", total, peak, inputs)
    sources = list(source) if isinstance(source, Sequence) else [source]
    beliefs = [believed(one, "schedule") for one in sources]
    many = isinstance(source, Sequence) or np.ndim(total) > 0 or np.ndim(peak) > 0
    index, totals, peaks = np.broadcast_arrays(np.arange(len(beliefs)), np.asarray(total), np.asarray(peak, float))
    tasks = []
    for i, t, p in zip(index.ravel(), totals.ravel(), peaks.ravel(), strict=True):
        belief = beliefs[i]
        limits = Constraints(
            int(t),
            float(p),
            warmup,
            start,
            ramp,
            0.0 if floor is None else floor,
            end,
            lowest_peak,
            monotone,
            SLOPE if max_slope is None else max_slope,
            cooldown,
        )
        tasks.append(_Task(belief, limits, dict(path or {int(t): 1.0}), risk, knots, inputs))
    with jax.enable_x64(True):
        plans = _planned(tasks)
    return plans if many else plans[0]


@dataclass(frozen=True)
class _Task:
    belief: Belief
    limits: Constraints
    path: Mapping[int, float]
    risk: str
    knots: int
    inputs: Mapping[str, float]

    @property
    def top(self) -> int:
        """Step at which the climb is over."""
        return max(self.limits.warmup - 1, 0) if self.limits.ramp == "linspace" else self.limits.warmup

    @property
    def hold(self) -> int:
        """Step until which the peak is held."""
        c = self.limits
        return c.warmup if c.cooldown is None else max(c.total - c.cooldown, c.warmup)

    @property
    def count(self) -> int:
        return min(self.knots, self.limits.total - self.hold + 1)


def _planned(tasks: list[_Task]) -> list[SchedulePlan]:
    groups: dict[Any, list[int]] = {}
    for i, task in enumerate(tasks):
        groups.setdefault((task.belief.law, task.count, len(task.path), tuple(task.inputs)), []).append(i)
    out: list[Any] = [None] * len(tasks)
    for members in groups.values():
        for begin in range(0, len(members), BATCH):
            some = members[begin : begin + BATCH]
            for i, plan in zip(some, _batch([tasks[i] for i in some], 1 if len(members) == 1 else BATCH), strict=True):
                out[i] = plan
    return out


@dataclass
class _Best:
    steps: np.ndarray
    x: np.ndarray
    loss: float = np.inf
    residual: float = np.nan
    gap: float = np.nan


def _batch(tasks: list[_Task], size: int) -> list[SchedulePlan]:
    """Plans of tasks that share a law and shapes."""
    law = tasks[0].belief.law
    steps = [_corners.first_corners(t.hold, t.limits.total, t.count) for t in tasks]
    guess = [1.0 - 0.9 * np.clip((s - (s[-1] - 0.2 * (s[-1] - s[0]))) / (0.2 * (s[-1] - s[0])), 0, 1) for s in steps]
    best: list[_Best | None] = [None] * len(tasks)
    for round_ in range(ROUNDS):
        problems = [_problem(t, s, g, round_) for t, s, g in zip(tasks, steps, guess, strict=True)]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *problems, *[problems[-1]] * (size - len(problems)))
        found = jax.device_get(optimal(law, stacked, cycles=CYCLES))
        for i, task in enumerate(tasks):
            x, known = np.asarray(found.x[i]), best[i]
            if known is None or found.loss[i] < known.loss:
                best[i] = known = _Best(
                    steps[i], x, float(found.loss[i]), float(found.residual[i]), float(found.gap[i])
                )
            steps[i] = _corners.placed(known.steps, known.x, task.count)
            guess[i] = np.interp(steps[i], known.steps, known.x)
    made = [_schedule(t, b.steps, b.x) for t, b in zip(tasks, best, strict=True) if b is not None]
    params = {k: np.stack([_draws(t)[k] for t in tasks]) for k in law.params}
    losses = _exact(law, params, made, [t.limits for t in tasks], [t.path for t in tasks], tasks[0].inputs)
    value = losses.max(axis=1) if tasks[0].risk == "worst" else losses.mean(axis=1)
    return [
        SchedulePlan(s, law, t.belief.params, t.limits, t.path, t.risk, t.inputs, float(v), b.residual, b.gap)
        for s, t, v, b in zip(made, tasks, value, best, strict=True)
        if b is not None
    ]


def _draws(task: _Task) -> dict[str, np.ndarray]:
    """Parameters that the schedule is chosen for, `(draws,)`."""
    chosen = slice(0, 1) if task.risk == "center" or not task.belief.draws else slice(1, None)
    return {k: v[chosen] for k, v in task.belief.params.items()}


def _problem(task: _Task, steps: np.ndarray, guess: np.ndarray, round_: int) -> Problem:
    c = task.limits
    low, high = np.full(len(steps), c.floor / c.peak), np.ones(len(steps))
    low[0] = 1.0 if c.lowest_peak is None else c.lowest_peak / c.peak
    if c.end is not None:
        low[-1] = high[-1] = c.end / c.peak
    steepest = c.max_slope * np.diff(steps)
    rise = np.zeros_like(steepest) if c.monotone else steepest
    start = None
    for margin in (1e-1 if round_ == 0 else 1e-3, 1e-3, 1e-5):
        start = _corners.inside(guess, low, high, steepest, rise, margin)
        if start is not None:
            break
    if start is None:
        raise PlanError(f"`schedule`: no schedule keeps to {c}.")
    limits = Limits(low, high, steepest, rise, low < high)
    return Problem(
        params=_draws(task),
        inputs={k: np.float64(v) for k, v in task.inputs.items()},
        grid=grid_of(np.concatenate([[0, task.top], steps]).astype(np.float64), at=task.path, ramp=c.ramp),
        scale=np.float64(c.peak),
        first=np.float64(c.start / c.peak if c.warmup else -1.0),
        start=start,
        limits=limits,
        barrier=np.float64(1e-3 if round_ == 0 else 1e-5),
        sharpness=np.float64(10.0 ** (3 + round_) if task.risk == "worst" else 0.0),
    )


def _schedule(task: _Task, steps: np.ndarray, x: np.ndarray) -> Schedule:
    c = task.limits
    rates = x * c.peak
    keep = np.ones(len(steps), dtype=bool)
    for i in range(1, len(steps) - 1):
        before = int(np.flatnonzero(keep[:i])[-1])
        line = np.interp(steps[before : i + 2], steps[[before, i + 1]], rates[[before, i + 1]])
        keep[i] = bool(np.max(np.abs(line - rates[before : i + 2])) > 1e-6 * rates[i])
    found = knots(steps[keep].tolist(), rates[keep].tolist())
    return warmup(found, steps=c.warmup, start=c.start, ramp=c.ramp) if c.warmup else found


def usual(c: Constraints, peak: float) -> dict[str, Schedule]:
    """Usual schedules for a run."""
    more: dict[str, Any] = {"total": c.total, "warmup": c.warmup, "start": c.start, "ramp": c.ramp}
    hold = c.total - round(0.2 * (c.total - c.warmup))
    return {
        "cosine": cosine(peak, end=max(c.floor, 0.1 * peak), **more),
        "wsd": wsd(peak, hold=hold, end=c.floor, **more),
        "constant": warmup(constant(peak), steps=c.warmup, start=c.start, ramp=c.ramp) if c.warmup else constant(peak),
    }


def _exact(law: Law, params: Any, schedules: Any, limits: Any, paths: Any, inputs: Any) -> np.ndarray:
    size = -(-max(c.total for c in limits) // 2048) * 2048 + 1
    grids, rates, tops = [], [], []
    for s, c, path in zip(schedules, limits, paths, strict=True):
        lr = s.as_array(c.total)
        edges = np.minimum(np.arange(size), c.total)
        rates.append(lr[edges])
        tops.append(lr[c.warmup])
        none = np.zeros(size, dtype=np.int64)
        grids.append(
            Grid(
                edges.astype(float),
                none,
                none.astype(float),
                (edges[1:] <= c.warmup).astype(float),
                np.array(list(path)),
                np.array(list(path.values())),
            )
        )
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *grids)
    more = {k: np.full(len(grids), float(v)) for k, v in inputs.items()}
    with jax.enable_x64(True):
        found = step_by_step(law, params, stacked, np.stack(rates), np.array(tops), more, 1)
    return np.asarray(found) @ np.array(list(paths[0].values()))


def exact(law: Law, params: Any, schedules: Any, limits: Any, path: Any, inputs: Any) -> np.ndarray:
    same = {k: np.broadcast_to(v, (len(schedules), len(v))) for k, v in params.items()}
    return _exact(law, same, schedules, limits, [path] * len(schedules), inputs)


def _between(values: np.ndarray) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    low, high = interval(values[1:])
    return float(low), float(high)
