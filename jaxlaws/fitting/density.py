"""A fit as a probability density of its parameters: how steep the objective is, measured against the residuals' own scatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting.problem import Layout, objective_of, predictions, unpack
from jaxlaws.fitting.result import Fit
from jaxlaws.fitting.variations import Subject, by_run, fitted, free_of, subject
from jaxlaws.objectives import Objective, link
from jaxlaws.spec import Law


@dataclass(frozen=True, eq=False)
class LogDensity:
    """Log density of a fit's free parameters, up to a constant: minus the objective over `scale`, `-inf` outside the box.

    A pure function of a dict of coordinates, scalars by name: the logarithm of a positive parameter, the value of others;
    `(copies,)` for one with copies. It is flat in these coordinates where the data say nothing. `start` is the optimum,
    `params` gives raw values. Serves samplers under `jit`, `vmap` and `grad`, in the dtype of its argument.
    """

    law: Law
    layout: Layout
    problem: Any
    scale: float
    start: Mapping[str, np.ndarray]

    def __call__(self, coordinates: Mapping[str, Any]) -> Any:
        x = [v for slot in self.layout for v in jnp.atleast_1d(coordinates[slot.name])]
        dtype = x[0].dtype
        problem = jax.tree.map(partial(_of_kind, dtype), self.problem)
        value = objective_of(self.law, self.layout, problem.data, problem.fixed, problem.objective, problem.priors)(x)
        at = jnp.stack(x)
        inside = jnp.all((at >= problem.low) & (at <= problem.high)) & jnp.isfinite(value)
        return jnp.where(inside, -value / jnp.asarray(self.scale, dtype), -jnp.inf)

    def params(self, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Raw values of the free parameters."""
        return {s.name: jnp.exp(coordinates[s.name]) if s.log else coordinates[s.name] for s in self.layout}


def logdensity(
    fit: Fit,
    runs: Any,
    *,
    scale: float | None = None,
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
) -> LogDensity:
    """Log density of the free parameters of `fit` on `runs`, the rows that it was fitted to.

    `scale` is what the objective is divided by; default: `dispersion`, so that the density is as wide as the residuals
    say, whatever the unit of the objective. Priors weigh against data as they did in the fit.
    """
    of = subject(fit, runs, weights=weights, objective=objective)
    chosen = dispersion(of) if scale is None else float(scale)
    if not 0 < chosen < np.inf:
        raise FitError(f"`logdensity(scale=...)` must be a finite number above 0; got {chosen}.")
    start: dict[str, np.ndarray] = {}
    at = 0
    for slot in of.layout:
        part = of.center[at : at + slot.copies]
        start[slot.name] = part if slot.copies > 1 else part[0]
        at += slot.copies
    return LogDensity(of.law, of.layout, of.group.problem, chosen, start)


