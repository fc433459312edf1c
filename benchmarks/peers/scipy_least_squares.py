"""SciPy's `least_squares(loss="huber")` with the exact Jacobian, one curve after another: L0 + A S1^-alpha - C S2."""

from __future__ import annotations

import numpy as np
from _peer import answer, problem, timed
from scipy.optimize import least_squares

DELTA = 1e-3
START = np.array([2.0, 0.5, 0.3, 0.5])  # L0, A, C, alpha


def main() -> None:
    arrays, _ = problem()
    curves = list(zip(arrays["forward"], arrays["annealing"], np.log(arrays["loss"]), strict=True))
    found, seconds = timed(lambda: [_one(*curve) for curve in curves], 0)
    answer(**seconds, params=np.array(found))


def _one(forward: np.ndarray, annealing: np.ndarray, log_loss: np.ndarray) -> np.ndarray:
    log_forward = np.log(forward)

    def predicted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        power = np.exp(-x[3] * log_forward)
        return x[0] + x[1] * power - x[2] * annealing, power

    def residual(x: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(predicted(x)[0], 1e-9)) - log_loss

    def jacobian(x: np.ndarray) -> np.ndarray:
        value, power = predicted(x)
        columns = np.stack([np.ones_like(power), power, -annealing, -x[1] * power * log_forward], axis=1)
        return columns / np.maximum(value, 1e-9)[:, None]

    got = least_squares(
        residual, START, jacobian, bounds=(0.0, np.inf), loss="huber", f_scale=DELTA, x_scale="jac", max_nfev=500
    )
    return got.x


if __name__ == "__main__":
    main()
