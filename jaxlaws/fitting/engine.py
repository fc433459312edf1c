"""The compiled search, and `solve`: the same as a pure differentiable function under the user's own
transformations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting._plainly import CURVES, plainly
from jaxlaws.fitting.problem import Data, Layout, Slot, arrays_of, objective_of, projection, residuals_of, unpack
from jaxlaws.fitting.starts import sobol
from jaxlaws.objectives import Normal, Objective, huber
from jaxlaws.solvers import Descent, LevenbergMarquardt, Race, Rung, Solver, Status, frozen, levenberg_marquardt, race
from jaxlaws.solvers.race import in_cache
from jaxlaws.spec import Law, Param

AGREE = 1.01  # a start agrees when its objective is within this factor of the best
TOGETHER = 8  # groups that are searched side by side at least
POLISHED = 8  # starts that take more trips at the end
ROUNDING = 1e-20  # cost of a row that is mere rounding: exact data raise no doubt about the minimum


@dataclass(frozen=True)
class Plan:
    """What of a search is static: one compiled program for each."""

    law: Law
    layout: Layout
    solver: Solver
    rungs: tuple[Rung, ...]
    explore: Descent | None
    linear: bool


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Problem:
    """What of a search is data. `low`, `high` are `(params,)` in coordinates, `floor` is raw. Searches take many stacked."""

    data: Data
    fixed: Mapping[str, Any]
    objective: Objective
    priors: Mapping[str, Normal]
    low: Any
    high: Any
    floor: Any


def search(plan: Plan, problem: Problem, starts: Any) -> Race:
    """Minimum for each group over its starts `(groups, starts, params)`, in coordinates.

    Every leaf of `problem` has a leading axis of groups; objective, priors and box must be the same for all of them.
    Groups beyond what a core's cache holds take their turns.
    """
    if plan.explore is not None or not isinstance(plan.solver, LevenbergMarquardt):
        alone = jax.vmap(lambda p, s: _search(plan, jax.tree.map(lambda leaf: leaf[None], p), s[None]))
        return jax.tree.map(lambda leaf: leaf[:, 0], alone(problem, starts))
    groups, many, n = starts.shape
    size = max(TOGETHER, in_cache(n * many * math.prod(problem.data.observed.shape[1:])))
    if groups <= size or jax.default_backend() != "cpu":
        return _search(plan, problem, starts)
    blocks = -(-groups // size)

    def cut(leaf: Any) -> Any:  # the last block is filled up with its last group
        leaf = jnp.asarray(leaf)
        filled = jnp.concatenate([leaf, jnp.repeat(leaf[-1:], blocks * size - groups, axis=0)])
        return filled.reshape(blocks, size, *leaf.shape[1:])

    found = jax.lax.map(lambda block: _search(plan, *block), jax.tree.map(cut, (problem, starts)))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:groups], found)


def _search(plan: Plan, problem: Problem, starts: Any) -> Race:
    objective, priors, low, high, floor = jax.tree.map(
        lambda leaf: leaf[0], (problem.objective, problem.priors, problem.low, problem.high, problem.floor)
    )

    def residuals(dtype: Any) -> Any:
        data, fixed, objective_, priors_ = _cast((problem.data, problem.fixed, objective, priors), dtype)
        return residuals_of(plan.law, plan.layout, data, fixed, objective_, priors_)

    def project(dtype: Any, robust: bool = True) -> Any:
        data, fixed, objective_, *box = _cast((problem.data, problem.fixed, objective, floor, low, high), dtype)
        return projection(plan.law, plan.layout, data, fixed, objective_, *box, robust=robust)

    begun = plan.rungs[0].projected > 0 and plan.explore is None  # such a rung solves for linear parameters itself
    if plan.linear and not begun and (first := project(starts.dtype, robust=False)) is not None:
        flat = starts.reshape(-1, starts.shape[-1])
        starts = first(flat.T).T.reshape(starts.shape)
    starts = jnp.clip(starts, low[None, None, :], high[None, None, :])
    if (explore := plan.explore) is not None:
        whole = residuals(starts.dtype)
        starts = jax.vmap(jax.vmap(lambda s: explore.run(whole, s, low, high)))(starts).x
    return race(residuals, starts, low, high, solver=plan.solver, rungs=plan.rungs, project=project)


_search_groups = {False: plainly(search), True: plainly(search, CURVES)}


def search_groups(plan: Plan, problems: Problem, starts: Any) -> Race:
    """`search`, compiled once for each plan and shape."""
    return _search_groups[plan.law.is_curve](plan, problems, starts)


def _side_by_side(plan: Plan) -> Any:
    """`search` that under `vmap` takes the mapped problems as further groups, which costs far less than mapping its loops."""

    @jax.custom_batching.custom_vmap
    def searched(problem: Problem, starts: Any) -> Race:
        return search(plan, problem, starts)

    @searched.def_vmap
    def _(size: int, mapped: Any, problem: Problem, starts: Any) -> tuple[Race, Any]:
        shared = (problem.objective, problem.priors, problem.low, problem.high, problem.floor)
        which, begun = mapped
        if any(jax.tree.leaves((which.objective, which.priors, which.low, which.high, which.floor))):
            axes = jax.tree.map(lambda m: 0 if m else None, mapped)
            found = jax.vmap(partial(search, plan), in_axes=axes, axis_size=size)(problem, starts)
            return found, jax.tree.map(lambda _: True, found)

        def flat(leaf: Any, own: bool) -> Any:
            leaf = leaf if own else jnp.broadcast_to(leaf[None], (size, *leaf.shape))
            return leaf.reshape(size * leaf.shape[1], *leaf.shape[2:])

        data, fixed = jax.tree.map(flat, (problem.data, problem.fixed), (which.data, which.fixed))
        again = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], (size * leaf.shape[0], *leaf.shape[1:])), shared)
        found = searched(Problem(data, fixed, *again), flat(starts, begun))
        found = jax.tree.map(lambda leaf: leaf.reshape(size, -1, *leaf.shape[1:]), found)
        return found, jax.tree.map(lambda _: True, found)

    return searched


def _cast(tree: Any, dtype: Any) -> Any:
    def one(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(one, tree)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solution:
    """What `solve` returns: raw parameters by name, the objective, and how the search ended (a `Status` code)."""

    params: dict[str, Any]
    objective: Any
    status: Any
    agree: Any
    gradient: Any


def solve(
    law: Law,
    inputs: Mapping[str, Any],
    observed: Any,
    *,
    weights: Any = None,
    starts: int | Any = 32,
    fix: Mapping[str, Any] | None = None,
    free: Sequence[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Normal] | None = None,
    objective: Objective | None = None,
    solver: Solver | None = None,
    seed: int = 0,
) -> Solution:
    """Parameters of `law` that fit `observed`: a pure function for use inside `jit`, `vmap` and `grad`.

    Point laws take `inputs` of shape `(rows,)` and `observed` `(rows,)`; curve laws take `inputs["curve"]`, a `Curve`
    with a leading runs axis, and `observed` `(runs, steps)`. `weights` has the shape of `observed`; weight 0 leaves a
    row out, whose values must be finite all the same. Computes in the dtype of `observed`. `starts` is a number, or an
    array of raw values `(starts, free parameters)` in the law's order.

    Every parameter of the solution carries the implicit derivative with respect to inputs, observed, weights and fixed
    values: by the exact Hessian, zero for parameters on their bound, NaN (and status rank_deficient) where its
    condition exceeds 1e12.
    """
    objective = huber() if objective is None else objective
    solver = levenberg_marquardt() if solver is None else solver
    observed = jnp.asarray(observed)
    dtype = observed.dtype if jnp.issubdtype(observed.dtype, jnp.floating) else jnp.result_type(float)
    observed = observed.astype(dtype)
    params = boxes(law, fix=fix or {}, free=free, bounds=bounds or {})
    layout = layout_of(law, params, {})
    if not layout:
        raise FitError(f"`solve`: every parameter of `{law.name}` is fixed; free one.")
    low, high, floor = limits(layout, params)
    points = starting_points(law, layout, params, starts, seed)
    given = {k: float(p.fixed) for k, p in params.items() if p.fixed is not None} | dict(fix or {})
    unset = [k for k in law.params if k not in given and k not in {s.name for s in layout}]
    if unset:
        raise FitError(f"`solve`: give `{unset[0]}` of `{law.name}` by `fix=`.")
    fixed = {k: jnp.asarray(v, dtype) for k, v in given.items()}
    own = {k: Normal(*p.prior) for k, p in params.items() if p.prior is not None and p.fixed is None} | dict(
        priors or {}
    )
    problem = Problem(
        data=Data(
            inputs=_cast(dict(inputs), dtype),
            observed=observed,
            weight=jnp.ones_like(observed) if weights is None else jnp.asarray(weights, dtype),
            copy={},
        ),
        fixed=fixed,
        objective=_cast(objective, dtype),
        priors=_cast(own, dtype),
        low=jnp.asarray(low, dtype),
        high=jnp.asarray(high, dtype),
        floor=jnp.asarray(floor, dtype),
    )
    linear = isinstance(starts, int)
    rungs = (
        *default_rungs(law, layout, solver, linear=linear, dtype=str(dtype)),
        *polishing(solver, len(points), str(dtype)),
    )
    plan = Plan(law, layout, solver, rungs, None, linear)
    x, race_ = _optimum(plan, problem, jnp.asarray(points, dtype))
    minimum = race_.best
    stuck = frozen(x, minimum.gradient, problem.low, problem.high)
    values = unpack(layout, tuple(x[i] for i in range(x.shape[0])))
    best = minimum.objective
    return Solution(
        params=values | fixed,
        objective=best,
        status=_status_code(race_, stuck),
        agree=jnp.mean(agreeing(race_.objectives, best, jnp.sum(problem.data.weight > 0).astype(dtype)).astype(dtype)),
        gradient=minimum.gradient,
    )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _optimum(plan: Plan, problem: Problem, starts: Any) -> tuple[Any, Race]:
    """Optimum in coordinates `(params,)`, differentiable, and the race that found it, which is not."""
    found = _side_by_side(plan)(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], problem), starts[None])
    found = jax.tree.map(lambda leaf: leaf[0], found)
    return found.best.x, jax.lax.stop_gradient(found)


@_optimum.defjvp
def _optimum_jvp(plan: Plan, primals: Any, tangents: Any) -> Any:
    problem, starts = primals
    x0, found = _optimum(plan, problem, starts)  # which second derivatives see too, by this same rule

    def gradient(x: Any, p: Problem) -> Any:
        value = objective_of(plan.law, plan.layout, p.data, p.fixed, p.objective, p.priors)
        return jax.grad(lambda x: value(tuple(x[i] for i in range(x.shape[0]))))(x)

    # Optimality: gradient(x*(p), p) = 0 on the free coordinates, so dx* = -H^-1 d(gradient)/dp.
    _, mixed = jax.jvp(lambda p: gradient(x0, p), (problem,), (tangents[0],))
    hessian = jax.jacfwd(lambda x: gradient(x, problem))(x0)
    stuck = frozen(x0, found.best.gradient, problem.low, problem.high)
    both = ~stuck[:, None] & ~stuck[None, :]
    matrix = jnp.where(both, hessian, jnp.eye(len(x0), dtype=x0.dtype))
    scale = jax.lax.rsqrt(jnp.maximum(jnp.abs(jnp.diagonal(matrix)), jnp.finfo(x0.dtype).tiny))
    unit = matrix * scale[:, None] * scale[None, :]
    eigen = jnp.abs(jnp.linalg.eigvalsh(unit))
    sound = (jnp.max(eigen) <= _worst(unit.dtype) * jnp.min(eigen)) & ~_deficient(found.best, ~stuck)
    change = -scale * jnp.linalg.solve(unit, scale * jnp.where(stuck, 0.0, mixed))
    # A factor, not a `where`: backwards a `where` would pass zeros on instead of NaN.
    change = jnp.where(stuck, 0.0, change) * jnp.where(sound, 1.0, jnp.nan)
    return (x0, found), (change, jax.tree.map(_no_tangent, found))


def _no_tangent(leaf: Any) -> Any:
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros_like(leaf)
    return np.zeros(leaf.shape, dtype=jax.dtypes.float0)


def _status_code(found: Race, stuck: Any) -> Any:
    minimum = found.best
    keep = ~stuck
    unit, _ = scaled_normal(minimum.normal, keep)
    stalled = remaining(minimum, unit, keep) > 1e-6
    code = jnp.where(jnp.any(stuck), int(Status.at_bound), int(Status.converged))
    code = jnp.where(stalled, int(Status.stalled), code)
    code = jnp.where(_deficient(minimum, keep), int(Status.rank_deficient), code)
    sound = jnp.isfinite(minimum.objective) & jnp.all(jnp.isfinite(minimum.gradient))
    return jnp.where(sound, code, int(Status.non_finite)).astype(jnp.int32)


def _worst(dtype: Any) -> float:
    # In float32 a normal matrix cannot show a condition of 1e12; its own resolution is the limit there.
    return min(1e12, 1.0 / float(jnp.finfo(dtype).eps))


def _deficient(minimum: Any, keep: Any) -> Any:
    unit, zero = scaled_normal(minimum.normal, keep)
    eigen = jnp.linalg.eigvalsh(unit)
    return zero | (eigen[0] <= eigen[-1] / _worst(unit.dtype))


def scaled_normal(normal: Any, keep: Any) -> tuple[Any, Any]:
    """Gauss-Newton matrix over the kept coordinates with a unit diagonal (1 elsewhere), and whether a kept one has no
    curvature."""
    xp = arrays_of(normal)
    diagonal = xp.diagonal(normal)
    flat = keep & (diagonal <= 1e-20 * xp.max(diagonal))
    scale = xp.where(keep & ~flat, 1.0 / xp.sqrt(xp.where(keep & ~flat, diagonal, 1.0)), 0.0)
    unit = normal * scale[:, None] * scale[None, :]
    eye = xp.eye(len(diagonal), dtype=normal.dtype)
    return xp.where(eye > 0, 1.0, unit), xp.any(flat)


def remaining(minimum: Any, unit: Any, keep: Any) -> Any:
    """Share of the objective that one more Gauss-Newton step promises to remove."""
    xp = arrays_of(unit)
    diagonal = xp.diagonal(minimum.normal)
    scale = xp.where(keep, 1.0 / xp.sqrt(xp.maximum(diagonal, jnp.finfo(unit.dtype).tiny)), 0.0)
    right = minimum.gradient * scale
    ridge = 10.0 * jnp.finfo(unit.dtype).eps * xp.eye(len(right), dtype=unit.dtype)
    promise = 0.5 * right @ xp.linalg.solve(unit + ridge, right)
    # Below this an objective is rounding of its residuals, and nothing is left to remove.
    rounding = (30.0 * jnp.finfo(unit.dtype).eps) ** 2 * xp.max(diagonal)
    return promise / (minimum.objective + rounding + 1e-22)


# --- what both layers need of a law ------------------------------------------------------------------------------------------


def boxes(
    law: Law, *, fix: Mapping[str, Any], free: Sequence[str], bounds: Mapping[str, tuple[float, float]]
) -> dict[str, Param]:
    """The law's parameters with `fix`, `free` and `bounds` applied. Raises `FitError` for names and boxes that make no
    sense."""
    for name in [*fix, *free, *bounds]:
        if name not in law.params:
            raise FitError(f"law `{law.name}`: {nearest(name, law.params, what='parameter')}")
    both = sorted(set(fix) & set(free))
    if both:
        raise FitError(f"`fit`: parameter `{both[0]}` is both fixed and freed.")
    out: dict[str, Param] = {}
    for name, param in law.params.items():
        if name in free:
            param = dataclasses.replace(param, fixed=None)
        if name in fix:
            param = dataclasses.replace(param, fixed=0.0)  # any number: the value itself travels as data
        if name in bounds:
            low, high = map(float, bounds[name])
            if not low < high or (param.scale == "log" and low <= 0):
                rule = "0 < low < high" if param.scale == "log" else "low < high"
                raise FitError(f"`fit(bounds=...)`: {name} needs {rule}; got {low}, {high}.")
            start = (min(max(param.start[0], low), high), min(max(param.start[1], low), high))
            param = dataclasses.replace(param, low=low, high=high, start=start)
        out[name] = param
    return out


def layout_of(law: Law, params: Mapping[str, Param], copies: Mapping[str, int]) -> Layout:
    """Slots of the free parameters, in the law's order."""
    return tuple(
        Slot(name, copies.get(name, 1), param.scale == "log", name in law.linear)
        for name, param in params.items()
        if param.fixed is None and param.reference is None
    )


