"""A fit's own problem once more, in many variations side by side: other weights, other outcomes, parameters held.

What bootstraps, jackknives and profiles are made of. All variations share the inputs, so that one compiled program solves
a block of them, and no number in them compiles anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting._groups import mask, of_group
from jaxlaws.fitting._prepare import Group, prepare
from jaxlaws.fitting._record import CONDITION
from jaxlaws.fitting._settings import GIVEN, Settings, given
from jaxlaws.fitting._stream import in_threads
from jaxlaws.fitting.assemble import numeric_columns
from jaxlaws.fitting.engine import Problem, boxes
from jaxlaws.fitting.problem import Layout, pack, residuals_of
from jaxlaws.fitting.result import Fit, Fits, Value
from jaxlaws.objectives import Normal, Objective, link, parse
from jaxlaws.runs import Runs, read
from jaxlaws.solvers import Batched, Status, frozen, levenberg_marquardt
from jaxlaws.solvers.race import in_cache
from jaxlaws.spec import Law

DONE = 1e-8  # share of the objective that a step may still promise at a minimum: far below what any interval shows
STALLED = 1e-6


@dataclass(frozen=True)
class Subject:
    """A fit and its problem on the rows that it was fitted to. `center` is its optimum in coordinates `(params,)`.

    Arrays of rows are flat and padded, `(rows,)`: `run` is -1 in padding, else the index into `runs`. `order` sorts the
    rows of each run by step.
    """

    fit: Fit
    group: Group
    law: Law
    layout: Layout
    objective: Objective
    center: np.ndarray
    weight: np.ndarray
    observed: np.ndarray
    run: np.ndarray
    order: np.ndarray
    runs: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Parameter of each coordinate."""
        return [slot.name for slot in self.layout for _ in range(slot.copies)]

    @property
    def low(self) -> np.ndarray:
        return self.group.problem.low

    @property
    def high(self) -> np.ndarray:
        return self.group.problem.high

    def values(self, x: np.ndarray) -> dict[str, Any]:
        """Every parameter, fixed ones included, of coordinates `(draws, params)`: arrays `(draws,)`, and for one with
        copies a dict of them."""
        x = np.asarray(x, dtype=np.float64)
        out: dict[str, Any] = {}
        at = 0
        free: dict[str, Any] = {}
        for slot in self.layout:
            part = x[:, at : at + slot.copies]
            free[slot.name] = np.exp(part) if slot.log else part
            at += slot.copies
        copies = self.group.assembled.copies
        for name in self.law.params:
            if name not in free:
                out[name] = np.full(len(x), float(self.group.problem.fixed[name]))
            elif name in copies:
                out[name] = {label: free[name][:, i] for i, label in enumerate(copies[name])}
            else:
                out[name] = free[name][:, 0]
        return out


def subject(fit: Fit, runs: Any, *, weights: np.ndarray | None = None, objective: Objective | None = None) -> Subject:
    """The problem of `fit` on `runs`, the rows that it was fitted to; of a fit by group, the group's rows are taken.

    Weights given to `fit` as an array are not stored: give them again, and likewise an objective of your own. Raises
    `FitError` where the fit failed, or where the rows do not give its objective.
    """
    if fit.status.failed:
        raise FitError(
            f"the fit of `{fit.law.name}` failed ({fit.status.name}): nothing can be said of its parameters."
        )
    if fit.shared:
        raise FitError(
            f"parameters {', '.join(fit.shared)} are shared with other groups: give all of the fits together."
        )
    table = read(runs)
    if fit.by:
        table = of_group(table, fit)
    if weights is not None:
        table = dataclasses.replace(table, frame=table.frame.assign(**{GIVEN: given(weights, len(table))}))
    elif fit.weights == "given":
        raise FitError("the fit was made with weights given as an array, which are not stored: give `weights=` again.")
    table = table.checked(numeric_columns(fit.law))
    settings = settings_of(fit, weights=GIVEN if weights is not None else fit.weights, objective=objective)
    group = prepare(settings, 0, fit.key, table)
    return _subject(fit, group, settings)


