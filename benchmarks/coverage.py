"""How often nominal 95 % intervals hold the truth, on simulated runs, and whether the fit warns where they do not.

Noise is a shift of each run, an autoregressive part within it, and outliers; every simulated table is fitted and resampled as a
user would. The truth is a parameter, and the loss at ten times the largest run. No peer: others' intervals are of other laws.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._harness import Aim, Report, Row, apart

TABLES = 200  # 95 % of so many is known to 1.5 points
RESAMPLES = 400
TRUTH = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
FAR = {"N": 1e11, "D": 2e12}


@dataclass(frozen=True)
class Case:
    """Simulated tables of one kind. `sizes` and `horizons` span a grid of runs; each has `checkpoints` rows, of ever more tokens."""

    what: str
    sizes: int
    horizons: int
    checkpoints: int = 1
    row_noise: float = 3e-3
    run_noise: float = 0.0
    correlation: float = 0.0
    outliers: float = 0.0
    trusted: bool = True


CASES = {
    "independent": Case("48 runs, independent noise", 8, 6),
    "outliers": Case("48 runs, one in 20 an outlier of ten times the noise", 8, 6, outliers=0.05),
    "correlated": Case(
        "40 runs of 8 rows: shift of a run, lag-one correlation .8",
        8,
        5,
        checkpoints=8,
        run_noise=2e-3,
        correlation=0.8,
    ),
    "both": Case(
        "40 runs of 8 rows: shifts, correlation and outliers",
        8,
        5,
        checkpoints=8,
        run_noise=2e-3,
        correlation=0.8,
        outliers=0.03,
    ),
    "few sizes": Case("3 sizes, 8 horizons each: not to be trusted", 3, 8, run_noise=2e-3, trusted=False),
}


def simulated(case: Case, rng: np.random.Generator) -> dict[str, Any]:
    """One table."""
    N, D = np.meshgrid(np.geomspace(5e7, 1e10, case.sizes), np.geomspace(1e9, 2e11, case.horizons))
    N, D = N.ravel(), D.ravel()
    runs = len(N)
    share = np.geomspace(0.2, 1.0, case.checkpoints) if case.checkpoints > 1 else np.ones(1)
    noise = np.zeros((runs, case.checkpoints))
    fresh = rng.standard_normal(noise.shape)
    for i in range(case.checkpoints):
        before = noise[:, i - 1] if i else fresh[:, 0]
        noise[:, i] = case.correlation * before + np.sqrt(1 - case.correlation**2) * fresh[:, i] if i else fresh[:, 0]
    noise = case.row_noise * noise + case.run_noise * rng.standard_normal((runs, 1))
    odd = rng.random(noise.shape) < case.outliers
    noise = np.where(odd, 10.0 * case.row_noise * rng.standard_normal(noise.shape), noise)
    N, D = np.repeat(N, case.checkpoints), (D[:, None] * share).ravel()
    clean = TRUTH["E"] + TRUTH["A"] * N ** -TRUTH["alpha"] + TRUTH["B"] * D ** -TRUTH["beta"]
    names = [f"run {i}" for i in np.repeat(np.arange(runs), case.checkpoints)]
    return {"N": N, "D": D, "loss": clean * np.exp(noise.ravel()), "run": names}


def report(*, quick: bool) -> Report:
    tables = 4 if quick else TABLES
    names = ["independent"] if quick else list(CASES)
    rows, aims, notes, more = [], [], [], {}
    for name in names:
        case = CASES[name]
        got = apart("coverage:ours", name=name, tables=tables, timeout=3000.0)
        rows.append(Row(case.what, count=tables, claimed=tables, warm=got["seconds"]))
        shown = ", ".join(f"{k} {100 * v:.1f}" for k, v in got["held"].items())
        notes.append(f"{case.what}: 95 % intervals hold {shown} %; warned of sizes in {100 * got['warned']:.0f} %")
        more[name] = got
        if case.trusted:
            low, high = min(got["held"].values()), max(got["held"].values())
            aims.append(Aim(f"{name}: least coverage of a parameter or a prediction, %", 92, 100 * low))
            aims.append(Aim(f"{name}: largest, %", 97, 100 * high, at_most=True))
        else:
            aims.append(Aim(f"{name}: warned, %", 100, 100 * got["warned"]))
    return Report(
        "coverage",
        "nominal 95 % intervals hold the truth 92 to 97 % of the time",
        rows,
        aims,
        notes,
        more,
        compare=False,
    )


def ours(name: str, tables: int) -> dict[str, Any]:
    import jaxlaws
    from jaxlaws.fitting.report import cautions

    case = CASES[name]
    began = time.perf_counter()
    held: dict[str, int] = {}
    warned = 0
    truth = float(TRUTH["E"] + TRUTH["A"] * FAR["N"] ** -TRUTH["alpha"] + TRUTH["B"] * FAR["D"] ** -TRUTH["beta"])
    objective = jaxlaws.huber(3e-3)
    start = np.array([[TRUTH[k] * s for k in TRUTH] for s in (0.97, 1.0, 1.03)])
    for i in range(tables):
        runs = jaxlaws.read(simulated(case, np.random.default_rng(i)))
        one = jaxlaws.fit("chinchilla", runs, objective=objective, starts=start)
        draws = jaxlaws.bootstrap(one, runs, resamples=RESAMPLES, seed=i)
        ends = {k: (v, TRUTH[k]) for k, v in draws.interval().items()}
        _, low, high = draws.predict(**FAR)
        ends["far loss"] = ((float(low), float(high)), truth)
        for k, ((a, b), true) in ends.items():
            held[k] = held.get(k, 0) + (a <= true <= b)
        warned += any("different N" in note for note in cautions(one))
    return {
        "held": {k: v / tables for k, v in held.items()},
        "warned": warned / tables,
        "seconds": time.perf_counter() - began,
    }
