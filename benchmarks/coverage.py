"""How often nominal 95 % intervals hold the truth, by every method, and whether fits warn where they should and only there.

Simulated tables, each fitted by `fit` as it comes. Noise is a shift of each run, an autoregressive part within it, and
outliers. The truth is a parameter, and one loss far outside the table. No peer: others' intervals are of other laws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks._harness import Aim, Report, Row, apart

RESAMPLES = 400
STARTS = 16  # of each fit; the first case has the default, 256
FEW = 100  # tables of methods whose assumptions do not hold
POINTS = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
FAR = {"N": 1e11, "D": 2e12}  # ten times the largest run
CURVES = {"L0": 2.6, "A": 0.43, "C": 0.41, "alpha": 0.55}
LONG = "cosine(peak=2e-4, total=72000, end=2e-5)"  # three times the longest run
EVERY = ("cases", "wild", "parametric", "sandwich", "laplace", "profile", "jackknife")
CLUSTERED = ("cases", "wild", "sandwich", "jackknife")  # ask only that runs are independent
CAUTIONS = {  # what the fit says, by a part of its sentence
    "sizes": "different",
    "bound": "on the bound",
    "undetermined": "not separately identified",
    "agree": "starts agree",
}


@dataclass(frozen=True)
class Noise:
    """Of logs of losses: standard deviations of each row and of each run's shift, lag-one correlation within runs, and the
    share of rows whose noise is ten times larger."""

    row: float = 3e-3
    run: float = 0.0
    correlation: float = 0.0
    outliers: float = 0.0

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """`(runs, rows)`."""
        fresh = rng.standard_normal(shape)
        noise = fresh.copy()
        for i in range(1, shape[1]):
            noise[:, i] = self.correlation * noise[:, i - 1] + np.sqrt(1 - self.correlation**2) * fresh[:, i]
        noise = self.row * noise + self.run * rng.standard_normal((shape[0], 1))
        return np.where(rng.random(shape) < self.outliers, 10 * self.row * rng.standard_normal(shape), noise)


def grid(sizes: int, horizons: int, checkpoints: int = 1) -> dict[str, np.ndarray]:
    """Runs of every size and horizon, each with rows of ever more tokens; `(runs, rows)`."""
    N, D = np.meshgrid(np.geomspace(5e7, 1e10, sizes), np.geomspace(1e9, 2e11, horizons))
    share = np.geomspace(0.2, 1.0, checkpoints) if checkpoints > 1 else np.ones(1)
    return {"N": np.repeat(N.reshape(-1, 1), checkpoints, axis=1), "D": D.reshape(-1, 1) * share}


def logs(runs: int, checkpoints: int) -> dict[str, np.ndarray]:
    """A run a size, each with rows over the same tokens."""
    N, D = np.geomspace(5e7, 1e10, runs), np.geomspace(1e9, 2e11, checkpoints)
    return dict(zip("ND", np.broadcast_arrays(N[:, None], D), strict=True))


def tied(runs: int) -> dict[str, np.ndarray]:
    """One run a size, all of 20 tokens a parameter."""
    N = np.geomspace(5e7, 1e10, runs)[:, None]
    return {"N": N, "D": 20.0 * N}


def curves() -> dict[str, Any]:
    """16 runs of one peak: four shapes, four horizons, 32 logged steps each."""
    peak, out = 2e-4, {"step": [], "lr_schedule": []}
    for total in (6000, 9600, 15000, 24000):
        for shape in (
            f"cosine(peak={peak}, total={total}, end={peak / 10})",
            f"constant(peak={peak}, total={total})",
            f"wsd(peak={peak}, warmup=0, hold={4 * total // 5}, total={total}, end={peak / 10}, decay=linear)",
            f"linear(peak={peak}, total={total}, end=0)",
        ):
            out["step"].append(np.linspace(total // 32, total, 32).astype(int))
            out["lr_schedule"].append([shape] * 32)
    return {name: np.array(value) for name, value in out.items()}


@dataclass(frozen=True)
class Case:
    """Simulated tables of one kind. `right` names the methods whose assumptions hold, the others are counted on fewer tables;
    `warns` is what each fit has to say."""

    what: str
    inputs: Mapping[str, Any]
    noise: Noise = Noise()
    law: str = "chinchilla"
    tables: int = 100
    methods: tuple[str, ...] = EVERY
    right: tuple[str, ...] = ()
    warns: str = ""
    fit: Mapping[str, Any] = field(default_factory=dict)


CORRELATED = Noise(run=2e-3, correlation=0.8)
WITHIN = ("cases", "sandwich", "laplace")  # of those that five runs allow
CASES = {
    "independent": Case(
        "48 runs of a row, independent noise", grid(8, 6), right=EVERY, tables=400, fit={"starts": None}
    ),
    "threshold": Case(
        "48 runs of a row, Huber's threshold at the noise",
        grid(8, 6),
        right=EVERY,
        tables=400,
        fit={"objective": "huber:3e-3"},
    ),
    "outliers": Case(
        "48 runs of a row, one in 20 an outlier of ten times the noise",
        grid(8, 6),
        Noise(outliers=0.05),
        right=tuple(m for m in EVERY if m != "parametric"),
        tables=400,
    ),
    "correlated": Case(
        "40 runs of 8 rows: shifts of runs, correlation .8",
        grid(8, 5, 8),
        CORRELATED,
        methods=(*EVERY, "by row"),
        right=CLUSTERED,
        tables=300,
    ),
    "both": Case(
        "the same with 3 % outliers",
        grid(8, 5, 8),
        Noise(run=2e-3, correlation=0.8, outliers=0.03),
        methods=CLUSTERED,
        right=CLUSTERED,
        tables=300,
    ),
    "twelve": Case("12 runs of 8 rows: shifts, correlation .8", grid(6, 2, 8), CORRELATED, right=CLUSTERED, tables=300),
    "curves": Case(
        "16 curves of 32 steps: shifts, correlation .8",
        curves(),
        Noise(row=2e-3, run=1e-3, correlation=0.8),
        law="lr_annealing",
        methods=("cases", "sandwich"),
        right=("cases", "sandwich"),
        tables=200,
    ),
    "five runs": Case(
        "5 runs of 64 rows: correlation .8, no shifts",
        logs(5, 64),
        Noise(correlation=0.8),
        methods=WITHIN,
    ),
    "five shifted": Case(
        "5 runs of 64 rows: correlation .8 and shifts",
        logs(5, 64),
        CORRELATED,
        methods=WITHIN,
    ),
    "few sizes": Case("3 sizes, 8 horizons", grid(3, 8), Noise(run=2e-3), methods=("cases",), warns="sizes"),
    "on a bound": Case(
        "48 runs, the true E on its bound",
        grid(8, 6),
        fit={"bounds": {"E": (1.8, 10.0)}},
        methods=("cases",),
    ),
    "beyond a bound": Case(
        "48 runs, the true beta beyond its bound",
        grid(8, 6),
        methods=(),
        fit={"bounds": {"beta": (0.01, 0.3)}},
        warns="bound",
    ),
    "tied": Case("24 runs of 20 tokens a parameter", tied(24), methods=(), warns="any"),
    "one size": Case("24 runs of one size", grid(1, 24), methods=(), warns="undetermined"),
}


def simulated(case: Case, table: int) -> dict[str, Any]:
    """One table."""
    rng = np.random.default_rng(table)
    shape = np.shape(next(iter(case.inputs.values())))
    loss = truth(case) * np.exp(case.noise(shape, rng))
    run = np.repeat([f"run {table}-{i}" for i in range(shape[0])], shape[1])
    return {name: value.ravel() for name, value in case.inputs.items()} | {"loss": loss.ravel(), "run": run}


def truth(case: Case) -> np.ndarray:
    """Losses without noise, `(runs, rows)`."""
    if case.law == "chinchilla":
        return chinchilla(POINTS, **case.inputs)
    pairs = zip(case.inputs["lr_schedule"], case.inputs["step"], strict=True)
    return np.stack([annealed(CURVES, *areas(schedule[0], step)) for schedule, step in pairs])


def chinchilla(p: Mapping[str, Any], N: Any, D: Any) -> Any:
    return p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]


def annealed(p: Mapping[str, Any], forward: Any, annealing: Any) -> Any:
    """`lr_annealing` at two areas."""
    return p["L0"] + p["A"] * forward ** -p["alpha"] - p["C"] * annealing


def areas(schedule: str, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the rate, and of its fall with a memory of .999 a step, each step as it is written."""
    from jaxlaws import schedules

    lr = np.asarray(schedules.parse(schedule)(np.arange(int(at[-1]) + 1)), dtype=np.float64)
    memory, kept = 0.0, np.zeros((2, len(lr)))
    for s in range(1, len(lr)):
        memory = 0.999 * memory + lr[s - 1] - lr[s]
        kept[:, s] = kept[0, s - 1] + lr[s], kept[1, s - 1] + memory
    return kept[0, at], kept[1, at]