def subject_of_group(fit: Fit, rows: Runs, *, objective: Objective) -> Subject:
    """The problem of a fit by group on the `rows` of its group, which have been checked, padded to the few shapes of such
    fits: what many groups want."""
    settings = settings_of(fit, weights=fit.weights, objective=objective)
    return _subject(fit, prepare(settings, 0, fit.key, rows, coarse=True), settings)


def joint_subject(
    fits: Fits, runs: Any, *, weights: np.ndarray | None = None, objective: Objective | None = None
) -> Subject:
    """The one problem of fits whose groups share parameters, on the rows of all of them. Copies of the other parameters are
    labelled by the number of their group, from 0. Raises `FitError` as `subject` does."""
    every = list(fits.values())
    first = every[0]
    if first.status.failed:
        raise FitError(
            f"the fit of `{first.law.name}` failed ({first.status.name}): nothing can be said of its parameters."
        )
    if weights is None and first.weights == "given":
        raise FitError("the fit was made with weights given as an array, which are not stored: give `weights=` again.")
    settings = settings_of(first, weights=first.weights if weights is None else GIVEN, objective=objective)
    own, column = settings.per(), "jaxlaws_group"
    per = {name: column for name in first.boxes if name not in first.shared}
    per |= {name: label for name, label in own.items() if name not in first.shared}
    grouped = [name for name, label in per.items() if label == column]
    whole = dataclasses.replace(
        first,
        params=dict(first.params) | {n: {str(i): f.params[n] for i, f in enumerate(every)} for n in grouped},  # type: ignore[dict-item]  # plain numbers
        key=(),
        by=(),
        shared=(),
        rows=sum(f.rows for f in every),
        runs=tuple(dict.fromkeys(run for f in every for run in f.runs)),
    )
    table = read(runs)
    label = np.full(len(table), "", dtype=object)
    for i, one in enumerate(every):
        label[mask(table, one)] = str(i)
    frame = table.frame.assign(**{column: label})
    if weights is not None:
        frame = frame.assign(**{GIVEN: given(weights, len(table))})
    table = dataclasses.replace(table, frame=frame).select(label != "").checked(numeric_columns(first.law))
    return _subject(whole, prepare(settings, 0, (), table, per), settings)


def settings_of(fit: Fit, *, weights: str, objective: Objective | None) -> Settings:
    """What `fit` was told, as far as it shapes the problem."""
    law = fit.law
    held = {name: float(fit.params[name]) for name in fit.fixed}  # type: ignore[arg-type]  # one with copies is free
    free = [name for name, param in law.params.items() if param.fixed is not None and name not in held]
    return Settings(
        law=law,
        params=boxes(law, fix=held, free=free, bounds=fit.boxes),
        fix=held,
        objective=parse(fit.objective_spec) if objective is None else objective,
        weights=weights,
        starts=1,
        priors={name: Normal(*values) for name, values in fit.priors.items()},
        solver=levenberg_marquardt(),
        explore=None,
        rungs=None,
        seed=fit.seed,
        bins=fit.bins,
    )


def _subject(fit: Fit, group: Group, settings: Settings) -> Subject:
    data = group.problem.data
    layout = group.layout
    raw = {s.name: _raw(fit.params[s.name], group.assembled.copies.get(s.name)) for s in layout}
    with jax.enable_x64(True):
        center = _on_bounds(fit, layout, np.array([float(v) for v in pack(layout, raw)]), group.problem)
    found = group.assembled
    live = tuple(slice(n) for n in np.shape(found.data.observed))
    run = np.full(data.observed.shape, -1)
    names = tuple(dict.fromkeys(found.runs))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place[name] for name in found.runs])
    if fit.law.is_curve:
        run[live] = np.where(np.asarray(found.data.weight) > 0, index[:, None], -1)
        step = np.broadcast_to(np.arange(run.shape[-1]), run.shape).ravel()
    else:
        run[live] = index
        step = np.arange(run.size)
        if "step" in group.table.frame.columns:
            step[live] = np.argsort(np.argsort(group.table.column("step"), kind="stable"), kind="stable")
    flat = run.ravel()
    made = Subject(
        fit=fit,
        group=group,
        law=fit.law,
        layout=layout,
        objective=settings.objective,
        center=center,
        weight=np.asarray(data.weight, dtype=np.float64).ravel(),
        observed=np.asarray(data.observed, dtype=np.float64).ravel(),
        run=flat,
        order=np.lexsort((step, flat))[np.count_nonzero(flat < 0) :],
        runs=names,
    )
    here = float(objectives(made, center[None])[0])
    rounding = 1e-20 * max(fit.rows, 1)
    if not abs(here - fit.objective) <= 1e-6 * abs(fit.objective) + rounding:
        raise FitError(
            f"{group.table.source}: on these rows the fit's objective is {here:.6g} and not {fit.objective:.6g}; give the rows, "
            "weights and schedules that it was fitted to."
        )
    return made


