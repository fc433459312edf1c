"""The learning rate of every step: the schedule that a law of whole curves predicts to end lowest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import numpy as np

from jaxlaws.errors import PlanError, nearest
from jaxlaws.plan import _corners, _exact
from jaxlaws.plan._beliefs import Belief, believed, refuse_tracers
from jaxlaws.plan._constraints import Constraints, check
from jaxlaws.plan._families import DECAYS, EXPONENT, FAMILIES, HOLD, LOWEST_EXP, Member, best_members, built
from jaxlaws.plan._rates import Problem, grid_of, optimal, predicted
from jaxlaws.plan._schedule_plan import SchedulePlan
from jaxlaws.schedules import Schedule, knots, parse, warmup
from jaxlaws.solvers import Limits

Risk = Literal["center", "mean", "worst"]

ROUNDS = 3  # the last one polishes; where jumps are allowed, each of twice as many comes closer to their steps
CYCLES = 4
BATCH = 64  # problems of one compiled program, where there are more than one
SLOPE = 0.02
SHORT = 20.0  # in short runs, a fall over a twentieth of their steps
STEEP = 1e-6  # a residual above this is said


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
    family: Callable[..., Schedule] | None = None,
    decay: str | None = None,
    inputs: Mapping[str, float] | None = None,
) -> Any:
    """Schedule of `total` steps under the rate `peak` for which a law of curves predicts the lowest final loss.

    `source` is a fit, draws of one, or `law.constants[...]`. A sequence of them, of totals or of peaks gives a list of plans,
    searched side by side. The rate climbs from `start` to the peak in `warmup` steps, and then takes any path through
    `knots` corners, placed where the optimum bends; or the best member of a `family`: `schedules.wsd` (plateau, end and,
    unless `decay` names it, the cooldown's shape), `cosine`, `linear`, `power`.

    Limits: `floor` (default 0) and `end` (the last rate, exactly) are absolute; `monotone=False` lets the rate rise again;
    `max_slope` is the largest change in one step as a share of the peak, by default 0.02 (more in runs of less than 1000
    steps), `math.inf` for none; `cooldown` is how many steps before the end the rate may leave the peak. `lowest_peak` makes
    the peak a choice between it and `peak`.

    `path={step: weight}` minimises a weighted sum of losses instead of the last. With draws, `risk` says what is
    minimised: the loss at the fit, its mean over draws, or the worst of them. `inputs` are what else the law needs, such as
    `{"N": 7e10}`, and `batch` in tokens.

    Raises `PlanError` where limits leave nothing, and where the law cannot say: no law of curves; a peak to be chosen by a
    law that improves without bound as rates grow; a floor of 0 under a law that lowers the loss in steps without learning,
    unless `floor=0.0` says that this is meant.
    """
    refuse_tracers("schedule", total, peak, inputs)
    several = isinstance(source, Sequence)
    sources = list(source) if several else [source]
    if not sources:
        raise PlanError("`schedule` takes at least one fit; got none.")
    many = several or np.ndim(total) > 0 or np.ndim(peak) > 0
    try:
        index, totals, peaks = np.broadcast_arrays(np.arange(len(sources)), np.asarray(total), np.asarray(peak))
    except ValueError:
        raise PlanError(
            f"`schedule`: {len(sources)} fits, {np.size(total)} totals and {np.size(peak)} peaks do not match; give one, or "
            "as many, of each."
        ) from None
    beliefs = [believed(one, "schedule") for one in sources]
    tasks = []
    for i, one_total, one_peak in zip(index.ravel(), totals.ravel().tolist(), peaks.ravel().tolist(), strict=True):
        limits = Constraints(
            one_total, one_peak, warmup, start, ramp, floor or 0.0, end, lowest_peak, monotone, SLOPE, cooldown
        )
        wanted = {one_total: 1.0} if path is None else dict(path)
        task = _Task(beliefs[i], limits, wanted, risk, knots, dict(inputs or {}), _largest_peak(sources[i]))
        tasks.append(_checked(task, max_slope, family, decay))
    with jax.enable_x64(True):
        for task in tasks:
            _refuse_peaks(task)
        if floor is None and end is None:
            _refuse_idling(tasks)
        plans = _free(tasks) if family is None else [_of_family(task, family, decay) for task in tasks]
    return plans if many else plans[0]


@dataclass(frozen=True)
class _Task:
    belief: Belief
    limits: Constraints
    path: Mapping[int, float]
    risk: str
    knots: int
    inputs: Mapping[str, float]
    fitted_peaks: tuple[float, float] | None

    @property
    def count(self) -> int:
        return min(self.knots, self.limits.total - self.limits.hold + 1)

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """Parameters that the schedule is chosen for, `(draws,)`."""
        chosen = slice(0, 1) if self.risk == "center" else slice(1, None)
        return {k: v[chosen] for k, v in self.belief.params.items()}


# --- what makes no sense, and what a law cannot say ----------------------------------------------------------------------


def _checked(task: _Task, max_slope: float | None, family: Any, decay: str | None) -> _Task:
    law, c = task.belief.law, task.limits
    if not law.is_curve:
        raise PlanError(
            f"`schedule`: `{law.name}` does not see learning rates; fit a law of whole curves, such as multi_power."
        )
    more = [k for k in law.inputs if k != "curve"]
    missing = [k for k in more if k not in task.inputs]
    strange = [k for k in task.inputs if k not in more and k != "batch"]
    if missing or strange:
        what = f"also needs {', '.join(missing)}" if missing else f"has no input {strange[0]}"
        raise PlanError(f"`schedule(inputs=...)`: `{law.name}` {what}.")
    for name, value in task.inputs.items():
        if not np.ndim(value) == 0 or not np.isfinite(value) or value <= 0:
            raise PlanError(f"`schedule(inputs=...)`: {name} must be a finite number above 0; got {value!r}.")
    check(replace(c, max_slope=np.inf if max_slope is None else max_slope))
    slope = max(SLOPE, SHORT / (c.total - c.warmup))
    c = replace(c, max_slope=slope if max_slope is None else float(max_slope))
    check(c)
    if family is not None:
        if getattr(family, "__name__", "") not in FAMILIES:
            name = getattr(family, "__name__", str(family))
            raise PlanError(f"`schedule(family=...)`: {nearest(name, FAMILIES, what='family')}")
        if max_slope is not None or not c.monotone or c.cooldown is not None:
            raise PlanError("`schedule(family=...)` takes no max_slope, monotone or cooldown: its form decides these.")
    if decay is not None and (family is None or family.__name__ != "wsd"):
        raise PlanError("`schedule(decay=...)` is the shape of a cooldown: give family=schedules.wsd with it.")
    if decay is not None and decay not in DECAYS:
        raise PlanError(f"`schedule(decay=...)`: {nearest(decay, DECAYS, what='cooldown')}")
    if task.risk not in ("center", "mean", "worst"):
        raise PlanError(f"`schedule(risk=...)` must be center, mean or worst; got {task.risk!r}.")
    if task.risk != "center" and not task.belief.draws:
        raise PlanError(f"`schedule(risk={task.risk!r})` needs draws: `bootstrap(fit, runs)` gives them.")
    if isinstance(task.knots, bool) or not isinstance(task.knots, int) or task.knots < 8:
        raise PlanError(f"`schedule(knots=...)` must be a whole number of at least 8; got {task.knots!r}.")
    steps = list(task.path)
    whole = all(isinstance(s, int | np.integer) and c.warmup < s <= c.total for s in steps)
    weights = np.array(list(task.path.values()), dtype=np.float64)
    if not steps or not whole or not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise PlanError(
            f"`schedule(path=...)` must give weights of at least 0, one above 0, to whole steps after the warm-up and up to "
            f"{c.total}; got {dict(task.path)}."
        )
    return replace(task, limits=c, path={int(s): float(w) for s, w in sorted(task.path.items()) if w > 0})


def _refuse_peaks(task: _Task) -> None:
    """Raises `PlanError` where a peak is to be chosen by a law under which a higher one is always better."""
    law, c = task.belief.law, task.limits
    if c.lowest_peak is None:
        return
    ladder = c.peak * 10.0 ** np.arange(4)
    hold = c.total - max((c.total - c.warmup) // 5, 1)
    more = {"warmup": c.warmup, "hold": hold, "total": c.total}
    some = [parse(f"wsd(peak={p!r}, end={0.01 * p!r}, {_said(more)})") for p in ladder.tolist()]
    params = {k: np.broadcast_to(v[:1], (len(some), 1)) for k, v in task.belief.params.items()}
    linear = replace(c, ramp="linear")
    found = _exact.weighted(law, params, some, [linear] * 4, [{c.total: 1.0}] * 4, task.inputs)[:, 0]
    if not (np.diff(found) > 0).any():
        raise PlanError(
            f"`schedule(lowest_peak=...)`: `{law.name}` predicts ever lower losses as rates grow (at {ladder[-1]:g} still), "
            "so it cannot choose a peak; fix the peak, or fit a law that knows too high a rate."
        )


def _refuse_idling(tasks: list[_Task]) -> None:
    """Raises `PlanError` where steps at rate 0 lower the loss: an optimum would be made of them."""
    groups: dict[Any, list[_Task]] = {}
    for task in tasks:
        groups.setdefault((task.belief.law, tuple(task.inputs)), []).append(task)
    for (law, _), members in groups.items():
        for begin in range(0, len(members), BATCH):
            some = members[begin : begin + BATCH]
            problems = [_idling(task, longer=longer) for task in some for longer in (False, True)]
            size = 2 if len(tasks) == 1 else 2 * BATCH
            stacked = jax.tree.map(
                lambda *leaves: np.stack(leaves), *problems, *[problems[-1]] * (size - len(problems))
            )
            found = np.asarray(predicted(law, stacked))[: len(problems)].reshape(-1, 2)
            if (found[:, 1] < found[:, 0] - 1e-9 * np.abs(found[:, 0])).any():
                raise PlanError(
                    f"`schedule`: `{law.name}` still lowers the loss in steps at rate 0, so its best schedules end in idle "
                    "ones; give `floor=` a rate above 0, or `floor=0.0` if you mean it."
                )


def _idling(task: _Task, *, longer: bool) -> Problem:
    """A run at the peak for half its steps and then at rate 0, to the end or a tenth `longer`."""
    c = task.limits
    first = c.warmup + max((c.total - c.warmup) // 2, 1)
    end = max(c.total, first + 1)
    end = end + max(c.total // 10, 10) if longer else end
    steps = np.array([c.warmup, first, first + 1, end])
    corners = np.concatenate([[0, c.top], steps]).astype(np.float64)
    return Problem(
        params={k: v[:1] for k, v in task.belief.params.items()},
        inputs={k: np.float64(v) for k, v in task.inputs.items()},
        grid=grid_of(corners, at={end: 1.0}, split=16),
        scale=np.float64(c.peak),
        first=np.float64(c.start / c.peak if c.warmup else -1.0),
        start=np.array([1.0, 1.0, 0.0, 0.0]),
        limits=Limits(np.zeros(4), np.ones(4), np.ones(3), np.ones(3), np.ones(4, bool)),
        barrier=np.float64(0.0),
        sharpness=np.float64(0.0),
    )


def _said(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v}" for k, v in args.items())


def _largest_peak(source: Any) -> tuple[float, float] | None:
    """Lowest and highest peak of the runs that a fit has seen."""
    fit = getattr(source, "center", source)
    specs = getattr(fit, "schedules", None)
    if not isinstance(specs, Mapping) or not specs:
        return None
    peaks = []
    for spec in specs.values():
        try:
            found = parse(str(spec))
            peaks.append(float(np.max(found(np.arange((found.total or 1) + 1)))))
        except ValueError:
            return None
    return min(peaks), max(peaks)


def _notes(task: _Task, made: Schedule, residual: float) -> tuple[str, ...]:
    """What whoever trains by a plan should know of it."""
    c, notes = task.limits, []
    rates = made.as_array(c.total)
    peak = float(rates.max())
    fall = -np.diff(rates[c.warmup :])
    steep = int(np.sum(fall > 0.99 * c.max_slope * c.peak))
    if steep:
        notes.append(
            f"{steep} steps fall as fast as max_slope={c.max_slope:g} of the peak allows: laws credit single steep steps "
            "with more than runs have shown"
        )
    idle = int(np.sum(rates[c.warmup + 1 :] <= 1e-9 * peak))
    if idle > 1:
        notes.append(f"{idle} steps are at rate 0: what the law says they gain is no training")
    longest = task.belief.largest.get("step", 0.0)
    if longest and c.total > 1.001 * longest:
        notes.append(f"extrapolates: {c.total / longest:.3g} x the longest fitted run")
    if task.fitted_peaks is not None:
        low, high = task.fitted_peaks
        if c.lowest_peak is not None and high < 1.05 * low:
            notes.append(f"all fitted runs had the peak {high:.3g}: they say little about another")
        elif not 0.95 * low <= peak <= 1.05 * high:
            notes.append(f"extrapolates: peak {peak:.3g}, fitted were {low:.3g} to {high:.3g}")
    if c.lowest_peak is not None and peak > 0.999 * c.peak:
        notes.append(f"the peak is at its cap of {c.peak:g}")
    if not residual <= STEEP:
        notes.append(
            f"the search had not come to rest (projected gradient {residual:.1e}): more `knots` or another limit may help"
        )
    return tuple(notes)


# --- free paths ----------------------------------------------------------------------------------------------------------


@dataclass
class _Best:
    steps: np.ndarray
    x: np.ndarray
    loss: float = np.inf
    residual: float = np.nan
    gap: float = np.nan


def _free(tasks: list[_Task]) -> list[SchedulePlan]:
    """Plans in the tasks' order; those that share a law and shapes are searched side by side."""
    groups: dict[Any, list[int]] = {}
    for i, task in enumerate(tasks):
        draws = len(next(iter(task.draws.values()), ()))
        before = sum(step < task.limits.total for step in task.path)  # each takes edges of its own
        shape = (task.belief.law, task.count, len(task.path), before, tuple(task.inputs), draws)
        groups.setdefault(shape, []).append(i)
    out: dict[int, SchedulePlan] = {}
    for members in groups.values():
        size = 1 if len(members) == 1 else BATCH
        for begin in range(0, len(members), size):
            some = members[begin : begin + size]
            out |= zip(some, _searched([tasks[i] for i in some], size), strict=True)
    return [out[i] for i in range(len(tasks))]


def _searched(tasks: list[_Task], size: int) -> list[SchedulePlan]:
    law = tasks[0].belief.law
    steps = [_corners.first_corners(t.limits.hold, t.limits.total, t.count) for t in tasks]
    guess = [1.0 - 0.9 * np.clip((s - s[-1]) / (0.2 * (s[-1] - s[0])) + 1.0, 0.0, 1.0) for s in steps]
    best: list[_Best] = [_Best(s, g) for s, g in zip(steps, guess, strict=True)]
    rounds = ROUNDS if all(np.isfinite(t.limits.max_slope) for t in tasks) else 2 * ROUNDS
    for round_ in range(rounds):
        last = round_ == rounds - 1
        problems = [
            _problem(t, s, g, 2 if last else min(round_, 1)) for t, s, g in zip(tasks, steps, guess, strict=True)
        ]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *problems, *[problems[-1]] * (size - len(problems)))
        found = jax.device_get(optimal(law, stacked, cycles=CYCLES))
        for i, task in enumerate(tasks):
            sharper = task.risk == "worst"  # each round minimises something else then
            if sharper or found.loss[i] <= best[i].loss + (1e-9 if last else 0.0):
                x = np.asarray(found.x[i])
                best[i] = _Best(steps[i], x, float(found.loss[i]), float(found.residual[i]), float(found.gap[i]))
            if round_ < rounds - 2:
                steps[i] = _corners.placed(best[i].steps, best[i].x, task.count)
            else:
                steps[i] = best[i].steps
            guess[i] = np.interp(steps[i], best[i].steps, best[i].x)
    params = {k: np.stack([t.draws[k] for t in tasks]) for k in law.params}

    def exactly(made: list[Schedule]) -> np.ndarray:
        return _exact.weighted(law, params, made, [t.limits for t in tasks], [t.path for t in tasks], tasks[0].inputs)

    made = [_path(t, b.steps, b.x, 1e-9) for t, b in zip(tasks, best, strict=True)]
    losses = exactly(made)
    touching = [_path(t, b.steps, b.x, 1e-4) for t, b in zip(tasks, best, strict=True)]
    if any(a.args != b.args for a, b in zip(made, touching, strict=True)):
        # A barrier keeps off limits: where the optimum lies on them, touching them is better.
        for i, (other, loss) in enumerate(zip(touching, exactly(touching), strict=True)):
            if _risked(tasks[i], loss) <= _risked(tasks[i], losses[i]):  # false for NaN
                made[i], losses[i] = other, loss
    return [_plan(t, s, e, b.residual, b.gap) for t, s, e, b in zip(tasks, made, losses, best, strict=True)]


