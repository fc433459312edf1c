"""The learning rate at every step of a run, and how it is known.

In this order: an exact schedule (given by the caller or a column `lr_schedule`); else the logged rates, linear between
logged steps, and flat up to a *jump*; and before the first logged step a warm-up, stated by the caller or linear from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.errors import ScheduleError, TableError
from jaxlaws.schedules import Schedule, parse

if TYPE_CHECKING:
    from jaxlaws.runs.table import Runs

# A jump changes the rate by more than 5 %, and by more than 5 times as much as the logged intervals on both its sides.
JUMP = 0.05
ABOVE_NEIGHBOURS = 5.0

# Before the first logged step a straight climb from 0 is taken for granted only when that is this little of the run.
UNSEEN = 0.1

SHAPES = ("linear", "cosine", "linspace")

# 400 MB of rates: beyond that a "step" is something else, such as a count of tokens.
MOST_STEPS = 50_000_000


@dataclass(frozen=True)
class RateOptions:
    """What the caller says of logged rates: the warm-up before them, as (steps, shape), and which update they belong to."""

    warmup: tuple[int, str] | None = None
    after_step: bool = False


@dataclass(frozen=True, eq=False)
class Rates:
    """Learning rates of one run: `lr[s]` is what the update of step `s` uses, of shape `(last + 1,)`.

    `warmup` is the first step from which the warm-up is over (0 without one), `source` is "schedule",
    "lr_schedule column" or "logged", `jumps` are the logged steps at which jumps were placed, and `guess` is the largest
    relative difference in the sum of rates so far that interpolating across the jumps instead would make.
    """

    lr: np.ndarray
    warmup: int
    source: str
    jumps: tuple[int, ...] = ()
    note: str = ""
    guess: float = 0.0


def rates_of(runs: Runs, run: str, *, last: int) -> Rates:
    """Rates of `run` at steps 0, 1, ..., `last`."""
    if last > MOST_STEPS:
        raise TableError(
            f"{runs.source}: run {run!r} goes to step {last}, more than {MOST_STEPS}; if `step` counts tokens, "
            "divide it by the tokens of a step."
        )
    if run in runs.schedules:
        return _exact(runs, run, last)
    return _logged(runs, run, last)


def warmup_option(text: str | None) -> tuple[int, str] | None:
    """`2160` or `2160:cosine` as steps and shape."""
    if text is None:
        return None
    steps, _, shape = str(text).partition(":")
    if not steps.strip().isdecimal() or (shape or "linear") not in SHAPES:
        raise TableError(f"`--warmup {text}` must be STEPS or STEPS:SHAPE with a shape of {', '.join(SHAPES)}.")
    return int(steps), shape or "linear"


def _exact(runs: Runs, run: str, last: int) -> Rates:
    schedule = runs.schedules[run]
    source = "lr_schedule column" if _from_column(runs, run, schedule) else "schedule"
    if isinstance(schedule, Schedule):
        lr = schedule.as_array(last)
        return Rates(lr, _stated_warmup(schedule, lr), source, note=f"run {run!r}: {schedule}")
    if len(schedule) <= last:
        raise TableError(
            f"{runs.source}: run {run!r} goes to step {last}, but its learning rates are given for steps 0 to "
            f"{len(schedule) - 1} only; give one for every step."
        )
    lr = np.array(schedule[: last + 1])
    return Rates(lr, _climb(lr), source, note=f"run {run!r}: learning rates as given, step by step")


def _from_column(runs: Runs, run: str, schedule: Schedule | np.ndarray) -> bool:
    if "lr_schedule" not in runs.frame.columns or not isinstance(schedule, Schedule):
        return False
    specs = runs.frame["lr_schedule"]
    spec = specs.iat[runs.positions(run)[0]]
    if not isinstance(spec, str):  # a run's cells may be empty but for some
        known = specs.iloc[runs.positions(run)].dropna()
        spec = str(known.iloc[0]) if len(known) else ""
    try:
        return bool(spec) and str(parse(spec)) == str(schedule)
    except ScheduleError:
        return False


def _stated_warmup(schedule: Schedule, lr: np.ndarray) -> int:
    if schedule.name == "warmup":
        return int(schedule.args["steps"])
    if schedule.name in ("join", "knots"):
        return _climb(lr)
    return int(schedule.args.get("warmup", 0))


def _climb(lr: np.ndarray) -> int:
    """First step at which rates that climb from below half their maximum have reached it; 0 where none do."""
    highest = lr.max()
    if not lr[0] < 0.5 * highest:
        return 0
    return int(np.argmax(lr >= highest * (1.0 - 1e-12)))


def _logged(runs: Runs, run: str, last: int) -> Rates:
    steps, lrs = _log(runs, run)
    end = int((runs.whole or runs).values(run, "step").max())
    jumps = find_jumps(steps, lrs)
    every = np.arange(last + 1)
    smooth = np.interp(every, steps, lrs)
    lr = smooth.copy()
    for i in jumps:
        lr[steps[i - 1] : steps[i]] = lrs[i - 1]
    before = _before(runs, run, every[: steps[0]], int(steps[0]), float(lrs[0]), end)
    lr[: steps[0]] = smooth[: steps[0]] = before
    at = tuple(int(steps[i]) for i in jumps if steps[i] <= last)
    guess = _difference(lr, smooth) if at else 0.0
    told = runs.rate_options.warmup
    warmup = _climb(lr) if told is None or steps[0] == 0 else told[0]
    return Rates(lr, warmup, "logged", at, _note(run, runs.rate_options, int(steps[0]), at, guess), guess)


def _log(runs: Runs, run: str) -> tuple[np.ndarray, np.ndarray]:
    """Logged steps and rates of all rows of the run, those that a `--where` left out included."""
    every = runs.whole or runs
    lrs = runs.values(run, "lr")
    wrong = ~(np.isfinite(lrs) & (lrs >= 0)) & ~(np.isnan(lrs) & runs.sparse)
    if wrong.any():
        raise TableError(
            f"{runs.source}: row {runs.of(run).index[wrong][0]} (run {run!r}): lr is {lrs[wrong][0]:g}; a learning rate is "
            "finite and at least 0. Give `--policy nonfinite=drop` to leave such rows out, or the run's schedule."
        )
    steps, lrs = _known(every, run)
    for parent, until in every.lineage(run)[1:]:
        # Before a branch's own log, its parent's: where both logged a step, the branch knows better.
        older, rates = _known(every, parent)
        own = older <= min(until, steps[0] - 1 if len(steps) else until)
        steps, lrs = np.concatenate([older[own], steps]), np.concatenate([rates[own], lrs])
    if len(steps) == 0:
        raise TableError(f"{runs.source}: run {run!r} has no logged learning rate; give its schedule.")
    return steps + int(runs.rate_options.after_step), lrs


def _known(runs: Runs, run: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps in order at which `run` logged a rate, each once, and the rates."""
    lrs = runs.values(run, "lr")
    known = np.isfinite(lrs) & (lrs >= 0)
    steps, first = np.unique(runs.values(run, "step")[known].astype(np.int64), return_index=True)
    return steps, lrs[known][first]


