"""Learning-rate schedules of 21 840 steps after the warm-up under `multi_power`, one and then 1000 at once, beside the
optimisation that the law's authors released.

Theirs is restated in NumPy: 10 000 Adam steps on one number a step. Losses of both are the exact sum over all changes of
the rate after the warm-up, evaluated the same way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._apart import timed
from benchmarks._harness import Aim, Report, apart, ratio, row
from benchmarks._peers import peer

TOTAL, PEAK, WARMUP = 24_000, 3e-4, 2160
CONSTANTS = (3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257)  # 25M
MANY = 1000
ADAM = 10_000


def report(*, quick: bool) -> Report:
    count = 64 if quick else MANY
    one = apart("schedule:ours", count=1, repeats=1 if quick else 5)
    many = apart("schedule:ours", count=count, repeats=1 if quick else 2)
    arrays = {"params": np.array(CONSTANTS)}
    line, said = peer(
        "released optimisation, one core", "multi_power_schedule", arrays, options={"steps": 5 if quick else ADAM}
    )
    losses = [final_loss(np.array(got["rates"]), np.array(CONSTANTS)) for got in (one, many)]
    theirs = float("nan")
    if said:
        before = np.concatenate([np.linspace(0.0, PEAK, WARMUP + 1), np.array(said["lr"])])
        theirs = final_loss(before, np.array(CONSTANTS))
        line = replace(line, objective=theirs)
    ours = row("jaxlaws plan.schedule, one", one, objective=losses[0], failed=int(not losses[0] <= theirs))
    batch = row(
        f"jaxlaws plan.schedule, {count} at once", many, count=count, objective=losses[1], failed=many["failed"]
    )
    each = ratio(replace(batch, claimed=1), line)
    aims = [
        Aim("times faster than the released optimisation, one", 100.0, ratio(ours, line)),
        Aim("times faster each, 1000 at once", 3000.0, each),
        Aim("final loss, exact sum", theirs, losses[0], at_most=True),
    ]
    notes = ["scaled is for one schedule", "1000 at once: 1000 totals from 12 000 to 24 000 steps, the last row's loss"]
    return Report("schedule", "the learning rate of every step of a run", [ours, batch, line], aims, notes)


def final_loss(lr: np.ndarray, p: np.ndarray) -> float:
    """Predicted loss after the last step, every change after the warm-up by itself; `lr` has the rates of steps 0, 1, ..."""
    L0, A, alpha, B, C, beta, gamma = p
    area = np.cumsum(lr[1:])
    drop, rate = -np.diff(lr)[WARMUP:], lr[WARMUP + 1 :]
    since = area[-1] - np.concatenate([[0.0], area[:-1]])[WARMUP:]
    return float(L0 + A * area[-1] ** -alpha - B * np.sum(drop * (1.0 - (1.0 + C * rate**-gamma * since) ** -beta)))


def ours(count: int, repeats: int) -> dict[str, Any]:
    import jaxlaws
    from jaxlaws import plan

    known = jaxlaws.catalogue["multi_power"].constants["25M"]
    law = jaxlaws.catalogue["multi_power"].variant(warmup="excluded")
    source = replace(known, law=law)
    total = TOTAL if count == 1 else np.linspace(12_000, TOTAL, count).round().astype(int)
    found, got = timed(
        lambda: plan.schedule(source, total=total, peak=PEAK, warmup=WARMUP), repeats=repeats, budget=120.0
    )
    plans = [found] if count == 1 else found
    return got | {"rates": plans[-1].as_array().tolist(), "failed": sum(not np.isfinite(p.loss) for p in plans)}
