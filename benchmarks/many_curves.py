"""10 000 loss curves of 512 steps, `lr_annealing`, each curve a fit of its own.

Ours twice: the engine on curves that are ready, and `fit(by="run")` on a table, all that a user waits for; fewer curves where
10 000 would pass the budget, and then scaled. SciPy fits the same curves one after another, given the two areas that the law sums. Each fit is judged by the exact sum of its curve.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import _problems, floor
from benchmarks._apart import peak_mb, timed
from benchmarks._harness import Aim, Report, apart, ratio, row
from benchmarks._peers import peer

CURVES, LOGGED = 10_000, 512
CHUNK = 128  # curves in one call of the engine
STARTS = 4  # only the exponent is left to search: the other three are solved for at every start


def report(*, quick: bool) -> Report:
    count, tried, budget = (32, 4, 0.0) if quick else (CURVES, 200, 60.0)
    made = _problems.annealing_curves(count, LOGGED)
    answers = []
    got = apart("many_curves:ours", count=count, budget=budget)
    done, prepared = len(got["params"]), got["prepare"]
    least = floor.seconds(got["counts"], quick=quick)
    line = row("jaxlaws engine, curves ready", got, count=done, claimed=CURVES, floor=least)
    answers.append((line, got["params"]))
    got = apart("many_curves:ours_by_run", count=count, budget=budget)
    line = row('jaxlaws fit(by="run"), from a table', got, count=len(got["params"]), claimed=CURVES)
    answers.append((line, got["params"]))
    forward, annealing = made.areas(slice(0, tried))
    arrays = {"forward": forward, "annealing": annealing, "loss": made.loss[:tried]}
    line, said = peer(
        "SciPy least_squares, Huber, one core", "scipy_least_squares", arrays, count=tried, claimed=CURVES
    )
    answers.append((line, said.get("params", [])))

    reached = [made.objective(np.array(params, dtype=float)) for _, params in answers]
    best = np.full(count, np.inf)
    for values in reached:
        best[: len(values)] = np.fmin(best[: len(values)], values)
    rows = []
    for (line, _), values in zip(answers, reached, strict=True):
        if len(values):
            short = ~(values <= best[: len(values)] * (1 + 1e-6))
            line = replace(line, objective=float(np.nanmean(values[:tried])), failed=int(short.sum()))
        rows.append(line)
    aims = [
        Aim(f"times faster than SciPy, {what}", 100, ratio(r, rows[-1]))
        for what, r in (('fit(by="run")', rows[1]), ("engine", rows[0]))
    ]
    worst = float(np.max(reached[0][: len(reached[-1])] / reached[-1] - 1)) if len(reached[-1]) else None
    if worst is not None:
        aims.append(Aim("objective above SciPy's, relative, worst of all curves", 1e-6, worst, at_most=True))
    notes = [
        f"making curves ready for the engine took {prepared:.1f} s more for {done} curves, on the host",
        "failed: fits above the lowest objective found for their curve by more than 1e-6; objective: mean over the curves "
        "that SciPy fitted",
    ]
    return Report(
        "many_curves", f"{CURVES} curves x {LOGGED} steps, each its own fit", rows, aims, notes, {"prepare": prepared}
    )


def ours(count: int, budget: float) -> dict[str, Any]:
    """Every chunk's curves are made on the host, fitted, and dropped: memory does not grow with `count`.

    After `budget` seconds no further chunk begins.
    """
    import time

    import jax

    from jaxlaws import catalogue, fitting

    law = catalogue["lr_annealing"]
    made = _problems.annealing_curves(count, LOGGED)
    size = min(CHUNK, count)
    with jax.enable_x64(True):
        solve = jax.jit(jax.vmap(lambda curve, loss: fitting.solve(law, {"curve": curve}, loss, starts=STARTS).params))
        prepare, cold, warm, found = 0.0, None, 0.0, []
        before = peak_mb()
        for begin in range(0, count, size):
            part = np.arange(begin, begin + size) % count  # the last chunk is filled up: one shape, one program
            began = time.perf_counter()
            curves, losses = ready(made, part)
            prepare += time.perf_counter() - began
            first = cold is None
            params, got = timed(lambda c=curves, y=losses: solve(c, y), repeats=1 if first else 0)
            cold = got["cold"] if first else cold
            warm += got["warm"][0] if first else got["cold"]
            found.append(np.stack([np.asarray(params[k]) for k in _problems.ANNEALING], axis=1))
            if prepare + warm > 2 * budget:
                break
        one = floor.elementary(
            lambda x: jax.vmap(jax.vmap(lambda c: jax.numpy.log(law.fn(c, **x, lam=0.999))))(curves),
            dict.fromkeys(_problems.ANNEALING, 1.0),
        )
    params = np.concatenate(found)[:count]
    return {
        "cold": cold,
        "warm": [warm],
        "memory_mb": peak_mb() - before,
        "prepare": prepare,
        "params": params.tolist(),
        "counts": floor.counts({k: n / size * len(params) for k, n in one.items()}, floor.of_curves(STARTS)),
    }


def ready(made: _problems.Curves, part: np.ndarray) -> tuple[Any, np.ndarray]:
    """Curves of runs `part`, stacked `(curves, 1 run, ...)`, and their losses."""
    import jax

    from jaxlaws import Curve, schedules
    from jaxlaws.schedules.curve import pad, sizes

    curves = []
    for i in part:
        lr = schedules.cosine(float(made.peak[i]), total=made.total, end=float(made.end[i]), warmup=int(made.warmup[i]))
        curve = Curve.of(lr, at=made.at, warmup="peak", warmup_steps=int(made.warmup[i]))
        curves.append(curve)
    largest = {k: max(sizes(c)[k] for c in curves) for k in sizes(curves[0])}
    largest["cells"] = 2 ** int(np.ceil(np.log2(largest["cells"])))  # the same in every chunk
    return jax.tree.map(lambda *x: np.stack(x)[:, None], *[pad(c, **largest) for c in curves]), made.loss[part][:, None]


def ours_by_run(count: int, budget: float) -> dict[str, Any]:
    """The first few curves compile; then as many as they say can be fitted within `budget` seconds."""
    from jaxlaws import fit

    made = _problems.annealing_curves(count, LOGGED)
    few = min(64, count)
    frame = table(made, few)
    _, pilot = timed(lambda: fit("lr_annealing", frame, by="run", starts=STARTS), repeats=1)
    count = int(min(count, max(few, few * budget / pilot["warm"][0])))
    frame = table(made, count)
    found, got = timed(lambda: fit("lr_annealing", frame, by="run", starts=STARTS), repeats=0)
    params = [[float(f.params[k]) for k in _problems.ANNEALING] for f in found.values()]
    memory = pilot["memory_mb"] + got["memory_mb"]
    return {"cold": pilot["cold"], "warm": [got["cold"]], "memory_mb": memory, "params": params}


def table(made: _problems.Curves, count: int) -> Any:
    """The run table of the first `count` curves, schedules by their specs."""
    import pandas as pd

    from jaxlaws import schedules

    specs = [
        str(schedules.cosine(float(made.peak[i]), total=made.total, end=float(made.end[i]), warmup=int(made.warmup[i])))
        for i in range(count)
    ]
    logged = len(made.at)
    lr = np.concatenate([made.rates(slice(i, i + 1))[0, made.at] for i in range(count)])
    return pd.DataFrame(
        {
            "run": np.repeat([f"run{i:06d}" for i in range(count)], logged),
            "step": np.tile(made.at, count),
            "loss": made.loss[:count].ravel(),
            "lr": lr,
            "lr_schedule": np.repeat(specs, logged),
        }
    )
