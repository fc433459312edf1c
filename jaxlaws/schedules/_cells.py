"""Where a curve's sums are evaluated: cells between logged steps, panels inside them, Gauss points inside those.

A sum over the changes of the learning rate has up to 10^5 terms, but its kernel is smooth away from the step at which it
is evaluated. So the steps are cut into cells that end at the logged steps (and at jumps and kinks of the rate). Seen from a
later cell, the changes inside a cell are two points (`far`); seen from the cell's own end, where kernels may vary from
one step to the next, they are two points in each of a few panels graded towards that end (`near`).
The points are the Gauss rule of the discrete measure that the changes make, so its first four moments are kept.
All of this is host code in NumPy; it runs once a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Points:
    """Gauss points of a measure on steps: weight and (fractional) step, shape `(panels, 2)`."""

    weight: Array
    step: Array


def edges_of(lr: Array, logged: Array, *, grade_start: bool) -> Array:
    """Ends of the cells, increasing, from 0 to the last logged step: the logged steps and what lies between them."""
    last = int(logged[-1])
    marks = {0, last, *map(int, logged[logged > 0])}
    for jump in breaks(lr[: last + 1]):
        marks |= {max(jump - 1, 0), jump}
    if grade_start:
        # During a warm-up from 0 powers of the rate are singular at step 0: cells grow geometrically from there ...
        top = int(np.argmax(lr[: last + 1] >= 0.999 * lr[: last + 1].max()))
        marks |= {int(m) for m in growing(top)}
        # ... and towards its end, where the changes stop at once.
        marks |= {top - int(m) for m in growing(top)} | {top}
    edges = np.array(sorted(marks))
    return graded(edges, logged)


def breaks(lr: Array) -> Array:
    """Steps at which the rate jumps (more than 5 % and 5 times its neighbours) or its changes turn sign."""
    drop = lr[:-1] - lr[1:]
    size = np.abs(drop)
    beside = np.maximum(np.append(size[1:], 0.0), np.insert(size[:-1], 0, 0.0))
    scale = np.maximum(lr[:-1], lr[1:])
    jump = (size > 0.05 * scale) & (size > 5.0 * beside)
    sign = np.sign(drop)
    turn = np.insert((sign[1:] != sign[:-1]), 0, False) & (size > 0)
    starts = np.insert((sign[1:] == 0) & (sign[:-1] != 0), 0, False)
    return np.flatnonzero(jump | turn | starts) + 1


def panels_of(edges: Array, *, panels: int) -> tuple[Array, Array]:
    """First and last step of each cell's panels, graded towards the cell's end; shape `(cells, panels)`, empty ones first > last."""
    length = np.diff(edges)
    first = np.empty((len(length), panels), dtype=np.int64)
    final = np.empty_like(first)
    end = edges[1:].copy()
    widest = max(int(length.max()), 1)
    # Sizes 4, 4 r, 4 r^2, ... that together cover the widest cell; r = 4 unless cells are very wide.
    ratio = max(4.0, (widest / 4.0) ** (1.0 / max(panels - 1, 1)))
    size = 4.0
    for p in range(panels):
        begin = np.maximum(edges[:-1] + 1, end - int(round(size)) + 1) if p < panels - 1 else edges[:-1] + 1
        first[:, p], final[:, p] = begin, end
        end = begin - 1
        size *= ratio
    return first, final


def panels_needed(edges: Array) -> int:
    """Panels of 4, 16, 64, ... steps that cover the widest cell, at most six."""
    widest = max(int(np.diff(edges).max()), 1)
    return int(np.clip(np.ceil(np.log(0.75 * widest + 1.0) / np.log(4.0)), 1, 6))


def gauss(weight: Array, first: Array, last: Array) -> Points:
    """Two-point Gauss rule of the measure `weight[k]` at steps k = first..last, for each pair of them.

    `weight` has shape `(steps,)`, with one sign inside a panel; panels that are empty or carry nothing get weight 0.
    """
    shape = first.shape
    first, last = first.ravel(), last.ravel()
    used = last >= first
    counts = np.where(used, last - first + 1, 0)
    owner = np.repeat(np.arange(len(first)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    step = first[owner] + offset
    mass = weight[step]
    total = np.bincount(owner, mass, minlength=len(first))
    some = np.abs(total) > 0
    safe = np.where(some, total, 1.0)
    middle = 0.5 * (first + last)
    x = step - middle[owner]
    mean = np.bincount(owner, mass * x, minlength=len(first)) / safe
    x = x - mean[owner]
    second = np.maximum(np.bincount(owner, mass * x**2, minlength=len(first)) / safe, 0.0)
    third = np.bincount(owner, mass * x**3, minlength=len(first)) / safe
    spread = second > 1e-12
    skew = np.where(spread, third / np.where(spread, second, 1.0), 0.0)
    root = np.sqrt(skew**2 + 4.0 * second)
    low, high = 0.5 * (skew - root), 0.5 * (skew + root)
    share = np.where(spread, high / np.where(spread, high - low, 1.0), 1.0)
    centre = np.where(used, middle, last.astype(float)) + mean
    steps = np.stack([centre + low, centre + high], axis=-1)
    inside = np.clip(steps, first[:, None], np.maximum(last, first)[:, None])
    weights = np.stack([share, 1.0 - share], axis=-1) * np.where(some, total, 0.0)[:, None]
    return Points(weights.reshape(*shape[:-1], -1), inside.reshape(*shape[:-1], -1))


def growing(length: int) -> Array:
    """1, 2, 3, 4, 6, 8, 11, ... below `length`: whole steps that grow by the square root of 2."""
    halves = np.arange(2 * max(int(np.ceil(np.log2(max(length, 1)))), 0))
    steps = np.unique(np.round(2.0 ** (halves / 2)).astype(np.int64))
    return steps[steps < length]


def graded(edges: Array, logged: Array) -> Array:
    """More edges, so that no cell is longer than its distance to the next logged step after its end."""
    after = np.searchsorted(logged, edges[1:], side="right")
    out = [edges[:1]]
    for begin, end, nearest in zip(edges[:-1], edges[1:], after, strict=True):
        cuts = [end]
        if nearest < len(logged):
            distance = int(logged[nearest] - end)
            while cuts[-1] - begin > logged[nearest] - cuts[-1]:
                cuts.append(cuts[-1] - max(int(logged[nearest] - cuts[-1]), 1))
                if distance < 1 or cuts[-1] <= begin:
                    break
        out.append(np.array([c for c in reversed(cuts) if c > begin], dtype=edges.dtype))
    return np.concatenate(out)
