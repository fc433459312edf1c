"""From a checked run table to the arrays of a fit: host code, in NumPy float64."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError, ScheduleError
from jaxlaws.fitting._settings import GIVEN, GIVEN_APART
from jaxlaws.fitting.problem import Data
from jaxlaws.runs import Runs
from jaxlaws.runs.branches import trunks
from jaxlaws.schedules.curve import Curve, Node, jumps_of, pad, sizes
from jaxlaws.spec import Law

NOISE = ("std", "sd", "se", "sigma", "stderr", "variance", "var")  # columns of these names are no weights
BINS = 512  # a curve logged at more points is averaged into at most so many


@dataclass(frozen=True)
class Assembled:
    """Arrays of one group, unpadded, with what is needed to write predictions back.

    `order` has the table's row positions, observation after observation, and `owner` the observation that each belongs
    to (bins hold several); `runs` the run of each curve (or row); `schedules` says how each run's learning rate is known.
    `doubted` is `data` as it would be, were logged rates interpolated across jumps; None where no jump was guessed.
    """

    data: Data
    order: np.ndarray
    owner: np.ndarray
    runs: list[str]
    copies: Mapping[str, list[str]] = field(default_factory=dict)
    schedules: Mapping[str, str] = field(default_factory=dict)
    peak: float = 0.0
    doubted: Data | None = None

    @property
    def rows(self) -> list[np.ndarray]:
        """Row positions of each observation."""
        return np.split(self.order, np.flatnonzero(np.diff(self.owner)) + 1)


def columns_of(law: Law) -> list[str]:
    """Table columns that a law needs, its output included."""
    wanted: list[str] = []
    for name in law.inputs:
        wanted += ["run", "step"] if name == "curve" else [name]
    return [*wanted, law.output.symbol]


def numeric_columns(law: Law, *, observed: bool = True) -> list[str]:
    """Those of them that hold numbers."""
    names = [c for c in columns_of(law) if c != "run"]
    return names if observed else names[:-1]


def assemble(
    law: Law,
    runs: Runs,
    *,
    weights: str,
    bins: int | None,
    per: Mapping[str, str],
    known_copies: Mapping[str, list[str]] | None = None,
    observed: bool = True,
) -> Assembled:
    """Arrays of `law` on one group of rows. `per` maps a parameter to the column that says which copy a row uses."""
    make = _curves if law.is_curve else _points
    return make(law, runs, weights, bins, per, known_copies, observed)


def _points(
    law: Law,
    runs: Runs,
    weights: str,
    bins: int | None,
    per: Mapping[str, str],
    known: Mapping[str, list[str]] | None,
    observed: bool,
) -> Assembled:
    del bins
    n = len(runs)
    inputs = {name: runs.column(name) for name in law.inputs}
    run = runs.frame["run"].astype(str).to_numpy()
    weight = _row_weights(runs, weights)
    copies, index = _copies(runs, per, known, lambda column: runs.frame[column].astype(str).to_numpy())
    target = runs.column(law.output.symbol) if observed else np.ones(n)
    data = Data(inputs, target, weight, index)
    return Assembled(data, np.arange(n), np.arange(n), list(run), copies)


def _curves(
    law: Law,
    runs: Runs,
    weights: str,
    bins: int | None,
    per: Mapping[str, str],
    known: Mapping[str, list[str]] | None,
    observed: bool,
) -> Assembled:
    frame = runs.frame
    step = runs.column("step")
    target = runs.column(law.output.symbol) if observed else np.ones(len(runs))
    batch = runs.column("batch") if "batch" in frame.columns else None
    others = [name for name in law.inputs if name != "curve"]
    extra = {name: runs.column(name) for name in others}
    names = runs.names
    raw_weight = _row_weights(runs, weights)
    observations = 0
    parts: list[dict[str, Any]] = []
    schedules: dict[str, str] = {}
    doubts: list[Curve | None] = []
    peak = 0.0
    for name in names:
        where = runs.positions(name)
        where = where[step[where] >= 1]
        if len(where) == 0:
            raise FitError(f"{runs.source}: run {name!r} has no row at step 1 or later; a curve law needs some.")
        if (np.diff(step[where]) < 0).any():
            where = where[np.argsort(step[where], kind="stable")]
        rates = runs.rates(name)
        schedules[name] = rates.note
        peak = max(peak, float(rates.lr[: int(step[where[-1]]) + 1].max()))
        groups = _binned(step[where], rates.lr, bins)
        mean = _bin_mean(groups, raw_weight[where])
        at = np.round(mean(step[where]))

        def curve(
            lr: np.ndarray, at: np.ndarray = at, warmup: int = rates.warmup, mean: Any = mean, where: Any = where
        ) -> Curve:
            convention: Any = law.options.get("warmup", "counted")
            tokens = None if batch is None else mean(batch[where])
            return Curve.of(lr, at=at, batch=tokens, warmup=convention, warmup_steps=warmup, anneal=anneals(law))

        parts.append(
            {
                "curve": curve(rates.lr),
                "observed": mean(target[where]),
                "weight": np.bincount(groups, raw_weight[where]),
                "order": where,
                "owner": observations + groups,
                **{k: mean(v[where]) for k, v in extra.items()},
            }
        )
        observations += int(groups[-1]) + 1
        guessed = rates.guess > 0 and rates.source == "logged"
        doubts.append(curve(_interpolated(rates.lr, rates.jumps, step[where])) if guessed else None)
    stacked = _stack(parts, others)
    copies, index = _copies(runs, per, known, lambda column: _run_labels(runs, names, column))
    data = Data(stacked["inputs"], stacked["observed"], stacked["weight"], index)
    doubted = None
    if any(d is not None for d in doubts):
        other = _stack([p | {"curve": d or p["curve"]} for p, d in zip(parts, doubts, strict=True)], others)
        doubted = dataclasses.replace(data, inputs=other["inputs"])
    order, owner = (np.concatenate([p[k] for p in parts]) for k in ("order", "owner"))
    return Assembled(data, order, owner, names, copies, schedules, peak, doubted)


@functools.cache
def anneals(law: Law) -> bool:
    """Whether a law sums over the changes of the rate by `Curve.anneal`: the nodes of that sum are most of a curve."""
    curve = Curve.of(np.array([0.5, 1.0, 0.5, 0.5]), at=np.array([1, 2, 3]), anneal=False)
    row = np.ones(3)
    inputs = {name: curve if name == "curve" else row for name in law.inputs}
    params = {name: jax.ShapeDtypeStruct((), np.float64) for name in law.params}
    try:
        jax.eval_shape(lambda params: law.fn(*(inputs[n] for n in law.inputs), **params), params)
    except ScheduleError:
        return True
    return False


def _interpolated(lr: np.ndarray, jumps: Sequence[int], logged: np.ndarray) -> np.ndarray:
    """`lr` with a straight line across each guessed jump, from the logged step before it."""
    out = lr.copy()
    for jump in jumps:
        before = int(logged[logged < jump].max(initial=0))
        out[before : jump + 1] = np.linspace(lr[before], lr[jump], jump - before + 1)
    return out


def _stack(parts: list[dict[str, Any]], others: list[str]) -> dict[str, Any]:
    size = {k: max(sizes(p["curve"])[k] for p in parts) for k in ("steps", "cells", "near", "past")}
    steps = size["steps"]

    def grow(x: np.ndarray, mode: str) -> np.ndarray:
        return np.concatenate([x, np.full(steps - len(x), x[-1] if mode == "edge" else 0.0)])

    curves = [pad(p["curve"], **size) for p in parts]
    inputs: dict[str, Any] = {"curve": _each_leaf(_stacked, *curves)}
    inputs |= {k: np.stack([grow(p[k], "edge") for p in parts]) for k in others}
    return {
        "inputs": inputs,
        "observed": np.stack([grow(p["observed"], "edge") for p in parts]),
        "weight": np.stack([grow(p["weight"], "zero") for p in parts]),
    }


def _stacked(first: np.ndarray, *others: np.ndarray) -> np.ndarray:
    return np.stack([first, *others]) if others else first[None]  # a view


def _each_leaf(f: Callable[..., Any], *curves: Curve) -> Curve:
    """`jax.tree.map` for curves alone, at a tenth of its cost."""

    def one(*given: Any) -> Any:
        if given[0] is None:
            return None
        if isinstance(given[0], Node):
            return Node(**{k.name: f(*(getattr(g, k.name) for g in given)) for k in dataclasses.fields(Node)})
        return f(*given)

    return Curve(**{k.name: one(*(getattr(c, k.name) for c in curves)) for k in dataclasses.fields(Curve)})


def _binned(step: np.ndarray, lr: np.ndarray, bins: int | None) -> np.ndarray:
    """Bin of each row, from 0, increasing: one a row, or consecutive rows together, never across a jump.

    Bins widen from the start of the run, and again from each jump, where the loss bends most: the mean of a bin must be the
    loss at its mean step.
    """
    n = len(step)
    if bins is None or n <= bins:
        return np.arange(n)
    piece = np.searchsorted(jumps_of(lr), step, side="right")
    begins = np.flatnonzero(np.r_[True, piece[1:] != piece[:-1]])
    starts: list[np.ndarray] = []
    for begin, end in zip(begins, np.r_[begins[1:], n], strict=True):
        size = int(end - begin)
        own = max(bins * size // n, 1)
        starts.append(begin + np.unique(np.floor(size * (np.arange(own) / own) ** 2).astype(int)))
    first = np.zeros(n, dtype=int)
    first[np.concatenate(starts)] = 1
    return np.cumsum(first) - 1


def _bin_mean(groups: np.ndarray, weight: np.ndarray) -> Any:
    if groups[-1] == len(groups) - 1:
        return lambda values: values  # a bin a row
    plain = np.where(weight > 0, weight, 0.0)
    total = np.bincount(groups, plain)
    empty = total == 0
    count = np.bincount(groups)

    def mean(values: np.ndarray) -> np.ndarray:
        weighted = np.bincount(groups, plain * values) / np.where(empty, 1.0, total)
        return np.where(empty, np.bincount(groups, values) / count, weighted)

    return mean


def _row_weights(runs: Runs, weights: str) -> np.ndarray:
    if weights == "row":
        return np.ones(len(runs))
    if weights == "run":
        run = runs.frame["run"].astype(str).to_numpy()
        _, code, count = np.unique(run, return_inverse=True, return_counts=True)
        return len(run) / (len(count) * count[code])
    return weights_of(runs, weights)


def weights_of(runs: Runs, column: str) -> np.ndarray:
    """Weights `(rows,)` in a column. Raises `FitError` for what is not finite, negative, all 0, or looks like an error."""
    given, weights = runs.column(column), column
    named = "weights given as an array" if column in (GIVEN, GIVEN_APART) else f"weights (column `{column}`)"
    wrong = np.flatnonzero(~(np.isfinite(given) & (given >= 0)))
    if len(wrong):
        row = runs.frame.index[wrong[0]]
        raise FitError(
            f"{runs.source}: {named} must be finite and at least 0; row {row} has {given[wrong[0]]:g}"
            + (f", the first of {len(wrong)}." if len(wrong) > 1 else ".")
        )
    if given.sum() == 0:
        raise FitError(f"{runs.source}: {named} are all 0: there is nothing to fit; give some rows a weight above 0.")
    if weights in NOISE or ("std" in runs.frame.columns and _rise_together(given, runs.column("std"))):
        name = f"column `{weights}`" if weights in runs.frame.columns and weights in NOISE else "they grow with `std`"
        raise FitError(
            f"{runs.source}: the weights look inverted ({name}): a row that is less certain must weigh less; give 1/std^2."
        )
    return given


def _rise_together(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two columns that vary are all but in the same order."""
    if len(one) < 4 or np.ptp(one) == 0 or not np.isfinite(other).all() or np.ptp(other) == 0:
        return False
    first, second = (np.unique(v, return_inverse=True)[1] for v in (one, other))
    return bool(np.corrcoef(first, second)[0, 1] > 0.9)


