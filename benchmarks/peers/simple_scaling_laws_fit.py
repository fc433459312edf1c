"""The PyPI package `simple-scaling-laws`: fit and its own wild cluster bootstrap, weighted least squares."""

from __future__ import annotations

import polars as pl
from _peer import answer, problem, timed
from simple_scaling_laws import fit


def main() -> None:
    arrays, options = problem()
    frame = pl.DataFrame(
        {
            "training_run_id": [f"run{i}" for i in range(len(arrays["loss"]))],
            "model_size__n_params": arrays["N"],
            "dataset_size__n_tokens": arrays["D"],
            "test_loss__loss": arrays["loss"],
        }
    )
    model, seconds = timed(lambda: fit(frame, n_draws=options["draws"], seed=0), options["repeats"])
    answer(**seconds, found=model.params("test_loss__loss"))


if __name__ == "__main__":
    main()
