"""Curve laws evaluated change by change in NumPy: what nodes and recurrences of `Curve` are held against.

`lr` has the rate of steps 0, 1, 2, ...; `rows` are logged steps. Nothing here is imported from the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.signal import lfilter

Array = np.ndarray


def area(lr: Array) -> Array:
    """Sum of the rate over steps 1..s."""
    return np.concatenate([[0.0], np.cumsum(lr[1:])])


def anneal(lr: Array, rows: Array, kernel: Callable[..., Array], *, climb: int = 0) -> Array:
    """Sum over steps k <= s of (lr[k-1] - lr[k]) kernel(k, lr[k], sum lr[k..s], s - k + 1), pair by pair; none before `climb` + 1."""
    total, drop = area(lr), lr[:-1] - lr[1:]
    k = np.flatnonzero(drop) + 1
    k = k[k > climb]
    out = []
    for s in np.asarray(rows, dtype=int):
        own = k[: np.searchsorted(k, s, side="right")]
        out.append(np.sum(drop[own - 1] * kernel(own, lr[own], total[s] - total[own - 1], s - own + 1.0)))
    return np.array(out)


def multi_power(lr: Array, rows: Array, p: Mapping[str, float], *, climb: int = 0) -> Array:
    """The double sum as Luo et al. write it. A change to a rate of 0 counts in full once any rate has passed since."""
    power = np.full_like(lr, np.inf)
    np.power(lr, -p["gamma"], out=power, where=lr > 0)

    def kernel(k: Array, rate: Array, since: Array, steps: Array) -> Array:
        passed = (rate > 0) | (since > 1e-12 * lr.max())  # a difference of sums leaves 1e-17 where nothing has
        return np.where(passed, -np.expm1(-p["beta"] * np.log1p(p["C"] * np.where(passed, power[k] * since, 0.0))), 0.0)

    s = np.asarray(rows, dtype=int)
    with np.errstate(invalid="ignore"):  # inf * 0, which is masked
        return p["L0"] + p["A"] * area(lr)[s] ** -p["alpha"] - p["B"] * anneal(lr, s, kernel, climb=climb)


def lr_annealing(lr: Array, rows: Array, p: Mapping[str, float]) -> Array:
    """The authors' recurrence: m_i = lam m_(i-1) + (lr_(i-1) - lr_i), S2 its running sum."""
    momentum = lfilter([1.0], [1.0, -p["lam"]], np.concatenate([[0.0], lr[:-1] - lr[1:]]))
    s = np.asarray(rows, dtype=int)
    return p["L0"] + p["A"] * area(lr)[s] ** -p["alpha"] - p["C"] * np.cumsum(momentum)[s]


def progress_noise(lr: Array, rows: Array, p: Mapping[str, Array]) -> Array:
    """Step by step, for many parameter sets at once: `p` holds arrays `(sets,)`; returns `(sets, rows)`."""
    p = {k: np.atleast_1d(np.asarray(v, dtype=float)) for k, v in p.items()}
    s = np.asarray(rows, dtype=int)
    levels, rates = np.unique(lr, return_inverse=True)  # powers once for each rate that occurs
    x = levels / p["lr_ref"][:, None]
    decay, source, clock = np.exp(-p["k"][:, None] * x / 1000.0), x ** p["q"][:, None], x ** p["p"][:, None]
    noise, out = np.zeros(len(p["k"])), np.empty((len(p["k"]), len(lr)))
    for i in range(1, len(lr)):
        e = decay[:, rates[i]]
        noise = e * noise + (1.0 - e) * source[:, rates[i]]
        out[:, i] = noise
    progress = np.cumsum(clock[:, rates[1:]], axis=1)[:, s - 1] / 1000.0
    passed = area(lr)[s] / (1000.0 * p["lr_ref"][:, None])
    shift = (p["m"] + p["d"])[:, None] * passed**-1.5
    return p["L0"][:, None] + p["A"][:, None] * progress ** -p["a"][:, None] + p["B"][:, None] * out[:, s] + shift


def relax(
    lr: Array, rate: float, *, clock: str, weight: Array | None = None, of: Callable[[Array], Array] | None = None
) -> Array:
    """Sum of drop x weight x exp(-rate x since) at every step, by a loop. `since` counts both ends."""
    level = lr if of is None else of(lr)
    drop = np.concatenate([[0.0], level[:-1] - level[1:]])
    weight = np.ones_like(lr) if weight is None else weight
    decay = np.exp(-rate * (lr if clock == "area" else np.ones_like(lr)))
    out, now = np.zeros_like(lr), 0.0
    for i in range(1, len(lr)):
        now = (now + weight[i] * drop[i]) * decay[i]
        out[i] = now
    return out
