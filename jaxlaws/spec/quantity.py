"""Quantities that laws take and return: symbol, meaning, unit, and the scale on which residuals are natural."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Quantity:
    """One physical quantity. `scale` is where its residuals are taken unless an objective says otherwise."""

    symbol: str
    meaning: str
    unit: str
    scale: Literal["log", "raw"] = "log"


PARAMETERS = Quantity("N", "model size", "parameters")
TOKENS = Quantity("D", "training tokens", "tokens")
FLOP = Quantity("C", "training compute", "FLOP")
RATIO = Quantity("M", "tokens per parameter", "tokens/parameter")
STEP = Quantity("step", "optimiser steps", "steps")
BATCH = Quantity("batch", "batch size", "tokens")
LEARNING_RATE = Quantity("lr", "learning rate", "1")
LOSS = Quantity("loss", "cross-entropy loss", "nats/token")
ERROR = Quantity("error", "downstream error", "fraction", "raw")
CURVE = Quantity("curve", "learning rate over the run's steps", "1")
ANY = Quantity("y", "any positive quantity", "as given")
