"""What training and serving a model cost, in FLOP.

A cost maps named inputs to FLOP, and is affine in the one that the budget is spent on (`D`, or steps): planners solve for
that one exactly. The numbers of a cost are leaves of a pytree: a new one compiles nothing. Any function of named inputs,
such as `lambda N, D: 6 * N * D`, is a cost too; define it once, in a module, or each one compiles anew.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError, nearest
from jaxlaws.spec import Law

Inputs = Mapping[str, Any]
Cost = Callable[[Inputs], Any]


def _record(cls: Any) -> Any:
    return jax.tree_util.register_dataclass(dataclass(frozen=True)(cls))


@_record
class Training:
    """FLOP of training: `flop` for each parameter and token, 6 N D by default. `N` are the parameters that a token uses."""

    flop: Any = 6.0

    def __call__(self, inputs: Inputs) -> Any:
        return self.flop * inputs["N"] * _tokens(inputs)

    def __str__(self) -> str:
        return f"{self.flop:g} N D"


@_record
class Transformer:
    r"""FLOP of training a transformer, attention over the context and the output head counted.

    A block of width d has 12 d² parameters; `aspect` is d over the number L of blocks. For each token
    $6 \cdot 12 L d^2 + a L d\,n + 6 V d$, with n = `context`, V = `vocabulary`, a = 12, or 6 where causal attention computes
    only what it uses (`causal`). `embeddings` says how many matrices of V d parameters `N` counts besides the blocks: 0, 1
    (tied) or 2. (Kaplan et al. 2020, arXiv:2001.08361, table 1; DeepSeek-AI 2024, arXiv:2401.02954, eq. 2.)
    """

    context: Any = 2048.0
    vocabulary: Any = 32000.0
    aspect: Any = 128.0
    causal: bool = field(default=False, metadata={"static": True})
    embeddings: int = field(default=0, metadata={"static": True})

    def __call__(self, inputs: Inputs) -> Any:
        depth, width = self.shape(inputs["N"])
        attention = (6.0 if self.causal else 12.0) * depth * width * self.context
        return (72.0 * depth * width * width + attention + 6.0 * self.vocabulary * width) * _tokens(inputs)

    def shape(self, N: Any) -> tuple[Any, Any]:
        """Blocks and width, as real numbers, of a model with `N` parameters as `embeddings` counts them."""
        cubic = 12.0 * self.aspect * self.aspect  # N = cubic L³ + linear L
        if self.embeddings == 0:
            depth = jnp.exp(jnp.log(N / cubic) / 3.0)
        else:
            linear = self.embeddings * self.vocabulary * self.aspect
            # The only real root, by hyperbolic functions: nothing cancels.
            scale = jnp.sqrt(linear / (3.0 * cubic))
            depth = 2.0 * scale * jnp.sinh(jnp.arcsinh(N / (2.0 * cubic * scale**3)) / 3.0)
        return depth, self.aspect * depth

    def __str__(self) -> str:
        kind = "causal " * self.causal
        return (
            f"transformer with {kind}attention over {self.context:g} tokens and {self.vocabulary:g} words in the head"
        )


@_record
class Lifetime:
    """FLOP of training (`training`) and of serving `tokens` tokens afterwards, `flop` for each parameter and token.

    `price` is what a FLOP of serving costs against one of training: above 1 where serving uses the hardware less well.
    (Sardana et al. 2024, arXiv:2401.00448.)
    """

    tokens: Any
    training: Any = field(default_factory=Training)
    flop: Any = 2.0
    price: Any = 1.0

    def __call__(self, inputs: Inputs) -> Any:
        return self.training(inputs) + self.price * self.flop * inputs["N"] * self.tokens

    def __str__(self) -> str:
        return f"{self.training} + {self.price * self.flop:g} N x {self.tokens:g} tokens served"


@_record
class AtPrecision:
    """FLOP in units of 16 bits: `training` times the mean of the inputs named `bits`, over 16. (Kumar et al. 2024,
    arXiv:2411.04330.)"""

    bits: tuple[str, ...] = field(default=("P",), metadata={"static": True})
    training: Any = field(default_factory=Training)

    def __call__(self, inputs: Inputs) -> Any:
        return self.training(inputs) * (sum(inputs[name] for name in self.bits) / (16.0 * len(self.bits)))

    def __str__(self) -> str:
        return f"{self.training} x {'+'.join(self.bits)}/{16 * len(self.bits)} bits"


@_record
class Sparse:
    """FLOP of a model whose `N` counts all parameters, of which the share 1 - `S` is used for a token: weights that are not
    zero, or experts that are chosen."""

    training: Any = field(default_factory=Training)

    def __call__(self, inputs: Inputs) -> Any:
        return self.training({**inputs, "N": inputs["N"] * (1.0 - inputs["S"])})

    def __str__(self) -> str:
        return f"{self.training} of the share 1 - S"


@partial(jax.tree_util.register_dataclass, data_fields=(), meta_fields=("fn",))
@dataclass(frozen=True)
class _Own:
    fn: Callable[..., Any]

    def __call__(self, inputs: Inputs) -> Any:
        return self.fn(**{name: inputs[name] for name in inspect.signature(self.fn).parameters})

    def __str__(self) -> str:
        return (
            f"own cost {getattr(self.fn, '__name__', 'function')}({', '.join(inspect.signature(self.fn).parameters)})"
        )


def as_cost(cost: Any) -> Any:
    """A cost as planners take it: one of this file, or a function of named inputs."""
    if isinstance(cost, _COSTS):
        return cost
    if not callable(cost):
        raise PlanError(f"a cost is one of `jaxlaws.plan.budget`, or a function of named inputs; got {cost!r}.")
    return _Own(cost)


def priced(call: str, law: Law, cost: Any, inputs: Inputs) -> Any:
    """FLOP of concrete inputs, in 64 bits. Raises `PlanError` where the cost asks for what the law does not have."""
    try:
        with jax.enable_x64(True):
            return np.asarray(cost({k: np.asarray(v, dtype=np.float64) for k, v in inputs.items()}), dtype=np.float64)
    except KeyError as missing:
        raise PlanError(
            f"`{call}(cost=...)`: {cost} needs {missing.args[0]}, which `{law.name}` ({', '.join(law.inputs)}) does not have."
        ) from None


def check_affine(call: str, law: Law, cost: Any, inputs: Inputs, spend: str) -> None:
    """Raises `PlanError` unless the cost grows with `spend` in a straight line, which planners solve for."""
    amounts = np.array([1e6, 1e9, 1e12])
    spent = [float(priced(call, law, cost, {**inputs, spend: amount})) for amount in amounts]
    slopes = np.diff(spent) / np.diff(amounts)
    if not (np.isfinite(slopes).all() and (slopes > 0).all() and np.isclose(slopes[0], slopes[1], rtol=1e-6)):
        raise PlanError(
            f"`{call}(cost=...)`: {cost} must grow with {spend} in a straight line; from {amounts[0]:g} to {amounts[-1]:g} it "
            f"costs {slopes[0]:.4g} and then {slopes[1]:.4g} FLOP for each; give another cost, or spend another input."
        )


def parse(text: str) -> Any:
    """Cost from a spec string: `6ND`, or a name with numbers as in `lifetime:tokens=1e13:price=2`. Raises `PlanError`."""
    head, *rest = text.strip().split(":")
    if head.replace(" ", "").replace("*", "").lower() == "6nd" and not rest:
        return Training()
    known = {
        "training": Training,
        "transformer": Transformer,
        "lifetime": Lifetime,
        "sparse": Sparse,
        "precision": AtPrecision,
    }
    if head not in known:
        raise PlanError(f"cost `{text}`: {nearest(head, [*known, '6ND'], what='cost')}")
    cls = known[head]
    names = [f.name for f in fields(cls) if f.name != "training"]
    given: dict[str, Any] = {}
    for item in rest:
        name, _, value = item.partition("=")
        if name not in names:
            raise PlanError(
                f"cost `{text}`: {nearest(name, names, what=f'number of {head}') if names else f'{head} takes none.'}"
            )
        given[name] = tuple(value.split("+")) if name == "bits" else _number(text, name, value)
    if head == "lifetime" and "tokens" not in given:
        raise PlanError(f"cost `{text}`: say how many tokens are served, as in `lifetime:tokens=1e13`.")
    return cls(**given)


def _number(text: str, name: str, value: str) -> Any:
    if name == "causal" and value.lower() in ("true", "false", "yes", "no"):
        return value.lower() in ("true", "yes")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0.0):
        raise PlanError(f"cost `{text}`: {name} must be a number of at least 0; got `{value}`.")
    if name == "embeddings":
        if number not in (0.0, 1.0, 2.0):
            raise PlanError(f"cost `{text}`: embeddings must be 0, 1 or 2; got `{value}`.")
        return int(number)
    return bool(number) if name == "causal" else number


def _tokens(inputs: Inputs) -> Any:
    """Training tokens: `D`, or batch times steps."""
    return inputs["D"] if "D" in inputs else inputs["batch"] * inputs["step"]


_COSTS = (Training, Transformer, Lifetime, AtPrecision, Sparse, _Own)
