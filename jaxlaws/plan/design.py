"""Which runs to train next, so that a named decision becomes certain for the least compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError, nearest
from jaxlaws.fitting import Fit
from jaxlaws.fitting._plainly import plainly
from jaxlaws.objectives import link, parse
from jaxlaws.plan._beliefs import refuse_tracers
from jaxlaws.plan.allocate import WIDEST, optimum
from jaxlaws.plan.budget import Training, as_cost
from jaxlaws.runs import read
from jaxlaws.spec import Law, quantity

Decision = Callable[[Law, Mapping[str, Any]], Any]
PICKS = 64  # runs of a design at most


@dataclass(frozen=True)
class BestSize:
    """Decision: ln N of the best model for `budget` FLOP of 6 N D."""

    budget: float

    def __call__(self, law: Law, params: Mapping[str, Any]) -> Any:
        best = optimum(
            law,
            params,
            jnp.asarray(self.budget, jnp.result_type(*params.values())),
            box={"N": WIDEST[quantity.PARAMETERS]},
        )
        return jnp.log(best.inputs["N"])

    def __str__(self) -> str:
        return f"best N for {self.budget:.4g} FLOP"


@dataclass(frozen=True)
class Prediction:
    """Decision: ln of the law's output at `inputs`, pairs of a name and a value."""

    inputs: tuple[tuple[str, float], ...]

    def __call__(self, law: Law, params: Mapping[str, Any]) -> Any:
        at = dict(self.inputs)
        return jnp.log(law.fn(*(at[name] for name in law.inputs), **params))

    def __str__(self) -> str:
        return "prediction at " + ", ".join(f"{k} = {v:.4g}" for k, v in self.inputs)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Picks:
    """Runs in the order in which they are added: `index` `(picks,)` of the candidate, -1 where nothing more is affordable, and
    the `variance` `(picks,)` of the decision after each."""

    index: Any
    variance: Any


def sensitivities(
    law: Law, free: Mapping[str, Any], fixed: Mapping[str, Any], inputs: Mapping[str, Any], logs: Mapping[str, bool]
) -> Any:
    """Derivatives `(rows, params)` of the law's output, on the scale of its residuals, in the coordinates of a fit: logarithms
    of the parameters that `logs` says. A pure function."""

    def value(moved: Any, row: Any) -> Any:
        params = {k: v * jnp.exp(moved[i]) if logs[k] else v + moved[i] for i, (k, v) in enumerate(free.items())}
        return link(law.fn(*(row[name] for name in law.inputs), **params, **fixed), law.output.scale)

    nowhere = jnp.zeros(len(free), jnp.result_type(*free.values()))
    return jax.vmap(jax.jacfwd(value), (None, 0))(nowhere, dict(inputs))


def greedy(
    covariance: Any,
    slope: Any,
    rows: Any,
    costs: Any,
    budget: Any,
    sd: Any,
    *,
    per_cost: bool = True,
    picks: int = PICKS,
) -> Picks:
    """Runs that shrink the variance of a decision most, one after another, within a budget: a pure function.

    `covariance` `(params, params)` of the parameters now, `slope` `(params,)` of the decision in them, `rows`
    `(candidates, params)` the sensitivities of what a run would observe with the standard deviation `sd`, `costs`
    `(candidates,)`. A run turns the covariance S into S - S j j' S / (sd² + j' S j), whatever it will observe. `per_cost`
    takes the largest fall of ln variance per cost, else the largest that is affordable. Each candidate is taken once.
    """

    covariance, slope, rows, costs = (jnp.asarray(one) for one in (covariance, slope, rows, costs))

    def pick(now: tuple[Any, Any, Any], _: None) -> tuple[tuple[Any, Any, Any], tuple[Any, Any]]:
        covariance, left, open_ = now
        spread = rows @ covariance
        before = slope @ covariance @ slope
        gain = jnp.square(spread @ slope) / (sd * sd + jnp.sum(spread * rows, axis=1))
        fall = -jnp.log1p(-jnp.minimum(gain / before, 1.0 - 1e-12))
        affordable = open_ & (costs <= left)
        score = jnp.where(affordable, fall / costs if per_cost else fall, -jnp.inf)
        best = jnp.argmax(score)
        some = jnp.any(affordable)
        step = jnp.outer(spread[best], spread[best]) / (sd * sd + spread[best] @ rows[best])
        covariance = jnp.where(some, covariance - step, covariance)
        left = jnp.where(some, left - costs[best], left)
        open_ = open_ & (jnp.arange(len(costs)) != best)
        return (covariance, left, open_), (jnp.where(some, best, -1), slope @ covariance @ slope)

    begun = (covariance, jnp.asarray(budget, costs.dtype), jnp.ones(len(costs), bool))
    _, (index, variance) = jax.lax.scan(pick, begun, None, length=picks)
    return Picks(index, variance)


