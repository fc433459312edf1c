"""The problems, and the objectives that everyone is judged by: plain NumPy, change by change, none of it the library's.

Two rows of a table are compared by these sums at the parameters that each returned, never by what each reports.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.stats import qmc

from benchmarks._harness import data

DELTA = 1e-3  # of Huber's cost, on residuals of the logarithm
CHINCHILLA = ("E", "A", "B", "alpha", "beta")
ANNEALING = ("L0", "A", "C", "alpha")
MULTI_POWER = ("L0", "A", "alpha", "B", "C", "beta", "gamma")


def huber(residual: np.ndarray) -> np.ndarray:
    """Cost of each residual."""
    size = np.abs(residual)
    return np.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA))


# --- final losses ------------------------------------------------------------------------------------------------------------


def points() -> dict[str, np.ndarray]:
    """`N`, `D` and `loss` of the 240 digitised models: the five highest losses are left out, as in the published fit."""
    with (data() / "chinchilla_epoch" / "svg_extracted_data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    N, C, loss = (np.array([float(r[name]) for r in rows]) for name in ("Model Size", "Training FLOP", "loss"))
    keep = np.sort(np.argsort(loss)[:-5])
    return {"N": N[keep], "D": (C / (6.0 * N))[keep], "loss": loss[keep]}


def chinchilla_objective(
    at: Mapping[str, np.ndarray], params: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Sum of Huber costs of each of `params` `(fits, 5)`, under its own `weights` `(fits, rows)` where there are some."""
    E, A, B, alpha, beta = np.asarray(params, dtype=float).T[:, :, None]
    with np.errstate(all="ignore"):  # what diverged is counted, not warned of
        cost = huber(np.log(E + A * at["N"] ** -alpha + B * at["D"] ** -beta) - np.log(at["loss"]))
    return np.sum(cost if weights is None else weights * cost, axis=1)


def chinchilla_starts(count: int, seed: int = 0) -> np.ndarray:
    """Raw starts `(count, 5)` from the law's start box: what peers begin from."""
    low, high = np.array([0.5, 1e1, 1e1, 0.1, 0.1]), np.array([3.0, 1e4, 1e4, 1.0, 1.0])
    unit = qmc.Sobol(5, rng=seed).random_base2(max(1, int(np.ceil(np.log2(count)))))[:count]
    logs = np.array([True, True, True, False, False])
    return np.where(logs, low * (high / low) ** unit, low + (high - low) * unit)


def resamples(rows: int, draws: int, seed: int = 0) -> np.ndarray:
    """How often each row was drawn: weights `(draws, rows)` of a bootstrap by row."""
    chosen = np.random.default_rng(seed).integers(0, rows, size=(draws, rows))
    return np.stack([np.bincount(row, minlength=rows) for row in chosen]).astype(float)


