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
| `damaged`         | a tracker's files  | one is cut off or damaged: what comes before can be kept | raise        |
| `orphan`          | `parent`           | a branch is stitched, and its parent is not in the table | raise        |

`drop` leaves the rows out: of duplicated steps all but the first, of unsorted ones those that go back, of a diverged run
all. `keep` of unsorted steps sorts them. Nothing is done without a `Finding` that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    "damaged": "raise",
    "orphan": "raise",
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
    "orphan": "to leave such runs out, or `keep` to use their own steps alone",
}


@dataclass(frozen=True)
class Finding:
    """One thing that the door saw: its kind, what was done, how many rows, the first few of them and of their runs.

    `by_run` has every run that it concerns, with how many rows of each.
    """

    kind: str
    policy: str
    count: int
    rows: tuple[int, ...]
    runs: tuple[str, ...]
    message: str
    by_run: Mapping[str, int] = field(default_factory=dict)


def resolved(policies: Mapping[str, str]) -> dict[str, str]:
    """Every kind with its policy. Raises on an unknown kind or a policy that makes no sense for it."""
    for kind, policy in policies.items():
        if kind not in DEFAULTS:
            raise TableError(f"`--policy {kind}={policy}`: {nearest(kind, DEFAULTS, what='check')}")
        allowed = ("raise", "keep") if kind in ("constant_input", "damaged") else POLICIES
        if policy not in allowed:
            raise TableError(f"`--policy {kind}={policy}`: the policy must be one of {', '.join(allowed)}.")
    return DEFAULTS | dict(policies)


def check_columns(runs: Runs, names: Sequence[str], policies: Mapping[str, str]) -> Runs:
    """`runs` after the checks that concern the columns `names`, by `policies`. Checking twice changes nothing."""
    rules = resolved(policies)
    rows = len(runs)
    for check, concerns in _CHECKS:
        for name in filter(concerns, names):
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
    what = f"{name} is {'nan or empty' if np.isnan(values[wrong][0]) else 'infinite'}"
    # A row without a step has no place in its run: it cannot be kept.
    rules = rules if name != "step" or rules["nonfinite"] == "drop" else {**rules, "nonfinite": "raise"}
    return settle(runs, "nonfinite", wrong, what, rules)


def _above_zero(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    kind = "nonpositive_loss" if name == "loss" else "nonpositive"
    values = runs.column(name)
    return settle(runs, kind, values <= 0, f"{name} is {_first(values, values <= 0)}, and must be above 0", rules)


def _lr(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    # The logged rate of a run whose exact schedule is known is not used.
    used = ~runs.frame["run"].isin(list(runs.schedules)).to_numpy()
    if not used.any():
        return runs
    values = runs.column(name)
    wrong = used & ~np.isfinite(values)
    if runs.sparse:
        # The rate may be logged at other steps than the loss: between them it is read off its own log.
        known = set((runs.whole or runs).frame.loc[(runs.whole or runs).frame["lr"].notna(), "run"])
        wrong &= np.isinf(values) | ~runs.frame["run"].isin(known).to_numpy()
    runs = settle(runs, "nonfinite", wrong, f"{name} is nan, empty or infinite", rules)
    used = ~runs.frame["run"].isin(list(runs.schedules)).to_numpy()
    values = runs.column(name)
    below = used & (values < 0)
    return settle(runs, "negative_lr", below, f"{name} is {_first(values, below)}, and must be at least 0", rules)


def _steps(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    twice = runs.frame.duplicated(["run", name], keep="first").to_numpy()
    what = f"step {_first(runs.column(name), twice)} is there already"
    runs = settle(runs, "duplicated_steps", twice, what, rules)
    highest = runs.frame.groupby("run", sort=False)[name].cummax().to_numpy()
    steps = runs.column(name)
    back = steps < highest
    kept = settle(runs, "unsorted_steps", back, f"step {_first(steps, back)} comes after a later one", rules)
    return _sorted(kept, name) if back.any() and rules["unsorted_steps"] == "keep" else kept


def _diverged(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    if "step" not in runs.frame.columns or len(runs) == 0:
        return runs
    losses = runs.frame.groupby("run", sort=False)[name]
    last = losses.cumcount(ascending=False) < np.clip(losses.transform("size") // 4, 1, 5)
    end = runs.frame.loc[last, ["run", name]].groupby("run", sort=False)[name].median()
    lowest = losses.min().reindex(end.index)  # where runs are interleaved, their ends come in another order
    bad = runs.frame["run"].isin(lowest.index[(end > DIVERGED * lowest) & (lowest > 0)]).to_numpy()
    return settle(runs, "diverged", bad, f"the {name} ends above {DIVERGED:g} x its lowest", rules)


def _constant(runs: Runs, name: str, rules: Mapping[str, str]) -> Runs:
    values = runs.column(name)
    if len(values) < 2 or not (values == values[0]).all():
        return runs
    what = f"{name} is {values[0]:g} in every row, so the table says nothing about how it matters"
    return settle(runs, "constant_input", np.ones(len(values), dtype=bool), what, rules)


_POSITIVE = {"loss", "batch", "std", "N", "D", "C"}
_NOT_NUMBERS = {"run", "lr_schedule"}
_NO_INPUTS = _NOT_NUMBERS | {"step", "loss", "lr", "batch", "std"}

# Each check, and whether it concerns a column. What leaves rows out one by one comes before what looks at all that is left.
_CHECKS: tuple[tuple[Callable[[Runs, str, Mapping[str, str]], Runs], Callable[[str], bool]], ...] = (
    (_nonfinite, lambda name: name not in _NOT_NUMBERS | {"lr"}),
    (_above_zero, lambda name: name in _POSITIVE),
    (_lr, lambda name: name == "lr"),
    (_steps, lambda name: name == "step"),
    (_diverged, lambda name: name == "loss"),
    (_constant, lambda name: name not in _NO_INPUTS),
)


def settle(runs: Runs, kind: str, wrong: np.ndarray, what: str, rules: Mapping[str, str]) -> Runs:
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
    by_run = {str(run): int(n) for run, n in runs.frame["run"][wrong].value_counts(sort=False).items()}
    finding = Finding(kind, policy, count, rows, names, f"{runs.source}: {where}{what}; {done}.", by_run)
    left = runs.select(~wrong) if policy == "drop" else runs
    return left if finding in left.findings else replace(left, findings=(*left.findings, finding))


def _first(values: np.ndarray, wrong: np.ndarray) -> str:
    return f"{values[wrong][0]:g}" if wrong.any() else ""


def _places(count: int, rows: tuple[int, ...], names: tuple[str, ...]) -> str:
    more = ", ..." if count > len(rows) else ""
    # A row that is a run of its own is called after itself.
    own = [f"row {row}" for row in rows] == list(names)
    runs = f"run{'s' if len(names) > 1 else ''} {', '.join(repr(name) for name in names)}"
    if count == 1:
        return f"row {rows[0]}" if own else f"row {rows[0]} ({runs})"
    return f"{count} rows ({', '.join(map(str, rows))}{more}{'' if own else '; ' + runs})"


def _sorted(runs: Runs, name: str) -> Runs:
    order = runs.frame["run"].map({run: i for i, run in enumerate(runs.names)}).to_numpy()
    return replace(runs, frame=runs.frame.iloc[np.lexsort((runs.column(name), order))])