def limits(layout: Layout, params: Mapping[str, Param]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Box in coordinates, and the raw floor under positive parameters at a start."""
    low, high, floor = [], [], []
    for slot in layout:
        p = params[slot.name]
        a, b = (np.log(p.low), np.log(p.high)) if slot.log else (p.low, p.high)
        low += [a] * slot.copies
        high += [b] * slot.copies
        floor += [max(p.low, 1e-2 * p.start[0]) if slot.log else p.low] * slot.copies
    return np.array(low), np.array(high), np.array(floor)


def starting_points(law: Law, layout: Layout, params: Mapping[str, Param], starts: int | Any, seed: int) -> np.ndarray:
    """Starts in coordinates, `(starts, params)`: the published constants, then scrambled Sobol points of the start
    boxes."""
    width = sum(slot.copies for slot in layout)
    if not isinstance(starts, int | np.integer):
        raw = np.atleast_2d(np.asarray(starts, dtype=np.float64))
        if raw.shape[-1] != width:
            raise FitError(f"`fit(starts=...)` needs a column for each of {[s.name for s in layout]}; got {raw.shape}.")
        logs = np.array([slot.log for slot in layout for _ in range(slot.copies)])
        if (raw[:, logs] <= 0).any():
            raise FitError("`fit(starts=...)` must be above 0 for positive parameters.")
        return np.where(logs, np.log(np.where(logs, raw, 1.0)), raw)
    if starts < 1:
        raise FitError(f"`fit(starts=...)` must be at least 1; got {starts}.")
    unit = sobol(int(starts), width, seed)
    out = np.empty_like(unit)
    at = 0
    for slot in layout:
        p = params[slot.name]
        for column in range(at, at + slot.copies):
            low, high = p.start
            value = np.exp(np.log(low) + unit[:, column] * np.log(high / low)) if p.spread == "log" else None
            value = low + unit[:, column] * (high - low) if value is None else value
            out[:, column] = np.log(value) if slot.log else value
        at += slot.copies
    known = [c.params for c in law.constants.values() if c.law is law] if starts >= 8 else []
    for row, values in enumerate(known[: int(starts) // 4]):
        at = 0
        for slot in layout:
            if slot.name in values and not (slot.log and values[slot.name] <= 0):
                value = np.log(values[slot.name]) if slot.log else values[slot.name]
                out[row, at : at + slot.copies] = value
            at += slot.copies
    return out


def default_rungs(
    law: Law, layout: Layout, solver: Solver, *, linear: bool, dtype: str = "float64"
) -> tuple[Rung, ...]:
    """What every start takes: projected steps and a few more, or, without linear parameters, more.

    Sums over curves cost so much more than compiling that float32 does the first part.
    """
    trips = getattr(solver, "trips", 0)
    solved = sum(slot.copies for slot in layout if slot.linear)
    searched = sum(slot.copies for slot in layout if not slot.linear)
    # Where most parameters are left to search, solving for the few others early sends starts into wrong valleys.
    enough = solved > 0 and solved + int(law.is_curve) >= searched
    if not (linear and enough and isinstance(solver, LevenbergMarquardt) and solver.projected):
        return (Rung(None, trips, dtype),)
    projected, after = solver.projected, max(trips // 5, 1)
    if not law.is_curve:
        return (Rung(None, projected + after, dtype, projected=projected),)
    more = projected + projected // 2  # their valleys are longer
    return Rung(None, more, "float32", projected=more), Rung(None, after, dtype)


def agreeing(objectives: Any, best: Any, rows: Any) -> Any:
    """Which starts agree with the best: within a factor, or within the rounding of exact data."""
    return objectives <= AGREE * best + ROUNDING * rows


def polishing(solver: Solver, starts: int, dtype: str) -> tuple[Rung, ...]:
    """The best starts take the solver's polish."""
    polish = solver.polish if isinstance(solver, LevenbergMarquardt) else 0
    return (Rung(min(POLISHED, starts), polish, dtype),) if polish else ()
