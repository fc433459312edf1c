"""PyTorch Lightning's `Trainer`."""

from __future__ import annotations

import importlib
from typing import Any

from jaxlaws.errors import JaxlawsError
from jaxlaws.online.watch import Watch

NAMES = ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks")


def lightning(watch: Watch, *, every: int = 10) -> Any:
    """Callback for `Trainer(callbacks=[...])`, every `every` optimiser steps: the batch's loss, which is waited for, and the rate
    of the first optimiser's first group."""

    class Forecasts(_base()):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            step = int(trainer.global_step)
            if loss is not None and step > 0 and step % every == 0:
                watch(step, float(loss), float(trainer.optimizers[0].param_groups[0]["lr"]))

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            watch.finish()

    return Forecasts()


def _base() -> Any:
    for name in NAMES:
        try:
            return importlib.import_module(name).Callback
        except ImportError:
            continue
    raise JaxlawsError("`lightning` needs PyTorch Lightning: `pip install lightning`.")