def _on_bounds(fit: Fit, layout: Layout, x: np.ndarray, problem: Problem) -> np.ndarray:
    """Coordinates with those of parameters that ended on a bound exactly there: a logarithm of what was stored as a number
    may miss it in its last place, and is then no longer frozen."""
    stuck = np.array([slot.name in fit.at_bound for slot in layout for _ in range(slot.copies)])
    for bound in (problem.low, problem.high):
        x = np.where(stuck & np.isclose(x, bound, rtol=1e-12, atol=1e-12), bound, x)
    return x


def _raw(value: Value, copies: Sequence[str] | None) -> Any:
    if not isinstance(value, Mapping):
        return value if copies is None or len(copies) == 1 else np.full(len(copies), value)
    values = [value[label] for label in copies or value]
    return np.array(values) if len(values) > 1 else values[0]


def by_run(of: Subject) -> list[np.ndarray]:
    """Rows of each run that count, in order of their steps."""
    rows = of.order[of.weight[of.order] > 0]
    return np.split(rows, np.flatnonzero(np.diff(of.run[rows])) + 1)


def fitted(of: Subject) -> tuple[np.ndarray, np.ndarray]:
    """The fit's predictions and residuals (prediction minus observation), `(rows,)`, on the scale of the objective."""
    with jax.enable_x64(True):
        at = predicted(of, of.center[None])[:, 0]
        there, seen = (np.asarray(link(np.asarray(v), scale(of))) for v in (at, of.observed))
    return there, np.where(of.run >= 0, there - seen, 0.0)


def free_of(of: Subject) -> int:
    """Parameters that rows alone must determine."""
    return sum(slot.copies for slot in of.layout if slot.name not in of.group.problem.priors)


def scale(of: Subject) -> str:
    """Scale on which residuals are taken."""
    return of.objective.on or of.law.output.scale


Draw = Callable[[np.ndarray], np.ndarray]
"""Indices of variations `(some,)` to their weights or outcomes, `(some, rows)`."""


# --- solving them ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solved:
    """Minima of variations, NumPy: `x` `(draws, params)`, the objective, status code and promise of each."""

    x: np.ndarray
    objective: np.ndarray
    status: np.ndarray
    remaining: np.ndarray


def solved(
    of: Subject,
    starts: np.ndarray,
    *,
    weight: Draw | None = None,
    observed: Draw | None = None,
    held: np.ndarray | None = None,
    trips: Sequence[int] = (8, 4, 8, 24, 120),
) -> Solved:
    """Minimum of each variation from its own start `(draws, params)` in coordinates.

    `weight` and `observed` give those of some variations; default: those of the fit. Coordinates where `held`
    `(draws, params)` stay where they start. Everything takes `trips[0]` steps, and what has not converged more of them.
    """
    draws, n = starts.shape
    held = np.zeros((draws, n), dtype=bool) if held is None else held
    with jax.enable_x64(True):
        found = _rounds(of, starts, weight, observed, held, trips)
    return _judged(of, found, held)


@dataclass(frozen=True)
class _Minima:
    """NumPy, with a leading axis of variations; `normal` is the curvature that costs really have."""

    x: np.ndarray
    objective: np.ndarray
    gradient: np.ndarray
    normal: np.ndarray


