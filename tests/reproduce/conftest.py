"""What the reproductions share: curves and formulas in plain NumPy, read and summed apart from the library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from jaxlaws import catalogue, published
from jaxlaws.fitting import Fit
from jaxlaws.solvers import Status

TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
TEST = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18")
LAST = 24000  # the authors train on the rows before this step, and test on all


@dataclass(frozen=True)
class Logged:
    """Rows of one curve as the authors' file has them, and the rate of every step as their code builds it."""

    step: np.ndarray
    loss: np.ndarray
    lr: np.ndarray


def huber_sum(observed: np.ndarray, predicted: np.ndarray, delta: float = 1e-3) -> float:
    """Sum of Huber costs of log residuals: what the papers minimise."""
    size = np.abs(np.log(observed) - np.log(predicted))
    return float(np.sum(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))))


def rates(schedule: str, steps: int, *, peak: float = 3e-4, end: float = 3e-5, warmup: int = 2160) -> np.ndarray:
    """Rate of steps 0..steps under a schedule of the multi-power paper, from its description."""
    kind, *numbers = schedule.split("_")
    s = np.arange(steps + 1, dtype=float)
    if kind == "constant":
        after = np.full(len(s), peak)
    elif kind == "cosine":
        after = end + 0.5 * (peak - end) * (1.0 + np.cos(np.pi * (s - warmup) / (int(numbers[0]) - warmup)))
    elif kind == "wsdcon":
        after = np.where(s < 8000, peak, int(numbers[0]) * 1e-5)
    else:
        hold, total = map(int, numbers)
        x = np.clip((s - hold) / (total - hold), 0.0, 1.0)
        after = peak ** (1 - x) * end**x if kind == "wsd" else peak + (end - peak) * x
    ramp = np.linspace(0.0, peak, warmup)
    return np.concatenate([ramp, after[warmup:]])


def multi_power_sum(curve: Logged, p: dict[str, float], *, counted: bool = True, warmup: int = 2160) -> np.ndarray:
    """Multi-power law at the logged steps, every step's change summed by itself."""
    area = np.cumsum(curve.lr)  # the rate at step 0 is 0
    k = np.arange(1, len(curve.lr))
    drop = curve.lr[k - 1] - curve.lr[k]
    if not counted:
        drop[:warmup] = 0.0
    k, drop = k[drop != 0], drop[drop != 0]
    speed = p["C"] * curve.lr[k] ** -p["gamma"]
    out = []
    for s in curve.step:
        past = k <= s
        x = 1.0 + speed[past] * (area[s] - area[k[past] - 1])
        fallen = np.sum(drop[past] * (1.0 - x ** -p["beta"]))
        out.append(p["L0"] + p["A"] * area[s] ** -p["alpha"] - p["B"] * fallen)
    return np.array(out)


@pytest.fixture(scope="session")
def curves(data_dir):
    """Curves of a model size by schedule, from the files themselves, with the rows that the authors use."""

    def of(size: str) -> dict[str, Logged]:
        out = {}
        for schedule in (*TRAIN, *TEST):
            path = data_dir / "mpl_curves" / f"csv_{size.removesuffix('M')}" / f"{schedule}.csv"
            step, lr, loss = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
            keep = step < (LAST if schedule in TRAIN else np.inf)
            step, lr, loss = step[keep].astype(int), lr[keep], loss[keep]
            every = rates(schedule, int(step[-1]))
            np.testing.assert_allclose(every[step], lr, rtol=2e-6)  # the files print six digits
            out[schedule] = Logged(step, loss, every)
        return out

    return of


@pytest.fixture(scope="session")
def mpl(data_dir):
    """Tables of a model size: the three training curves and the six test curves."""
    table = published("mpl_curves")

    def of(size: str):
        mine = table.where(f'size == "{size}"')
        train = np.isin(mine.frame["schedule"], TRAIN) & (mine.column("step") < LAST)
        test = np.isin(mine.frame["schedule"], TEST)
        return mine.select(train), mine.select(test)

    return of


def published_fit(name: str, constants: str) -> Fit:
    """Fit record that holds published constants, as if they had been fitted."""
    law, values = catalogue[name].constants[constants].law, catalogue[name].constants[constants].params
    nan = math.nan
    return Fit(
        law=law,
        params=values,
        fixed=(),
        objective=nan,
        status=Status.converged,
        reason="",
        objective_spec="huber:0.001",
        weights="row",
        rows=0,
        runs=(),
        starts=0,
        agree=nan,
        remaining=nan,
        at_bound=(),
        condition=nan,
        trade_offs=(),
        largest={},
        source="published",
        data_hash="",
    )


@pytest.fixture(scope="session", name="published_fit")
def _published_fit():
    return published_fit


@pytest.fixture(scope="session", name="huber_sum")
def _huber_sum():
    return huber_sum


@pytest.fixture(scope="session", name="multi_power_sum")
def _multi_power_sum():
    return multi_power_sum