def _of_kind(dtype: Any, leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def dispersion(of: Subject) -> float:
    r"""By what the objective is divided to become minus a log-likelihood near its minimum.

    $\sum w^2\psi^2 / \sum w\psi'$ with $\psi = \rho'$ at the residuals, on n - p degrees of freedom: the residual variance
    for least squares, its counterpart for robust costs (Heritier & Ronchetti 1994). Times (1 + r)/(1 - r) where
    neighbouring rows of a run correlate by r.
    """
    _, residual = fitted(of)
    live = of.weight > 0
    slope, bend = slopes(of, residual)[0], smoothed(of, residual)
    weight, rows = of.weight[live], int(live.sum())
    left = max(rows - free_of(of), 1)
    r = neighbours(of, slope)
    bent = np.sum(weight * bend[live])
    if not bent > 0:
        raise FitError(
            f"the objective {of.objective} has no curvature at any residual: no density can be read off it; use `bootstrap`."
        )
    return float(np.sum((weight * slope[live]) ** 2) * rows / left / bent * (1 + r) / (1 - r))


def slopes(of: Subject, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative of the cost at each residual, of the shape of `residual`."""
    with jax.enable_x64(True):
        first, second = jax.device_get(_slopes(of.objective, np.asarray(residual, dtype=np.float64)))
    return first, second


@jax.jit
def _slopes(objective: Objective, residual: Any) -> tuple[Any, Any]:
    ones = jnp.ones_like(residual)

    def slope(u: Any) -> Any:
        return jax.jvp(objective.rho, (u,), (ones,))[1]

    return jax.jvp(slope, (residual,), (ones,))


def smoothed(of: Subject, residual: np.ndarray) -> np.ndarray:
    """Second derivative of the cost at each residual, averaged over a normal kernel.

    Where a cost bends in a narrow middle only, as Huber's does, few rows are there and their number is chance; the width is
    Silverman's, from the residuals' own scatter.
    """
    live = residual[of.weight > 0]
    ends = np.quantile(live, [0.25, 0.75])
    width = 0.9 * min(float(np.std(live)), float(ends[1] - ends[0]) / 1.349) * len(live) ** -0.2
    nodes = np.linspace(-2.5, 2.5, 41)
    share = np.exp(-0.5 * nodes**2)
    _, bend = slopes(of, residual + width * nodes[:, None])
    return share @ bend / share.sum()


def neighbours(of: Subject, value: np.ndarray) -> float:
    """Correlation of neighbouring rows within runs, from 0 to .95, of a quantity without large outliers; 0 for runs of one
    row."""
    parts = [value[rows] for rows in by_run(of) if len(rows) > 3]
    if not parts:
        return 0.0
    centred = [part - part.mean() for part in parts]
    both = sum(float(np.sum(part[1:] * part[:-1])) for part in centred)
    whole = sum(float(np.sum(part**2)) for part in centred)
    return float(np.clip(both / whole, 0.0, 0.95)) if whole > 0 else 0.0


@dataclass(frozen=True)
class Expansion:
    """A fit's objective near its optimum, in coordinates: the `hessian` `(params, params)`, the derivatives `along`
    `(rows, params)` of the residuals, and of each row's weighted cost the `slope` and the `bend` `(rows,)`, which is `smoothed`
    as the Hessian is."""

    hessian: np.ndarray
    along: np.ndarray
    slope: np.ndarray
    bend: np.ndarray

    @property
    def gradients(self) -> np.ndarray:
        """Of each row, `(rows, params)`."""
        return self.slope[:, None] * self.along


def expansion(of: Subject, *, exact: bool = False) -> Expansion:
    """What the objective is near the fit. With `exact` costs are as they are, not smoothed: right for small changes of the rows
    at hand, not for rows that might have been."""
    with jax.enable_x64(True):
        hessian, along = jax.device_get(_curvature(of.law, of.layout, of.group.problem, of.center))
    _, residual = fitted(of)
    slope, bend = slopes(of, residual)
    live = of.weight > 0
    along = np.where(live[:, None], along, 0.0)
    soft = bend if exact else smoothed(of, residual)
    slope, more, soft = (np.where(live, of.weight * v, 0.0) for v in (slope, soft - bend, soft))
    return Expansion(hessian + along.T @ (more[:, None] * along), along, slope, soft)


def off_bounds(of: Subject) -> np.ndarray:
    """Which coordinates can move, `(params,)`."""
    return ~(np.isin(of.names, of.fit.at_bound) & ((of.center <= of.low) | (of.center >= of.high)))


def left_out(of: Subject, near: Expansion, units: np.ndarray) -> np.ndarray:
    """How far the optimum moves when each unit is left out, to first order, `(units, params)`; `units` `(rows,)` are indices,
    below 0 in padding.

    Newton's step for the rows that stay: with $H_g$ the unit's part of the Hessian and $s_g$ its gradient, $(H-H_g)^{-1} s_g$.
    Where a unit decides more than nine tenths of a direction by itself, it counts as nine tenths.
    """
    keep = off_bounds(of)
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(near.hessian)[keep]), 1e-300))
    value, vector = np.linalg.eigh(near.hessian[np.ix_(keep, keep)] * np.outer(scale, scale))
    sound = value > 1e-12 * value.max(initial=0.0)  # along flat directions nothing moves
    root = scale[:, None] * vector[:, sound] / np.sqrt(value[sound])  # of the inverse
    x = near.along[:, keep] @ root
    steps = np.zeros((units.max() + 1, len(keep)))
    order = np.argsort(units, kind="stable")[np.count_nonzero(units < 0) :]
    size = np.bincount(units[order])
    first = np.cumsum(size) - size
    for many in np.unique(size):  # units of as many rows side by side
        which = np.flatnonzero(size == many)
        rows = order[first[which, None] + np.arange(many)]
        share, axes = np.linalg.eigh(np.einsum("gri,gr,grj->gij", x[rows], near.bend[rows], x[rows], optimize=True))
        pull = np.einsum("gr,gri,gij->gj", near.slope[rows], x[rows], axes, optimize=True)
        steps[np.ix_(which, keep)] = np.einsum("gj,gij->gi", pull / (1.0 - np.clip(share, 0.0, 0.9)), axes) @ root.T
    return steps


@partial(jax.jit, static_argnums=(0, 1))
def _curvature(law: Law, layout: Layout, problem: Any, x: Any) -> tuple[Any, Any]:
    value = objective_of(law, layout, problem.data, problem.fixed, problem.objective, problem.priors)

    def parts(x: Any) -> list[Any]:
        return [x[i] for i in range(x.shape[0])]

    def differences(x: Any) -> Any:
        params = {**problem.fixed, **unpack(layout, parts(x))}
        return link(predictions(law, params, problem.data), problem.objective.on or law.output.scale).ravel()

    return jax.hessian(lambda x: value(parts(x)))(x), jax.jacfwd(differences)(x)
