"""Size and data for a budget, or the least budget for a loss, under any law and cost."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError, nearest
from jaxlaws.fitting._plainly import plainly
from jaxlaws.plan._batches import in_batches
from jaxlaws.plan._beliefs import LEVEL, Belief, believed, refuse_tracers, told
from jaxlaws.plan.budget import Training, as_cost, check_affine, priced
from jaxlaws.plan.optimum import MOST, Optimum, least_budget, optimum, with_ties
from jaxlaws.spec import Law, claim_of, quantity

SPENT = ("D", "H", "step")  # what a budget is spent on, in this order
WIDEST = {  # where a choice is looked for unless bounds say otherwise
    quantity.PARAMETERS: (1e3, 1e17),
    quantity.ACTIVE: (1e3, 1e17),
    quantity.BATCH: (1e2, 1e12),
    quantity.VOCABULARY: (1e2, 1e8),
    quantity.BITS: (1.0, 32.0),
}
TOLERANCE = 1e-6  # between a closed form and the gradient's optimum; a closed form that is farther off is not used


@dataclass(frozen=True, eq=False)
class Allocation:
    """Best inputs by budget: arrays `(budgets,)`, intervals `(budgets, 2)` at `level` from `draws` draws (none: empty).

    `exponents` are d log input / d log budget there. `edges` names choices that stopped at a bound. `agreement` is the
    largest relative difference, over all draws too, between the closed form and the gradient's optimum, NaN where the law has
    no closed form. `every` has the inputs for all parameter sets, `(budgets, 1 + draws)`, the centre first, NaN where one has
    no answer; `silent` draws have none to some budget, `failed` ones were no minimum: intervals leave both out.
    """

    law: Law
    cost: str
    budget: np.ndarray
    inputs: Mapping[str, np.ndarray]
    loss: np.ndarray
    exponents: Mapping[str, np.ndarray]
    edges: tuple[tuple[str, ...], ...]
    agreement: float
    draws: int = 0
    level: float = LEVEL
    intervals: Mapping[str, np.ndarray] = field(default_factory=dict)
    reach: Mapping[str, np.ndarray] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    every: Mapping[str, np.ndarray] = field(default_factory=dict)
    silent: int = 0
    failed: int = 0
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = []
        for i in range(len(self.budget)):
            row: dict[str, Any] = {"budget": self.budget[i]}
            row |= {name: values[i] for name, values in self.inputs.items()} | {self.law.output.symbol: self.loss[i]}
            if "N" in self.inputs and "D" in self.inputs:
                row["tokens_per_parameter"] = self.inputs["D"][i] / self.inputs["N"][i]
            row["intervals"] = {name: values[i].tolist() for name, values in self.intervals.items()}
            row["exponents"] = {name: values[i] for name, values in self.exponents.items()}
            row["edges"] = list(self.edges[i])
            row["reach"] = {name: values[i] for name, values in self.reach.items()}
            rows.append({k: float(v) if isinstance(v, np.floating) else v for k, v in row.items()})
        head = {"law": self.law.label, "cost": self.cost, "closed_form_agreement": self.agreement}
        left_out = {"silent": self.silent, "failed": self.failed}
        return (
            head
            | {"draws": self.draws, "level": self.level}
            | left_out
            | {"notes": list(self.notes), "allocations": rows}
        )

    def __str__(self) -> str:
        names = [n for n in self.inputs if n not in self.held]
        ratio = "N" in self.inputs and "D" in self.inputs
        head = [
            "budget",
            *names,
            *(["D/N"] if ratio else []),
            self.law.output.symbol,
            *(f"d ln {n}/d ln C" for n in names),
        ]
        rows = [head]
        for i in range(len(self.budget)):
            cells = [f"{self.budget[i]:.4g}"]
            for name in [*names, *([None] if ratio else []), self.law.output.symbol]:
                if name is None:
                    cells.append(f"{self.inputs['D'][i] / self.inputs['N'][i]:.4g}")
                    continue
                value = self.loss[i] if name == self.law.output.symbol else self.inputs[name][i]
                digits = ".5g" if name == self.law.output.symbol else ".4g"
                span = self.intervals.get(name)
                ends = "" if span is None else f" ({span[i, 0]:.3g} to {span[i, 1]:.3g})"
                cells.append(f"{value:{digits}}{ends}")
            rows.append(cells + [f"{self.exponents[n][i]:.3f}" for n in names])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        notes = [f"{self.law.label}, cost {self.cost} in FLOP"]
        notes += told(self.draws, self.failed, self.silent, self.level)
        if self.agreement <= TOLERANCE:
            notes.append(f"closed form; the gradient's optimum agrees to {self.agreement:.1e}")
        elif np.isfinite(self.agreement):
            notes.append(f"by gradient: the law's closed form is off by up to {self.agreement:.1e}, and is not used")
        notes += self.notes
        stopped = sorted({name for edge in self.edges for name in edge})
        notes += [f"{', '.join(stopped)}: stopped at a bound"] if stopped else []
        far = {name: float(np.max(values)) for name, values in self.reach.items() if np.max(values) > 1.0}
        notes += (
            ["extrapolates: " + ", ".join(f"{k} is {v:.3g} x the largest fitted" for k, v in far.items())]
            if far
            else []
        )
        return "\n".join([*lines, "", *notes])


@dataclass(frozen=True)
class _Question:
    """What of a problem is static: one compiled program for each."""

    law: Law
    names: tuple[str, ...]
    spend: str
    ties: tuple[tuple[str, tuple[str, ...]], ...]
    target: bool
    limited: bool
    spare: bool = False


def allocate(
    source: Any,
    budget: float | Sequence[float] | np.ndarray | None = None,
    *,
    loss: float | Sequence[float] | np.ndarray | None = None,
    cost: Any = Training(),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    held: Mapping[str, float] | None = None,
    ties: Mapping[str, Sequence[str]] | None = None,
    spend: str | None = None,
    level: float = LEVEL,
) -> Allocation:
    """Best model size and data for each budget in FLOP, or the least budget for each `loss`. A host function.

    `source` is a `Fit`, draws of one (then every answer has an interval), or `law.constants[...]`. Every input of the law
    is chosen unless `held` gives it; `bounds` limits choices, `ties={"P": ("P_w", "P_a", "P_kv")}` makes several inputs one.
    `spend` names the input that takes what is left of the budget, else the first of D, H, step. Raises `PlanError`.
    """
    call = "plan.allocate"
    refuse_tracers(call, budget, loss, bounds, held)
    if (budget is None) == (loss is None):
        raise PlanError(f"`{call}` takes a budget or a loss: give one of them.")
    belief = believed(source, call, level)
    law, cost = belief.law, as_cost(cost)
    held = {k: float(v) for k, v in (held or {}).items()}
    tied = {k: tuple(v) for k, v in (ties or {}).items()}
    spend = _spent(law, spend, held)
    wanted = _positive(call, "budget" if loss is None else "loss", budget if loss is None else loss)
    box, limits = _boxes(call, law, held, tied, spend, dict(bounds or {}))
    middle = {n: np.sqrt(a * b) if a > 0.0 else 0.5 * (a + b) for n, (a, b) in box.items()}
    check_affine(call, law, cost, with_ties({**held, **middle}, tied), spend)
    question = _Question(law, tuple(box), spend, tuple(sorted(tied.items())), loss is not None, limits is not None)
    with jax.enable_x64(True):
        if loss is None:
            _afford(call, law, cost, wanted, box, limits, held, tied, spend)
        arrays = {"box": box, "limits": limits or (1.0, 1.0), "held": held, "cost": cost}
        arrays = jax.tree.map(np.float64, arrays)
        found, slopes = _solved(question, arrays, belief, wanted)
        at = {k: v[:, 0] for k, v in found.inputs.items()}
        if loss is not None:
            richest = dataclasses.replace(question, target=False, spare=True)
            _reachable(call, law, wanted, found, lambda: _solved(richest, arrays, belief, np.array([MOST]))[0])
        _feasible(call, law, wanted, found, loss is not None)
        answered = np.isfinite(found.loss) & np.isfinite(found.budget)
        found = jax.tree.map(lambda leaf: np.where(answered, leaf, np.nan), found)
        closed = None if bounds or tied else _closed(question, cost, belief, found, held)
        agreement = float("nan")
        if closed is not None:
            closed = {k: np.where(answered, v, np.nan) for k, v in closed.items()}
            agreement = max(float(np.nanmax(np.abs(closed[k] / found.inputs[k] - 1.0))) for k in closed)
            if agreement <= TOLERANCE:
                found = dataclasses.replace(found, inputs={**found.inputs, **closed})
                at |= {k: v[:, 0] for k, v in closed.items()}
    edges = tuple(_edges(box, limits, {k: v[i] for k, v in at.items()}, spend) for i in range(len(wanted)))
    shown = [n for n in (*law.inputs, spend, *tied) if n in at]
    shown = list(dict.fromkeys(n for n in shown if not any(n in many for many in tied.values())))
    budgets = found.budget[:, 0]
    notes = ()
    if loss is not None and limits is not None:
        easy = ~np.isclose(found.loss[:, 0], wanted, rtol=1e-6)
        notes = tuple(f"the cheapest choice within the bounds is enough for {w:.5g}" for w in wanted[easy])
    spans: dict[str, np.ndarray] = {}
    free = [n for n in shown if n not in held]
    if belief.draws:
        spans = {n: belief.interval(found.inputs[n], level) for n in free}
        spans[law.output.symbol if loss is None else "budget"] = belief.interval(
            found.loss if loss is None else found.budget, level
        )
    return Allocation(
        law=law,
        cost=str(cost),
        budget=budgets,
        inputs={n: at[n] for n in shown},
        loss=found.loss[:, 0],
        exponents={n: slopes[n][:, 0] for n in shown if n not in held},
        edges=edges,
        agreement=agreement,
        draws=belief.draws,
        level=level,
        intervals=spans,
        reach={n: at[n] / belief.largest[n] for n in shown if belief.largest.get(n)},
        held=tuple(held),
        every={n: found.inputs[n] for n in shown},
        silent=belief.silent(found.loss, found.budget),
        failed=belief.failed,
        notes=notes,
    )


@plainly
def _solve(question: _Question, arrays: Any, problems: Any) -> tuple[Optimum, Any]:
    """Optimum of each problem, and d log input / d log budget there."""

    def one(problem: Any) -> tuple[Optimum, Any]:
        choices: dict[str, Any] = {
            "box": {name: arrays["box"][name] for name in question.names},
            "held": arrays["held"],
            "cost": arrays["cost"],
            "spend": question.spend,
            "spend_box": arrays["limits"] if question.limited else None,
            "ties": dict(question.ties),
        }
        budget = problem["wanted"]
        if question.target:
            budget = least_budget(question.law, problem["params"], problem["wanted"], **choices).budget

        def at(log_budget: Any) -> tuple[Any, Optimum]:
            best = optimum(question.law, problem["params"], jnp.exp(log_budget), **choices, spare=question.spare)
            return {name: jnp.log(value) for name, value in best.inputs.items()}, best

        log_budget = jnp.log(budget)
        _, slopes, best = jax.jvp(at, (log_budget,), (jnp.ones_like(log_budget),), has_aux=True)
        return best, slopes

    return jax.vmap(one)(problems)


def _solved(
    question: _Question, arrays: Any, belief: Belief, wanted: np.ndarray
) -> tuple[Optimum, dict[str, np.ndarray]]:
    """Leaves `(budgets, 1 + draws)`."""
    draws, budgets = belief.draws + 1, len(wanted)
    problems = {
        "params": {k: np.tile(v, budgets) for k, v in belief.params.items()},
        "wanted": np.repeat(wanted, draws),
    }
    found = in_batches(lambda part: _solve(question, arrays, part), problems)
    return jax.tree.map(lambda leaf: leaf.reshape(budgets, draws), found)


def _closed(
    question: _Question, cost: Any, belief: Belief, found: Optimum, held: Mapping[str, float]
) -> dict[str, np.ndarray] | None:
    """The law's own closed form for this cost, where it has one: arrays `(budgets, 1 + draws)`."""
    wanted = {*question.names, question.spend}
    for fn in question.law.derived.values():
        claim = claim_of(fn)
        if claim is None or claim.kind != "least" or claim.of is not None or list(claim.given) != ["C"]:
            continue
        asked = [n for n in inspect.signature(fn).parameters if n not in belief.params]
        if not set(asked) <= {"C", *held} or not _same_cost(claim.given["C"], cost, wanted, held):
            continue
        params = {k: v[None, :] for k, v in belief.params.items()}
        given = {n: held[n] for n in asked if n != "C"}
        chosen = fn(C=found.budget, **given, **{k: np.broadcast_to(v, found.budget.shape) for k, v in params.items()})
        if set(chosen) == wanted:
            return {k: np.asarray(v) for k, v in chosen.items()}
    return None


