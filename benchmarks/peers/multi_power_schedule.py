"""The released schedule optimisation under the multi-power law, restated in NumPy, with its settings.

One number a step after the warm-up, how much the rate falls there, all 0 at first; 10 000 Adam steps at rate 5e-9 on the
predicted final loss; falls clamped to 0..peak, and to 0 where the rate would pass 1e-10. The last iterate is kept.
"""

from __future__ import annotations

import numpy as np
from _peer import answer, problem, timed

PEAK, LOWEST, WARMUP, TOTAL = 3e-4, 1e-10, 2160, 24_000
RATE, STEPS = 5e-9, 10_000


def main() -> None:
    arrays, options = problem()
    (lr, loss), seconds = timed(
        lambda: optimise(arrays["params"], options.get("total", TOTAL), options.get("steps", STEPS)), 0
    )
    answer(**seconds, lr=lr, loss=loss)


def optimise(p: np.ndarray, total: int = TOTAL, steps: int = STEPS) -> tuple[np.ndarray, float]:
    """Rates after the warm-up, and the loss of the last iterate but one, as the released code logs it."""
    fall, mean, square = (np.zeros(total - WARMUP) for _ in range(3))
    loss = np.inf
    for step in range(steps):
        loss, gradient = final_loss(fall, p)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        unbiased = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        fall = np.clip(fall - RATE * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8), 0.0, PEAK)
        fall[PEAK - np.cumsum(fall) <= LOWEST] = 0.0
    return PEAK - np.cumsum(fall), float(loss)


def final_loss(fall: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """Predicted loss after the last step and its gradient to every fall.

    As released: drops from the peak on only, warm-up as half its steps at the peak, and the first drop's area counted from
    step 0, warm-up included.
    """
    L0, A, alpha, B, C, beta, gamma = p
    raw = PEAK - np.cumsum(np.maximum(fall, 0.0))
    rate = np.maximum(raw, LOWEST)
    area = np.cumsum(rate) + 0.5 * PEAK * WARMUP
    since = area[-1] - np.concatenate([[0.0], area[:-1]])
    speed = C * rate**-gamma
    base = 1.0 + speed * since
    power = base**-beta
    loss = L0 + A * area[-1] ** -alpha - B * np.sum(fall * (1.0 - power))
    steep = fall * beta * power / base
    by_since = steep * speed
    # Of a rate: through the whole area, through the area since each change up to it, and through its own speed.
    by_rate = -alpha * A * area[-1] ** (-alpha - 1.0) - B * (np.cumsum(by_since) - steep * gamma * speed / rate * since)
    by_rate = np.where(raw >= LOWEST, by_rate, 0.0)
    return float(loss), -B * (1.0 - power) - np.cumsum(by_rate[::-1])[::-1]


if __name__ == "__main__":
    main()
