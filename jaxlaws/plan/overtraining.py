"""What a model smaller or larger than the best costs that is to reach the same loss, and after how much serving it pays."""

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
from jaxlaws.plan.budget import Lifetime, Training, as_cost
from jaxlaws.plan.optimum import Optimum
from jaxlaws.solvers import bracketed_root
from jaxlaws.spec import Law

FACTORS = (0.125, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
SERVING = 2.0  # FLOP for each parameter and token served


def price(law: Law, params: Mapping[str, Any], best: Optimum, factor: Any, *, cost: Any = Training()) -> Optimum:
    """Inputs and budget with which a model `factor` times as large as the best reaches the same loss: a pure function.

    NaN where no amount of data makes up for the size.
    """
    cost = as_cost(cost)
    values = {**best.inputs, "N": best.inputs["N"] * factor}

    def miss(log_more: Any) -> Any:
        there = {**values, "D": best.inputs["D"] * jnp.exp(log_more)}
        return law.fn(*(there[name] for name in law.inputs), **params) - best.loss

    wide = jnp.full_like(values["N"], np.log(1e9))
    values = {**values, "D": best.inputs["D"] * jnp.exp(bracketed_root(miss, -wide, wide))}
    return Optimum(values, best.loss, cost(values), jnp.zeros_like(wide))


@dataclass(frozen=True, eq=False)
class Prices:
    """Price of other sizes than the best, arrays `(factors,)`: `N`, `D`, `price` (cost over that of the best, of training, and
    of serving where the cost has it), and `serve`, the tokens served from which on a smaller model has cost less in all,
    training included. NaN where the loss is out of reach. `intervals` `(factors, 2)` of the price come from draws, `silent`
    of which have none at some size."""

    best: Allocation
    factors: np.ndarray
    N: np.ndarray
    D: np.ndarray
    price: np.ndarray
    serve: np.ndarray
    intervals: np.ndarray | None = None
    silent: int = 0

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = []
        for i, factor in enumerate(self.factors):
            row = {"factor": factor, "N": self.N[i], "D": self.D[i], "tokens_per_parameter": self.D[i] / self.N[i]}
            row |= {"price": self.price[i], "serve": self.serve[i]}
            row = {k: float(v) for k, v in row.items()}
            rows.append(row | ({} if self.intervals is None else {"interval": self.intervals[i].tolist()}))
        return {"best": self.best.summary(), "silent": self.silent, "prices": rows}

    def __str__(self) -> str:
        rows = [["size", "N", "D", "D/N", "costs", "pays after serving"]]
        for i, factor in enumerate(self.factors):
            span = "" if self.intervals is None else " ({:.3g} to {:.3g})".format(*self.intervals[i])
            reached = np.isfinite(self.price[i])
            price = f"{self.price[i]:.3f} x{span}" if reached else "out of reach"
            serve = f"{self.serve[i]:.3g} tokens" if np.isfinite(self.serve[i]) else ""
            ratio = f"{self.D[i] / self.N[i]:.4g}" if reached else ""
            rows.append(
                [f"{factor:g} x", f"{self.N[i]:.4g}", f"{self.D[i]:.4g}" if reached else "", ratio, price, serve]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        best, symbol = self.best, self.best.law.output.symbol
        head = f"{best.law.label}: all reach a {symbol} of {best.loss[0]:.5g}, the best for {best.budget[0]:.4g} FLOP"
        notes = [f"cost: {best.cost}", *told(best.draws, best.failed, self.silent, best.level), *best.notes]
        return "\n".join([*lines, "", head, *notes])


def overtraining(
    source: Any,
    budget: float,
    *,
    factors: Sequence[float] | np.ndarray = FACTORS,
    cost: Any = Training(),
    held: Mapping[str, float] | None = None,
    serving: float = SERVING,
    level: float = LEVEL,
) -> Prices:
    """What models of other sizes cost that reach the loss which is best for a budget. A host function.

    `factors` multiply the best size. `serving` FLOP are spent on each parameter and token served; a `budget.Lifetime` cost
    says that itself, and its tokens are part of the prices. Raises `PlanError`.
    """
    call = "plan.overtraining"
    refuse_tracers(call, budget, factors)
    belief = believed(source, call, level)
    law, cost = belief.law, as_cost(cost)
    sizes = np.atleast_1d(np.asarray(factors, dtype=np.float64)).ravel()
    if len(sizes) == 0 or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise PlanError(f"`{call}(factors=...)` must be finite numbers above 0; got {factors}.")
    if not {"N", "D"} <= set(law.inputs) - set(held or {}):
        raise PlanError(f"`{call}` needs a law in N and D; `{law.name}` has {', '.join(law.inputs)}.")
    if np.size(budget) != 1:
        raise PlanError(f"`{call}` takes one budget; got {np.size(budget)}.")
    best = allocate(source, budget, cost=cost, held=held, level=level)
    with jax.enable_x64(True):
        count, draws = len(sizes), belief.draws + 1
        problems = {
            "params": {k: np.tile(v, count) for k, v in belief.params.items()},
            "inputs": {k: np.tile(v[0], count) for k, v in best.every.items()},
            "factor": np.repeat(sizes, draws),
        }
        ours = jax.tree.map(np.float64, cost)
        found = in_batches(lambda part: _prices(law, ours, part), problems)
        found, own = jax.tree.map(lambda leaf: leaf.reshape(count, draws), found)
        ratio = found.budget / own
        # Serving is counted from the first token on: of a lifetime's cost only the training is spent before.
        spent = cost.training if isinstance(cost, Lifetime) else cost
        each = cost.price * cost.flop if isinstance(cost, Lifetime) else serving
        mine, other = ({k: v[:, 0] for k, v in one.items()} for one in (found.inputs, _best_of(problems, count, draws)))
        saved = each * (other["N"] - mine["N"])
        with np.errstate(divide="ignore", invalid="ignore"):
            serve = np.where(saved > 0, np.asarray(spent(mine) - spent(other)) / saved, np.nan)
    return Prices(
        best=best,
        factors=sizes,
        N=found.inputs["N"][:, 0],
        D=found.inputs["D"][:, 0],
        price=ratio[:, 0],
        serve=serve,
        intervals=belief.interval(ratio, level) if belief.draws else None,
        silent=belief.silent(ratio),
    )


def _best_of(problems: dict[str, Any], count: int, draws: int) -> dict[str, np.ndarray]:
    return {k: v.reshape(count, draws) for k, v in problems["inputs"].items()}


@plainly
def _prices(law: Law, cost: Any, problems: Any) -> tuple[Optimum, Any]:
    def one(problem: Any) -> tuple[Optimum, Any]:
        inputs, params = problem["inputs"], problem["params"]
        loss = law.fn(*(inputs[name] for name in law.inputs), **params)
        spent = cost(inputs)
        best = Optimum(inputs, loss, spent, jnp.zeros_like(loss))
        return price(law, params, best, problem["factor"], cost=cost), spent

    return jax.vmap(one)(problems)
