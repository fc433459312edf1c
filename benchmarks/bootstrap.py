"""1000 bootstrap refits of the Chinchilla law, each to the objective that the best of all peers finds for its resample.

Ours: `uncertainty.bootstrap`, all of it: table, resamples, fits and statuses. SciPy and optimistix refit the same resamples from
the same optimum; `simple-scaling-laws` has a bootstrap and an objective of its own, so only its time counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import _problems, floor
from benchmarks._apart import timed
from benchmarks._harness import Aim, Report, Row, apart, ratio, row
from benchmarks._peers import peer

DRAWS = 1000
TRIPS = 11  # evaluations of the law that a resample takes, about
OPTIMUM = {"E": 1.8172355, "A": 477.84171, "B": 2143.86379, "alpha": 0.347312658, "beta": 0.367182617}
PUBLISHED = {"A": (285, 744), "alpha": (0.317, 0.373), "beta": (0.331, 0.415), "E": (1.769, 1.871)}
SHORT = 1e-6  # a draw falls short when its objective is so much above the best, relatively


def report(*, quick: bool) -> Report:
    at = _problems.points()
    draws = 32 if quick else DRAWS
    weights = _problems.resamples(len(at["loss"]), draws)
    got = apart("bootstrap:ours", draws=draws, repeats=2 if quick else 7)
    ours = row(
        "jaxlaws uncertainty.bootstrap",
        got,
        count=draws,
        claimed=DRAWS,
        floor=floor.seconds(got["counts"], quick=quick),
    )
    answers = [(ours, np.array(got["params"]))]
    start = np.array([[OPTIMUM[k] for k in _problems.CHINCHILLA]])
    # The loosest tolerance that brought 256 of 256 draws within 1e-6: peers at their fastest.
    cases: list[tuple[str, str, int, dict[str, Any]]] = [
        ("optimistix LM, vmapped", "optimistix_vmapped", draws, {"method": "lm", "tolerance": 1e-5}),
        ("optimistix BFGS, vmapped", "optimistix_vmapped", draws, {"method": "bfgs", "tolerance": 1e-5}),
        ("SciPy BFGS, exact gradient, one core", "scipy_bfgs", 4 if quick else 200, {}),
    ]
    for what, script, count, options in cases:
        arrays = at | {"starts": start, "weights": weights[:count]}
        options = {"repeats": 1 if quick else 3, "most": 1000} | options
        line, said = peer(what, script, arrays, options=options, count=count, claimed=DRAWS)
        answers.append((line, np.array(said.get("params", np.empty((0, 5))), dtype=float)))
    rows = judged(at, weights, answers)
    name = "simple-scaling-laws"
    calls = {"draws": draws, "repeats": 1 if quick else 3}
    own, _ = peer(f"{name}, its own bootstrap", "simple_scaling_laws_fit", at, environment=name, options=calls)
    rows.append(replace(own, count=draws, claimed=DRAWS))
    fastest = [r for r in (rows[1], rows[2], rows[-1]) if r.scaled is not None]
    aims = [
        Aim(
            "times faster than the best of optimistix LM and BFGS and simple-scaling-laws",
            10,
            min((ratio(rows[0], r) or np.inf for r in fastest), default=None),
        ),
        Aim("draws short of the best objective by more than 1e-6", 0, rows[0].failed, at_most=True),
    ]
    spread = intervals(np.array(got["params"]))
    notes = [
        f"95 % intervals here: {_shown(spread)}",
        f"published: {_shown(PUBLISHED)}",
        "failed: draws whose objective is above the best of all by more than 1e-6; objective: their mean",
    ]
    return Report(
        "bootstrap", f"{DRAWS} bootstraps of 240 rows", rows, aims, notes, {"intervals": spread, "trips": TRIPS}
    )


def judged(at: Mapping[str, np.ndarray], weights: np.ndarray, answers: list[tuple[Row, np.ndarray]]) -> list[Row]:
    """Rows with their mean objective, and how many draws fall short of the best found for the same draw."""
    reached = [_problems.chinchilla_objective(at, params, weights[: len(params)]) for _, params in answers]
    best = np.full(len(weights), np.inf)
    for values in reached:
        best[: len(values)] = np.fmin(best[: len(values)], values)
    out = []
    for (line, _), values in zip(answers, reached, strict=True):
        if len(values):
            short = ~(values <= best[: len(values)] * (1 + SHORT))
            line = replace(line, objective=float(np.mean(values)), failed=int(short.sum()))
        out.append(line)
    return out


def intervals(params: np.ndarray) -> dict[str, tuple[float, float]]:
    low, high = np.percentile(params, [2.5, 97.5], axis=0)
    return {k: (float(low[i]), float(high[i])) for i, k in enumerate(_problems.CHINCHILLA)}


def _shown(spread: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{k} {low:.4g} to {high:.4g}" for k, (low, high) in sorted(spread.items()))


def ours(draws: int, repeats: int) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    import jaxlaws

    runs = jaxlaws.published("chinchilla_epoch")
    one = jaxlaws.fit("chinchilla", runs)
    found, got = timed(lambda: jaxlaws.bootstrap(one, runs, by="row", resamples=draws, seed=0), repeats=repeats)
    law = one.law
    with jax.enable_x64(True):
        inputs = {k: jnp.asarray(runs.column(k)) for k in ("N", "D")}
        each = floor.elementary(lambda x: jnp.log(law.fn(**inputs, **x)), dict.fromkeys(law.params, 1.0))
    params = np.stack([found.params[k] for k in _problems.CHINCHILLA], axis=1)
    return got | {
        "params": params.tolist(),
        "counts": floor.counts(each, {"float64": TRIPS * draws}),
    }
