"""Runs that went on from a checkpoint of another, such as a cooldown from a run at a constant rate.

Such a run logs its own steps only, and columns `parent` and `parent_step` say where the steps before them are. Its logged
learning rate is always read off the parent's log too. `stitch` also puts the parent's rows before the branch's own, which
makes a whole curve of each branch, with rows that several runs share.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError
from jaxlaws.runs.checks import Finding, resolved, settle

if TYPE_CHECKING:
    import pandas as pd

    from jaxlaws.runs.table import Runs


def starts(frame: pd.DataFrame) -> dict[str, tuple[str, float]]:
    """By branch: the run that it went on from, and at which step; without a stated one, the step before its own first.

    A run that went on from step 0 has all its steps itself, and is none.
    """
    if "parent" not in frame.columns or "step" not in frame.columns:
        return {}
    first = frame.drop_duplicates("run")
    parents = first["parent"].astype(object).where(first["parent"].notna(), "").astype(str).str.strip()
    branches = first[(parents != "").to_numpy()]
    begins = frame.groupby("run", sort=False)["step"].min()
    stated = branches["parent_step"].to_numpy() if "parent_step" in frame.columns else None
    out = {}
    for i, (run, parent) in enumerate(zip(branches["run"], parents[parents != ""], strict=True)):
        step = np.nan if stated is None else stated[i]
        out[str(run)] = (parent, float(begins[run] - 1 if np.isnan(step) else step))
    return {run: (parent, step) for run, (parent, step) in out.items() if step > 0}


def lineage(
    run: str, known: Mapping[str, tuple[str, float]], there: Collection[str], source: str
) -> list[tuple[str, float]]:
    """`run` and its ancestors as far as they are `there`, each with its last step that counts. `known` is from `starts`."""
    chain, until = [(run, np.inf)], np.inf
    while found := known.get(chain[-1][0]):
        parent, step = found
        if parent in {name for name, _ in chain}:
            raise TableError(
                f"{source}: run {run!r} goes on from itself, by way of {parent!r}; correct column `parent`."
            )
        if parent not in there:
            break
        until = min(until, step)
        chain.append((parent, until))
    return chain


def trunks(runs: Runs, names: list[str]) -> list[str]:
    """For each run the first run with which it shares its first rows (same steps and losses): branches that were logged
    along with their trunk."""
    if not {"step", "loss"} <= set(runs.frame.columns):
        return list(names)
    seen: dict[Any, str] = {}
    out = []
    for name in names:
        rows = runs.of(name).head(5)
        key = tuple(zip(rows["step"], rows["loss"], strict=True)) if len(rows) >= 5 else name
        out.append(seen.setdefault(key, name))
    return out


def families(runs: Runs) -> dict[str, str]:
    """By run: the first run of its family. Runs that went on from one another, or from one run that is not in the table,
    are a family, and so are runs that share their first rows: they have the same data order and the same luck until they
    part, and are one draw of it."""
    names, whole = runs.names, runs.whole or runs
    above: dict[str, str] = {}

    def top(run: str) -> str:
        while run in above:
            run = above[run]
        return run

    def join(run: str, other: str) -> None:
        one, two = top(run), top(other)
        if one != two:
            above[one] = two

    for run, first in zip(names, trunks(runs, names), strict=True):
        join(run, whole.absent_parent(run) or whole.lineage(run)[-1][0])
        join(run, first)
    known: dict[str, str] = {}
    return {run: known.setdefault(top(run), run) for run in names}


def stitch(runs: Runs, policies: Mapping[str, str]) -> Runs:
    """`runs` with each branch's history: its ancestors' rows up to the step it went on from, then its own.

    What is the same in all rows of the branch (its size, its schedule) is put in the rows that come from elsewhere. A
    branch whose parent is not in the table is an `orphan`: refused, left out or kept as it is, by `policies`.
    """
    import pandas as pd

    runs = _without_orphans(runs, resolved(policies))
    frame = runs.frame
    changing = _changing(frame)
    parts, copied = [], {}
    for run in runs.names:
        own = runs.of(run)
        history, begin = [own], own["step"].min()
        for parent, until in runs.lineage(run)[1:]:
            rows = runs.of(parent)
            rows = rows[((rows["step"] <= until) & (rows["step"] < begin)).to_numpy()]
            if len(rows):
                same = {name: own[name].iloc[0] for name in frame.columns if name not in changing}
                history.append(rows.assign(**same))
                begin = rows["step"].min()
        if len(history) > 1:
            copied[run] = sum(map(len, history[1:]))
        parts += reversed(history)
    if not copied:
        return runs
    whole = pd.concat(parts)
    whole = whole.set_axis(pd.RangeIndex(1, len(whole) + 1, name="row"))
    count = sum(copied.values())
    note = f"{runs.source}: {len(copied)} branches begin with their parents' rows, {count} in all."
    finding = Finding("stitched", "keep", count, (), tuple(copied)[:5], note, copied)
    # A history is a run of its own now: nothing more is to be looked up in its parent.
    return replace(runs, frame=whole.assign(parent=""), findings=(*runs.findings, finding), whole=None)


def _without_orphans(runs: Runs, rules: Mapping[str, str]) -> Runs:
    while True:
        absent = {run: parent for run in runs.names if (parent := runs.absent_parent(run))}
        if not absent:
            return runs
        some = ", ".join(f"{run!r} from {parent!r}" for run, parent in list(absent.items())[:3])
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        what = f"these go on from runs that are not in the table ({some}{more})"
        runs = settle(runs, "orphan", runs.frame["run"].isin(list(absent)).to_numpy(), what, rules)
        if rules["orphan"] == "keep":
            return runs


def _changing(frame: pd.DataFrame) -> set[str]:
    """Columns that say something of a step: those of a log, and any that has two values within some run."""
    counts = frame.groupby("run", sort=False).nunique(dropna=False)
    return {"step", "loss", "lr", "std"} | {str(name) for name in counts.columns if (counts[name] > 1).any()}