def _copies(
    runs: Runs, per: Mapping[str, str], known: Mapping[str, list[str]] | None, labels: Any
) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
    copies: dict[str, list[str]] = {}
    index: dict[str, np.ndarray] = {}
    for param, column in per.items():
        label = labels(column)
        copies[param] = known[param] if known is not None else list(dict.fromkeys(label))
        place = {v: i for i, v in enumerate(copies[param])}
        unknown = [v for v in dict.fromkeys(label) if v not in place]
        if unknown:
            raise FitError(f"{runs.source}: no copy of `{param}` was fitted for {column} {unknown[0]!r}.")
        index[param] = np.array([place[v] for v in label])
    return copies, index


def _run_labels(runs: Runs, names: list[str], column: str) -> np.ndarray:
    if column == "run":
        return np.array(trunks(runs, names))
    first = {name: runs.of(name)[column].astype(str).unique() for name in names}
    for name, values in first.items():
        if len(values) != 1:
            raise FitError(f"{runs.source}: column `{column}` must be constant within run {name!r}.")
    return np.array([first[name][0] for name in names])


def bucket(n: int, *, finest: int = 1) -> int:
    """Smallest of 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... (four sizes an octave) that holds `n`."""
    if n <= 4:
        return max(n, finest)
    octave = 2 ** (int(n - 1).bit_length() - 3)
    return max(-(-n // octave) * octave, finest)


def padded(data: Data, *, coarse: bool = False) -> Data:
    """The data with each axis at a bucket's size. Padding repeats values and weighs 0.

    `coarse` takes powers of two, which waste up to half of a program but need few programs: what many groups of
    different lengths want.
    """

    def size(n: int, finest: int, least: int) -> int:
        return max(1 << max(n - 1, 0).bit_length(), least) if coarse else bucket(n, finest=finest)

    if "curve" not in data.inputs:
        return _padded_rows(data, size(len(data.observed), 8, 32))
    dims = _curve_dims(data)
    least = {"steps": 64, "cells": 64, "near": 4, "past": 32 if dims["past"] else 4}
    sizes = {name: size(dims[name], 4, least[name]) for name in least}
    return _padded_curves(data, sizes | {"runs": bucket(dims["runs"])})


def _curve_dims(data: Data) -> dict[str, int]:
    return {"runs": data.observed.shape[0], **sizes(data.inputs["curve"])}


def _padded_rows(data: Data, rows: int) -> Data:
    def grow(x: np.ndarray) -> np.ndarray:
        return np.pad(x, (0, rows - len(x)), mode="edge")

    return Data(
        {k: grow(v) for k, v in data.inputs.items()},
        grow(data.observed),
        np.pad(data.weight, (0, rows - len(data.weight))),
        {k: grow(v) for k, v in data.copy.items()},
    )


def _padded_curves(data: Data, size: dict[str, int]) -> Data:
    runs, steps = size["runs"], size["steps"]
    count = data.observed.shape[0]
    curve = pad(data.inputs["curve"], **{k: v for k, v in size.items() if k != "runs"})
    if runs > count:
        curve = _each_leaf(lambda x: np.concatenate([x, np.repeat(x[-1:], runs - count, axis=0)]), curve)

    def grow(x: np.ndarray, *, zero: bool = False) -> np.ndarray:
        width = [(0, runs - count), (0, steps - x.shape[1])]
        return np.pad(x, width) if zero else np.pad(x, width, mode="edge")

    inputs: dict[str, Any] = {k: grow(v) for k, v in data.inputs.items() if k != "curve"}
    inputs["curve"] = curve
    copy = {k: np.pad(v, (0, runs - count), mode="edge") for k, v in data.copy.items()}
    return dataclasses.replace(
        data, inputs=inputs, observed=grow(data.observed), weight=grow(data.weight, zero=True), copy=copy
    )
