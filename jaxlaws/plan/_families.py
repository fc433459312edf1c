"""Schedules of a named form, with their numbers traced: `wsd`, `cosine`, `linear` and `power` as functions of two or three
choices in a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.plan._rates import CLIMB, losses
from jaxlaws.schedules import Schedule, cosine, linear, power, wsd
from jaxlaws.schedules.curve import Curve
from jaxlaws.schedules.wsd import COOLDOWNS
from jaxlaws.solvers import Limits, minimise_paths
from jaxlaws.spec import Law

FAMILIES: dict[str, Callable[..., Schedule]] = {"wsd": wsd, "cosine": cosine, "linear": linear, "power": power}
DECAYS = (*COOLDOWNS, "exp")
HOLD = (0.02, 0.995)  # share of the steps after the warm-up that a plateau may take
EXPONENT = (0.01, 3.0)
LOWEST_EXP = 1e-3  # an exponential cooldown ends at this share of the peak at least

# Cells of a decay: graded towards its begin, where 1-sqrt is steep, and more towards its end.
_PART = np.unique(
    np.concatenate([np.linspace(0, 1, 25), 1 - 0.5 ** np.arange(2, 12), 0.02 * np.linspace(0, 1, 6) ** 2])
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Member:
    """One schedule of a family to be found. Rates in units of `scale`; `decay` is 1 for the cooldown's shape, 0 for the
    others; `start` and `limits` are of (peak, end, shape), where shape is a plateau's share of the run or an exponent."""

    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    warmup: Any
    top: Any
    total: Any
    first: Any
    scale: Any
    decay: Any
    at: Any
    weight: Any
    start: Any
    limits: Limits
    sharpness: Any


def rates(family: str, m: Member, x: Any, t: Any) -> Any:
    """Rates at real steps `t`, in units of the member's scale."""
    peak, end, shape = x[0], x[1], x[2]
    begin = m.warmup + (shape * (m.total - m.warmup) if family == "wsd" else 0.0)
    part = jnp.clip((t - begin) / (m.total - begin), 0.0, 1.0)
    if family == "power":
        down = peak * jnp.exp(-shape * jnp.log(jnp.maximum(t / jnp.maximum(begin, 1.0), 1.0)))
        return jnp.maximum(down, end)
    falls = [*(fall(jnp, part) for fall in COOLDOWNS.values())]
    straight = end + (peak - end) * jnp.sum(m.decay[:-1, None] * jnp.stack(falls), axis=0)
    if family != "wsd":
        return straight
    geometric = peak * jnp.exp(part * jnp.log(jnp.maximum(end / peak, 1e-12)))
    return jnp.where(m.decay[-1] > 0, geometric, straight)


def of_draws(law: Law, family: str, m: Member, x: Any) -> Any:
    """Weighted loss of each draw, `(draws,)`."""
    begin = m.warmup + (x[2] * (m.total - m.warmup) if family == "wsd" else 0.0)
    climb = jnp.concatenate([jnp.zeros(1, x.dtype), m.top * CLIMB])
    decay = begin + (m.total - begin) * _PART
    near = jnp.maximum(m.at[:, None] - jnp.array([0.0, 1.0, 4.0, 16.0, 64.0, 256.0])[None, :], m.warmup)
    edges = jnp.sort(jnp.concatenate([climb, m.warmup[None], decay, near.ravel()]))
    lr = rates(family, m, x, edges)
    first = jnp.where(m.first < 0, x[0], m.first)
    up = first + (x[0] - first) * edges / jnp.maximum(m.top, 1.0)
    before = edges < m.top
    seen = law.options.get("warmup", "counted")
    lr = m.scale * jnp.where(before, x[0] if seen == "peak" else up, lr)
    counted = None if seen == "counted" else jnp.where(edges[1:] <= m.top, 0.0, 1.0)
    at = jnp.searchsorted(edges, m.at)
    curve = Curve.along(edges, lr, at=at, batch=m.inputs.get("batch"), counted=counted)
    return losses(law, m.params, curve, m.inputs) @ m.weight


@partial(jax.jit, static_argnames=("law", "family"))
def best_members(law: Law, family: str, members: Member) -> tuple[Any, Any, Any, Any]:
    """Choices `(members, 3)`, losses, residuals and gaps of members stacked along a leading axis."""

    def value(x: Any, m: Member) -> Any:
        each = of_draws(law, family, m, x)
        sharp = jnp.where(m.sharpness > 0, m.sharpness, 1.0)
        middle = jnp.mean(each)
        soft = middle + jax.nn.logsumexp(sharp * (each - middle), b=1.0 / each.shape[0]) / sharp
        return jnp.where(m.sharpness > 0, soft, middle)

    barrier = jnp.full(len(members.start), 1e-3, members.start.dtype)
    found = minimise_paths(value, members, members.start, members.limits, barrier, cycles=6)
    return found.x, found.value, found.residual, found.gap


def built(family: str, decay: str, x: np.ndarray, *, total: int, warmup: int, scale: float, **more: Any) -> Schedule:
    """The schedule that a choice means, with its plateau's end at a whole step."""
    peak, end = float(x[0] * scale), float(x[1] * scale)
    if family == "wsd":
        hold = round(float(warmup + x[2] * (total - warmup)))
        return wsd(peak, hold=min(hold, total - 1), end=end, decay=decay, total=total, warmup=warmup, **more)
    if family == "power":
        hold = max(warmup, 1)
        return power(peak, hold=hold, exponent=float(x[2]), end=end, total=total, warmup=warmup, **more)
    return FAMILIES[family](peak, total=total, end=end, warmup=warmup, **more)