def _same_cost(theirs: Callable[..., Any], ours: Any, names: set[str], held: Mapping[str, float]) -> bool:
    needed = set(inspect.signature(theirs).parameters)
    if not needed <= names | set(held):
        return False
    for scale in (1e8, 3e9, 7e10):
        values = {**{n: scale * (i + 1.0) for i, n in enumerate(sorted(names))}, **held}
        if not np.isclose(float(theirs(**{n: values[n] for n in needed})), float(ours(values)), rtol=1e-12):
            return False
    return True


# --- what cannot be planned, in one line -------------------------------------------------------------------------------------


def _positive(call: str, name: str, values: Any) -> np.ndarray:
    try:
        out = np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        raise PlanError(f"`{call}({name}=...)` must be numbers; got {values!r}.") from None
    if len(out) == 0 or not np.isfinite(out).all() or (out <= 0).any():
        raise PlanError(f"`{call}({name}=...)` must be finite numbers above 0; got {values}.")
    return out


def _spent(law: Law, spend: str | None, held: Mapping[str, float]) -> str:
    if law.is_curve:
        raise PlanError(f"`plan.allocate`: `{law.name}` sees learning rates, not sizes: use `plan.schedule`.")
    if spend is not None:
        if spend not in law.inputs:
            raise PlanError(f"`plan.allocate(spend=...)`: {nearest(spend, law.inputs, what=f'input of {law.name}')}")
        return spend
    for name in SPENT:
        if name in law.inputs and name not in held:
            return name
    raise PlanError(
        f"`plan.allocate`: `{law.name}` ({', '.join(law.inputs)}) has no amount of data to spend a budget on: "
        "it needs D, H or step, or name one by `spend=`."
    )


