"""Forecasts of a run's final loss from its first 10, 20 and 50 %, beside simple ones, and how often 90 % intervals hold.

Which runs gave the priors, which the width of intervals, and which are forecast: docs/forecast.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import _forecast_cases as cases
from benchmarks import _harness
from benchmarks._forecast_cases import Run

CLAIM = "final loss forecast inside a run: mean of |log(forecast/end)| in percent"
LAW = "limited_progress"
SHARES = (0.1, 0.2, 0.5)
METHODS = ("forecaster", "last value", "power law", "rate-aware fit")


def report(*, quick: bool) -> _harness.Report:
    _harness.data()
    found = _harness.apart("forecast:measure", timeout=3000.0, quick=quick)
    return _harness.Report("forecast", CLAIM, rows=(), notes=lines(found["table"]), more=found)


def measure(*, quick: bool, earlier: Any = None) -> dict[str, Any]:
    """Errors by group, share and method, and coverage. `earlier` are fits by size and by size of mpl_curves, made if not given."""
    from jaxlaws.online import calibrated, forecaster, prior_from
    from jaxlaws.online.calibrate import errors

    by_size, by_mpl = earlier or fits(quick)
    sizes = [s for s in cases.EARLIER if s in by_size]

    def prior(size: float, peak: float | None = None) -> Any:
        many = len(sizes) > 2
        return prior_from([by_size[s] for s in sizes], peak=peak, **({"sizes": sizes, "size": size} if many else {}))

    calibration = [r for r in cases.sizes([cases.CALIBRATION], "calibration") if r.peak <= 2.5e-3 and r.total >= 3000]
    calibration = calibration[:: 20 if quick else 3]
    known = forecaster(prior(cases.CALIBRATION))
    width = calibrated(known, [logged(r) for r in calibration], shares=SHARES, level=0.8 if quick else 0.9).width
    groups: list[tuple[list[Run], Any]] = []
    mpl = cases.multi_power()[:: 9 if quick else 1]
    for size, other in (("25M", "100M"), ("100M", "25M")):
        groups.append(([r for r in mpl if r.group == f"mpl {size}"], lambda r, o=other: prior_from(by_mpl[o])))
    for size in cases.TEST[: 1 if quick else 2]:
        runs = cases.sizes([size], f"lr_schedules {size / 1e6:.0f}M")
        groups.append((runs[:2] if quick else runs, lambda r, s=size: prior(s)))
    if not quick:
        groups.append((cases.llmc(_harness.data()), lambda r: prior(cases.CALIBRATION, r.peak)))
        groups.append((cases.nanogpt(_harness.data()), lambda r: prior(cases.CALIBRATION, r.peak)))
    table: dict[str, Any] = {}
    for runs, prior_of in groups:
        for run in runs:
            by = forecaster(prior_of(run), width=width)
            log, size = errors(by, logged(run), SHARES)
            for share, error, score in zip(SHARES, log, size, strict=True):
                row = table.setdefault(run.group, {}).setdefault(f"{share:g}", {m: [] for m in (*METHODS, "covered")})
                row["forecaster"].append(abs(error))
                row["covered"].append(float(score <= width) if np.isfinite(score) else float("nan"))
                for name, value in simple(run, share).items():
                    row[name].append(abs(np.log(value / run.final)))
    return {"width": width, "calibration runs": len(calibration), "table": _means(table)}


def fits(quick: bool) -> tuple[Any, Any]:
    from jaxlaws import published

    keep = ["run", "step", "loss", "lr", "lr_schedule", "N"]
    table = cases.validated()
    table = table[(table["step"] >= cases.FIRST_STEP) & table["N"].isin(cases.EARLIER[: 1 if quick else None])]
    mpl = published("mpl_curves").frame
    mpl = mpl[mpl["size"].isin(("25M", "100M"))]
    return cases.fits(table[keep], LAW, "N"), cases.fits(mpl[[*keep, "size"]], LAW, "size")


def logged(run: Run) -> Any:
    from jaxlaws.online import Logged

    return Logged(run.step, run.loss, run.lr, run.rates, run.total, run.final)


def simple(run: Run, share: float) -> dict[str, float]:
    """What can be said without a prior: the last loss (of every step: the mean of the last percent), a power law of the step
    with a floor on the same points, and one of the summed rate with a term in proportion to the rate."""
    from scipy.optimize import least_squares

    climb = int(np.argmax(run.rates >= 0.99 * run.peak))
    seen = (run.step <= share * run.total) & (run.step > 2 * climb)
    if seen.sum() < 4:
        seen = run.step <= share * run.total
    if not seen.any():  # logged from later on
        return dict.fromkeys(METHODS[1:], float("nan"))
    step, loss = run.step[seen].astype(float), run.loss[seen]
    dense = len(run.step) == run.total
    last = loss[-max(int(cases.LAST * run.total), 1) :].mean() if dense else loss[-1]
    if len(step) > 400:
        step, loss = (np.array([part.mean() for part in np.array_split(v, 400)]) for v in (step, loss))
    area = np.cumsum(run.rates) / run.peak
    x = run.rates / run.peak

    def fitted(terms: Any, start: list[float]) -> float:
        found = least_squares(
            lambda p: np.log(np.maximum(terms(p, step), 1e-3) / loss), start, loss="huber", f_scale=1e-2
        )
        return float(max(terms(found.x, np.array([run.total]))[0], 1e-3))

    def power(p: Any, s: np.ndarray) -> np.ndarray:
        return np.exp(p[0]) + np.exp(p[1] - np.exp(p[2]) * np.log(s / step[-1]))

    def aware(p: Any, s: np.ndarray) -> np.ndarray:
        s = s.astype(int)
        return np.exp(p[0]) + np.exp(p[1] - np.exp(p[2]) * np.log(area[s] / area[int(step[-1])])) + np.exp(p[3]) * x[s]

    start = [float(np.log(0.8 * last)), float(np.log(0.2 * last)), float(np.log(0.5))]
    return {
        "last value": float(last),
        "power law": fitted(power, start),
        "rate-aware fit": fitted(aware, [*start, float(np.log(0.05 * last))]),
    }


def _means(table: Mapping[str, Any]) -> dict[str, Any]:
    def mean(values: Sequence[float]) -> float:
        good = np.array(values)[np.isfinite(values)]
        return float(good.mean()) if len(good) else float("nan")

    return {
        group: {
            share: {m: mean(v) for m, v in row.items()}
            | {"runs": len(row["forecaster"]), "sound": int(np.isfinite(row["forecaster"]).sum())}
            for share, row in shares.items()
        }
        for group, shares in table.items()
    }


def lines(table: Mapping[str, Any]) -> list[str]:
    head = f"{'':22s}{'from':>6s}" + "".join(f"{m:>16s}" for m in METHODS) + f"{'90 % holds':>12s}{'runs':>6s}"
    out = [head]
    for group, shares in table.items():
        for share, row in shares.items():
            cells = "".join(f"{100 * row[m]:16.2f}" for m in METHODS)
            out.append(f"{group:22s}{float(share):6.0%}{cells}{row['covered']:12.0%}{row['sound']:3d}/{row['runs']}")
    return out
