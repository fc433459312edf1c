"""Runs whose truth is known: one law, its parameters, and four schedules."""

from __future__ import annotations

from jaxlaws import catalogue, schedules

TOTAL = 4000
PEAK = 3e-3
RUNS = {
    "cosine": schedules.cosine(PEAK, total=TOTAL, end=PEAK / 10, warmup=200),
    "wsd": schedules.wsd(PEAK, warmup=200, hold=3200, total=TOTAL, end=PEAK / 10),
    "steps": schedules.multistep(PEAK, warmup=200, at=2000, to=0.3 * PEAK, total=TOTAL),
    "constant": schedules.constant(PEAK, total=TOTAL, warmup=200),
}
TRUE = {"L0": 2.0, "A": 0.9, "B": 0.15, "a": 0.55, "k": 6.0, "p": 0.8}
LAW = catalogue["progress_noise"]
HELD = {"q": 0.8, "m": 0.0, "d": 0.0, "lr_ref": PEAK}