def report(*, quick: bool) -> Report:
    chosen = ("independent", "one size") if quick else tuple(CASES)
    rows, aims, more = [], [], {}
    for name in chosen:
        case = CASES[name]
        tables = 4 if quick else case.tables
        got = apart("coverage:ours", name=name, tables=tables, timeout=3600.0)
        rows.append(Row(case.what, count=tables, claimed=tables, warm=got["seconds"]))
        aims += _aims(name, case, got)
        more[name] = got
    claim = "nominal 95 % intervals hold the truth 92 to 97 % of the time where what they ask of the noise holds"
    notes = [*_held(more), *_warned(more)]
    return Report("coverage", claim, rows, aims, notes, more, compare=False)


def _aims(name: str, case: Case, got: Mapping[str, Any]) -> list[Aim]:
    out = []
    if case.right:
        every = [(v, f"{q} by {m}") for m in case.right for q, v in got["held"][m].items()]
        (low, least), (high, most) = min(every), max(every)
        out.append(Aim(f"{name}: least coverage, of {least}, %", 92, 100 * low))
        out.append(Aim(f"{name}: largest, of {most}, %", 97, 100 * high, at_most=True))
        out.append(Aim(f"{name}: fits that warn, %", 2, 100 * got["warned"]["any"], at_most=True))
    if case.warns:
        out.append(Aim(f"{name}: fits that warn, %", 95, 100 * got["warned"][case.warns]))
    return out


