"""Profile likelihood: how far a parameter can be moved before the best fit with it there is no longer good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting import Fit
from jaxlaws.fitting.density import dispersion
from jaxlaws.fitting.report import cautions
from jaxlaws.fitting.variations import Subject, free_of, normal_matrix, solved, subject
from jaxlaws.objectives import Objective
from jaxlaws.solvers import Status

ROUNDS = 16  # of steps towards where the objective has risen enough; each is one batch of fits
CLOSE = 1e-3  # of the root of the rise, relatively
LOOSE = 2e-2  # what an end may miss without being doubted
POINTS = 17  # of the curve


@dataclass(frozen=True, eq=False)
class Profile:
    """Profiles of parameters. `values[name]` `(points,)` are raw values, `rise[name]` how far the best objective there lies
    above the fit's, in units of half the dispersion: 3.84 is the end of a 95 % interval for endless data, `threshold` here.
    An end that the box stops is in `open`."""

    center: Fit
    level: float
    threshold: float
    ends: Mapping[str, tuple[float, float]]
    open: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    rise: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        ends = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in self.ends.items())
        return f"<profiles of {self.center.law.label}, {100 * self.level:g} %: {ends}>"

    def __getitem__(self, name: str) -> tuple[float, float]:
        return self.ends[name]

    def interval(self) -> dict[str, tuple[float, float]]:
        """Ends of the interval of each parameter."""
        return dict(self.ends)


@dataclass(frozen=True, eq=False)
class Contour:
    """Where the profile over two parameters has risen to `level`: raw values `(points,)` of each, once around."""

    center: Fit
    names: tuple[str, str]
    level: float
    first: np.ndarray
    second: np.ndarray
    notes: tuple[str, ...] = ()


def profile(
    fit: Fit,
    runs: Any,
    names: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
) -> Profile:
    """Profiles of the parameter or parameters `names` (default: all free ones without copies) and the ends of their intervals.

    A value belongs to the interval where the objective, at its best over all other parameters, is less than half the
    dispersion times Student's quantile squared above the fit's. Unlike a covariance it follows bent valleys, and unlike a
    bootstrap it believes that rows scatter alike. All ends are searched at once, in batches of warm-started fits.
    """
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise FitError(f"`profile(level=...)` must lie between 0 and 1; got {level}.")
    of = subject(fit, runs, weights=weights, objective=objective)
    if names is None:
        names = [slot.name for slot in of.layout if slot.copies == 1]
    names = [names] if isinstance(names, str) else list(names)
    index = [_place(of, name, "profile") for name in names]
    noise = dispersion(of)
    left = max(int(np.count_nonzero(of.weight > 0)) - free_of(of), 1)
    threshold = float(stdtrit(left, (1 + level) / 2)) ** 2
    step = np.sqrt(threshold * np.diagonal(_covariance(of, noise)))
    n = len(of.center)
    direction = np.zeros((2 * len(index), n))
    for row, i in enumerate(index):
        direction[2 * row, i], direction[2 * row + 1, i] = -step[i], step[i]
    reached, stopped, stalled, notes = _reach(of, direction, threshold * 0.5 * noise)
    ends, curves, rises = {}, {}, {}
    at = np.linspace(-1.25, 1.25, POINTS)
    grid = np.zeros((len(index) * POINTS, n))
    for row, i in enumerate(index):
        low, high = reached[2 * row, i], reached[2 * row + 1, i]
        ends[names[row]] = tuple(float(v) for v in _raw(of, i, np.array([low, high])))
        there = of.center[i] + np.where(at < 0, -at * (low - of.center[i]), at * (high - of.center[i]))
        grid[row * POINTS : (row + 1) * POINTS, i] = np.clip(there, of.low[i], of.high[i]) - of.center[i]
    risen = _risen(of, grid, np.tile(of.center, (len(grid), 1)) + grid)[0] / (0.5 * noise)
    for row, i in enumerate(index):
        part = slice(row * POINTS, (row + 1) * POINTS)
        curves[names[row]] = _raw(of, i, of.center[i] + grid[part, i])
        rises[names[row]] = np.where(at == 0, 0.0, risen[part])
    doubtful = [_end(names, int(i)) for i in np.flatnonzero(stalled)]
    if doubtful:
        notes += (
            f"the search for these ends did not settle, or their fits stalled before the minimum: {', '.join(doubtful)}. "
            "The intervals may be too narrow there; ask `bootstrap`.",
        )
    open_ends = tuple(_end(names, int(i)) for i in np.flatnonzero(stopped))
    if open_ends:
        notes += (f"the box ends before the interval does: {', '.join(open_ends)}.",)
    return Profile(fit, level, threshold, ends, open_ends, curves, rises, (*notes, *cautions(fit)))


def contour(
    fit: Fit,
    runs: Any,
    names: Sequence[str],
    *,
    level: float = 0.95,
    points: int = 32,
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
) -> Contour:
    """The line around the values of the two parameters `names` that the data leave possible together, at this level."""
    from scipy.special import fdtri

    if not 0 < level < 1:
        raise FitError(f"`contour(level=...)` must lie between 0 and 1; got {level}.")
    if points < 4:
        raise FitError(f"`contour(points=...)` must be at least 4; got {points}.")
    of = subject(fit, runs, weights=weights, objective=objective)
    if isinstance(names, str) or len(names) != 2:
        raise FitError(f"`contour(names=...)` needs the names of two parameters; got {names!r}.")
    pair = [_place(of, name, "contour") for name in names]
    if pair[0] == pair[1]:
        raise FitError(f"`contour` needs two parameters; got `{names[0]}` twice.")
    noise = dispersion(of)
    left = max(int(np.count_nonzero(of.weight > 0)) - free_of(of), 1)
    threshold = 2.0 * float(fdtri(2, left, level))
    half = np.linalg.cholesky(_covariance(of, noise)[np.ix_(pair, pair)])
    angle = 2.0 * np.pi * np.arange(points) / points
    direction = np.zeros((points, len(of.center)))
    direction[:, pair] = np.sqrt(threshold) * np.stack([np.cos(angle), np.sin(angle)], axis=1) @ half.T
    reached, stopped, stalled, notes = _reach(of, direction, threshold * 0.5 * noise)
    if stalled.any():
        notes += (f"{int(stalled.sum())} of {points} points of the contour stalled: it may be too narrow there.",)
    if stopped.any():
        notes += ("the box ends before the contour does, in places.",)
    first, second = (_raw(of, i, reached[:, i]) for i in pair)
    return Contour(fit, (names[0], names[1]), level, first, second, (*notes, *cautions(fit)))


def _end(names: Sequence[str], i: int) -> str:
    return f"{names[i // 2]} {'below' if i % 2 == 0 else 'above'}"


def _place(of: Subject, name: str, call: str) -> int:
    known = [slot.name for slot in of.layout if slot.copies == 1]
    if name not in known:
        raise FitError(f"`{call}`: {nearest(name, known, what='free parameter')}")
    return of.names.index(name)


def _raw(of: Subject, i: int, x: np.ndarray) -> np.ndarray:
    slot = next(s for s in of.layout if s.name == of.names[i])
    return np.exp(x) if slot.log else x


def _covariance(of: Subject, noise: float) -> np.ndarray:
    """A first guess of the scale of everything: Gauss-Newton's covariance."""
    matrix = normal_matrix(of)
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(matrix), 1e-300))
    unit = matrix * np.outer(scale, scale) + 1e-12 * np.eye(len(matrix))
    return noise * np.linalg.inv(unit) * np.outer(scale, scale)


