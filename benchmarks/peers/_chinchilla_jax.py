"""The same law in JAX, centred: powers are taken of N and D over their geometric means, without which half the starts fail."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from _chinchilla import DELTA, to_coordinates, to_raw


class Centred:
    """Data and law in coordinates whose amplitudes are those at the mean of log N and log D."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        log_N, log_D = np.log(arrays["N"]), np.log(arrays["D"])
        self.middle = np.array([log_N.mean(), log_D.mean()])
        self.log_N, self.log_D = jnp.asarray(log_N - self.middle[0]), jnp.asarray(log_D - self.middle[1])
        self.log_loss = jnp.log(jnp.asarray(arrays["loss"]))
        self.starts = to_coordinates(arrays["starts"])
        self.starts[:, 1:3] -= self.starts[:, 3:] * self.middle

    def residual(self, x):
        """Differences of logarithms."""
        predicted = jnp.exp(x[0]) + jnp.exp(x[1] - x[3] * self.log_N) + jnp.exp(x[2] - x[4] * self.log_D)
        return jnp.log(predicted) - self.log_loss

    def root(self, x, weight):
        """Residuals half whose sum of squares is the sum of Huber costs."""
        u = self.residual(x)
        size = jnp.abs(u)
        tail = jnp.sqrt(jnp.maximum(2 * DELTA * size - DELTA**2, DELTA**2))  # its slope is never that of sqrt at 0
        return jnp.sqrt(weight) * jnp.where(size <= DELTA, u, jnp.sign(u) * tail)

    def cost(self, x, weight):
        """Sum of Huber costs."""
        size = jnp.abs(self.residual(x))
        return jnp.sum(weight * jnp.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA)))

    def raw(self, x) -> np.ndarray:
        """Raw parameters `(fits, 5)`."""
        x = np.array(x, dtype=float)
        x[:, 1:3] += x[:, 3:] * self.middle
        return to_raw(x)
