"""Which runs to train next, so that a named decision becomes certain for the least compute."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import FitError, PlanError, nearest
from jaxlaws.fitting import Fit
from jaxlaws.fitting._plainly import plainly
from jaxlaws.fitting.density import dispersion, smoothed
from jaxlaws.fitting.variations import fitted, scale
from jaxlaws.objectives import link
from jaxlaws.plan._beliefs import refuse_tracers
from jaxlaws.plan.allocate import WIDEST
from jaxlaws.plan.budget import Training, as_cost, priced
from jaxlaws.plan.optimum import optimum
from jaxlaws.runs import read
from jaxlaws.spec import Law, quantity
from jaxlaws.uncertainty import Covariance, laplace

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
    law: Law,
    free: Mapping[str, Any],
    fixed: Mapping[str, Any],
    inputs: Mapping[str, Any],
    logs: Mapping[str, bool],
    on: str | None = None,
) -> Any:
    """Derivatives `(rows, params)` of the law's output, on the scale `on` of its residuals (default: the output's own), in the
    coordinates of a fit: logarithms of the parameters that `logs` says. A pure function."""

    def value(moved: Any, row: Any) -> Any:
        params = {k: v * jnp.exp(moved[i]) if logs[k] else v + moved[i] for i, (k, v) in enumerate(free.items())}
        return link(law.fn(*(row[name] for name in law.inputs), **params, **fixed), on or law.output.scale)

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
    seen = (
        rows * (jnp.sqrt(weights) / sd)[:, None]
    )  # by the runs, not the parameters: held ones have no variance to invert
    spread = seen @ covariance
    along = spread @ slope
    return slope @ covariance @ slope - along @ jnp.linalg.solve(
        jnp.eye(len(seen), dtype=seen.dtype) + spread @ seen.T, along
    )


@dataclass(frozen=True, eq=False)
class Design:
    """Runs to train next, in order: `index` `(runs,)` into the candidates, `inputs` and `cost` of each. `sd_before` is the
    standard deviation of the decision (of a logarithm: a share) by what is known, `sd_after` `(runs,)` after each run.
    `noise` is that of one run's residual, on the scale `on`."""

    decision: str
    value: float
    index: np.ndarray
    inputs: Mapping[str, np.ndarray]
    cost: np.ndarray
    sd_before: float
    sd_after: np.ndarray
    noise: float
    on: str = "log"

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = []
        for i in range(len(self.index)):
            row = {name: float(v[i]) for name, v in self.inputs.items()}
            rows.append(row | {"cost": float(self.cost[i]), "sd_after": float(self.sd_after[i])})
        head = {"decision": self.decision, "value": self.value, "sd_before": self.sd_before}
        head |= {"noise": self.noise, "noise_on": self.on}
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
        noise = f"{100 * self.noise:.2g} %" if self.on == "log" else f"{self.noise:.2g} on the scale {self.on}"
        return "\n".join([head, "", *lines, "", f"{self.cost.sum():.4g} FLOP in all; a run scatters by {noise}"])


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
    FLOP at hand. What is known is the fit's Laplace covariance, with its weights, priors and objective; a run to come counts
    as the mean of those at hand. Expected information, by the derivative of the fit: to first order, what a run will observe
    does not matter. `noise` is the standard deviation of one run's residual, on the scale of the objective, else the one that
    the fitted rows show. Of the greedy choices by fall of uncertainty per FLOP and by fall alone, the better one is returned.
    Raises `PlanError`.
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
    if isinstance(decision, Prediction) and {n for n, _ in decision.inputs} != set(law.inputs):
        raise PlanError(
            f"`{call}`: a prediction of `{law.name}` is at {', '.join(law.inputs)}; got "
            f"{', '.join(n for n, _ in decision.inputs) or 'nothing'}."
        )
    if isinstance(decision, BestSize) and set(law.inputs) != {"N", "D"}:
        raise PlanError(
            f"`{call}`: the best N for a budget needs a law in N and D; `{law.name}` has {', '.join(law.inputs)}."
        )
    if noise is not None and not (np.isfinite(noise) and noise > 0.0):
        raise PlanError(f"`{call}(noise=...)` must be a finite number above 0; got {noise}.")
    now, sd = _known(call, fit, read(runs), noise)
    of, covariance = now.subject, now.matrix
    free = {k: np.asarray(fit.params[k], dtype=np.float64) for k in now.names}
    fixed = {k: np.asarray(v, dtype=np.float64) for k, v in fit.params.items() if k not in free}
    logs = {k: law.params[k].scale == "log" for k in free}
    with jax.enable_x64(True):
        costs = np.broadcast_to(priced(call, law, as_cost(cost), grid), next(iter(grid.values())).shape)
        if not (np.isfinite(costs).all() and (costs > 0).all()):
            raise PlanError(f"`{call}(cost=...)`: {cost} must give finite FLOP above 0 for every candidate.")
        if not spend >= costs.min():
            raise PlanError(
                f"`{call}`: {spend:.4g} FLOP do not pay for the cheapest candidate, which costs {costs.min():.4g}."
            )
        static = (law, decision, tuple(free), tuple(logs.items()), scale(of))
        there, value, slope = jax.device_get(_looks(static, free, fixed, grid))
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
        on=scale(of),
    )


def grid(**axes: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
    """Candidates of all combinations of values: `grid(N=[1e8, 1e9], D=np.geomspace(2e9, 2e11, 5))`."""
    mesh = np.meshgrid(*[np.asarray(v, dtype=np.float64) for v in axes.values()], indexing="ij")
    return {name: values.ravel() for name, values in zip(axes, mesh, strict=True)}


def _known(call: str, fit: Fit, runs: Any, noise: float | None) -> tuple[Covariance, float]:
    """What the fit's rows leave uncertain, and the standard deviation of one run's residual that this goes with.

    A row adds weight x curvature of its cost over the dispersion to the information: the inverse of that, over the rows'
    mean, is the variance of one (Huber 1964 without weights). With a `noise` that is given all of it scales along.
    """
    try:
        now = laplace(fit, runs)
    except FitError as error:
        raise PlanError(f"`{call}`: {error} Hold some parameters, or fit more runs first.") from None
    of = now.subject
    live = of.weight > 0
    _, residual = fitted(of)
    bend = float(np.mean((of.weight * smoothed(of, residual))[live]))
    spread = float(np.sqrt(dispersion(of) / bend)) if bend > 0.0 else 0.0
    if not spread > 0.0:
        raise PlanError(f"`{call}`: an exact fit cannot say how much a run scatters: give `noise=`.")
    if noise is None:
        return now, spread
    return dataclasses.replace(now, matrix=now.matrix * (float(noise) / spread) ** 2), float(noise)


@plainly
def _looks(static: Any, free: Any, fixed: Any, grid: Any) -> tuple[Any, Any, Any]:
    """Sensitivities of candidates, the decision and its slope."""
    law, decision, names, logs, on = static
    scale = dict(logs)
    free = {k: free[k] for k in names}  # a pytree's keys come back sorted

    def decided(moved: Any) -> Any:
        params = {k: v * jnp.exp(moved[i]) if scale[k] else v + moved[i] for i, (k, v) in enumerate(free.items())}
        return decision(law, {**params, **fixed})

    nowhere = jnp.zeros(len(free), jnp.result_type(*free.values()))
    there = sensitivities(law, free, fixed, grid, scale, on)
    return there, decided(nowhere), jax.jacfwd(decided)(nowhere)


@plainly
def _picked(per_cost: bool, *arguments: Any) -> Picks:
    return greedy(*arguments, per_cost=per_cost)
