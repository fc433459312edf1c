"""What a newcomer waits for: `jaxlaws fit` of an own CSV in a fresh process, by the wall clock, beside `import jax` alone.

Without JAX's compile cache, and with one that an earlier run has filled. Commands take turns, so that a busy minute hits all.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import _problems
from benchmarks._harness import ROOT, Aim, Failed, Report, Row, plain_environment

IMPORT_JAX = "import jax alone"
OWN = "jaxlaws fit of 60 models"


def report(*, quick: bool) -> Report:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models, curves = folder / "models.csv", folder / "curves.csv"
        write_models(models)
        write_curves(curves)
        # A cache folder is all that a user sets; JAX then keeps what took a second or more to compile.
        cached = plain_environment(JAX_COMPILATION_CACHE_DIR=str(folder / "cache"))
        plain = plain_environment(JAX_COMPILATION_CACHE_DIR="")
        fit = [sys.executable, "-m", "jaxlaws", "fit"]
        by_law = [*fit, str(models), "--law", "chinchilla", "--json"]
        by_text = [*fit, str(models), "--law", "E + A/N^alpha + B/D^beta", "--json"]
        by_curve = [*fit, str(curves), "--law", "lr_annealing", "--json"]
        cases: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
            OWN: (by_law, plain),
            f"{OWN}, compile cache": (by_law, cached),
            IMPORT_JAX: ([sys.executable, "-c", "import jax"], plain),
            "import jaxlaws": ([sys.executable, "-c", "import jaxlaws"], plain),
        }
        if not quick:
            cases |= {
                "the same law as a formula": (by_text, plain),
                "the same law as a formula, compile cache": (by_text, cached),
                "lr_annealing, 3 curves x 200 rows": (by_curve, plain),
                "lr_annealing, 3 curves x 200 rows, compile cache": (by_curve, cached),
            }
        rows = measured(cases, 0 if quick else 3)
    seconds = {r.what: r.warm for r in rows}
    aims = [
        Aim("seconds without a compile cache", 3.5, seconds[OWN], at_most=True),
        Aim("seconds with it", 2.2, seconds[f"{OWN}, compile cache"], at_most=True),
        Aim(
            "seconds of import jaxlaws above import jax",
            0.4,
            (seconds["import jaxlaws"] or 0.0) - (seconds[IMPORT_JAX] or 0.0),
            at_most=True,
        ),
    ]
    notes = [
        "warm: median wall clock of whole processes, files in the system's cache; cold: the first, which fills the compile cache"
    ]
    return Report("first_fit", "the first fit of an own CSV, from the shell", rows, aims, notes)


def measured(cases: Mapping[str, tuple[Sequence[str], Mapping[str, str]]], repeats: int) -> list[Row]:
    cold = {what: wall(*case) for what, case in cases.items()}
    taken: dict[str, list[float]] = {what: [] for what in cases}
    for _ in range(repeats):
        for what, case in cases.items():
            taken[what].append(wall(*case))
    return [
        Row(
            what,
            cold=cold[what],
            warm=statistics.median(taken[what] or [cold[what]]),
            repeats=repeats,
            note=_spread(taken[what]),
        )
        for what in cases
    ]


def wall(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(list(command), cwd=ROOT, env=dict(environment), capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise Failed(f"{' '.join(command[2:5])}: exit {done.returncode}, {done.stderr.strip()[-300:]}")
    return seconds


def _spread(taken: Sequence[float]) -> str:
    return f"{min(taken):.2f} to {max(taken):.2f}" if len(taken) > 1 else ""


def write_models(path: Path) -> None:
    """60 models of a Chinchilla law with noise: N, D, loss."""
    rng = np.random.default_rng(0)
    N, D = 10 ** rng.uniform(7.5, 10.0, 60), 10 ** rng.uniform(9.0, 11.5, 60)
    loss = (1.8 + 480.0 * N**-0.35 + 2100.0 * D**-0.37) * np.exp(3e-3 * rng.standard_normal(60))
    np.savetxt(path, np.stack([N, D, loss], axis=1), delimiter=",", header="N,D,loss", comments="", fmt="%.10g")


def write_curves(path: Path) -> None:
    """Three runs as a training script logs them."""
    made = _problems.annealing_curves(3, 200)
    lr = made.rates(slice(0, 3))
    late = made.at > made.warmup.max()  # the rate in the table is the true one, the law's convention aside
    lines = [
        f"run{i},{step},{lr[i, step]:.8g},{loss:.6f}"
        for i in range(3)
        for step, loss in zip(made.at[late], made.loss[i, late], strict=True)
    ]
    path.write_text("\n".join(["run,step,lr,loss", *lines]) + "\n")
