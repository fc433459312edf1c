"""Where a curve's sums are evaluated: cells between logged steps, panels inside them, Gauss points inside those.

A sum over the changes of the learning rate has up to 10^5 terms, but its kernel is smooth away from the step at which
it is evaluated. So the steps are cut into cells that end at the logged steps (and at jumps and kinks of the rate).
Seen from the cell's own end, where kernels may vary from one step to the next, its changes are two points in each of a
few panels graded towards that end (`near`); from a later logged step, cells are taken together the more of them the
farther away they lie (`past`). The points are the Gauss rule of the discrete measure that the changes make, so its
first four moments are kept. All of this is host code in NumPy; it runs once a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

GROWTH = 1.5  # farthest over nearest distance of a panel's steps from the kink before it
WIDE = 128  # steps before a logged one that its own cell may hold


@dataclass(frozen=True)
class Points:
    """Gauss points of a measure on steps: weight and (fractional) step, shape `(panels, 2)`."""

    weight: Array
    step: Array


@dataclass(frozen=True)
class Edges:
    """Ends of the cells, increasing, from 0 to the last logged step. `forced` are the positions of those that no panel may hold
    inside, `sharp` the steps of those after which the rate, or a power of it, is singular: a climb from 0, a 1-sqrt cooldown.
    """

    at: Array
    forced: Array
    sharp: Array


def edges_of(lr: Array, logged: Array, *, top: int) -> Edges:
    """Edges at logged steps, jumps and kinks; growing geometrically from sharp kinks, and towards a climb's end `top`."""
    kinks = sorted({0, top} | {k for jump in breaks(lr) for k in (int(jump) - 1, int(jump))})
    sharp = [k for k in kinks if _is_sharp(lr, k) or (k == 0 and top > 0)]
    marks = [np.array(kinks), np.asarray(logged), top - growing(top)]
    ends = [*kinks, int(logged[-1])]
    for begin, end in zip(kinks, ends[1:], strict=True):
        if begin in sharp:
            marks.append(begin + growing(end - begin))
    gaps = np.diff(logged, prepend=0)
    for after, gap in zip(logged[gaps > WIDE], gaps[gaps > WIDE], strict=True):
        # Seldom logged steps: what lies far before one is cut as finely as if the steps between had been logged.
        reach = float(WIDE)
        while reach < gap:
            marks.append(np.array([after - int(reach)]))
            reach *= 1.6
    edges = graded(np.unique(np.concatenate(marks)), logged)
    return Edges(edges, np.flatnonzero(np.isin(edges, kinks)), np.array(sharp, dtype=edges.dtype))


def _is_sharp(lr: Array, kink: int) -> bool:
    """Whether the changes right after a kink are much larger than those a little later."""
    drop = np.abs(np.diff(lr[kink : kink + 4]))
    return len(drop) == 3 and bool(drop[0] > 1.5 * drop[2] > 0)


def breaks(lr: Array) -> Array:
    """Steps at which the rate jumps or its changes turn sign."""
    drop = lr[:-1] - lr[1:]
    size = np.abs(drop)
    jump = _leaps(lr)
    sign = np.sign(drop)
    turn = np.insert((sign[1:] != sign[:-1]), 0, False) & (size > 0)
    starts = np.insert((sign[1:] == 0) & (sign[:-1] != 0), 0, False)
    return np.flatnonzero(jump | turn | starts) + 1


def jumps(lr: Array) -> Array:
    """Steps at which the rate jumps: by more than 5 %, and by more than 5 times what it changes a step before or after."""
    return np.flatnonzero(_leaps(lr)) + 1


def _leaps(lr: Array) -> Array:
    size = np.abs(np.diff(lr))
    beside = np.maximum(np.append(size[1:], 0.0), np.insert(size[:-1], 0, 0.0))
    return (size > 0.05 * np.maximum(lr[:-1], lr[1:])) & (size > 5.0 * beside)