def _rounds(
    of: Subject, starts: np.ndarray, weight: Any, observed: Any, held: np.ndarray, trips: Sequence[int]
) -> _Minima:
    every = np.arange(len(starts))
    found = _blocks(of, starts, weight, observed, held, trips[0], every)
    for more in trips[1:]:
        left = every[_promise(of, found, held) > DONE]
        if not len(left):
            break
        again = _blocks(of, found.x, weight, observed, held, more, left)
        better = again.objective <= found.objective[left]
        for leaf, new in zip(_leaves(found), _leaves(again), strict=True):
            leaf[left[better]] = new[better]
    return found


def _leaves(minima: _Minima) -> tuple[np.ndarray, ...]:
    return minima.x, minima.objective, minima.gradient, minima.normal


def _blocks(
    of: Subject, starts: np.ndarray, weight: Any, observed: Any, held: np.ndarray, trips: int, which: np.ndarray
) -> _Minima:
    """Minima of the variations `which`, a fixed number of them after another, on all cores."""
    size = block(of)
    parts = [which[i : i + size] for i in range(0, len(which), size)]
    problem = jax.device_put(of.group.problem)
    own = jax.device_put([np.broadcast_to(v, (size, len(v))) for v in (of.weight, of.observed)])

    def one(part: np.ndarray) -> Any:
        full = np.concatenate([part, np.repeat(part[-1:], size - len(part))])
        told = own[0] if weight is None else weight(full)
        seen = own[1] if observed is None else observed(full)
        found = _solve(of.law, of.layout, problem, trips, told, seen, held[full], starts[full])
        return [np.asarray(leaf)[: len(part)] for leaf in jax.device_get(found)]

    done = in_threads(one, parts)
    return _Minima(*(np.concatenate(leaves) for leaves in zip(*done, strict=True)))


def block(of: Subject) -> int:
    """How many variations are solved side by side."""
    if jax.default_backend() != "cpu":
        return 1024
    return min(64, max(4, in_cache(len(of.center) * len(of.weight))))


@partial(jax.jit, static_argnums=(0, 1))
def _solve(
    law: Law, layout: Layout, problem: Problem, trips: Any, weight: Any, observed: Any, held: Any, starts: Any
) -> tuple[Any, ...]:
    residuals = _residuals(law, layout, problem, weight.T, observed.T)
    stays, there = held.T, starts.T

    def part(x: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(jnp.where(stays[i], there[i], x[i]) for i in range(len(x)))

    inner, extra = residuals.inner, residuals.extra
    some = dataclasses.replace(
        residuals,
        inner=lambda x: inner(part(x)),
        extra=None if extra is None else lambda x: extra(part(x)),
        near=True,
    )
    found = levenberg_marquardt().run_many(some, starts, problem.low, problem.high, trips=trips)
    return found.x, found.objective, found.gradient, found.normal


def _residuals(law: Law, layout: Layout, problem: Problem, weight: Any, observed: Any) -> Batched:
    """Residuals of coordinates of many variations, whose weights and outcomes are `(rows, draws)`."""
    data, fixed = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], (problem.data, problem.fixed))
    return residuals_of(law, layout, data, fixed, problem.objective, problem.priors, own=(observed, weight))


@partial(jax.jit, static_argnums=(0, 1))
def _costs(law: Law, layout: Layout, problem: Problem, x: Any) -> tuple[Any, Any]:
    """Cost of each row `(rows, draws)`, unweighted, at coordinates `(draws, params)`, and that of the priors `(draws,)`."""
    data, fixed = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], (problem.data, problem.fixed))
    own = (data.observed.reshape(-1, 1), jnp.ones((data.observed.size, 1), x.dtype))
    residuals = residuals_of(law, layout, data, fixed, problem.objective, problem.priors, own=own)
    parts = tuple(x[:, i] for i in range(x.shape[1]))
    root = residuals.outer(residuals.inner(parts))
    pull = jnp.zeros((1, x.shape[0]), x.dtype) if residuals.extra is None else residuals.extra(parts)
    return 0.5 * root * root, 0.5 * jnp.sum(pull * pull, axis=0)