def _held(more: Mapping[str, Any]) -> list[str]:
    """Least and largest coverage over parameters and the loss far out, by case and method, as a table in Markdown; in brackets
    where the method asks more of the noise than holds."""
    methods = (*EVERY, "by row")
    out = [f"| % of tables | {' | '.join(methods)} |", "|---" * (len(methods) + 1) + "|"]
    for name, got in more.items():
        case = CASES[name]
        cells = []
        for method in methods:
            held = [100 * v for v in got["held"].get(method, {}).values()]
            ends = f"{min(held):.1f} to {max(held):.1f}" if held else ""
            cells.append(ends if method in case.right or not held else f"({ends})")
        if any(cells):
            out.append(f"| {case.what} | {' | '.join(cells)} |")
    counts = sorted({n for got in more.values() for n in got["counted"].values()})
    errors = ", ".join(f"{100 * np.sqrt(0.95 * 0.05 / n):.1f} of {n}" for n in counts)
    return [*out, f"One binomial error of a share of 95 %, in points: {errors} tables."]


def _warned(more: Mapping[str, Any]) -> list[str]:
    """Which fits warn of what."""
    out = []
    for name, got in more.items():
        said = [f"{100 * got['warned']['any']:.1f} % of fits warn"]
        said += [f"{k} {100 * v:.1f} %" for k, v in got["warned"].items() if v and k != "any"]
        said += [f"{n} {method} say: {text}" for method, by in got["notes"].items() for text, n in by.items()]
        out.append(f"{CASES[name].what}: {'; '.join(said)}")
    return out