def _boxes(
    call: str,
    law: Law,
    held: Mapping[str, float],
    tied: Mapping[str, tuple[str, ...]],
    spend: str,
    bounds: dict[str, tuple[float, float]],
) -> tuple[dict[str, tuple[float, float]], tuple[float, float] | None]:
    """Where each choice is looked for, and the limits of what is spent."""
    one_of_many = {one: name for name, many in tied.items() for one in many}
    names = list(dict.fromkeys(one_of_many.get(n, n) for n in law.inputs if n not in held))
    for name in [*held, *one_of_many]:
        if name not in law.inputs:
            raise PlanError(f"`{call}`: {nearest(name, law.inputs, what=f'input of {law.name}')}")
    for name in bounds:
        if name not in names:
            raise PlanError(f"`{call}(bounds=...)`: {nearest(name, names, what='choice')}")
    for name, pair in bounds.items():
        low, high = map(float, pair)
        if not (
            np.isfinite([low, high]).all()
            and low < high
            and (low > 0 or law.inputs.get(name, quantity.ANY).scale == "raw")
        ):
            raise PlanError(f"`{call}(bounds=...)`: {name} needs 0 < low < high; got {low:g}, {high:g}.")
    box = {}
    for name in names:
        if name == spend:
            continue
        met = law.inputs[tied.get(name, (name,))[0]]
        box[name] = tuple(map(float, bounds.get(name, WIDEST.get(met, law.ranges.get(name, met.typical)))))
    if not box:
        raise PlanError(f"`{call}`: there is nothing to choose; hold fewer inputs of `{law.name}`.")
    sizes_first = sorted(box, key=lambda n: n != "N")
    limits = bounds.get(spend)
    return {n: box[n] for n in sizes_first}, None if limits is None else (float(limits[0]), float(limits[1]))