def _reach(
    of: Subject, direction: np.ndarray, rise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Where along each `direction` `(problems, params)` from the fit the best objective has risen by `rise`: all
    coordinates there, whether the box came first, and whether the objective there is no minimum or not that high.

    The root of the rise is nearly straight along a ray, so that scaling by it converges in a few rounds; what is known to
    lie below and above keeps it safe.
    """
    moved = direction != 0
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(direction > 0, (of.high - of.center) / direction, (of.low - of.center) / direction)
    most = np.where(moved, room, np.inf).min(axis=1)
    below, above = np.zeros(len(direction)), np.full(len(direction), np.inf)
    far = np.minimum(1.0, most)
    x = np.tile(of.center, (len(direction), 1))
    stopped = stalled = np.zeros(len(direction), dtype=bool)
    ratio = np.zeros(len(direction))
    lowest = 0.0
    for _ in range(ROUNDS):
        start = np.where(moved, of.center + far[:, None] * direction, x)
        risen, x, stalled = _risen(of, direction, start)
        lowest = min(lowest, float(np.nanmin(risen)))
        ratio = np.sqrt(np.maximum(np.where(np.isfinite(risen), risen, 1e6 * rise), 0.0) / rise)
        stopped = (far >= most) & (ratio < 1.0)
        if (stopped | (np.abs(ratio - 1.0) < CLOSE)).all():
            break
        below, above = (
            np.where(ratio <= 1.0, np.maximum(below, far), below),
            np.where(ratio > 1.0, np.minimum(above, far), above),
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = far / np.clip(ratio, 0.25, 4.0)
            middle = np.where(np.isfinite(above), 0.5 * (below + above), 2.0 * far)
        inside = (scaled > below) & (scaled < above)
        far = np.minimum(np.where(np.abs(ratio - 1.0) < CLOSE, far, np.where(inside, scaled, middle)), most)
    notes: tuple[str, ...] = ()
    if lowest < -1e-2 * rise:
        notes = ("the profile found a lower objective than the fit's: fit again from more starts.",)
    return x, stopped, stalled | ~(stopped | (np.abs(ratio - 1.0) < LOOSE)), notes


def _risen(of: Subject, direction: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rise of the best objective with the moved coordinates held where they start, where that is, and which of them were
    no minima."""
    found = solved(of, start, held=direction != 0)
    unsound = np.isin(found.status, (int(Status.stalled), int(Status.non_finite)))
    return found.objective - of.fit.objective, found.x, unsound