def _risked(task: _Task, losses: np.ndarray) -> float:
    return float(losses.max() if task.risk == "worst" else losses.mean())


def _plan(task: _Task, made: Schedule, losses: np.ndarray, residual: float, gap: float) -> SchedulePlan:
    loss = _risked(task, losses)
    if not np.isfinite(loss):
        raise PlanError(
            f"`schedule`: `{task.belief.law.name}` gives no finite loss along the schedule found; raise `floor`."
        )
    notes = _notes(task, made, residual)
    return SchedulePlan(made, task.belief, task.limits, task.path, task.risk, task.inputs, loss, residual, gap, notes)


def _problem(task: _Task, steps: np.ndarray, guess: np.ndarray, round_: int) -> Problem:
    """The search of a round: 0 the first, 1 one with corners placed anew, 2 one that polishes."""
    c = task.limits
    low, high = np.full(len(steps), c.floor / c.peak), np.ones(len(steps))
    low[0] = 1.0 if c.lowest_peak is None else c.lowest_peak / c.peak
    if c.end is not None:
        low[-1] = high[-1] = c.end / c.peak
    steepest = c.max_slope * np.diff(steps)
    rise = np.zeros_like(steepest) if c.monotone else steepest
    begin = (1e-1, 1e-3, 1e-5)[round_]  # the barrier that a round begins with, and how far inside
    tried = (_corners.inside(guess, low, high, steepest, rise, m) for m in (begin, 1e-3, 1e-5, 1e-7))
    inside = next((x for x in tried if x is not None), None)
    if inside is None:
        raise PlanError(
            f"`schedule`: no schedule keeps to all of {_said({k: v for k, v in vars(c).items() if v is not None})}."
        )
    corners = np.concatenate([[0, c.top], steps]).astype(np.float64)
    return Problem(
        params=task.draws,
        inputs={k: np.float64(v) for k, v in task.inputs.items()},
        grid=grid_of(corners, at=task.path, ramp=c.ramp),
        scale=np.float64(c.peak),
        first=np.float64(c.start / c.peak if c.warmup else -1.0),
        start=inside,
        limits=Limits(low, high, steepest, rise, low < high),
        barrier=np.float64((1e-3, 1e-5, 1e-8)[round_]),
        sharpness=np.float64(10.0 ** (3 + round_) if task.risk == "worst" else 0.0),
    )


