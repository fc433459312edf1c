"""What every schedule is: a pure `step -> lr` with a spec string."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxlaws.errors import ScheduleError

Shape = Callable[[ModuleType, Any], Any]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Learning rate at each step: call it with a step, or an array of steps, and get absolute rates of the same shape.

    Works as an optax schedule (a traced count gives a traced rate in the default float type) and on the host (a number
    or NumPy array gives float64). `str(schedule)` is a spec that `parse` reads back; pickling goes through it.
    """

    name: str
    args: Mapping[str, Any]
    shape: Shape
    total: int | None = None

    def __call__(self, step: Any) -> Any:
        if isinstance(step, jax.Array) or any(isinstance(a, jax.Array) for a in jax.tree.leaves(dict(self.args))):
            step = jnp.asarray(step)
            floating = jnp.issubdtype(step.dtype, jnp.floating)
            return self.shape(jnp, step if floating else step.astype(jnp.result_type(float)))
        return self.shape(np, np.asarray(step, dtype=np.float64))[()]

    def as_array(self, steps: int) -> np.ndarray:
        """Rates of steps 0, 1, ..., `steps` as float64, shape `(steps + 1,)`."""
        return np.broadcast_to(np.asarray(self(np.arange(steps + 1)), dtype=np.float64), (steps + 1,)).copy()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={_spell(v)}' for k, v in self.args.items())})"

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        from jaxlaws.schedules._spec import parse

        return parse, (str(self),)


def ramp(xp: ModuleType, t: Any, then: Any, *, peak: Any, warmup: int, start: Any, shape: str) -> Any:
    """`then` after the warm-up, and before it a climb from `start` to `peak`."""
    if warmup == 0:
        return then
    # "linspace" is numpy.linspace(start, peak, warmup): the peak is reached one step before the warm-up ends.
    x = xp.clip(t / (max(warmup - 1, 1) if shape == "linspace" else warmup), 0.0, 1.0)
    if shape == "cosine":
        x = 0.5 - 0.5 * xp.cos(math.pi * x)
    return xp.where(t < warmup, start + (peak - start) * x, then)


def plain(make: Callable[..., Schedule]) -> Callable[..., Schedule]:
    """Constructor that takes NumPy's whole numbers as Python's, which do not decide a dtype."""

    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Schedule:
        return make(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})

    return made


def _plain(value: Any) -> Any:
    if isinstance(value, np.integer):
        return int(value)
    return type(value)(map(_plain, value)) if type(value) in (tuple, list) else value


RAMPS = ("linear", "cosine", "linspace")


def check(name: str, *, ramp_shape: str = "linear", steps: Mapping[str, Any], rates: Mapping[str, Any]) -> None:
    """Raise a sentence unless `steps` are whole and increase in the order given, and `rates` are finite and not
    negative."""
    if ramp_shape not in RAMPS:
        raise ScheduleError(f"`{name}(ramp=...)` must be one of {', '.join(RAMPS)}; got {ramp_shape!r}.")
    last_key, last = "", 0
    for key, value in steps.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ScheduleError(f"`{name}({key}=...)` must be a whole number of steps; got {value!r}.")
        if value > 2**53:
            raise ScheduleError(f"`{name}({key}=...)` must be at most 2**53, beyond which steps are not told apart.")
        if value < last:
            rule = f"at least {last_key}={last}" if last_key else "at least 0"
            raise ScheduleError(f"`{name}({key}=...)` must be {rule}; got {value}.")
        last_key, last = key, int(value)
    for key, value in rates.items():
        if isinstance(value, jax.Array):
            continue  # traced or on a device: a host check would block or fail
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= float(value) < math.inf:
            raise ScheduleError(f"`{name}({key}=...)` must be a finite rate of at least 0; got {value!r}.")


_DEFAULTS: dict[str, Any] = {"total": None, "warmup": 0, "start": 0.0, "ramp": "linear"}


def stated(**args: Any) -> dict[str, Any]:
    """Arguments without those that keep their default, so that a spec stays short."""
    return {
        k: v for k, v in args.items() if not (k in _DEFAULTS and not isinstance(v, jax.Array) and v == _DEFAULTS[k])
    }


def _spell(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray) and not isinstance(value, Tracer):
        value = np.asarray(value).tolist()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_spell(v) for v in value) + "]"
    if isinstance(value, float | np.floating):
        return repr(float(value))
    return str(value)