def panels_of(edges: Array, *, panels: int) -> tuple[Array, Array]:
    """First and last step of each cell's panels, graded towards the cell's end; shape `(cells, panels)`, empty ones
    first > last."""
    length = np.diff(edges)
    first = np.empty((len(length), panels), dtype=np.int64)
    final = np.empty_like(first)
    end = edges[1:].copy()
    widest = max(int(length.max()), 1)
    # Sizes 4, 4 r, 4 r^2, ... that together cover the widest cell; r = 2 unless cells are very wide.
    ratio = max(2.0, (widest / 4.0) ** (1.0 / max(panels - 1, 1)))
    size = 4.0
    for p in range(panels):
        begin = np.maximum(edges[:-1] + 1, end - round(size) + 1) if p < panels - 1 else edges[:-1] + 1
        first[:, p], final[:, p] = begin, end
        end = begin - 1
        size *= ratio
    return first, final


def panels_needed(edges: Array) -> int:
    """Panels of 4, 8, 16, ... steps that cover the widest cell, at most eight."""
    widest = max(int(np.diff(edges).max()), 1)
    return int(np.clip(np.ceil(np.log2(0.25 * widest + 1.0)), 1, 8))


def gauss(weight: Array, first: Array, last: Array) -> Points:
    """Two-point Gauss rule of the measure `weight[k]` at steps k = first..last, for each pair of them.

    `weight` has shape `(steps,)`, with one sign inside a panel; panels that are empty or carry nothing get weight 0. The
    others, in any order, follow each other without a gap.
    """
    shape = first.shape
    first, last = first.ravel(), last.ravel()
    used = np.flatnonzero(last >= first)
    used = used[np.argsort(first[used])]
    begin = first[used]
    counts = last[used] - begin + 1
    middle = begin + 0.5 * (counts - 1)
    low, steps = int(begin[0]), int(counts.sum())
    mass = weight[low : low + steps]
    offset = np.arange(low, low + steps) - np.repeat(middle, counts)

    def summed(values: Array) -> Array:
        return np.add.reduceat(values, begin - low)

    own = summed(mass)
    safe = np.where(own != 0, own, 1.0)
    away = summed(mass * offset) / safe
    x = offset - np.repeat(away, counts)
    moment = mass * x * x
    total, second, third = np.zeros((3, len(first)))
    mean = last.astype(np.float64)
    total[used], mean[used], second[used], third[used] = (
        own,
        middle + away,
        summed(moment) / safe,
        summed(moment * x) / safe,
    )
    return _two_points(total, mean, second, third, first, np.maximum(last, first), shape)


