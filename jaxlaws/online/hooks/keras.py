"""Keras, on its JAX backend or any other."""

from __future__ import annotations

import importlib
from typing import Any

from jaxlaws.online.watch import Watch


def keras(watch: Watch) -> Any:
    """Callback for `model.fit(callbacks=[...])`, after every batch: the batch's own loss, out of the epoch's running mean that
    Keras reports, and the optimiser's rate."""
    package = importlib.import_module("keras")

    class Forecasts(package.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.mean = 0.0

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if not logs or "loss" not in logs:
                return
            mean, before = float(logs["loss"]), self.mean if batch else 0.0
            self.mean = mean
            optimizer = self.model.optimizer
            # Keras counts batches of an epoch from 0.
            watch(int(optimizer.iterations), mean * (batch + 1) - before * batch, float(optimizer.learning_rate))

        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            watch.finish()

    return Forecasts()
