"""`python -m benchmarks.criteria [curves|points]`: does what fitted rows say rank laws as held-out data do?

For every public data set here a few laws are fitted to the rows that a user would have had, and scored on those that came
later or were larger. Printed is Spearman's rank correlation, over the laws, of each criterion with the held-out mean
absolute error (1: it ranks them right, 0: it says nothing), and the error of the law that the criterion picks over the
lowest error of any. `jaxlaws/validate/reliability.py` states the table; JSON goes to `benchmarks/results/criteria-*.json`.
Minutes on points; an hour or so on curves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from benchmarks import _curve_cases
from benchmarks._harness import RESULTS
from benchmarks.extrapolation import BINS, SHIFT, TRIPS
from jaxlaws import published, read
from jaxlaws.solvers import levenberg_marquardt
from jaxlaws.validate import Candidate, Comparison, Fold, candidate, compare, holdout

STARTS = 4  # of the curve laws: every fold of every law is fitted anew
CRITERIA = ("objective", "aicc", "bic", "leave_out", "rollout")


def main(arguments: list[str]) -> int:
    for kind in arguments or ["points", "curves"]:
        found = {}
        for name, (laws, table, fold) in {"points": points, "curves": curves}[kind]().items():
            jax.clear_caches()  # Linux gives a process only so many memory maps, of which each program takes nine
            one = compare(laws, table, fold, told=lambda text, name=name: print(f"{name}: {text}", file=sys.stderr))
            print(f"{name}\n{one}\n", flush=True)
            found[name] = told(one)
            document = summed(found)
            (RESULTS / f"criteria-{kind}.json").write_text(json.dumps(document, indent=1) + "\n")
        print(json.dumps({k: document[k] for k in ("correlation", "regret")}, indent=1))
    return 0


def told(one: Comparison) -> dict[str, Any]:
    """Held-out error and criteria of each law that could be fitted."""
    out = {s.name: {"error": s.error, **s.criteria} for s in one.standings if not s.failure}
    for name in out:
        if name.endswith("squared"):
            out[name]["objective"] = float("nan")  # another objective: its sums are not compared with the others'
    return out


def summed(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    from scipy.stats import spearmanr

    correlation: dict[str, dict[str, float]] = {c: {} for c in CRITERIA}
    regret: dict[str, float] = {}
    for criterion in CRITERIA:
        ratios = []
        for data, laws in found.items():
            said = np.array([v[criterion] for v in laws.values()])
            error = np.array([v["error"] for v in laws.values()])
            correlation[criterion][data] = round(float(spearmanr(said, error, nan_policy="omit")[0]), 2)
            ratios.append(error[np.nanargmin(said)] / error.min())
        regret[criterion] = round(float(np.mean(ratios)), 2)
    return {"correlation": correlation, "regret": regret, "laws": found}


def points() -> dict[str, tuple[list[Candidate], Any, Fold]]:
    """Tables of N and D, the largest models held out."""
    names = ["chinchilla", "kaplan_nd", "skaling", "farseer", "overtraining", "acoustic"]
    laws = [candidate(name) for name in names]
    laws += [
        candidate("E + A/(N*D)^a", name="E + A/(N D)^a"),
        candidate("chinchilla", name="chinchilla, squared", **_squared()),
    ]
    ladder = published("olmo_ladder")
    last = ladder.frame.groupby("run")["step"].transform("max") == ladder.frame["step"]
    gadre = published("gadre_overtraining").where('eval_set == "c4_val"')
    return {
        "chinchilla_epoch": (laws, *_held(published("chinchilla_epoch"), "C > 1e21")),
        "olmo_ladder": (laws, *_held(ladder.select(last.to_numpy()), "N > 1e9")),
        "gadre c4": (laws, *_held(gadre.where('train_set == "c4_original"'), "N > 1e9")),
        "gadre rpj": (laws, *_held(gadre.where('train_set == "rpj"'), "N > 1e9")),
    }


def _squared() -> dict[str, Any]:
    from jaxlaws.objectives import squared

    return {"objective": squared()}


def _held(table: Any, expression: str) -> tuple[Any, Fold]:
    return table, holdout(table, expression)


def curves() -> dict[str, tuple[list[Candidate], Any, Fold]]:
    """Three runs of a model fitted, its others held out, as docs/extrapolation.md has them."""
    laws = [
        _curve_law("multi_power", "multi_power", ()),
        _curve_law("lr_annealing", "lr_annealing:warmup=counted", ("lam",)),
        _curve_law("progress_noise", "progress_noise", ()),
        _curve_law("progress_noise, shift", "progress_noise", SHIFT),
        _curve_law("limited_progress", "limited_progress", ()),
        _curve_law("limited_progress, shift", "limited_progress", SHIFT),
    ]
    out = {}
    for case in (*_curve_cases.multi_power(), *_curve_cases.peaks()[-1:]):
        both = _curve_cases.joined({"fit": case.train, "score": case.test})
        fitted = (both["case"] == "fit").to_numpy()
        # Each run is a schedule of its own here, those that were fitted too.
        out[case.name] = (laws, read(both.assign(schedule=both["run"])), Fold("three runs", fitted, ~fitted))
    return out


def _curve_law(name: str, law: str, free: tuple[str, ...]) -> Candidate:
    solver = levenberg_marquardt(trips=TRIPS, polish=0)
    return candidate(law, name=name, weights="run", free=free, starts=STARTS, bins=BINS, solver=solver)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
