"""Quantities that laws take and return: symbol, meaning, unit, and the scale on which residuals are natural."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Quantity:
    """One physical quantity. `scale` is where its residuals are taken unless an objective says otherwise; `typical` is
    where it is met in practice, and `whole` says that it counts something. Tests evaluate laws there; fits do not
    look at either.
    """

    symbol: str
    meaning: str
    unit: str
    scale: Literal["log", "raw"] = "log"
    typical: tuple[float, float] = (1e1, 1e7)
    whole: bool = False


# Size, data, compute.
PARAMETERS = Quantity("N", "model size", "parameters", typical=(1e7, 1e11))
ACTIVE = Quantity("N", "parameters used for each token", "parameters", typical=(1e7, 1e11))
TOKENS = Quantity("D", "training tokens", "tokens", typical=(1e9, 1e13))
UNIQUE_TOKENS = Quantity("U", "different training tokens", "tokens", typical=(1e8, 1e12))
FLOP = Quantity("C", "training compute", "FLOP", typical=(1e18, 1e25))
PF_DAYS = Quantity("C", "training compute", "PF-days", typical=(1e-6, 1e4))
HOURS = Quantity("hours", "compute, or recorded sound", "hours", typical=(1e2, 1e5))
RATIO = Quantity("M", "tokens per parameter", "tokens/parameter", typical=(5.0, 500.0))
STEP = Quantity("step", "optimiser steps", "steps", typical=(1e2, 1e6))
BATCH = Quantity("batch", "batch size", "tokens", typical=(1e4, 1e7))
LEARNING_RATE = Quantity("lr", "learning rate", "1", typical=(1e-5, 1e-2))
CURVE = Quantity("curve", "learning rate over the run's steps", "1")
EPOCHS = Quantity("epochs", "passes over the data", "passes", typical=(1.0, 100.0))
SAMPLES = Quantity("n", "samples", "samples", typical=(1e2, 1e7))
IMAGES = Quantity("images", "training images", "images", typical=(1e5, 1e10))
CHARACTERS = Quantity("H", "training characters", "characters", typical=(1e9, 1e13))

# Shape.
WIDTH = Quantity("width", "width of the residual stream", "units", typical=(256.0, 16384.0))
DEPTH = Quantity("depth", "layers", "layers", typical=(2.0, 128.0))
VOCABULARY = Quantity("V", "vocabulary size", "tokens", typical=(4e3, 3e5))
EXPERTS = Quantity("experts", "number of experts, or expansion rate", "experts", typical=(1.0, 512.0))
GRANULARITY = Quantity("G", "granularity: experts into which one of full width is cut", "1", typical=(1.0, 64.0))
SPARSITY = Quantity("S", "share of weights, or of experts, that are not used", "fraction", "raw", (0.0, 0.95))
STREAMS = Quantity("P", "parallel streams", "streams", typical=(1.0, 8.0))
REPLICAS = Quantity("replicas", "model replicas trained side by side", "replicas", typical=(1.0, 16.0))

# Precision.
BITS = Quantity("P", "precision", "bits", typical=(4.0, 16.0))
EXPONENT_BITS = Quantity("exponent", "exponent bits", "bits", typical=(1.0, 8.0))
MANTISSA_BITS = Quantity("mantissa", "mantissa bits", "bits", typical=(1.0, 10.0))
GROUP = Quantity("group", "numbers that share one scaling factor", "numbers", typical=(16.0, 512.0))

# Mixtures. Shares of one law add up to 1.
SHARE = Quantity("r", "share of a domain in the training data", "fraction", "raw", (0.02, 0.98))
TARGET = Quantity("target", "which of a law's outputs the row observes, from 1", "index", "raw", (1.0, 3.0), whole=True)

# What comes out.
LOSS = Quantity("loss", "cross-entropy loss", "nats/token", typical=(1.8, 4.0))
LOSS_PER_BYTE = Quantity("loss", "cross-entropy loss", "nats/byte", typical=(0.4, 1.2))
LOSS_PER_CHARACTER = Quantity("loss", "cross-entropy loss", "bits/character", typical=(0.5, 1.5))
LOSS_GAP = Quantity("loss_gap", "loss above that of a reference", "nats/token", typical=(1e-3, 1.0))
LOSS_CHANGE = Quantity("loss_change", "loss against a reference, of either sign", "nats/token", "raw", (-1.0, 1.0))
ERROR = Quantity("error", "downstream error", "fraction", "raw", (0.1, 0.9))
ACCURACY = Quantity("accuracy", "downstream accuracy", "fraction", "raw", (0.1, 0.9))
SCORE = Quantity("score", "score of a task or of a reward model", "as given", "raw", (0.1, 10.0))
DISTANCE = Quantity("d", "square root of the KL divergence from the first policy", "nats^.5", typical=(0.1, 10.0))
ANY = Quantity("y", "any positive quantity", "as given")
