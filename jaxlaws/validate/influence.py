"""Which runs a fit, and what is decided by it, hang on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting import Fit
from jaxlaws.fitting.density import expansion
from jaxlaws.fitting.variations import Subject, subject
from jaxlaws.objectives import Objective
from jaxlaws.solvers import frozen
from jaxlaws.uncertainty import _resampling as resampling


@dataclass(frozen=True, eq=False)
class Influence:
    """What leaving out each unit would change, to first order. `params` has, by free parameter, the change `(units,)` of its
    value (of one with copies, dicts of them); `value` is what `decision` gives at the fit and `decision` its change, arrays
    with a leading axis of units or dicts of them; both are None without one."""

    center: Fit
    by: str
    units: tuple[str, ...]
    params: dict[str, Any]
    value: Any
    decision: Any

    def strongest(self, name: str, count: int = 5) -> dict[str, float]:
        """The units that move a parameter (or an entry of the decision) most, with the change that leaving them out makes."""
        known = dict(self.params)
        if self.decision is not None:
            known |= self.decision if isinstance(self.decision, Mapping) else {"decision": self.decision}
        if name not in known:
            raise FitError(f"`strongest`: {nearest(name, known, what='parameter or decision')}")
        change = np.asarray(known[name])
        order = np.argsort(-np.abs(change), kind="stable")[:count]
        return {self.units[i]: float(change[i]) for i in order}

    def __str__(self) -> str:
        lines = [f"leaving out one {self.by} changes"]
        shown = {k: v for k, v in self.params.items() if not isinstance(v, Mapping)}
        decided = (
            {}
            if self.decision is None
            else self.decision
            if isinstance(self.decision, Mapping)
            else {"decision": self.decision}
        )
        for name in (*shown, *decided):
            most = self.strongest(name, 3)
            lines.append(f"  {name:<10} by at most " + ", ".join(f"{v:+.3g} ({u})" for u, v in most.items()))
        return "\n".join(lines)


def influence(
    fit: Fit,
    runs: Any,
    decision: Callable[[dict[str, Any]], Any] | None = None,
    *,
    by: str = "run",
    weights: np.ndarray | None = None,
    objective: Objective | None = None,
) -> Influence:
    """What leaving out each run (each row, by="row", or each value of a column) would change in the parameters and in a decision.

    By the implicit derivative of the optimum with respect to the unit's weights, $-H^{-1} g_u$ a unit of weight, with the exact
    Hessian of the objective and its gradient over the unit's rows: no fit is made. `decision` is a pure JAX function of the
    dict of parameters, such as `lambda p: law.derived["compute_optimal"](C=1e24, **p)["N"]`. `runs` are the rows that were
    fitted; weights or an objective that were given as values are given again. `jackknife` leaves units out indeed.

    After Koh and Liang (2017), arXiv:1703.04730, and Giordano et al. (2019), arXiv:1806.00550.
    """
    of = subject(fit, runs, weights=weights, objective=objective)
    label, names = _units(of, by)
    near = expansion(of, exact=True)
    hessian, gradients = near.hessian, near.gradients
    live = label >= 0
    pull = np.zeros((len(names), gradients.shape[1]))
    np.add.at(pull, label[live], gradients[live])
    step = np.zeros_like(pull)
    stuck = frozen(of.center, gradients.sum(axis=0), of.low, of.high)
    keep = np.flatnonzero(~np.asarray(stuck))
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(hessian)[keep]), 1e-300))
    unit = hessian[np.ix_(keep, keep)] * np.outer(scale, scale)
    eigen = np.abs(np.linalg.eigvalsh(unit))
    if not eigen.min() > 1e-12 * eigen.max():
        raise FitError(f"`influence`: the objective of `{of.law.name}` is flat in some direction at the fit.")
    # At the optimum the gradients of all units cancel; without one of them the others pull where it held against.
    step[:, keep] = scale * np.linalg.solve(unit, (pull[:, keep] * scale).T).T
    change = _raw_change(of, step)
    params = {k: v for k, v in change.items() if k not in fit.fixed}
    if decision is None:
        return Influence(fit, by, names, params, None, None)
    with jax.enable_x64(True):
        middle = jax.tree.map(np.float64, dict(fit.params))
        try:
            value, moved = jax.vmap(lambda t: jax.jvp(decision, (middle,), (t,)))(change)
        except jax.errors.JAXTypeError:
            raise FitError(
                "`influence(decision=...)` is differentiated: write it in jax.numpy, without NumPy, float() or `if` on values; "
                "or take `jackknife(fit, runs).decide(...)`, which is not."
            ) from None
        value = jax.tree.map(lambda leaf: np.asarray(leaf)[0], value)
        moved = jax.tree.map(np.asarray, moved)
    return Influence(fit, by, names, params, value, moved)


def _units(of: Subject, by: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Unit of each padded row, -1 in padding, and the units' names."""
    if by == "run":
        return of.run, of.runs
    if by == "row":
        rows = resampling.units(of, "row")
        return rows.of_row, resampling.labels(of, rows)
    frame = of.group.table.frame
    if by not in frame.columns:
        raise FitError(f"`influence(by=...)`: {nearest(by, map(str, frame.columns), what='column')}")
    told = frame.groupby(frame["run"].astype(str), sort=False)[by]
    if (told.nunique(dropna=False) > 1).any():
        raise FitError(f"`influence(by={by!r})`: the column must be constant within each run.")
    names: dict[str, int] = {}
    value = told.first().astype(str)
    of_run = np.array([names.setdefault(value[run], len(names)) for run in of.runs])
    return np.where(of.run >= 0, of_run[of.run], -1), tuple(names)


def _raw_change(of: Subject, step: np.ndarray) -> dict[str, Any]:
    """Changes of raw values, `(units,)`, of every parameter, to first order in changes of coordinates `(units, params)`."""
    out: dict[str, Any] = {}
    at = 0
    copies = of.group.assembled.copies
    for slot in of.layout:
        here = slice(at, at + slot.copies)
        slope = np.exp(of.center[here]) if slot.log else np.ones(slot.copies)
        part = step[:, here] * slope
        out[slot.name] = {k: part[:, i] for i, k in enumerate(copies[slot.name])} if slot.name in copies else part[:, 0]
        at += slot.copies
    return {name: out.get(name, np.zeros(len(step))) for name in of.law.params}