def ours(name: str, tables: int) -> dict[str, Any]:
    """What happened in case `name`: shares of tables whose interval holds the truth, by method and quantity, the intervals'
    median widths (of logarithms), and shares of fits with each warning."""
    import pandas as pd

    import jaxlaws
    from jaxlaws.errors import FitError

    case, began = CASES[name], time.perf_counter()
    parts = [pd.DataFrame(simulated(case, i)).assign(table=i) for i in range(tables)]
    fits = jaxlaws.fit(
        case.law, jaxlaws.read(pd.concat(parts, ignore_index=True)), by="table", **{"starts": STARTS, **case.fit}
    )
    fitted = time.perf_counter() - began
    warned: dict[str, int] = dict.fromkeys(("any", *CAUTIONS), 0)
    ends: dict[str, dict[str, list[tuple[float, float, float]]]] = {method: {} for method in case.methods}
    notes: dict[str, dict[str, int]] = {method: {} for method in case.methods}
    spent = dict.fromkeys(case.methods, 0.0)
    for i, (fit, part) in enumerate(zip(fits.values(), parts, strict=True)):
        for word in _warnings(fit):
            warned[word] = warned.get(word, 0) + 1
        if fit.status.failed:
            continue
        runs = jaxlaws.read(part)
        for method in (m for m in case.methods if m in case.right or i < FEW):
            start = time.perf_counter()
            try:
                got, told = _intervals(case, method, fit, runs, seed=i)
            except FitError as error:
                got, told = {}, (str(error).split(":")[0],)
            spent[method] += time.perf_counter() - start
            for quantity, (low, high, true) in got.items():
                ends[method].setdefault(quantity, []).append((low, high, true))
            for note in told:
                notes[method][note] = notes[method].get(note, 0) + 1
    made = {m: {q: np.array(v) for q, v in by.items()} for m, by in ends.items() if by}
    return {
        "tables": tables,
        "held": {
            m: {q: float(np.mean((v[:, 0] <= v[:, 2]) & (v[:, 2] <= v[:, 1]))) for q, v in by.items()}
            for m, by in made.items()
        },
        "width": {m: {q: float(np.median(np.log(v[:, 1] / v[:, 0]))) for q, v in by.items()} for m, by in made.items()},
        "counted": {m: max(map(len, by.values())) for m, by in made.items()},
        "warned": {k: v / tables for k, v in warned.items()},
        "notes": notes,
        "seconds": time.perf_counter() - began,
        "spent": spent | {"fit": fitted},
    }


def _warnings(fit: Any) -> set[str]:
    """What the report of `fit` warns of."""
    from jaxlaws.fitting.report import doubts

    said = {key for key, words in CAUTIONS.items() if any(words in text for text in doubts(fit))}
    if fit.status.name not in ("converged", "at_bound"):
        said.add(fit.status.name)
    if fit.status.name in ("rank_deficient", "too_few_rows"):
        said.add("undetermined")
    return said | ({"any"} if said else set())


def _intervals(
    case: Case, method: str, fit: Any, runs: Any, *, seed: int
) -> tuple[dict[str, tuple[float, float, float]], tuple[str, ...]]:
    """Ends and truth of each quantity, and what the method says of itself."""
    from jaxlaws import uncertainty

    boot = partial(uncertainty.bootstrap, fit, runs, resamples=RESAMPLES, seed=seed)
    params = POINTS if case.law == "chinchilla" else CURVES
    if params is POINTS:
        far = partial(chinchilla, **FAR)
    else:
        far = partial(annealed, **dict(zip(("forward", "annealing"), _end(LONG), strict=True)))
    calls: dict[str, Callable[[], Any]] = {
        "cases": lambda: boot(),
        "wild": lambda: boot(method="wild"),
        "parametric": lambda: boot(method="parametric"),
        "by row": lambda: boot(by="row"),
        "sandwich": lambda: uncertainty.sandwich(fit, runs),
        "laplace": lambda: uncertainty.laplace(fit, runs),
        "profile": lambda: uncertainty.profile(fit, runs),
        "jackknife": lambda: uncertainty.jackknife(fit, runs),
    }
    found = calls[method]()
    out = {name: (*ends, params[name]) for name, ends in found.interval().items() if name in params}
    if method != "profile":
        said = (found.draws(RESAMPLES, seed=seed) if method in ("sandwich", "laplace") else found).decide(far)
        out["far"] = (float(said.low), float(said.high), float(far(params)))
    told = getattr(found, "notes", ())
    return out, tuple(n for n in told if "too few" in n or "were resampled" in n)


@cache
def _end(schedule: str) -> tuple[float, float]:
    """Both areas at its end."""
    forward, annealing = areas(schedule, np.array([72000]))
    return float(forward[0]), float(annealing[0])
