"""Lines of equal compute: the best size on each by the law and by a parabola, and what the parabola is off by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError
from jaxlaws.fitting._plainly import plainly
from jaxlaws.plan._batches import in_batches
from jaxlaws.plan._beliefs import LEVEL, believed, refuse_tracers, told
from jaxlaws.plan.allocate import Allocation, allocate
from jaxlaws.plan.budget import Training, as_cost, check_affine, priced
from jaxlaws.runs import read
from jaxlaws.spec import Law

GAP = 1.08  # budgets of rows of one line lie closer than this to the next
LINE = 1.3  # and all of them within this factor
ROWS, SIZES = 4, 3  # a line has at least so many rows, of so many sizes
POINTS = 64  # rows of a line that one compiled program holds; twice as many, and so on, where a line has more


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Vertex:
    """Lowest point of a parabola in ln N: `size`, `loss`, and `bend`, the second derivative there (below 0: no minimum)."""

    size: Any
    loss: Any
    bend: Any


def parabola(sizes: Any, losses: Any, weights: Any) -> Vertex:
    """Vertex of the least-squares parabola of losses against ln N: arrays `(points,)`, weight 0 leaves a point out. A pure
    function. Hoffmann et al. (2022), arXiv:2203.15556, approach 2."""
    total = jnp.sum(weights)
    x = jnp.log(sizes)
    centre = jnp.sum(weights * x) / total
    x = x - centre  # centred: the three columns are then far from parallel
    columns = jnp.stack([jnp.ones_like(x), x, x * x])
    weighted = columns * weights[None, :]
    floor, slope, half_bend = jnp.linalg.solve(weighted @ columns.T, weighted @ losses)
    at = -slope / (2.0 * half_bend)
    return Vertex(jnp.exp(centre + at), floor + 0.5 * slope * at, 2.0 * half_bend)


@dataclass(frozen=True, eq=False)
class Profiles:
    """Lines of equal compute, arrays `(lines,)`. `best` is the law's own optimum; `by_parabola` the size at the vertex of the
    parabola through the law's losses at the line's sizes, `bias` = by_parabola / best - 1, NaN where that parabola has no minimum
    within the line.

    With `runs`, `measured` is the vertex of the parabola through measured losses, `error` its relative standard error.
    `parabola_loss` and `measured_loss` are the losses at the vertices.
    `exponents` are d ln N / d ln C over all lines: of the law (`law`), of the parabola through the law's losses
    (`parabola`) and of that through measured ones (`measured`), with standard errors in `exponent_errors`. `sizes` and
    `losses` `(lines, points)` are the sizes of a line and the law's losses there, NaN beyond its last; `seen` those measured.
    `silent` draws have no minimum on some line, and `notes` say which rows belong to no line.
    """

    best: Allocation
    by_parabola: np.ndarray
    bias: np.ndarray
    bias_interval: np.ndarray | None
    exponents: Mapping[str, float]
    exponent_errors: Mapping[str, float]
    sizes: np.ndarray
    losses: np.ndarray
    parabola_loss: np.ndarray
    seen: np.ndarray | None = None
    measured: np.ndarray | None = None
    measured_loss: np.ndarray | None = None
    error: np.ndarray | None = None
    silent: int = 0
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        document = self.best.summary()
        lines = document.pop("allocations")
        for i, line in enumerate(lines):
            line |= {"by_parabola": float(self.by_parabola[i]), "bias": float(self.bias[i])}
            if self.bias_interval is not None:
                line["bias_interval"] = self.bias_interval[i].tolist()
            if self.measured is not None and self.error is not None:
                line |= {"measured": float(self.measured[i]), "measured_error": float(self.error[i])}
        return document | {
            "exponents": dict(self.exponents),
            "exponent_errors": dict(self.exponent_errors),
            "silent_bias": self.silent,
            "notes": [*document["notes"], *self.notes],
            "lines": lines,
        }

    def __str__(self) -> str:
        head = ["budget", "best N by law", "by parabola", "bias"] + ["measured"] * (self.measured is not None)
        rows = [head]
        for i, budget in enumerate(self.best.budget):
            span = self.best.intervals.get("N")
            ends = "" if span is None else f" ({span[i, 0]:.3g} to {span[i, 1]:.3g})"
            row = [
                f"{budget:.4g}",
                f"{self.best.inputs['N'][i]:.4g}{ends}",
                f"{self.by_parabola[i]:.4g}" if np.isfinite(self.bias[i]) else "no minimum",
                f"{100 * self.bias[i]:+.1f} %" if np.isfinite(self.bias[i]) else "",
            ]
            if self.measured is not None and self.error is not None:
                row.append(
                    f"{self.measured[i]:.4g} ± {100 * self.error[i]:.0f} %"
                    if np.isfinite(self.measured[i])
                    else "no minimum"
                )
            rows.append(row)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        slopes = [
            f"{name} {value:.4f}" + (f" ± {self.exponent_errors[name]:.4f}" if name in self.exponent_errors else "")
            for name, value in self.exponents.items()
        ]
        head = f"{self.best.law.label}, cost {self.best.cost}"
        notes = [f"{head}; exponents of N in C: " + ", ".join(slopes)] if slopes else [head]
        notes += told(self.best.draws, self.best.failed, self.best.silent, self.best.level)
        notes += [f"{self.silent} draws have no minimum on some line: the bias leaves them out"] if self.silent else []
        notes += self.notes
        return "\n".join([*lines, "", *notes])


def isoflop(
    source: Any,
    budget: float | Sequence[float] | np.ndarray | None = None,
    *,
    runs: Any = None,
    width: float = 16.0,
    points: int = 9,
    offset: float = 1.0,
    drift: float = 0.0,
    cost: Any = Training(),
    held: Mapping[str, float] | None = None,
    level: float = LEVEL,
) -> Profiles:
    """Best sizes on lines of equal compute, by law and by parabola. A host function.

    With `runs`, the lines are those of the table: rows whose budget (column `budget`, else `C`, else the cost of N and D)
    is the same within a few per cent. Without, `points` sizes spread over a factor `width` around `offset` times the best
    size of each `budget`: with `offset` off 1 one sees what a grid that is not centred costs, and with `drift` off 0, by which
    power of the budget that offset grows, what that does to the exponent. Raises `PlanError`.
    """
    call = "plan.isoflop"
    refuse_tracers(call, budget)
    belief = believed(source, call, level)
    law, cost = belief.law, as_cost(cost)
    held = {k: float(v) for k, v in (held or {}).items()}
    if not {"N", "D"} <= set(law.inputs) - set(held) or set(law.inputs) - {"N", "D", *held}:
        raise PlanError(f"`{call}` needs a law in N and D (others held); `{law.name}` has {', '.join(law.inputs)}.")
    if (budget is None) == (runs is None):
        raise PlanError(f"`{call}` takes budgets or runs: give one of them.")
    check_affine(call, law, cost, {**held, "N": 1e9}, "D")
    notes: tuple[str, ...] = ()
    if runs is not None:
        lines, notes = _lines_of(read(runs), law, cost, held)
        budgets = np.array([np.exp(np.mean(np.log(line["budget"]))) for line in lines])
        best = allocate(source, budgets, cost=cost, held=held, level=level)
    else:
        if not (points >= 3 and width > 1.0 and offset > 0.0):
            raise PlanError(
                f"`{call}` needs points >= 3, width > 1 and offset > 0; got {points}, {width:g}, {offset:g}."
            )
        best = allocate(source, budget, cost=cost, held=held, level=level)
        middles = best.inputs["N"] * offset * (best.budget / np.sqrt(best.budget.min() * best.budget.max())) ** drift
        lines = [_line(C, N, width, points, law, cost, held) for C, N in zip(best.budget, middles, strict=True)]
    with jax.enable_x64(True):
        padded = _padded(lines, held)
        vertices, losses = _vertices(law, belief.params, padded)
        kept = padded["weights"] > 0
        N = padded["inputs"]["N"]
        inside = (vertices.size >= N[:, :1]) & (vertices.size <= N[:, -1:])
        by_parabola = np.where((vertices.bend > 0) & inside, vertices.size, np.nan)
        bias = by_parabola / best.every["N"] - 1.0
        measured = measured_loss = error = seen = None
        exponents, errors = {}, {}
        if len(lines) > 1:
            exponents["law"] = _slope(best.budget, best.inputs["N"])[0]
            exponents["parabola"] = _slope(best.budget, by_parabola[:, 0])[0]
        if runs is not None:
            seen = np.where(kept, _column(lines, "loss", kept.shape[1]), np.nan)
            measured, measured_loss, error = _measured(padded, seen)
            if len(lines) > 2:
                exponents["measured"], errors["measured"] = _slope(best.budget, measured)
    return Profiles(
        best=best,
        by_parabola=by_parabola[:, 0],
        bias=bias[:, 0],
        bias_interval=belief.interval(bias, level) if belief.draws else None,
        exponents=exponents,
        exponent_errors=errors,
        sizes=np.where(kept, padded["inputs"]["N"], np.nan),
        losses=np.where(kept, losses[:, 0], np.nan),
        parabola_loss=np.where(np.isfinite(by_parabola[:, 0]), vertices.loss[:, 0], np.nan),
        seen=seen,
        measured=measured,
        measured_loss=measured_loss,
        error=error,
        silent=belief.silent(bias),
        notes=notes,
    )


@plainly
def _vertex(law: Law, problem: Any) -> tuple[Vertex, Any]:
    def one(params: Any, inputs: Any, weights: Any) -> tuple[Vertex, Any]:
        losses = jax.vmap(lambda row: law.fn(*(row[name] for name in law.inputs), **params))(inputs)
        return parabola(inputs["N"], losses, weights), losses

    return jax.vmap(one)(problem["params"], problem["inputs"], problem["weights"])


def _vertices(law: Law, params: Mapping[str, np.ndarray], padded: dict[str, Any]) -> tuple[Vertex, np.ndarray]:
    """Vertices `(lines, 1 + draws)` of the parabolas through the law's losses, and the losses `(lines, 1 + draws, points)`."""
    lines, draws = len(padded["weights"]), len(next(iter(params.values())))
    problems = {
        "params": {k: np.tile(v, lines) for k, v in params.items()},
        **jax.tree.map(lambda leaf: np.repeat(leaf, draws, axis=0), {k: padded[k] for k in ("inputs", "weights")}),
    }
    found = in_batches(lambda part: _vertex(law, part), problems)
    return jax.tree.map(lambda leaf: leaf.reshape(lines, draws, *leaf.shape[1:]), found)


