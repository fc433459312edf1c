"""SciPy's BFGS with the exact gradient, one start (or one resample, from one start) after another."""

from __future__ import annotations

import numpy as np
from _chinchilla import cost_and_gradient, to_coordinates, to_raw
from _peer import answer, problem, timed
from scipy.optimize import minimize


def main() -> None:
    arrays, _ = problem()
    data = [np.log(arrays[name]) for name in ("N", "D", "loss")]
    starts = to_coordinates(arrays["starts"])
    weights = arrays.get("weights", np.ones((1, len(data[0]))))

    def search() -> list[np.ndarray]:
        return [
            minimize(cost_and_gradient, start, args=(*data, weight), jac=True, method="BFGS").x
            for weight in weights
            for start in starts
        ]

    found, seconds = timed(search, 0)
    answer(**seconds, params=to_raw(np.array(found)))


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()
