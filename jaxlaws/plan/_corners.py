"""Where a path of rates has its corners: at the end, in pairs; in between, where the optimum bends. Host code in NumPy."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

EVEN = 0.3  # share of the corners that lie evenly before the optimum is known; the others grow dense towards the end
BENT = 0.6  # share that follows bends once it is


def first_corners(begin: int, total: int, count: int) -> Array:
    """`count` steps from `begin` to `total`: half evenly spread, half graded towards the end.

    Close to the end they come in pairs of neighbours, because laws see the single steps of a fast decay there.
    """
    steps = np.unique(np.round(np.linspace(begin, total, 200)).astype(np.int64))
    return placed(steps, np.ones(len(steps)), count)


def placed(steps: Array, x: Array, count: int) -> Array:
    """`count` whole steps from `steps[0]` to `steps[-1]`, dense where the path `x` at `steps` bends; jumps stay."""
    begin, total = int(steps[0]), int(steps[-1])
    if count >= total - begin + 1:
        return np.arange(begin, total + 1)
    keep = np.union1d(_pairs(begin, total, 2 * count // 5), _jumps(steps, x, count // 5))
    free = count - len(keep)
    for more in range(free, 4 * count):
        out = np.union1d(_spread(steps, x, more), keep)
        if len(out) >= count:
            break
    drop = np.flatnonzero(~np.isin(out, keep) & (out > begin))
    surplus = max(len(out) - count, 0)
    return np.delete(out, drop[:: max(len(drop) // max(surplus, 1), 1)][:surplus]) if surplus else _filled(out, count)


def _pairs(begin: int, total: int, most: int) -> Array:
    back = 2 ** np.arange(max(int(np.log2(max((total - begin) / 8, 1))) + 1, 1))
    marks = np.unique(np.concatenate([[begin, total], total - back, total - back - 1]))
    marks = marks[marks >= begin]
    return np.union1d([begin], marks[-most:])


def _jumps(steps: Array, x: Array, most: int) -> Array:
    """Both ends of falls that one step makes, the largest first."""
    fall = np.abs(np.diff(x))
    sudden = np.flatnonzero((np.diff(steps) <= 1) & (fall > 0.2 * np.maximum(x[:-1], x[1:])))
    sudden = sudden[np.argsort(-fall[sudden], kind="stable")][: most // 2]
    return np.union1d(steps[sudden], steps[sudden + 1])


def _spread(steps: Array, x: Array, count: int) -> Array:
    """Quantiles of a density: the root of the path's curvature, and a little everywhere, more towards the end."""
    width = np.diff(steps).astype(np.float64)
    total = steps[-1]
    far = 4.0 + 0.004 * (total - steps[0])
    towards = np.log((total - steps[:-1] + far) / (total - steps[1:] + far))
    mass = EVEN * width / width.sum() + (1.0 - EVEN) * towards / towards.sum()
    if len(steps) > 2:
        bend = np.abs(np.diff(np.diff(x) / width)) / (0.5 * (width[1:] + width[:-1]))
        curved = width * np.sqrt(0.5 * (np.append(bend, bend[-1]) + np.insert(bend, 0, bend[0])))
        if curved.sum() > 0:
            mass = (1.0 - BENT) * mass + BENT * curved / curved.sum()
    at = np.interp(np.linspace(0.0, 1.0, count), np.insert(np.cumsum(mass), 0, 0.0) / mass.sum(), steps)
    return np.unique(np.round(at).astype(np.int64))


def _filled(steps: Array, count: int) -> Array:
    """More steps in the middle of the widest gaps, until there are `count`."""
    while len(steps) < count:
        widest = int(np.argmax(np.diff(steps)))
        steps = np.insert(steps, widest + 1, (steps[widest] + steps[widest + 1]) // 2)
    return steps


def inside(guess: Array, low: Array, high: Array, fall: Array, rise: Array, margin: float) -> Array | None:
    """Path near `guess` that keeps a margin from every limit that can give one; none where the limits leave no room.

    Values whose limits coincide stay where they are; `margin` is shared out over the path.
    """
    n = len(guess)
    held = low >= high
    room = np.where(held, 0.0, np.minimum(margin / n, 0.25 * (high - low)))
    down, up = low + room, high - room
    span = np.where(np.isfinite(fall + rise), fall + rise, np.inf)
    tight = np.where(held[1:] & held[:-1], 0.0, np.minimum(margin / n, 0.25 * span))
    falls, rises = (fall - tight).tolist(), (rise - tight).tolist()  # plain numbers: ten times as fast one by one
    least, most = down.tolist(), up.tolist()
    for i in range(1, n):
        least[i] = max(least[i], least[i - 1] - falls[i - 1])
        most[i] = min(most[i], most[i - 1] + rises[i - 1])
    for i in range(n - 2, -1, -1):
        least[i] = max(least[i], least[i + 1] - rises[i])
        most[i] = min(most[i], most[i + 1] + falls[i])
    if (np.array(least) > np.array(most) + 1e-15).any():
        return None
    x = np.clip(guess, least, most).tolist()
    for i in range(1, n):
        low, high = max(least[i], x[i - 1] - falls[i - 1]), min(most[i], x[i - 1] + rises[i - 1])
        x[i] = min(max(x[i], low), high)
    return np.array(x)
