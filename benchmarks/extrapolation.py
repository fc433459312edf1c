"""How far out do curve laws hold? Public runs are fitted and others predicted; `docs/extrapolation.md` reads the table."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import _curve_cases, _harness
from benchmarks._curve_cases import Case

if TYPE_CHECKING:
    import pandas as pd

    from jaxlaws.fitting import Fit

SHIFT = ("m", "d")
MPL = ("mpl 25M", "mpl 100M")
GROUPS = (*MPL, "one peak", "two peaks")
SCHEDULES = GROUPS[2:]  # both of lr_schedules


@dataclass(frozen=True)
class Entry:
    """What is fitted to the cases of `groups`: a law and what it frees.

    `learnt` have a prior, learnt from the fitted runs of the models of *two peaks*, without the model at hand; `pooled` are
    drawn together over the cases. `lr_ref` is held where rates are compared. `priors` are of this entry: mean, standard
    deviation, and the residual that weighs as much.
    """

    law: str
    groups: tuple[str, ...]
    free: tuple[str, ...] = ()
    learnt: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    lr_ref: float | None = None
    priors: tuple[tuple[str, float, float, float], ...] = ()


# By the name in the table. The shift is for runs of one peak. h and k are per step of their batch: q alone carries over to
# mpl_curves.
LAWS = {
    "multi_power": Entry("multi_power", GROUPS),
    "lr_annealing": Entry("lr_annealing:warmup=counted", GROUPS, free=("lam",)),
    "progress_noise": Entry("progress_noise", GROUPS),
    "progress_noise, shift": Entry("progress_noise", GROUPS[:3], free=SHIFT),
    "limited_progress": Entry("limited_progress", GROUPS),
    "limited_progress, shift": Entry("limited_progress", GROUPS[:3], free=SHIFT),
    "limited_progress, learnt": Entry("limited_progress", SCHEDULES, learnt=("h", "q"), lr_ref=1e-3),
    "limited_progress, shift, learnt": Entry("limited_progress", MPL, free=SHIFT, learnt=("q",)),
    "limited_progress, h pooled": Entry("limited_progress", ("two peaks",), pooled=("h",), lr_ref=1e-3),
    "limited_progress, h and q pooled": Entry("limited_progress", ("two peaks",), pooled=("h", "q"), lr_ref=1e-3),
    "limited_progress, learnt, c free": Entry(
        "limited_progress",
        SCHEDULES,
        free=("c",),
        learnt=("h", "q"),
        lr_ref=1e-3,
        priors=(("c", 0.5, 0.2, 1e-3),),
    ),
    "limited_progress, shift, c free": Entry(
        "limited_progress", MPL, free=(*SHIFT, "c"), priors=(("c", 0.5, 0.2, 1e-3),)
    ),
    "limited_progress, small shift": Entry("limited_progress", MPL, free=SHIFT, priors=(("d", 0.0, 1e-3, 5e-4),)),
    "limited_progress, large shift": Entry("limited_progress", MPL, free=SHIFT, priors=(("d", 0.0, 3e-2, 5e-4),)),
}
SHIFTED = MPL  # where runs saw their data in different orders; those of the other groups all saw them in one
CHOSEN = "limited_progress"
AVERAGED = ("progress_noise", "limited_progress")
STARTS, TRIPS, BINS = 8, 40, 64  # enough for these laws; what is predicted is every row

AIMS = {"mpl 25M": 0.0025, "mpl 100M": 0.0021, "one peak": 0.0027}
RATIOS = {"two peaks": 0.5}  # of the error of progress_noise
CLAIM = "mean absolute error on runs that were not fitted, in 1e-4 nats a token"


def report(*, quick: bool) -> _harness.Report:
    """Table of held-out errors, with the noise floor under it."""
    _harness.data()
    found = _harness.apart("extrapolation:measure", quick=quick, timeout=3600.0)
    table = found["table"]

    def reached(group: str, law: str = "chosen") -> float | None:
        return table.get(law, {}).get(group)

    aims = [_harness.Aim(f"{g}: MAE of the chosen", aim, reached(g), at_most=True) for g, aim in AIMS.items()]
    for group, share in RATIOS.items():
        before = reached(group, "progress_noise")
        ours = reached(group)
        ratio = None if ours is None or before is None else ours / before
        aims.append(_harness.Aim(f"{group}: MAE of the chosen over progress_noise", share, ratio, at_most=True))
    return _harness.Report("extrapolation", CLAIM, rows=(), aims=aims, notes=_lines(found), more=found)


def measure(*, quick: bool) -> dict[str, Any]:
    """Errors by law and case, and floors by case."""
    began = time.process_time()
    cases = _curve_cases.multi_power()[:1] if quick else _curve_cases.cases()
    laws = {n: LAWS[n] for n in ("limited_progress, shift",)} if quick else LAWS
    errors: dict[str, dict[str, float]] = {}
    predicted: dict[str, dict[str, np.ndarray]] = {}
    statuses: dict[str, dict[str, str]] = {}
    told = _learnt_from(_curve_cases.sizes()) if not quick else {}
    for name, entry in laws.items():
        mine = [c for c in cases if c.group in entry.groups]
        fits = _fitted(entry, mine, told)
        predicted[name] = {c.name: _predict(fits[c.name], c) for c in mine}
        errors[name] = {c.name: _mae(predicted[name][c.name], c.test) for c in mine}
        statuses[name] = {c.name: fits[c.name].status.name for c in mine}
    errors |= {"published constants": _published([c for c in cases if c.group.startswith("mpl")])}
    if not quick:
        for name, pick in (("average", _average), ("chosen", _chosen)):
            errors[name] = {c.name: _mae(pick(c, predicted), c.test) for c in cases}
    floors = {c.name: _floor(c) for c in cases}
    return {
        "table": {law: _by_group(row, cases) for law, row in errors.items()},
        "floor": {kind: _by_group({n: f[kind] for n, f in floors.items()}, cases) for kind in ("white", "run to run")},
        "cpu_seconds": round(time.process_time() - began, 1),
        "status": statuses,
        "cases": {c.name: {law: row.get(c.name) for law, row in errors.items()} | floors[c.name] for c in cases},
    }


def _fitted(entry: Entry, cases: list[Case], told: dict[float, Fit]) -> Mapping[str, Fit]:
    """The fit of every case: of many in one compiled batch, if their priors are the same."""
    from jaxlaws import fit, normal
    from jaxlaws.fitting import fit_pooled, priors_from
    from jaxlaws.solvers import levenberg_marquardt

    settings: dict[str, Any] = {"weights": "run", "free": entry.free, "starts": STARTS, "bins": BINS}
    settings["solver"] = levenberg_marquardt(trips=TRIPS, polish=0)
    if entry.lr_ref:
        settings["fix"] = {"lr_ref": entry.lr_ref}
    own = {name: normal(mean, sd, residual=residual) for name, mean, sd, residual in entry.priors}
    if entry.pooled or (len(cases) > 2 and not entry.learnt and not own):
        together = _curve_cases.joined({c.name: c.train for c in cases})
        if entry.pooled:
            return fit_pooled(entry.law, together, by="case", pool=entry.pooled, **settings)
        return fit(entry.law, together, by="case", **settings)
    out = {}
    for case in cases:
        others = [found for size, found in told.items() if size != case.train["N"].iloc[0]]
        learnt = priors_from(entry.law, others, entry.learnt) if entry.learnt else {}
        alone = _curve_cases.joined({case.name: case.train})
        out[case.name] = fit(entry.law, alone, priors=own | learnt, **settings)
    return out


def _learnt_from(cases: list[Case]) -> dict[float, Fit]:
    """Fits of the chosen law that priors are made of, by the size of the model; each sees its fitted runs alone."""
    fits = _fitted(Entry(CHOSEN, (), lr_ref=1e-3), cases, {})
    return {float(c.train["N"].iloc[0]): fits[c.name] for c in cases}


def _predict(fit: Fit, case: Case) -> np.ndarray:
    """Predictions of the unseen rows; a run that branches from a fitted one has its shift."""
    import pandas as pd

    from jaxlaws.runs import read
    from jaxlaws.validate.assess import predictions

    if not math.isfinite(fit.objective):
        return np.full(len(case.test), np.nan)
    whole = _curve_cases.joined({case.name: pd.concat([case.train, case.test])})
    return predictions(fit, read(whole))[len(case.train) :]


def _mae(predicted: np.ndarray, rows: pd.DataFrame) -> float:
    """Mean over runs of each one's mean absolute error."""
    return float((rows["loss"] - predicted).abs().groupby(rows["run"]).mean().mean())