def _line(
    budget: float, middle: float, width: float, points: int, law: Law, cost: Any, held: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Sizes spread evenly in their logarithm around one, and the tokens that the budget leaves for each."""
    N = middle * np.exp(np.linspace(-0.5, 0.5, points) * np.log(width))
    fixed, whole = (priced("plan.isoflop", law, cost, {**held, "N": N, "D": d * np.ones_like(N)}) for d in (0.0, 1e15))
    D = 1e15 * (budget - fixed) / (whole - fixed)
    kept = D > 0
    return {"N": N[kept], "D": D[kept], "budget": np.full(kept.sum(), budget)}


def _lines_of(
    runs: Any, law: Law, cost: Any, held: Mapping[str, float]
) -> tuple[list[dict[str, np.ndarray]], tuple[str, ...]]:
    """Rows of a table by budget, those of one line together, by size; and what is to be said of rows that lie on no line."""
    for name in ("N", "D", "loss"):
        runs.column(name)  # raises, naming the nearest
    runs = runs.checked(["N", "D", "loss"])
    N, D, loss = (runs.column(name) for name in ("N", "D", "loss"))
    named = [name for name in ("budget", "C") if name in runs.frame.columns]
    budget = (
        runs.frame[named[0]].to_numpy(dtype=np.float64)
        if named
        else priced("plan.isoflop", law, cost, {**held, "N": N, "D": D})
    )
    order = np.argsort(budget, kind="stable")
    cuts = np.flatnonzero(budget[order][1:] > GAP * budget[order][:-1]) + 1
    lines, few, wide = [], 0, 0
    for rows in np.split(order, cuts):
        if len(rows) < ROWS or _different(N[rows]) < SIZES:
            few += len(rows)
        elif budget[rows].max() > LINE * budget[rows].min():
            wide += len(rows)
        else:
            rows = rows[np.argsort(N[rows], kind="stable")]
            lines.append({"N": N[rows], "D": D[rows], "loss": loss[rows], "budget": budget[rows]})
    if not lines:
        raise PlanError(
            f"`plan.isoflop`: {runs.source} has no line of equal compute: no {ROWS} rows of {SIZES} sizes whose budgets lie "
            f"within a factor {LINE:g} and apart from others; give a column `budget`."
        )
    notes = []
    if few:
        notes.append(f"{few} rows are left out: fewer than {ROWS} rows, or {SIZES} sizes, of their budget")
    if wide:
        notes.append(f"{wide} rows are left out: their budgets run into each other over more than a factor {LINE:g}")
    return lines, tuple(notes)


def _different(sizes: np.ndarray) -> int:
    """How many different sizes there are, to a thousandth."""
    return 1 + int(np.sum(np.diff(np.sort(np.log(sizes))) > 1e-3))


def _padded(lines: list[dict[str, np.ndarray]], held: Mapping[str, float]) -> dict[str, Any]:
    """Lines as arrays `(lines, points)`; padding repeats the last row, with weight 0."""
    most = max(len(line["N"]) for line in lines)
    width = POINTS * 2 ** max(int(np.ceil(np.log2(most / POINTS))), 0)
    weights = np.stack([(np.arange(width) < len(line["N"])).astype(np.float64) for line in lines])
    inputs = {name: _column(lines, name, width) for name in ("N", "D")}
    inputs |= {name: np.full_like(weights, value) for name, value in held.items()}
    return {"weights": weights, "inputs": inputs}


def _column(lines: list[dict[str, np.ndarray]], name: str, width: int) -> np.ndarray:
    return np.stack([np.pad(line[name], (0, width - len(line[name])), mode="edge") for line in lines])


def _measured(padded: dict[str, Any], seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertex of the parabola through measured losses of each line: its size, its loss, and the size's relative standard error."""
    found = []
    for N, loss in zip(padded["inputs"]["N"], seen, strict=True):
        kept = np.isfinite(loss)
        x, y = np.log(N[kept]), loss[kept]
        columns = np.stack([np.ones_like(x), x - x.mean(), (x - x.mean()) ** 2], axis=1)
        best = np.linalg.lstsq(columns, y, rcond=None)[0]
        floor, slope, half = best
        at = -slope / (2.0 * half)
        if half <= 0.0 or not x.min() <= x.mean() + at <= x.max():
            found.append((np.nan, np.nan, np.nan))
            continue
        rest = y - columns @ best
        covariance = np.linalg.inv(columns.T @ columns) * (rest @ rest) / max(len(y) - 3, 1)
        along = np.array([0.0, -1.0 / (2.0 * half), slope / (2.0 * half * half)])
        error = np.sqrt(along @ covariance @ along)
        found.append((np.exp(x.mean() + at), floor + 0.5 * slope * at, error))
    sizes, losses, errors = np.array(found).T
    return sizes, losses, errors


def _slope(budget: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """Slope of ln size in ln budget by least squares, and its standard error."""
    kept = np.isfinite(size)
    if kept.sum() < 2:
        return float("nan"), float("nan")
    x, y = np.log(budget[kept]), np.log(size[kept])
    x = x - x.mean()
    slope = x @ y / (x @ x)
    rest = y - y.mean() - slope * x
    return float(slope), float(np.sqrt(rest @ rest / max(kept.sum() - 2, 1) / (x @ x)))
