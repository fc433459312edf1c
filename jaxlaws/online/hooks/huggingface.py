"""Hugging Face Transformers' `Trainer`."""

from __future__ import annotations

import importlib
from typing import Any

from jaxlaws.online.watch import Watch


def huggingface(watch: Watch) -> Any:
    """Callback for `Trainer(callbacks=[...])`: takes loss and rate from what the trainer logs, every `logging_steps`.

    The trainer logs the mean loss since its last log, and the rate of the step after it.
    """
    base = importlib.import_module("transformers.trainer_callback").TrainerCallback

    class Forecasts(base):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
            if logs and "loss" in logs:
                rate = logs.get("learning_rate")
                watch(int(state.global_step), float(logs["loss"]), None if rate is None else float(rate))

        def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            watch.finish()

    return Forecasts()