def _path(task: _Task, steps: np.ndarray, x: np.ndarray, close: float) -> Schedule:
    """Schedule through the corners, on the limits of which it is `close`, without corners that a straight line goes through."""
    c = task.limits
    lowest = max(c.floor, c.end) if c.monotone and c.end is not None else c.floor
    low, high = lowest / c.peak, 1.0
    x = np.where(x - low < close, low, np.where(high - x < close, high, x))
    rates = (np.minimum.accumulate(x) if c.monotone else x) * c.peak
    rates[-1] = rates[-1] if c.end is None else c.end
    keep = [0]
    for i in range(1, len(steps) - 1):
        here = slice(keep[-1], i + 2)
        ends = [keep[-1], i + 1]
        off = np.abs(np.interp(steps[here], steps[ends], rates[ends]) - rates[here])
        if (off > 1e-7 * rates[here]).any():
            keep.append(i)
    keep.append(len(steps) - 1)
    at, lrs = steps[keep], rates[keep]
    if c.hold > c.warmup:
        at, lrs = np.insert(at, 0, c.warmup), np.insert(lrs, 0, lrs[0])
    found = knots(at.tolist(), lrs.tolist())
    return warmup(found, steps=c.warmup, start=c.start, ramp=c.ramp) if c.warmup else found