@partial(jax.jit, static_argnums=(0, 1))
def _predicted(law: Law, layout: Layout, problem: Problem, x: Any) -> Any:
    data, fixed = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], (problem.data, problem.fixed))
    own = (data.observed.reshape(-1, 1), jnp.ones((data.observed.size, 1), x.dtype))
    residuals = residuals_of(law, layout, data, fixed, problem.objective, problem.priors, own=own)
    return residuals.inner(tuple(x[:, i] for i in range(x.shape[1])))


def predicted(of: Subject, x: np.ndarray) -> np.ndarray:
    """The law at each row `(rows, draws)`, at coordinates `(draws, params)`."""
    with jax.enable_x64(True):
        return np.asarray(_predicted(of.law, of.layout, of.group.problem, np.asarray(x, dtype=np.float64)))


def objectives(of: Subject, x: np.ndarray) -> np.ndarray:
    """The fit's objective at coordinates `(draws, params)`."""
    cost, prior = costs(of, x)
    return of.weight @ cost + prior


def costs(of: Subject, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cost of each row `(rows, draws)`, unweighted, at coordinates `(draws, params)`, and that of the priors `(draws,)`."""
    with jax.enable_x64(True):
        cost, prior = jax.device_get(_costs(of.law, of.layout, of.group.problem, np.asarray(x, dtype=np.float64)))
    return np.where(of.weight[:, None] > 0, cost, 0.0), prior


def normal_matrix(of: Subject) -> np.ndarray:
    """Gauss-Newton's matrix of the fit, `(params, params)`."""
    nothing = np.zeros((1, len(of.center)), dtype=bool)
    with jax.enable_x64(True):
        found = _blocks(of, of.center[None], None, None, nothing, 0, np.arange(1))
    return np.asarray(found.normal[0])


def _promise(of: Subject, found: _Minima, held: np.ndarray) -> np.ndarray:
    """Share of each objective that one more step promises to remove."""
    keep = ~(frozen(found.x, found.gradient, of.low, of.high) | held)
    unit, diagonal = _unit(found.normal, keep)
    right = np.where(keep, found.gradient / np.sqrt(diagonal), 0.0)
    with np.errstate(all="ignore"):
        eye = 1e-14 * np.eye(unit.shape[-1])
        sound: Any = np.isfinite(unit).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
        unit, right = np.where(sound[:, None, None], unit, eye), np.where(sound[:, None], right, 0.0)
        promise = 0.5 * np.einsum("di,di->d", right, np.linalg.solve(unit + eye, right[..., None])[..., 0])
        rounding = (30.0 * np.finfo(np.float64).eps) ** 2 * diagonal.max(axis=1) + 1e-22
    return np.where(
        sound, promise / (found.objective + rounding), 0.0
    )  # what is not finite cannot be helped by more steps


def _unit(normal: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices with a unit diagonal over the kept coordinates, the identity elsewhere, and the diagonals."""
    diagonal = np.einsum("dii->di", normal)
    diagonal = np.where(diagonal > 0, diagonal, 1.0)
    scale = np.where(keep, 1.0 / np.sqrt(diagonal), 0.0)
    unit = normal * scale[:, :, None] * scale[:, None, :]
    eye = np.eye(normal.shape[-1])
    return np.where(eye > 0, np.where(keep[:, :, None] & (unit <= 0), 0.0, 1.0), unit), diagonal


def _judged(of: Subject, found: _Minima, held: np.ndarray) -> Solved:
    stuck = frozen(found.x, found.gradient, of.low, of.high) & ~held
    keep = ~(stuck | held)
    unit, _ = _unit(found.normal, keep)
    sound = np.isfinite(found.objective) & np.isfinite(found.normal).all(axis=(1, 2))
    value = np.linalg.eigvalsh(np.where(sound[:, None, None], unit, np.eye(unit.shape[-1])))
    left = _promise(of, found, held)
    status = np.where(stuck.any(axis=1), int(Status.at_bound), int(Status.converged))
    status = np.where(left > STALLED, int(Status.stalled), status)
    status = np.where(value[:, 0] * CONDITION <= value[:, -1], int(Status.rank_deficient), status)
    status = np.where(sound, status, int(Status.non_finite))
    return Solved(found.x, found.objective, status, left)
