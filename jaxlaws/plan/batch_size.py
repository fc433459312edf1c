"""How large a batch: steps against tokens, critical batches by their definitions, and a batch that grows along the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError
from jaxlaws.fitting._plainly import plainly
from jaxlaws.plan._batches import in_batches
from jaxlaws.plan._beliefs import LEVEL, believed, refuse_tracers, told
from jaxlaws.solvers import bracketed_root
from jaxlaws.spec import Law

ENDLESS = 1e30  # tokens a step: a batch without noise
POINTS = 400  # of a ramp
OFF = 1e-3  # share by which a law's steps may differ from a hyperbola


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hyperbola:
    """Steps and tokens to a goal: (steps/least_steps - 1) (tokens/least_tokens - 1) = 1. Scalars; `vmap` adds axes.
    (McCandlish et al. 2018, arXiv:1812.06162.)"""

    least_steps: Any
    least_tokens: Any

    def steps(self, batch: Any) -> Any:
        """Steps at a batch, in tokens a step."""
        return self.least_steps + self.least_tokens / batch

    def tokens(self, batch: Any) -> Any:
        """Tokens at a batch."""
        return self.least_steps * batch + self.least_tokens

    @property
    def critical(self) -> Any:
        """Batch at which steps and tokens are both twice their least."""
        return self.least_tokens / self.least_steps

    def overhead(self, base: Any, share: Any) -> Any:
        """Batch that takes `share` more steps than perfect scaling from the batch `base` would. (Zhang et al. 2024,
        arXiv:2410.21676: share .2, base 256 sequences of 512 tokens.)"""
        return (1.0 + share) * base + share * self.critical

    def wasteful(self, share: Any) -> Any:
        """Batch that takes `share` more tokens than the smallest one."""
        return share * self.critical


def hyperbola(law: Law, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Hyperbola:
    """Steps against tokens under a law: a pure function.

    A law of steps at a batch is asked at two batches. A law of a loss in step and batch is asked for the steps to
    `inputs["loss"]` at an endless batch, and at one where noise matters: exact where it is a hyperbola (`su_traj`).
    """
    dtype = jnp.result_type(*params.values())
    some = jnp.asarray(1e6, dtype)
    if "step" not in law.inputs:
        near, far = (
            law.fn(*(batch if n == "batch" else inputs[n] for n in law.inputs), **params)
            for batch in (some, 2.0 * some)
        )
        return Hyperbola(2.0 * far - near, 2.0 * (near - far) * some)
    least = steps_to(law, params, {**inputs, "batch": jnp.asarray(ENDLESS, dtype)})
    at_some = steps_to(law, params, {**inputs, "batch": some})
    return Hyperbola(least, (at_some - least) * some)


def steps_to(law: Law, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """Steps until a law in `step` gives `inputs["loss"]`; NaN where it never does. A pure function."""
    dtype = jnp.result_type(*params.values())

    def miss(log_step: Any) -> Any:
        values = {**inputs, "step": jnp.exp(log_step)}
        return jnp.log(law.fn(*(values[n] for n in law.inputs), **params)) - jnp.log(inputs["loss"])

    return jnp.exp(bracketed_root(miss, jnp.asarray(np.log(1e-9), dtype), jnp.asarray(np.log(1e14), dtype)))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ramp:
    """A batch that grows along the run, arrays `(points,)`: `steps` and `tokens` so far, the `batch` and the `loss` there.
    `constant_batch` is the one that spends as many tokens, `constant_steps` how many steps it takes. `vmap` adds axes."""

    steps: Any
    tokens: Any
    batch: Any
    loss: Any
    constant_batch: Any
    constant_steps: Any


def ramp(law: Law, params: Mapping[str, Any], inputs: Mapping[str, Any], *, points: int = POINTS) -> Ramp:
    r"""Batches that reach `inputs["loss"]` in the fewest steps for as many tokens as the constant `inputs["batch"]` spends:
    a pure function.

    A law with $S = \sigma\,(1 + B_c(L)/B)$ at a constant batch, $\sigma$ being the steps that an endless one would need, is
    taken to hold in every moment: $dS = (1 + K/B)\,d\sigma$ with $K = d(\sigma B_c)/d\sigma$, which is the law again where B
    does not change. Then the least of steps plus a price times tokens is at $B = \kappa \sqrt{K}$, whatever the price.
    """
    dtype = jnp.result_type(*params.values())
    inputs = {k: jnp.asarray(v, dtype) for k, v in inputs.items()}
    endless = jnp.asarray(ENDLESS, dtype)
    last = steps_to(law, params, {**inputs, "batch": endless})
    progress = last * jnp.linspace(0.0, 1.0, points + 1, dtype=dtype)[1:] ** 3  # losses move most at first

    def at(step: Any) -> tuple[Any, Any]:
        values = {**inputs, "step": step, "batch": endless}
        loss = law.fn(*(values[n] for n in law.inputs), **params)
        return loss, steps_to(law, params, {**inputs, "batch": jnp.ones_like(step), "loss": loss}) - step

    # Tokens that noise costs so far: sigma Bc, whose changes are K.
    loss, noise = jax.vmap(at)(progress)
    width = jnp.diff(progress, prepend=0.0)
    local = jnp.maximum(jnp.diff(noise, prepend=0.0) / width, 1e-6)  # rounding aside, it is above 0
    constant = inputs["batch"]
    batch = constant * last / jnp.sum(jnp.sqrt(local) * width) * jnp.sqrt(local)
    steps, tokens = jnp.cumsum((1.0 + local / batch) * width), jnp.cumsum((batch + local) * width)
    return Ramp(steps, tokens, batch, loss, constant, jnp.sum((1.0 + local / constant) * width))


@dataclass(frozen=True, eq=False)
class Batches:
    """Steps against tokens to one goal. `critical` has the critical batch by each definition in tokens; `rows` what a batch
    takes: `batch`, `steps`, `tokens`, arrays `(batches,)`. `intervals` `(2,)` by name come from draws, `silent` of which have
    no answer."""

    law: Law
    goal: str
    least_steps: float
    least_tokens: float
    critical: Mapping[str, float]
    batch: np.ndarray
    steps: np.ndarray
    tokens: np.ndarray
    draws: int = 0
    level: float = LEVEL
    intervals: Mapping[str, np.ndarray] = field(default_factory=dict)
    silent: int = 0
    failed: int = 0

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = zip(self.batch.tolist(), self.steps.tolist(), self.tokens.tolist(), strict=True)
        head = {
            "law": self.law.label,
            "goal": self.goal,
            "least_steps": self.least_steps,
            "least_tokens": self.least_tokens,
        }
        spans = {k: v.tolist() for k, v in self.intervals.items()}
        more = {"critical": dict(self.critical), "draws": self.draws, "level": self.level, "intervals": spans}
        more |= {"silent": self.silent, "failed": self.failed}
        return head | more | {"batches": [dict(zip(("batch", "steps", "tokens"), row, strict=True)) for row in rows]}

    def __str__(self) -> str:
        def said(name: str, value: float) -> str:
            span = self.intervals.get(name)
            return f"{value:.4g}" + ("" if span is None else f" ({span[0]:.3g} to {span[1]:.3g})")

        lines = [
            f"{self.law.label}: {self.goal}",
            f"at least {said('least_steps', self.least_steps)} steps, at least {said('least_tokens', self.least_tokens)} tokens",
            *(f"critical batch, {name}: {said(name, value)} tokens" for name, value in self.critical.items()),
            *told(self.draws, self.failed, self.silent, self.level),
            "",
            f"{'batch (tokens)':<16}{'steps':<12}{'tokens':<12}{'time':<8}compute",
        ]
        for b, s, t in zip(self.batch, self.steps, self.tokens, strict=True):
            lines.append(
                f"{b:<16.4g}{s:<12.4g}{t:<12.4g}{f'{s / self.least_steps:.3g} x':<8}{t / self.least_tokens:.3g} x"
            )
        return "\n".join(lines)


def batch_size(
    source: Any,
    *,
    batch: Sequence[float] | np.ndarray | None = None,
    base: float = 256 * 512.0,
    overhead: float = 0.2,
    level: float = LEVEL,
    **inputs: float,
) -> Batches:
    """Steps against tokens, and the critical batch by each definition. A host function.

    `source` is a fit, draws of one or `law.constants[...]` of a law of steps at a batch (`steps_to_target`), or of a loss in
    step and batch (`su_traj`, with `loss=` the goal and the other inputs by keyword). `batch` are tokens a step to be told
    about, else some around the critical one; `base` and `overhead` belong to the second definition. Raises `PlanError`, also
    for a law under which steps against tokens are no hyperbola: it has no critical batch.
    """
    call = "plan.batch_size"
    refuse_tracers(call, inputs, batch)
    belief = believed(source, call, level)
    law = belief.law
    goal = _goal(call, law, inputs)
    if not (base > 0 and overhead > 0):
        raise PlanError(f"`{call}` needs base and overhead above 0; got {base:g}, {overhead:g}.")
    given = {k: float(v) for k, v in inputs.items()}
    with jax.enable_x64(True):
        count = belief.draws + 1
        problems = {"params": dict(belief.params), "inputs": {k: np.full(count, v) for k, v in given.items()}}
        found = in_batches(lambda part: _hyperbolas(law, part), problems)
        here = jax.tree.map(lambda v: v[:1], problems)
        _check_hyperbola(call, law, here, Hyperbola(found.least_steps[0], found.least_tokens[0]))
    if not (
        np.isfinite([found.least_steps[0], found.least_tokens[0]]).all()
        and min(found.least_steps[0], found.least_tokens[0]) > 0
    ):
        raise PlanError(f"`{call}`: `{law.name}` never reaches {goal}: it may lie below its floor.")
    every = {
        "least_steps": found.least_steps,
        "least_tokens": found.least_tokens,
        "twice the least steps and tokens": found.critical,
        f"{100 * overhead:g} % more steps than perfect scaling from {base:.4g}": found.overhead(base, overhead),
        "10 % more tokens than the least": found.wasteful(0.1),
    }
    middle = Hyperbola(float(found.least_steps[0]), float(found.least_tokens[0]))
    asked = (
        middle.critical * 2.0 ** np.arange(-4, 5)
        if batch is None
        else np.atleast_1d(np.asarray(batch, dtype=np.float64))
    )
    if not (np.isfinite(asked).all() and (asked > 0).all()):
        raise PlanError(f"`{call}(batch=...)` must be finite numbers above 0; got {batch}.")
    return Batches(
        law=law,
        goal=goal,
        least_steps=middle.least_steps,
        least_tokens=middle.least_tokens,
        critical={k: float(v[0]) for k, v in every.items() if not k.startswith("least")},
        batch=asked,
        steps=middle.steps(asked),
        tokens=middle.tokens(asked),
        draws=belief.draws,
        level=level,
        intervals={k: belief.interval(v, level) for k, v in every.items()} if belief.draws else {},
        silent=belief.silent(found.least_steps, found.least_tokens),
        failed=belief.failed,
    )


def batch_ramp(source: Any, *, batch: float, **inputs: float) -> Ramp:
    """Batches along a run that reach a loss in the fewest steps, for as many tokens as the constant `batch` spends. A host
    function.

    `source` is of a law of a loss in step and batch, such as `su_traj`; `loss=` is the goal, other inputs by keyword. Draws
    count by their centre. Raises `PlanError`.
    """
    call = "plan.batch_ramp"
    refuse_tracers(call, inputs, batch)
    belief = believed(source, call)
    law = belief.law
    goal = _goal(call, law, inputs)
    if "step" not in law.inputs:
        raise PlanError(f"`{call}` needs a law of a loss in step and batch; `{law.name}` has {', '.join(law.inputs)}.")
    if not (np.ndim(batch) == 0 and np.isfinite(batch) and batch > 0):
        raise PlanError(f"`{call}(batch=...)` must be a finite number above 0; got {batch}.")
    given = {k: np.float64(v) for k, v in {**inputs, "batch": batch}.items()}
    with jax.enable_x64(True):
        here = {k: np.full(1, float(v)) for k, v in inputs.items()}
        there = {"params": {k: v[:1] for k, v in belief.params.items()}, "inputs": here}
        _check_hyperbola(call, law, there, in_batches(lambda part: _hyperbolas(law, part), there))
        params = {k: np.float64(v) for k, v in belief.centre.items()}
        found = jax.device_get(_ramp(law, {"params": params, "inputs": given}))
    if not np.isfinite(found.steps[-1]):
        raise PlanError(f"`{call}`: `{law.name}` never reaches {goal}: it may lie below its floor.")
    return found


@plainly
def _hyperbolas(law: Law, problems: Any) -> Hyperbola:
    return jax.vmap(lambda one: hyperbola(law, one["params"], one["inputs"]))(problems)


def _check_hyperbola(call: str, law: Law, here: Any, found: Hyperbola) -> None:
    """Raises where the law's own steps are not those of the hyperbola through two of them."""
    batch = 10.0 ** np.arange(4, 9)
    problems = {
        "params": {k: np.repeat(v, len(batch)) for k, v in here["params"].items()},
        "inputs": {k: np.repeat(v, len(batch)) for k, v in here["inputs"].items()} | {"batch": batch},
    }
    steps = in_batches(lambda part: _steps(law, part), problems)
    found = Hyperbola(float(np.squeeze(found.least_steps)), float(np.squeeze(found.least_tokens)))
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(found.steps(batch) / steps - 1.0)
    worst = int(np.argmax(np.where(np.isfinite(off), off, 0.0)))
    if off[worst] > OFF:
        raise PlanError(
            f"`{call}`: under `{law.name}` steps against tokens are no hyperbola (through two batches it gives "
            f"{found.steps(batch[worst]):.4g} steps at {batch[worst]:.4g} tokens, the law {steps[worst]:.4g}), so that it has "
            "no critical batch; use a law such as su_traj, or choose batches by `plan.allocate`."
        )