# --- families ------------------------------------------------------------------------------------------------------------


def _of_family(task: _Task, family: Callable[..., Schedule], decay: str | None) -> SchedulePlan:
    """The best member: every shape from a few starts, side by side."""
    c, law, name = task.limits, task.belief.law, family.__name__
    decays = ((decay,) if decay else DECAYS) if name == "wsd" else ("cosine" if name == "cosine" else "linear",)
    starts = (0.3, 0.6, 0.85, 0.95) if name == "wsd" else (0.3, 1.0) if name == "power" else (0.5,)
    combined = list(itertools.product(decays, starts))
    members = [_member(task, name, d, s) for d, s in combined]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    x, value, residual, gap = (np.asarray(v) for v in best_members(law, name, stacked))
    order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")
    i = int(order[0])
    more = {"start": c.start, "ramp": c.ramp} if c.warmup else {}
    made = built(name, combined[i][0], x[i], total=c.total, warmup=c.warmup, scale=c.peak, **more)
    params = {k: v[None] for k, v in task.draws.items()}
    losses = _exact.weighted(law, params, [made], [c], [task.path], task.inputs)[0]
    return _plan(task, made, losses, float(residual[i]), float(gap[i]))


def _member(task: _Task, name: str, decay: str, begin: float) -> Member:
    c = task.limits
    lowest = max(c.floor / c.peak, LOWEST_EXP if decay == "exp" else 0.0)
    end = (lowest, 1.0) if c.end is None else (c.end / c.peak,) * 2
    peak = (1.0 if c.lowest_peak is None else c.lowest_peak / c.peak, 1.0)
    shape = HOLD if name == "wsd" else EXPONENT if name == "power" else (0.5, 0.5)
    low, high = (np.array(v) for v in zip(peak, end, shape, strict=True))
    at = np.array(list(task.path), dtype=np.float64)
    return Member(
        params=task.draws,
        inputs={k: np.float64(v) for k, v in task.inputs.items()},
        warmup=np.float64(c.warmup),
        top=np.float64(c.top),
        total=np.float64(c.total),
        first=np.float64(c.start / c.peak if c.warmup else -1.0),
        scale=np.float64(c.peak),
        decay=np.array([d == decay for d in DECAYS], dtype=np.float64),
        at=at,
        weight=np.array(list(task.path.values())),
        start=np.where(low < high, low + np.array([0.5, 0.1, 0.0]) * (high - low) + np.array([0.0, 0.0, begin]), low),
        limits=Limits(low, high, np.full(2, np.inf), np.full(2, np.inf), low < high),
        sharpness=np.float64(1e5 if task.risk == "worst" else 0.0),
    )