def past(weight: Array, cut: Edges, logged: Array, *, ratio: float) -> Points:
    """For each logged step, panels of whole cells over all that lies before its own cell, with their Gauss rules;
    `(steps, points)`.

    A panel is at most `ratio` times as long as its distance from the logged step, holds no forced edge inside, and after a
    sharp kink does not span more than a factor of `GROWTH` in distance from it.
    """
    edges, forced = cut.at, cut.forced
    # Moments of any run of cells by differences of prefix sums; extended precision keeps the small differences exact enough.
    unit = float(edges[-1])
    x = (np.arange(len(weight)) / unit).astype(np.longdouble)
    sums = [np.concatenate([[0], np.cumsum(weight * x**k)[edges]])[1:] for k in range(4)]
    floor = np.searchsorted(forced, np.arange(len(edges)), side="right") - 1
    floor = np.where(floor >= 0, forced[np.maximum(floor, 0)], 0)  # last forced edge at or before each edge
    end = np.searchsorted(edges, logged) - 1  # edge at which the logged step's own cell begins
    begins, ends = [], []
    while (end > 0).any():
        right = edges[end]
        reach = right - ratio * (logged - right)
        kink = edges[floor[np.maximum(end - 1, 0)]]
        reach = np.where(np.isin(kink, cut.sharp), np.maximum(reach, kink + (right - kink) / GROWTH), reach)
        begin = np.minimum(np.searchsorted(edges, reach, side="left"), end - 1)
        begin = np.maximum(np.maximum(begin, floor[np.maximum(end - 1, 0)]), 0)
        begins.append(np.where(end > 0, begin, 0))
        ends.append(np.where(end > 0, end, 0))
        end = np.where(end > 0, begin, 0)
    if not begins:
        return Points(np.zeros((len(logged), 0)), np.zeros((len(logged), 0)))
    a, b = np.stack(begins, axis=1), np.stack(ends, axis=1)
    zeroth, first, second, third = ((s[b] - s[a]) for s in sums)
    nothing = np.abs(zeroth) <= 1e-13 * np.abs(weight).sum()
    total = np.where(nothing, 0, zeroth)
    safe = np.where(nothing, 1, zeroth)
    mean = first / safe
    raw2, raw3 = second / safe, third / safe
    variance = raw2 - mean**2
    skewness = raw3 - 3 * mean * raw2 + 2 * mean**3
    lowest = edges[a] + 1
    highest = np.maximum(edges[b], lowest)
    scaled = [np.asarray(v, np.float64) for v in (total, mean * unit, variance * unit**2, skewness * unit**3)]
    points = _two_points(scaled[0], scaled[1], scaled[2], scaled[3], lowest, highest, a.shape)
    return _packed(points)


def _two_points(
    total: Array, mean: Array, second: Array, third: Array, first: Array, last: Array, shape: tuple[int, ...]
) -> Points:
    """Nodes and weights that keep mass, mean, variance and third central moment of each panel."""
    second = np.maximum(second, 0.0)
    spread = (second > 1e-9) & (last > first)
    skew = np.where(spread, third / np.where(spread, second, 1.0), 0.0)
    root = np.sqrt(skew**2 + 4.0 * second)
    low, high = 0.5 * (skew - root), 0.5 * (skew + root)
    share = np.where(spread, high / np.where(spread, high - low, 1.0), 1.0)
    low, high = np.where(spread, low, 0.0), np.where(spread, high, 0.0)
    steps = np.clip(np.stack([mean + low, mean + high], axis=-1), first[..., None], last[..., None])
    weights = np.stack([share, 1.0 - share], axis=-1) * total[..., None]
    return Points(weights.reshape(*shape[:-1], -1), steps.reshape(*shape[:-1], -1))


def _packed(points: Points) -> Points:
    """Points that carry nothing moved to the end and, as far as no row needs them, cut off."""
    empty = points.weight == 0
    order = np.argsort(empty, axis=1, kind="stable")
    width = int((~empty).sum(axis=1).max(initial=0))
    weight, step = (np.take_along_axis(v, order, axis=1)[:, :width] for v in (points.weight, points.step))
    return Points(weight, step)


def growing(length: int) -> Array:
    """1, 2, 3, 4, 5, 6, 8, ... below `length`: whole steps that grow by the cube root of 2."""
    thirds = np.arange(3 * max(int(np.ceil(np.log2(max(length, 1)))), 0))
    steps = np.unique(np.round(2.0 ** (thirds / 3)).astype(np.int64))
    return steps[steps < length]


def graded(edges: Array, logged: Array) -> Array:
    """More edges, so that no cell is longer than its distance to the next logged step after its end."""
    after = np.searchsorted(logged, edges[1:], side="right")
    nearest = np.append(logged, np.iinfo(np.int64).max)[after]
    out = [edges]
    for cell in np.flatnonzero(np.diff(edges) > nearest - edges[1:]):
        begin, cut, goal = int(edges[cell]), int(edges[cell + 1]), int(nearest[cell])
        while cut - begin > goal - cut:
            cut -= max(goal - cut, 1)
            if cut <= begin:
                break
            out.append(np.array([cut], dtype=edges.dtype))
    return np.unique(np.concatenate(out))
