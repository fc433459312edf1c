"""What the door looks for in a table, and what it does about it.

| kind              | looks at           | means                                                   | unless told  |
|-------------------|--------------------|---------------------------------------------------------|--------------|
| `nonfinite`       | any column used    | an empty cell, NaN or infinity                          | raise        |
| `nonpositive_loss`| loss               | 0 or below                                              | raise        |
| `nonpositive`     | N, D, C, batch, std| 0 or below                                              | raise        |
| `negative_lr`     | lr                 | below 0                                                 | raise        |
| `duplicated_steps`| step               | a run has the same step twice                           | raise        |
| `unsorted_steps`  | step               | a run's steps go backwards                              | raise        |
| `diverged`        | loss               | a run ends above 1.5 x its lowest loss                  | keep, noted  |
| `constant_input`  | any other column   | one value in every row: the data say nothing about it   | keep, noted  |

`drop` leaves the rows out: of duplicated steps all but the first, of unsorted ones those that go back, of a diverged run
all. `keep` of unsorted steps sorts them. Nothing is done without a `Finding` that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.errors import TableError, nearest

if TYPE_CHECKING:
    from jaxlaws.runs.table import Runs

DEFAULTS = {
    "nonfinite": "raise",
    "nonpositive_loss": "raise",
    "nonpositive": "raise",
    "negative_lr": "raise",
    "duplicated_steps": "raise",
    "unsorted_steps": "raise",
    "diverged": "keep",
    "constant_input": "keep",
}

POLICIES = ("raise", "drop", "keep")

# A diverged run stays far above where it was; noise of single batches and the rise after a learning-rate jump do not
# reach half as much again. The end is a median of a few rows, so that one spike is no divergence.
DIVERGED = 1.5

_CURES = {
    "nonfinite": "to leave such rows out",
    "nonpositive_loss": "to leave such rows out",
    "nonpositive": "to leave such rows out",
    "negative_lr": "to leave such rows out",
    "duplicated_steps": "to keep the first of each; if every row is a run of its own, name the runs with `--column run=COLUMN`",
    "unsorted_steps": "to sort them",
    "diverged": "to leave such runs out",
    "constant_input": "to fit all the same",
}


@dataclass(frozen=True)
class Finding:
    """One thing that the door saw: its kind, what was done, how many rows, the first few of them, their runs."""

    kind: str
    policy: str
    count: int
    rows: tuple[int, ...]
    runs: tuple[str, ...]
    message: str


def resolved(policies: Mapping[str, str]) -> dict[str, str]:
    """Every kind with its policy. Raises on an unknown kind or a policy that makes no sense for it."""
    for kind, policy in policies.items():
        if kind not in DEFAULTS:
            raise TableError(f"`--policy {kind}={policy}`: {nearest(kind, DEFAULTS, what='check')}")
        allowed = ("raise", "keep") if kind == "constant_input" else POLICIES
        if policy not in allowed:
            raise TableError(f"`--policy {kind}={policy}`: the policy must be one of {', '.join(allowed)}.")
    return DEFAULTS | dict(policies)


def check_columns(runs: Runs, names: Sequence[str], policies: Mapping[str, str]) -> Runs:
    """`runs` after the checks that concern the columns `names`, by `policies`. Checking twice changes nothing."""
    rules = resolved(policies)
    rows = len(runs)
    for name in names:
        for check in _CHECKS.get(name, (_nonfinite, _constant)):
            runs = check(runs, name, rules)
    if rows > 0 and len(runs) == 0:
        why = "; ".join(sorted({f"{f.kind}={f.policy}" for f in runs.findings if f.policy == "drop"}))
        raise TableError(f"{runs.source}: no row is left after `--policy {why}`.")
    return runs


def _nonfinite(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    values = runs.column(name)
    wrong = ~np.isfinite(values)
    if not wrong.any():
        return runs
    first = values[wrong][0]
    what = f"{name} is {'nan or empty' if np.isnan(first) else 'infinite'}"
    # A row without a step has no place in its run: it cannot be kept.
    rules = rules if name != "step" or rules["nonfinite"] == "drop" else {**rules, "nonfinite": "raise"}
    return _settle(runs, "nonfinite", wrong, what, rules)


def _above_zero(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    kind = "nonpositive_loss" if name == "loss" else "nonpositive"
    return _settle(runs, kind, runs.column(name) <= 0, f"{name} is not above 0", rules)


def _lr(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    # The logged rate of a run whose exact schedule is known is not used.
    used = ~runs.frame["run"].isin(list(runs.schedules)).to_numpy()
    if not used.any():
        return runs
    values = runs.column(name)
    runs = _settle(runs, "nonfinite", used & ~np.isfinite(values), f"{name} is nan, empty or infinite", rules)
    used = ~runs.frame["run"].isin(list(runs.schedules)).to_numpy()
    return _settle(runs, "negative_lr", used & (runs.column(name) < 0), f"{name} is below 0", rules)


def _steps(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    twice = runs.frame.duplicated(["run", name], keep="first").to_numpy()
    runs = _settle(runs, "duplicated_steps", twice, "the run has this step already", rules)
    highest = runs.frame.groupby("run", sort=False)[name].cummax().to_numpy()
    back = runs.column(name) < highest
    kept = _settle(runs, "unsorted_steps", back, "the step is below the one before it", rules)
    return _sorted(kept, name) if back.any() and rules["unsorted_steps"] == "keep" else kept


def _diverged(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    if "step" not in runs.frame.columns or len(runs) == 0:
        return runs
    losses = runs.frame.groupby("run", sort=False)[name]
    ends = runs.frame.assign(end=losses.cumcount(ascending=False) < np.clip(losses.transform("size") // 4, 1, 5))
    end = ends[ends["end"]].groupby("run", sort=False)[name].median()
    lowest = losses.min()
    bad = runs.frame["run"].isin(lowest.index[(end > DIVERGED * lowest) & (lowest > 0)]).to_numpy()
    return _settle(runs, "diverged", bad, f"the {name} ends above {DIVERGED:g} x its lowest", rules)


def _constant(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    values = runs.column(name)
    if len(values) < 2 or not (values == values[0]).all():
        return runs
    what = f"{name} is {values[0]:g} in every row, so the table says nothing about how it matters"
    return _settle(runs, "constant_input", np.ones(len(values), dtype=bool), what, rules)


Check = Callable[["Runs", str, Mapping[str, str]], "Runs"]
_CHECKS: dict[str, tuple[Check, ...]] = {
    "run": (),
    "lr_schedule": (),
    "step": (_nonfinite, _steps),
    "loss": (_nonfinite, _above_zero, _diverged),
    "lr": (_lr,),
    "batch": (_nonfinite, _above_zero),
    "std": (_nonfinite, _above_zero),
    **dict.fromkeys(("N", "D", "C"), (_nonfinite, _above_zero, _constant)),
}


def _settle(runs: Runs, kind: str, wrong: np.ndarray, what: str, rules: Mapping[str, str]) -> Runs:
    """`runs` after the policy for `kind` has been applied to the rows `wrong`."""
    if not wrong.any():
        return runs
    policy = rules[kind]
    rows = tuple(int(row) for row in runs.frame.index[wrong][:5])
    names = tuple(str(name) for name in runs.frame["run"][wrong].unique()[:5])
    count = int(wrong.sum())
    where = "" if kind == "constant_input" else f"{_places(count, rows, names)}: "
    if policy == "raise":
        cure = f"give `--policy {kind}={'keep' if kind in ('unsorted_steps', 'constant_input') else 'drop'}` {_CURES[kind]}"
        raise TableError(f"{runs.source}: {where}{what}; {cure}.")
    done = {"drop": "left out", "keep": "sorted" if kind == "unsorted_steps" else "kept"}[policy]
    finding = Finding(kind, policy, count, rows, names, f"{runs.source}: {where}{what}; {done}.")
    left = runs.select(~wrong) if policy == "drop" else runs
    return left if finding in left.findings else replace(left, findings=(*left.findings, finding))


def _places(count: int, rows: tuple[int, ...], names: tuple[str, ...]) -> str:
    more = ", ..." if count > len(rows) else ""
    runs = f"run{'s' if len(names) > 1 else ''} {', '.join(repr(name) for name in names)}"
    if count == 1:
        return f"row {rows[0]} ({runs})"
    return f"{count} rows ({', '.join(map(str, rows))}{more}; {runs})"


def _sorted(runs: Runs, name: str) -> Runs:
    order = runs.frame["run"].map({run: i for i, run in enumerate(runs.names)}).to_numpy()
    return replace(runs, frame=runs.frame.iloc[np.lexsort((runs.column(name), order))])
