"""The multi-power law as its authors' released code evaluates it, in NumPy, with the gradient that its autograd would give.

The released code is PyTorch: a Python loop over logged rows, each a sum over all steps before it. So is this.
"""

from __future__ import annotations

import numpy as np

DELTA = 1e-3


def huber(residual: np.ndarray) -> np.ndarray:
    size = np.abs(residual)
    return np.where(size < DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA))


class Curve:
    """A curve's logged rows, and what the loop needs of its rates."""

    def __init__(self, step: np.ndarray, loss: np.ndarray, lr: np.ndarray) -> None:
        self.step, self.loss, self.lr = step, loss, lr
        self.area = np.cumsum(lr)
        self.change = np.concatenate([[0.0], np.diff(lr)])  # lr[k] - lr[k-1]: the released code adds B times its sum

    def cost_and_gradient(self, p: np.ndarray) -> tuple[float, np.ndarray]:
        """Sum of Huber costs of log residuals and its gradient to (L0, A, alpha, B, C, beta, gamma)."""
        L0, A, alpha, B, C, beta, gamma = p
        rows = len(self.step)
        fallen, by_C, by_beta, by_gamma = (np.empty(rows) for _ in range(4))
        for i, s in enumerate(self.step):
            rate, change = self.lr[1 : s + 1], self.change[1 : s + 1]
            x = rate**-gamma * (self.area[s] - self.area[:s])
            base = 1.0 + C * x
            power = base**-beta
            fallen[i] = np.sum(change * (1.0 - power))
            inner = change * beta * power / base * x
            by_C[i] = np.sum(inner)
            by_beta[i] = np.sum(change * power * np.log(base))
            by_gamma[i] = -C * np.sum(inner * np.log(rate))
        area = self.area[self.step]
        fall = area**-alpha
        predicted = L0 + A * fall + B * fallen
        residual = np.log(self.loss) - np.log(predicted)
        pull = -np.clip(residual, -DELTA, DELTA) / predicted
        columns = np.array([np.ones(rows), fall, -A * fall * np.log(area), fallen, B * by_C, B * by_beta, B * by_gamma])
        return float(np.sum(huber(residual))), columns @ pull