def _afford(
    call: str,
    law: Law,
    cost: Any,
    budgets: np.ndarray,
    box: Mapping[str, tuple[float, float]],
    limits: Any,
    held: Any,
    tied: Any,
    spend: str,
) -> None:
    """Raises where a budget is below the cheapest of what is allowed, or, with limits on both, above the dearest."""

    def spent(side: int, data: float) -> float:
        values = with_ties({**held, **{n: pair[side] for n, pair in box.items()}, spend: data}, tied)
        return float(priced(call, law, cost, values))

    def spelled(side: int, data: float) -> str:
        return ", ".join(f"{n} = {v:.3g}" for n, v in [*((n, pair[side]) for n, pair in box.items()), (spend, data)])

    low, high = limits or (1.0, np.inf)
    least, most = spent(0, low), spent(1, high)
    if budgets.min() <= least:
        raise PlanError(
            f"`{call}`: a budget of {budgets.min():.4g} FLOP is below the smallest model: {spelled(0, low)} costs {least:.4g}."
        )
    if budgets.max() >= most:
        raise PlanError(
            f"`{call}`: a budget of {budgets.max():.4g} FLOP cannot be spent within the bounds: {spelled(1, high)} costs "
            f"{most:.4g}."
        )


def _reachable(call: str, law: Law, wanted: np.ndarray, found: Optimum, limit: Callable[[], Optimum]) -> None:
    bad = ~np.isfinite(found.budget[:, 0])
    if bad.any():
        end = float(limit().loss[0, 0])
        raise PlanError(
            f"`{call}`: no budget up to {MOST:g} FLOP gives a {law.output.symbol} of {wanted[bad][0]:.5g} under `{law.name}` "
            f"within these bounds: at its end stands {end:.5g}."
        )


def _feasible(call: str, law: Law, wanted: np.ndarray, found: Optimum, target: bool) -> None:
    bad = ~np.isfinite(found.loss[:, 0])
    if bad.any():
        what = f"a {law.output.symbol} of {wanted[bad][0]:.5g}" if target else f"a budget of {wanted[bad][0]:.4g} FLOP"
        raise PlanError(f"`{call}`: nothing within the bounds is feasible for {what} under `{law.name}`.")


def _edges(box: Mapping[str, tuple[float, float]], limits: Any, at: Mapping[str, float], spend: str) -> tuple[str, ...]:
    pairs = {**box, **({} if limits is None else {spend: limits})}
    return tuple(n for n, (low, high) in pairs.items() if at[n] <= low * (1 + 1e-9) or at[n] >= high * (1 - 1e-9))
