"""The law as papers' scripts write it: E + A/N^alpha + B/D^beta in (log E, log A, log B, alpha, beta)."""

from __future__ import annotations

import numpy as np

DELTA = 1e-3


def to_coordinates(raw: np.ndarray) -> np.ndarray:
    """Starts `(starts, 5)` with the three amplitudes as logarithms."""
    return np.concatenate([np.log(raw[:, :3]), raw[:, 3:]], axis=1)


def to_raw(x: np.ndarray) -> np.ndarray:
    """The reverse."""
    x = np.atleast_2d(np.asarray(x, dtype=float))
    with np.errstate(over="ignore"):
        return np.concatenate([np.exp(x[:, :3]), x[:, 3:]], axis=1)


def cost_and_gradient(x: np.ndarray, log_N: np.ndarray, log_D: np.ndarray, log_loss: np.ndarray, weight: np.ndarray):
    """Sum of Huber costs of log residuals, and its exact gradient."""
    terms = np.array([np.full_like(log_N, x[0]), x[1] - x[3] * log_N, x[2] - x[4] * log_D])
    top = terms.max(axis=0)
    parts = np.exp(terms - top)
    total = parts.sum(axis=0)
    residual = top + np.log(total) - log_loss
    size = np.abs(residual)
    cost = np.where(size <= DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA))
    pull = weight * np.clip(residual, -DELTA, DELTA) / total * parts
    slope = pull.sum(axis=1)
    return weight @ cost, np.array([slope[0], slope[1], slope[2], -pull[1] @ log_N, -pull[2] @ log_D])
