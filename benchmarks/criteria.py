"""`python -m benchmarks.criteria [curves|points]`: does what fitted rows say rank laws as held-out data do?

For every public data set here a few laws are fitted to the rows that a user would have had, and scored on those that came
later or were larger. Printed is Spearman's rank correlation, over the laws, of each criterion with the held-out mean
absolute error (1: it ranks them right, 0: it says nothing), and the error of the law that the criterion picks over the
lowest error of any. `jaxlaws/validate/reliability.py` states the table; JSON goes to `benchmarks/results/criteria-*.json`.
Minutes on points, an hour on curves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._harness import RESULTS
from jaxlaws import published
from jaxlaws.validate import Candidate, Comparison, Fold, candidate, compare, holdout

CRITERIA = ("objective", "aicc", "bic", "leave_out", "rollout")


def main(arguments: list[str]) -> int:
    for kind in arguments or ["points", "curves"]:
        found = {}
        for name, (laws, table, fold) in {"points": points, "curves": curves}[kind]().items():
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
    """Whole curves: three schedules fitted, the others held out."""
    laws = [
        candidate("lr_annealing", starts=8),
        candidate("multi_power", starts=4),
        candidate("fsl_practical", starts=8),
        candidate("progress_noise", weights="run", starts=8),
        candidate("progress_noise", name="progress_noise, run shift", weights="run", starts=8, free=("m", "d")),
        candidate(
            "progress_noise", name="progress_noise, p = q = 1", weights="run", starts=8, fix={"p": 1.0, "q": 1.0}
        ),
    ]
    out = {}
    train = '(schedule in ["cosine_24000", "constant_24000", "wsdcon_9"]) and step < 24000'
    for size in ("25M", "100M"):
        table = published("mpl_curves").where(f'size == "{size}"')
        test = 'not (schedule in ["cosine_24000", "constant_24000", "wsdcon_9"])'
        out[f"mpl_curves {size}"] = (laws, table, holdout(table, test, where=train))
    whole = published("lr_schedules").where("N == 123587328")
    whole = whole.select(whole.frame["val_loss"].notna().to_numpy())
    for peak in ("0.001", "0.0005", "0.002"):
        table = whole.where(f"peak == {peak}")
        run = table.frame["run"].astype(str)
        cosine = run.str.startswith("cos-10") & run.str.contains("iter25000")
        stable = run.str.startswith("stable") & (table.column("step") <= 25000)
        cooled = run.str.startswith("ann124-0.2") & run.str.contains("iter25000")
        fit = (cosine | stable | cooled).to_numpy()
        kind = np.select([cosine, stable, cooled], ["cosine", "stable", "cooldown"], "test")
        table = replace(table, frame=table.frame.assign(schedule=kind))
        out[f"lr_schedules {peak}"] = (
            laws,
            table,
            Fold("one cosine, stable, one cooldown", fit, ~fit & ~run.str.startswith("stable").to_numpy()),
        )
    return out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