def find_jumps(steps: np.ndarray, lrs: np.ndarray) -> list[int]:
    """Indices `i` such that the logged rate jumps between `steps[i - 1]` and `steps[i]`."""
    if len(lrs) < 3:
        return []  # without a neighbour nothing tells a jump from a slope
    change = np.abs(np.diff(lrs))
    large = change > JUMP * np.maximum(lrs[1:], lrs[:-1])
    # Both the change and its slope must stand out: a gap in the log makes a large change out of a gentle slope.
    for size in (change, change / np.diff(steps)):
        padded = np.concatenate([[0.0], size, [0.0]])
        large &= (size > ABOVE_NEIGHBOURS * padded[:-2]) & (size > ABOVE_NEIGHBOURS * padded[2:])
    if lrs[1] > lrs[0]:
        large[0] = False  # the log begins inside the warm-up
    return [int(i) + 1 for i in np.flatnonzero(large)]


def _before(runs: Runs, run: str, steps: np.ndarray, first: int, lr: float, end: int) -> np.ndarray:
    """Rates before the first known one, `lr` at step `first`."""
    if runs.rate_options.warmup is not None:
        length, shape = runs.rate_options.warmup
        reached = _ramp(np.array([first]), length, shape)[0]
        return lr * _ramp(steps, length, shape) / reached if reached > 0 else np.zeros(len(steps))
    if first > max(UNSEEN * end, 1):
        parent = (runs.whole or runs).absent_parent(run)
        if parent:
            raise TableError(
                f"{runs.source}: run {run!r} goes on from run {parent!r}, which is not in the table, so that its learning "
                f"rate before step {first} is unknown; add that run, or give the schedule of this one."
            )
        raise TableError(
            f"{runs.source}: run {run!r} logs its first learning rate at step {first} of {end}, too late to take the steps "
            "before it for a straight warm-up; give `--warmup STEPS[:SHAPE]` or the run's schedule."
        )
    return lr * steps / max(first, 1)


def _ramp(steps: np.ndarray, length: int, shape: str) -> np.ndarray:
    x = np.clip(steps / max(length - (shape == "linspace"), 1), 0.0, 1.0) if length > 0 else np.ones(len(steps))
    return 0.5 - 0.5 * np.cos(np.pi * x) if shape == "cosine" else x


def _difference(lr: np.ndarray, other: np.ndarray) -> float:
    # Step 0 is the state before the first update: sums of the rate start at step 1.
    ours, theirs = np.cumsum(lr[1:]), np.cumsum(other[1:])
    apart = np.abs(ours - theirs)
    return float(np.max(apart / np.where(theirs > 0, theirs, 1.0), initial=0.0))


def _note(run: str, options: RateOptions, first: int, jumps: tuple[int, ...], guess: float) -> str:
    parts = ["as logged, linear between logged steps"]
    if options.after_step:
        parts.append("shifted by one step, as it was logged after the scheduler's step")
    if first > 0 and options.warmup is not None:
        parts.append(f"before step {first} a {options.warmup[1]} warm-up of {options.warmup[0]} steps, as stated")
    elif first > 0:
        parts.append(f"before step {first} linear from 0, a guess")
    if jumps:
        some = ", ".join(map(str, jumps[:5])) + (", ..." if len(jumps) > 5 else "")
        parts.append(
            f"jump{'s' if len(jumps) > 1 else ''} placed at the later logged step ({some}); interpolating instead would "
            f"change the sum of rates by up to {100 * guess:.2g} %"
        )
    return f"run {run!r}: {'; '.join(parts)}"
