"""Weights & Biases, online or offline."""

from __future__ import annotations

from typing import Any

from jaxlaws.online.watch import Writer


def wandb(run: Any) -> Writer:
    """Writer to a run that `wandb.init` gave. Forecasts arrive late, so they count steps of their own, `forecast/step`."""
    run.define_metric("forecast/*", step_metric="forecast/step")

    def write(step: int, scalars: dict[str, float]) -> None:
        run.log({**scalars, "forecast/step": step})

    return write