# --- loss curves -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curves:
    """Runs that differ in schedule and in parameters: `loss` `(runs, logged)` at steps `at`, and what made it.

    `peak`, `end` and `warmup` `(runs,)` describe each run's cosine of `total` steps.
    """

    at: np.ndarray
    loss: np.ndarray
    peak: np.ndarray
    end: np.ndarray
    warmup: np.ndarray
    total: int

    def rates(self, runs: slice) -> np.ndarray:
        """Rate of steps 0..total, `(runs, total + 1)`, warm-up as if at its peak: the convention of `lr_annealing`."""
        step = np.arange(self.total + 1.0)
        peak, end, warmup = self.peak[runs, None], self.end[runs, None], self.warmup[runs, None]
        x = np.clip((step - warmup) / (self.total - warmup), 0.0, 1.0)
        return end + 0.5 * (peak - end) * (1.0 + np.cos(np.pi * x))

    def areas(self, runs: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Forward and annealing areas at the logged steps, `(runs, logged)` each, by the authors' recurrence."""
        lr = self.rates(runs)
        drop = np.concatenate([np.zeros((len(lr), 1)), lr[:, :-1] - lr[:, 1:]], axis=1)
        annealing = np.cumsum(lfilter([1.0], [1.0, -0.999], drop, axis=1), axis=1)
        forward = np.cumsum(lr[:, 1:], axis=1)
        return forward[:, self.at - 1], annealing[:, self.at]

    def objective(self, params: np.ndarray, chunk: int = 1000) -> np.ndarray:
        """Sum of Huber costs of each run at its own `params` `(runs, 4)`; as many runs as there are rows of them."""
        out = np.empty(len(params))
        for begin in range(0, len(params), chunk):
            part = slice(begin, min(begin + chunk, len(params)))
            forward, annealing = self.areas(part)
            L0, A, C, alpha = np.asarray(params[part], dtype=float).T[:, :, None]
            with np.errstate(all="ignore"):
                predicted = L0 + A * forward**-alpha - C * annealing
                out[part] = np.sum(huber(np.log(predicted) - np.log(self.loss[part])), axis=1)
        return out


def annealing_curves(count: int, logged: int = 512, seed: int = 0) -> Curves:
    """`count` synthetic runs, logged every ten steps, whose noise is .3 % of the loss. Fewer runs are the first of more."""
    total = 10 * logged
    unit = np.random.default_rng(seed).uniform(size=(count, 7)).T
    noise = np.random.default_rng(seed + 1).standard_normal((count, logged))
    peak = 3e-4 * (2e-3 / 3e-4) ** unit[0]
    warmup = np.round(2 + unit[2] * total / 40)
    made = Curves(np.arange(1, logged + 1) * 10, np.empty_like(noise), peak, peak * 0.3 * unit[1], warmup, total)
    L0, A, C, alpha = 2.0 + unit[3], 0.3 + 0.5 * unit[4], 0.2 + 0.3 * unit[5], 0.4 + 0.3 * unit[6]
    for begin in range(0, count, 1000):
        part = slice(begin, min(begin + 1000, count))
        forward, annealing = made.areas(part)
        clean = L0[part, None] + A[part, None] * forward ** -alpha[part, None] - C[part, None] * annealing
        made.loss[part] = clean * np.exp(3e-3 * noise[part])
    return made


@dataclass(frozen=True)
class Logged:
    """A public curve: logged steps and losses, and the rate of every step."""

    name: str
    step: np.ndarray
    loss: np.ndarray
    lr: np.ndarray


def training_curves(size: str = "100") -> list[Logged]:
    """The three curves that the multi-power law was fitted to, before step 24 000, rates as the authors' code has them."""
    out = []
    for name in ("cosine_24000", "constant_24000", "wsdcon_9"):
        path = data() / "mpl_curves" / f"csv_{size}" / f"{name}.csv"
        step, _, loss = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
        keep = step < 24000
        step = step[keep].astype(int)
        out.append(Logged(name, step, loss[keep], _rates(name, int(step[-1]))))
    return out


def _rates(name: str, last: int, peak: float = 3e-4, end: float = 3e-5, warmup: int = 2160) -> np.ndarray:
    s = np.arange(last + 1.0)
    if name.startswith("cosine"):
        after = end + 0.5 * (peak - end) * (1.0 + np.cos(np.pi * (s - warmup) / (24000 - warmup)))
    elif name.startswith("wsdcon"):
        after = np.where(s < 8000, peak, 9e-5)
    else:
        after = np.full(len(s), peak)
    return np.concatenate([np.linspace(0.0, peak, warmup), after[warmup:]])


def multi_power_objective(curves: list[Logged], params: Mapping[str, float]) -> float:
    """Sum of Huber costs over all rows of all curves, every change of the rate summed by itself, warm-up counted."""
    p = params
    total = 0.0
    for curve in curves:
        area = np.cumsum(curve.lr)  # the rate at step 0 is 0
        drop = curve.lr[:-1] - curve.lr[1:]
        k = np.flatnonzero(drop) + 1
        drop, speed = drop[k - 1], p["C"] * curve.lr[k] ** -p["gamma"]
        fallen = np.empty(len(curve.step))
        for i, s in enumerate(curve.step):
            n = np.searchsorted(k, s, side="right")
            fallen[i] = drop[:n] @ (1.0 - (1.0 + speed[:n] * (area[s] - area[k[:n] - 1])) ** -p["beta"])
        predicted = p["L0"] + p["A"] * area[curve.step] ** -p["alpha"] - p["B"] * fallen
        total += float(np.sum(huber(np.log(predicted) - np.log(curve.loss))))
    return total