def shrunk(covariance: Any, slope: Any, rows: Any, weights: Any, sd: Any) -> Any:
    """Variance of a decision after runs with sensitivities `rows` `(runs, params)`, each counted `weights` `(runs,)` times: a
    pure function, to compare any set of runs with."""
    more = (rows * (weights / (sd * sd))[:, None]).T @ rows
    return slope @ jnp.linalg.solve(jnp.linalg.inv(covariance) + more, slope)


@dataclass(frozen=True, eq=False)
class Design:
    """Runs to train next, in order: `index` `(runs,)` into the candidates, `inputs` and `cost` of each. `sd_before` is the
    standard deviation of the decision (of a logarithm: a share) by what is known, `sd_after` `(runs,)` after each run.
    `noise` is that of one run."""

    decision: str
    value: float
    index: np.ndarray
    inputs: Mapping[str, np.ndarray]
    cost: np.ndarray
    sd_before: float
    sd_after: np.ndarray
    noise: float

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = []
        for i in range(len(self.index)):
            row = {name: float(v[i]) for name, v in self.inputs.items()}
            rows.append(row | {"cost": float(self.cost[i]), "sd_after": float(self.sd_after[i])})
        head = {"decision": self.decision, "value": self.value, "sd_before": self.sd_before, "noise": self.noise}
        return head | {"cost": float(self.cost.sum()), "runs": rows}

    def __str__(self) -> str:
        rows = [[*self.inputs, "FLOP", f"uncertainty of {self.decision}"]]
        for i in range(len(self.index)):
            rows.append(
                [
                    *(f"{v[i]:.4g}" for v in self.inputs.values()),
                    f"{self.cost[i]:.3g}",
                    f"± {100 * self.sd_after[i]:.3g} %",
                ]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        head = (
            f"{self.decision}: {np.exp(self.value):.4g} ± {100 * self.sd_before:.3g} % (one standard deviation) so far"
        )
        return "\n".join(
            [head, "", *lines, "", f"{self.cost.sum():.4g} FLOP in all; a run scatters by {100 * self.noise:.2g} %"]
        )


def design(
    fit: Fit,
    runs: Any,
    candidates: Mapping[str, Any],
    decision: Decision,
    *,
    spend: float,
    cost: Any = Training(),
    noise: float | None = None,
) -> Design:
    """Runs of a candidate grid that make a decision certain for the least compute. A host function.

    `runs` are those that the fit was made of, `candidates` inputs of possible ones, arrays `(candidates,)`, `decision` a pure
    function of law and parameters, such as `BestSize(1e24)` or `Prediction((("N", 7e10), ("D", 1.4e12)))`, and `spend` the
    FLOP at hand. Expected information, by the derivative of the fit: to first order, what a run will observe does not matter.
    `noise` is the standard deviation of one run's residual, else the one that makes the fit as uncertain as its
    objective leaves it. Of the greedy choices by fall of
    uncertainty per FLOP and by fall alone, the better one is returned. Raises `PlanError`.
    """
    call = "plan.design"
    refuse_tracers(call, candidates, spend)
    if not isinstance(fit, Fit) or fit.law.is_curve or any(isinstance(v, Mapping) for v in fit.params.values()):
        raise PlanError(f"`{call}` takes a fit of a law of single rows, without a parameter for each run.")
    law = fit.law
    if fit.status.failed:
        raise PlanError(f"`{call}`: the fit of `{law.name}` failed ({fit.reason}); fit again first.")
    for name in law.inputs:
        if name not in candidates:
            raise PlanError(
                f"`{call}`: candidates need {', '.join(law.inputs)}; {nearest(name, candidates, what='column')}"
            )
    grid = dict(
        zip(
            law.inputs,
            np.broadcast_arrays(*[np.asarray(candidates[n], dtype=np.float64).ravel() for n in law.inputs]),
            strict=True,
        )
    )
    if not all(np.isfinite(v).all() and (v > 0).all() for v in grid.values()) or not len(next(iter(grid.values()))):
        raise PlanError(f"`{call}`: candidates must be finite numbers above 0, one at least.")
    table = read(runs).checked([*law.inputs, law.output.symbol])
    known = {n: table.column(n) for n in law.inputs}
    free = {
        k: np.asarray(v, dtype=np.float64)
        for k, v in fit.params.items()
        if k not in fit.fixed and k not in fit.at_bound
    }
    fixed = {k: np.asarray(v, dtype=np.float64) for k, v in fit.params.items() if k not in free}
    logs = {k: law.params[k].scale == "log" for k in free}
    with jax.enable_x64(True):
        costs = np.broadcast_to(np.asarray(as_cost(cost)(grid), dtype=np.float64), next(iter(grid.values())).shape)
        if not spend >= costs.min():
            raise PlanError(
                f"`{call}`: {spend:.4g} FLOP do not pay for the cheapest candidate, which costs {costs.min():.4g}."
            )
        sd = _noise(fit, table, law, len(free)) if noise is None else float(noise)
        if not sd > 0.0:
            raise PlanError(f"`{call}(noise=...)` must be above 0; got {sd:g}: an exact fit cannot say it.")
        static = (law, decision, tuple(free), tuple(logs.items()))
        now, there, value, slope = jax.device_get(_looks(static, free, fixed, known, grid))
        information = now.T @ now / sd**2
        scale = 1.0 / np.sqrt(np.maximum(np.diagonal(information), 1e-300))
        unit = information * scale[:, None] * scale[None, :]
        if np.linalg.cond(unit) > 1e12:
            raise PlanError(
                f"`{call}`: the runs of the fit do not determine all of {', '.join(free)}; hold some of them, or fit more runs "
                "first."
            )
        covariance = np.linalg.inv(unit) * scale[:, None] * scale[None, :]
        both = [
            jax.device_get(_picked(per_cost, covariance, slope, there, costs, spend, sd)) for per_cost in (True, False)
        ]
    best = min(both, key=lambda picks: picks.variance[-1])
    kept = best.index >= 0
    index = best.index[kept]
    return Design(
        decision=str(decision),
        value=float(value),
        index=index,
        inputs={n: v[index] for n, v in grid.items()},
        cost=costs[index],
        sd_before=float(np.sqrt(slope @ covariance @ slope)),
        sd_after=np.sqrt(best.variance[kept]),
        noise=sd,
    )


def grid(**axes: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
    """Candidates of all combinations of values: `grid(N=[1e8, 1e9], D=np.geomspace(2e9, 2e11, 5))`."""
    mesh = np.meshgrid(*[np.asarray(v, dtype=np.float64) for v in axes.values()], indexing="ij")
    return {name: values.ravel() for name, values in zip(axes, mesh, strict=True)}


def _noise(fit: Fit, table: Any, law: Law, free: int) -> float:
    """Standard deviation that a run's noise would need to have, were it normal and the fit least squares, for the fit to be
    as uncertain as it is: sqrt(E rho'²) / E rho'' over the residuals (Huber 1964)."""
    objective = parse(fit.objective_spec)
    on = objective.on or law.output.scale
    rest = np.asarray(link(fit.predict(table), on) - link(table.column(law.output.symbol), on))
    slope = jax.vmap(jax.grad(objective.rho))
    bend = jax.vmap(jax.grad(jax.grad(objective.rho)))
    left = max(len(rest) - free, 1)
    # As many residuals as parameters are near 0 because they were fitted, not because the noise is.
    sharp = float(np.sum(np.asarray(bend(rest))) - free) / left
    return float(np.sqrt(np.sum(np.square(np.asarray(slope(rest)))) / left)) / max(sharp, 1.0 / len(rest))


@plainly
def _looks(static: Any, free: Any, fixed: Any, known: Any, grid: Any) -> tuple[Any, Any, Any, Any]:
    """Sensitivities of the runs that are known and of candidates, the decision and its slope."""
    law, decision, names, logs = static
    scale = dict(logs)
    free = {k: free[k] for k in names}  # a pytree's keys come back sorted

    def decided(moved: Any) -> Any:
        params = {k: v * jnp.exp(moved[i]) if scale[k] else v + moved[i] for i, (k, v) in enumerate(free.items())}
        return decision(law, {**params, **fixed})

    nowhere = jnp.zeros(len(free), jnp.result_type(*free.values()))
    now, there = (sensitivities(law, free, fixed, inputs, scale) for inputs in (known, grid))
    return now, there, decided(nowhere), jax.jacfwd(decided)(nowhere)


@plainly
def _picked(per_cost: bool, *arguments: Any) -> Picks:
    return greedy(*arguments, per_cost=per_cost)