@plainly
def _steps(law: Law, problems: Any) -> Any:
    def one(problem: Any) -> Any:
        params, inputs = problem["params"], problem["inputs"]
        if "step" in law.inputs:
            return steps_to(law, params, inputs)
        return law.fn(*(inputs[name] for name in law.inputs), **params)

    return jax.vmap(one)(problems)


@plainly
def _ramp(law: Law, problem: Any) -> Ramp:
    return ramp(law, problem["params"], problem["inputs"])


def _goal(call: str, law: Law, inputs: Mapping[str, float]) -> str:
    kind = law.output.symbol
    if (
        law.is_curve
        or "batch" not in law.inputs
        or (kind, "step" in law.inputs) not in (("step", False), ("loss", True))
    ):
        raise PlanError(
            f"`{call}` needs a law of steps at a batch, or of a loss in step and batch; `{law.name}` gives "
            f"{law.output.symbol} of {', '.join(law.inputs)}."
        )
    wanted = {n for n in law.inputs if n not in ("batch", "step")} | ({"loss"} if "step" in law.inputs else set())
    if set(inputs) != wanted:
        raise PlanError(
            f"`{call}`: `{law.name}` needs {', '.join(sorted(wanted)) or 'no further inputs'}; got "
            f"{', '.join(inputs) or 'nothing'}."
        )
    for name, value in inputs.items():
        if not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
            raise PlanError(f"`{call}`: {name} must be a finite number above 0; got {value}.")
    at = ", ".join(f"{k} = {v:.4g}" for k, v in inputs.items() if k != "loss")
    return (
        f"a loss of {inputs['loss']:.5g}" + f" at {at}" * bool(at)
        if "loss" in inputs
        else "the loss that its steps lead to"
    )