def _published(cases: list[Case]) -> dict[str, float]:
    """Released constants of the multi-power law; nothing is fitted."""
    import jax

    from jaxlaws import catalogue
    from jaxlaws.schedules import parse
    from jaxlaws.schedules.curve import Curve

    out = {}
    for case in cases:
        known, by_run = catalogue["multi_power"].constants[case.name.removeprefix("mpl ")], []
        for _, rows in case.test.groupby("run"):
            with jax.enable_x64(True):
                curve = Curve.of(parse(rows["lr_schedule"].iloc[0]), rows["step"].to_numpy())
                by_run.append(float(np.mean(np.abs(np.asarray(known(curve=curve)) - rows["loss"].to_numpy()))))
        out[case.name] = float(np.mean(by_run))
    return out


def _average(case: Case, predicted: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    return np.mean([predicted[law + _shift(case)][case.name] for law in AVERAGED], axis=0)


def _chosen(case: Case, predicted: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    return predicted[CHOSEN + _shift(case) + ", learnt"][case.name]


def _shift(case: Case) -> str:
    return ", shift" if case.group in SHIFTED else ""


def _floor(case: Case) -> dict[str, float]:
    """White noise as a mean absolute error, from second differences; and how far two runs of one rate are apart."""
    white = []
    for _, rows in case.test.groupby("run"):
        late = rows["loss"].to_numpy()[-60:]
        if len(late) > 10:
            # Median, since a drop of the rate within these rows is no noise; .6745 sd is that of a normal variable.
            white.append(np.median(np.abs(np.diff(late, 2))) / 0.6745 / math.sqrt(6.0) * math.sqrt(2.0 / math.pi))
    apart = [
        gap
        for _, left in case.train.groupby("run")
        for _, right in case.test.groupby("run")
        if (gap := _gap(left, right)) is not None
    ]
    return {"white": float(np.mean(white)), "run to run": float(np.mean(apart)) if apart else math.nan}


def _gap(left: pd.DataFrame, right: pd.DataFrame) -> float | None:
    """Mean absolute difference of two runs where their rates agree, unless they share these rows or part early."""
    both = left.merge(right, on="step")
    both = both[np.isclose(both["lr_x"], both["lr_y"], rtol=1e-6)]
    apart = (both["loss_x"] - both["loss_y"]).abs()
    return float(apart.mean()) if 2 * len(both) > len(left) and (apart > 0).mean() > 0.5 else None


def _by_group(row: dict[str, float], cases: list[Case]) -> dict[str, float]:
    groups = {g: [row[c.name] for c in cases if c.group == g and c.name in row] for g in GROUPS}
    return {g: float(np.nanmean(v)) for g, v in groups.items() if v and not np.isnan(v).all()}


def _lines(found: dict[str, Any]) -> list[str]:
    groups = [g for g in GROUPS if any(g in row for row in found["table"].values())]
    lines = [f"{'':32s}" + "".join(f"{g:>14s}" for g in groups)]
    rows = found["table"] | {f"floor: {kind}": row for kind, row in found["floor"].items()}
    for name, row in rows.items():
        lines.append(f"{name:32s}" + "".join(f"{1e4 * row[g]:14.1f}" if row.get(g) else f"{'':14s}" for g in groups))
    return lines
