"""The released fitting procedure of the multi-power law, restated in NumPy and SciPy, with its settings.

1. 135 L-BFGS-B searches (differences for gradients) of L0 + A S1^-alpha - B (3e-4 - lr); the best gives four parameters.
2. From these and C, beta, gamma = 1, .5, .5: AdamW, 200 steps, weight decay .01, rate .05 for L0, A, B, C and .005 for the
   others, patience 20. Parameters are stored after the step that followed the best cost, as the released code does.
"""

from __future__ import annotations

import time
from itertools import product

import numpy as np
from _multi_power import Curve, huber
from _peer import answer, problem, timed
from scipy.optimize import minimize
from scipy.stats import linregress

PEAK = 3e-4
PATIENCE, SMALL = 20, 1e-5


def main() -> None:
    arrays, options = problem()
    curves = [Curve(arrays[f"step{i}"], arrays[f"loss{i}"], arrays[f"lr{i}"]) for i in range(3)]

    def protocol() -> tuple[np.ndarray, float, float]:
        began = time.perf_counter()
        first = surrogate(curves, options["starts"])
        middle = time.perf_counter()
        found = adamw(curves, np.array([*first, 1.0, 0.5, 0.5]), options["adamw"])
        return found, middle - began, time.perf_counter() - middle

    (found, first, second), seconds = timed(protocol, 0)
    answer(**seconds, params=found, surrogate_s=first, adamw_s=second)


def surrogate(curves: list[Curve], most: int) -> np.ndarray:
    """L0, A, alpha, B of the best search."""
    lowest = min(c.loss.min() for c in curves)
    log_x = np.concatenate([np.log(np.cumsum(c.lr)[c.step]) for c in curves])
    log_y = np.concatenate([np.log(c.loss - lowest + 0.01) for c in curves])
    line = linregress(log_x, log_y)
    grid = product(
        np.linspace(lowest - 0.2, lowest + 0.2, 5),
        np.linspace(np.exp(line.intercept) - 0.1, np.exp(line.intercept) + 0.1, 3),
        np.linspace(-line.slope - 0.1, -line.slope + 0.1, 3),
        np.linspace(100.0, 1000.0, 3),
    )

    def cost(p: np.ndarray) -> float:
        total = 0.0
        for c in curves:
            predicted = p[0] + p[1] * np.cumsum(c.lr)[c.step] ** -p[2] - p[3] * (PEAK - c.lr[c.step])
            total += huber(np.log(c.loss) - np.log(predicted)).sum()
        return total

    settings = {"maxiter": 100_000, "ftol": 1e-9, "gtol": 1e-6, "eps": 1e-8}
    found = [
        minimize(cost, start, method="L-BFGS-B", bounds=[(0, np.inf)] * 4, options=settings)
        for start in list(grid)[:most]
    ]
    return min(found, key=lambda f: f.fun).x


def adamw(curves: list[Curve], p: np.ndarray, steps: int) -> np.ndarray:
    """Parameters in the order L0, A, alpha, B, C, beta, gamma."""
    rate = np.array([5e-2, 5e-2, 5e-3, 5e-2, 5e-2, 5e-3, 5e-3])
    mean, square = np.zeros(7), np.zeros(7)
    lowest, best, stored, idle = np.inf, np.inf, p, 0
    for step in range(steps):
        parts = [c.cost_and_gradient(p) for c in curves]
        cost, gradient = sum(v for v, _ in parts), np.sum([g for _, g in parts], axis=0)
        p = p * (1.0 - rate * 0.01)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        unbiased = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        p = p - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        idle = 0 if cost < lowest else idle + 1
        lowest = min(lowest, cost)
        if (step > PATIENCE and idle >= PATIENCE) or np.linalg.norm(gradient) < SMALL:
            break
        if cost < best:
            best, stored = cost, p
    return stored


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()
