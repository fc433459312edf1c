"""Fits and rows that these tests share, none of which costs a search: a page is made of what a fit says."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import catalogue
from jaxlaws.fitting import Fit
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.runs import read
from jaxlaws.solvers import Status
from jaxlaws.uncertainty import Draws

EVIL = "</script><img src=x onerror=alert(2)><script>alert(1)&\"'"  # as long as a chart shows it whole
LONG = "long" * 2500
CHINCHILLA = {"E": 1.8, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
ANNEALING = {"L0": 2.0, "A": 0.5, "C": 0.3, "alpha": 0.4, "lam": 0.999}


def made(law, params, runs, **more):
    """A fit that says it was made of these rows."""
    law = catalogue[law]
    runs = runs.checked(numeric_columns(law))
    inputs = [name for name in numeric_columns(law, observed=False) if name in runs.frame.columns]
    told = {
        "law": law,
        "params": {name: params[name] for name in law.params},
        "fixed": tuple(name for name in law.params if law.params[name].fixed is not None),
        "objective": 1e-3,
        "status": Status.converged,
        "reason": "",
        "objective_spec": "huber:0.001",
        "weights": "row",
        "rows": len(runs),
        "runs": tuple(runs.names),
        "starts": 8,
        "agree": 0.75,
        "remaining": 1e-12,
        "at_bound": (),
        "condition": 100.0,
        "trade_offs": (),
        "largest": {name: float(runs.column(name).max()) for name in inputs},
        "distinct": dict.fromkeys(inputs, 12),
        "source": runs.source,
        "data_hash": runs.sha256,
        "spread": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.4, float("nan")),
        "versions": {"jaxlaws": "0.1.0", "jax": "0.10.2"},
    }
    return Fit(**(told | more))


def drawn(fit, count=40):
    """Draws around a fit, scattered by 2 %."""
    noise = np.random.default_rng(0).normal(size=(len(fit.params), count))
    params = {name: value * np.exp(0.02 * n) for (name, value), n in zip(fit.params.items(), noise, strict=True)}
    params["alpha"] = fit.params["alpha"] * (params["A"] / fit.params["A"]) ** 0.1
    good = np.full(count, int(Status.converged))
    return Draws(fit.law, params, np.ones(count), good, "bootstrap by run", fit)


def point_table():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 4)))
    noise = np.exp(0.002 * np.sin(37.0 * np.arange(24)))
    loss = noise * (1.8 + 400 / n**0.34 + 2000 / d**0.37)
    return read({"run": [f"m{i}" for i in range(24)], "N": n, "D": d, "loss": loss})


def curve_table(names, steps, every=1):
    """Runs with a warm-up and a linear cooldown each."""
    rows = {"run": [], "step": [], "loss": [], "lr": []}
    for i, name in enumerate(names):
        step = np.arange(1, steps + 1)
        fall = 1.0 - 0.9 * np.clip((2 * step - steps) / steps, 0.0, 1.0)
        lr = 1e-3 * (1 + i % 3) * np.minimum(step / 50, 1.0) * fall
        loss = 2.0 + 0.5 * np.cumsum(lr) ** -0.4 + 8.0 * np.exp(-step / 10)
        kept = step % every == 0
        parts = ([name] * int(kept.sum()), step[kept], loss[kept], lr[kept])
        rows = {k: [*rows[k], *v] for k, v in zip(rows, parts, strict=True)}
    return read(rows)


@pytest.fixture(scope="session")
def points():
    """A fit of 24 models, its rows and draws."""
    runs = point_table()
    fit = made("chinchilla", CHINCHILLA, runs)
    return fit, runs, drawn(fit)


@pytest.fixture(scope="session")
def curves():
    """A fit of two curves with hostile names, its rows, and a third curve held out."""
    whole = curve_table((EVIL, LONG, "three\x1b[31m\n"), 600)
    last = (whole.frame["run"] == whole.names[2]).to_numpy()
    runs, held = whole.select(~last), whole.select(last)
    return made("lr_annealing", ANNEALING, runs), runs, held
