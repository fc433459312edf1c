"""The PyPI package `chinchilla` as its README has it, its objective set to ours: BFGS from a grid, in a pool of processes."""

from __future__ import annotations

import multiprocessing
import tempfile

import numpy as np
import pandas as pd
from _peer import answer, problem, timed
from chinchilla import Chinchilla


def log_huber(observed, predicted, delta=1e-3):
    size = np.abs(np.log(observed) - np.log(predicted))
    # The package averages what this returns; the mean stops searches early, so its sum is handed over instead.
    return np.sum(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


def main() -> None:
    multiprocessing.set_start_method("fork")  # its workers are closures, which other start methods cannot send
    arrays, _ = problem()
    # 32 starts, two values a parameter. It reads the grid by position: E, A, B, alpha, beta.
    grid = {"e": [0.3, 0.8], "a": [5.0, 8.0], "b": [6.0, 9.0], "alpha": [0.25, 0.5], "beta": [0.25, 0.5]}
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({name: arrays[name] for name in ("N", "D", "loss")})
        table.insert(0, "C", 6.0 * table["N"] * table["D"])
        table.to_csv(f"{folder}/df.csv", index=False)
        package = Chinchilla(folder, param_grid=grid, loss_fn=log_huber, log_level=50)
        _, seconds = timed(package.fit, 0)
    found = [[float(getattr(package, name)) for name in ("E", "A", "B", "alpha", "beta")]]
    answer(**seconds, params=found)


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()
