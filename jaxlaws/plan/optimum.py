"""The best inputs under a law at a cost, and the least cost for a loss: pure functions for your own `jit`, `vmap` and `grad`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.plan.budget import Inputs, Training, as_cost
from jaxlaws.solvers import bracketed_root, lowest
from jaxlaws.spec import Law, quantity

RISING = (quantity.ACCURACY, quantity.SCORE)  # outputs of which more is better
LEAST, MOST = 1e6, 1e42  # FLOP between which a budget for a loss is looked for


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Optimum:
    """`inputs` by name, among them what the budget is spent on; the law's output there, the `budget`, and how far (in units
    of the box) Newton's next step would go. All scalars; `vmap` adds axes."""

    inputs: dict[str, Any]
    loss: Any
    budget: Any
    step: Any


def optimum(
    law: Law,
    params: Mapping[str, Any],
    budget: Any,
    *,
    box: Mapping[str, tuple[Any, Any]],
    held: Mapping[str, Any] | None = None,
    cost: Any = Training(),
    spend: str = "D",
    spend_box: tuple[Any, Any] | None = None,
    ties: Mapping[str, tuple[str, ...]] | None = None,
    spare: bool = False,
) -> Optimum:
    """Inputs that minimise the law among all of the same cost: a pure function, differentiable in all its numbers.

    `box` gives the free inputs and where they are looked for, `held` the others, `spend` the one that takes what is left of
    the budget, between the limits `spend_box`; what of it would go beyond the upper limit stays unspent with `spare`, and is
    infeasible without. `ties={"P": ("P_w", "P_a")}` makes several inputs one choice `P`. Where nothing is feasible the loss
    is infinite.
    """
    cost, ties, held = as_cost(cost), dict(ties or {}), dict(held or {})
    dtype = jnp.result_type(budget, *params.values())
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    budget = jnp.asarray(budget, dtype)
    names = list(box)
    logs = [_in_logarithms(law, name, ties) for name in names]
    numbers = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype),
        {
            "params": dict(params),
            "budget": budget,
            "box": [tuple(box[n]) for n in names],
            "held": held,
            "cost": cost,
            "limits": spend_box,
        },
    )

    def whole(u: Any, given: Any) -> dict[str, Any]:
        """All inputs at a point of the unit cube."""
        values = dict(given["held"])
        for i in reversed(range(len(names))):  # the first choice last: its limits may depend on the others
            low, high = (jnp.log(v) if logs[i] else v for v in given["box"][i])
            if i == 0 and spend_box is not None:
                low, high = _within(
                    lambda x: _left(given, with_ties(values | {names[0]: jnp.exp(x) if logs[0] else x}, ties), spend),
                    low,
                    high,
                    given["limits"],
                )
            x = low + u[i] * (high - low)
            values[names[i]] = jnp.exp(x) if logs[i] else x
        values = with_ties(values, ties)
        left = _left(given, values, spend)
        return values | {spend: jnp.minimum(left, given["limits"][1]) if spare and spend_box is not None else left}

    def loss(u: Any, given: Any) -> Any:
        values = whole(u, given)
        feasible = values[spend] > 0.0
        if spend_box is not None:
            low, high = given["limits"]
            feasible &= (values[spend] >= low * (1.0 - edge)) & (values[spend] <= high * (1.0 + edge))
        values = values | {spend: jnp.where(feasible, values[spend], 1.0)}
        return jnp.where(feasible, sign * law.fn(*(values[name] for name in law.inputs), **given["params"]), jnp.inf)

    edge = float(np.sqrt(jnp.finfo(dtype).eps))  # how near to a limit its root is found
    sign = -1.0 if law.output in RISING else 1.0
    found = lowest(loss, len(names), numbers, dtype)
    return Optimum(whole(found.x, numbers), sign * found.value, budget, found.step)


def _left(given: Any, chosen: Inputs, spend: str) -> Any:
    """How much of `spend` is bought by what is left of the budget: the cost is affine in it."""
    none = jnp.zeros_like(given["budget"])
    fixed, slope = jax.jvp(lambda v: given["cost"]({**chosen, spend: v}), (none,), (jnp.ones_like(none),))
    return (given["budget"] - fixed) / slope


def with_ties(values: dict[str, Any], ties: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Values with those of all inputs that are one choice."""
    return values | {one: values[name] for name, many in ties.items() if name in values for one in many}


def least_budget(law: Law, params: Mapping[str, Any], loss: Any, **choices: Any) -> Optimum:
    """Optimum of the smallest budget that reaches a loss; arguments as for `optimum`. NaN where none does. With limits on what
    is spent, the cheapest choice within all limits where that reaches it already."""
    loss = jnp.asarray(loss)
    dtype = jnp.result_type(loss, *params.values())
    sign = -1.0 if law.output in RISING else 1.0

    def miss(log_budget: Any) -> Any:
        there = optimum(law, params, jnp.exp(log_budget), **choices, spare=True).loss
        # Where nothing is feasible the budget is too small.
        return jnp.where(jnp.isfinite(there), sign * (there - loss.astype(dtype)), 1.0)

    # In float32 the largest number is 3e38.
    most = jnp.log(jnp.asarray(min(MOST, 1e-2 * float(jnp.finfo(dtype).max)), dtype))
    limits = choices.get("spend_box")
    if limits is None:
        log_budget = bracketed_root(miss, jnp.log(jnp.asarray(LEAST, dtype)), most, trips=40)
    else:
        lowest_of = {n: jnp.asarray(pair[0], dtype) for n, pair in choices["box"].items()}
        values = with_ties({**(choices.get("held") or {}), **lowest_of}, choices.get("ties") or {})
        values |= {choices.get("spend", "D"): jnp.asarray(limits[0], dtype)}
        # A little more than the cheapest: the limits are found to the root of rounding.
        least = jnp.log(as_cost(choices.get("cost", Training()))(values)) + 2.0 * float(np.sqrt(jnp.finfo(dtype).eps))
        least = jnp.asarray(least, dtype)
        enough = miss(least) <= 0.0
        off = jnp.where(enough, miss(0.5 * (least + most)), 0.0)  # a root for the derivative of what is not taken
        log_budget = jnp.where(enough, least, bracketed_root(lambda x: miss(x) - off, least, most, trips=40))
    return optimum(law, params, jnp.exp(log_budget), **choices)


def _in_logarithms(law: Law, name: str, ties: Mapping[str, tuple[str, ...]]) -> bool:
    met = law.inputs.get(ties.get(name, (name,))[0])
    return met is None or met.scale == "log"


def _within(spent: Callable[[Any], Any], low: Any, high: Any, limits: tuple[Any, Any]) -> tuple[Any, Any]:
    """The part of `[low, high]` where what is spent, which falls along it, lies within limits."""

    def where(limit: Any) -> Any:
        return bracketed_root(lambda x: jnp.log(jnp.maximum(spent(x), 1e-30)) - jnp.log(limit), low, high, trips=40)

    first, last = where(limits[1]), where(limits[0])
    return jnp.where(jnp.isnan(first), low, first), jnp.where(jnp.isnan(last), high, last)
