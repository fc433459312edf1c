"""How fast this machine computes exp, log and pow in JAX, all cores together: the floor under every fit.

A law is a handful of elementary functions an observation; a search cannot be faster than these at every trip. Other
benchmarks count the functions that one evaluation of their law needs (`elementary`), multiply by the evaluations that the
default number of trips makes, and print this floor's share of the time they took. Above 100 %: fewer evaluations were made.
A floor wants the best a machine can do, so rates here are the fastest of the repeats, not their median.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from benchmarks._apart import timed
from benchmarks._harness import Report, Row, apart

FUNCTIONS = ("exp", "log", "pow", "multiply-add")
_COUNTED = {
    "exp": "exp",
    "exp2": "exp",
    "expm1": "exp",
    "log": "log",
    "log1p": "log",
    "pow": "pow",
    "logistic": "exp",
    "tanh": "exp",
}


def report(*, quick: bool) -> Report:
    rows = []
    for dtype in ("float32", "float64"):
        for name, got in throughput(quick)[dtype].items():
            rows.append(
                Row(f"{dtype} {name}", count=got["count"], claimed=10**9, warm=got["seconds"], repeats=got["repeats"])
            )
    rates = {r.what: r.count / r.warm / 1e9 for r in rows if r.warm}
    notes = ["G/s: " + ", ".join(f"{what} {rate:.2f}" for what, rate in rates.items())]
    return Report(
        "floor", "a billion elementary functions on this machine", rows, notes=notes, more={"G/s": rates}, compare=False
    )


@cache
def throughput(quick: bool) -> dict[str, dict[str, Any]]:
    """Best measured rate of each function, by dtype."""
    return {dtype: apart("floor:measured", dtype=dtype, quick=quick) for dtype in ("float32", "float64")}


def seconds(counts: Mapping[str, Mapping[str, float]] | None, *, quick: bool) -> float | None:
    """What so many elementary functions of each dtype take at its measured rates."""
    if counts is None:
        return None
    total = 0.0
    for dtype, many in counts.items():
        rates = throughput(quick)[dtype]
        total += sum(n * rates[name]["seconds"] / rates[name]["count"] for name, n in many.items())
    return total


def of_curves(starts: float) -> dict[str, float]:
    """Evaluations of a curve law that `fit` allows so many starts, by dtype."""
    from jaxlaws import levenberg_marquardt

    usual = levenberg_marquardt()
    return {"float32": (usual.projected * 3 // 2 + 1) * starts, "float64": (usual.trips // 5 + 1) * starts}


def counts(one: Mapping[str, float], evaluations: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Functions by dtype, where one evaluation of the law needs `one` and so many are made in each."""
    return {dtype: {name: n * many for name, n in one.items()} for dtype, many in evaluations.items()}


def measured(dtype: str, quick: bool) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    on_cpu = jax.default_backend() == "cpu"
    sizes = (2**14, 2**17, 2**20) if on_cpu else (2**20, 2**24, 2**27)  # in a core's cache, in all cores', in memory
    with jax.enable_x64(True):
        # Arguments stay near fixed points between .2 and 2: neither huge nor denormal, where libraries take other paths.
        step = {
            "exp": lambda x: jnp.exp(-x),
            "log": lambda x: jnp.log(x + 1.7),
            "pow": lambda x: (x + 0.5) ** (x * 0.3),
            "multiply-add": lambda x: x * 0.7 + 0.3,
        }
        out = {}
        for name in FUNCTIONS:
            tried = []
            for size in sizes[1:2] if quick else sizes:
                x = jnp.linspace(0.3, 1.9, size, dtype=dtype)
                passes = max(1, (2**20 if quick else 2**22) // size)
                # One application a pass: XLA compiles a chain of them in one pass several times slower.
                loop = jax.jit(lambda x, f=step[name], n=passes: jax.lax.fori_loop(0, n, lambda _, x: f(x), x))
                _, got = timed(lambda loop=loop, x=x: loop(x), repeats=3 if quick else 9, budget=3.0)
                tried.append({"count": size * passes, "seconds": min(got["warm"]), "repeats": len(got["warm"])})
            out[name] = max(tried, key=lambda one: one["count"] / one["seconds"])
    return out


def elementary(fn: Callable[..., Any], *args: Any) -> dict[str, int]:
    """Elementary functions that `fn(*args)` evaluates and that depend on its arguments: what has to be done every trip."""
    import jax

    closed = jax.make_jaxpr(fn)(*args)
    return dict(_count(closed.jaxpr, [True] * len(closed.jaxpr.invars)))


def _count(jaxpr: Any, live: list[bool]) -> Counter[str]:
    """Counts of what depends on live inputs. What does not is computed once, outside the loop."""
    alive = {v for v, on in zip(jaxpr.invars, live, strict=True) if on}
    total: Counter[str] = Counter()
    for eqn in jaxpr.eqns:
        on = [type(v).__name__ != "Literal" and v in alive for v in eqn.invars]
        if not any(on):
            continue
        inner, begin = _inner(eqn)
        if inner is not None:
            times = eqn.params["length"] if eqn.primitive.name == "scan" else 1
            total.update({k: n * times for k, n in _count(inner, on[begin:]).items()})
        elif (name := _COUNTED.get(eqn.primitive.name)) is not None:
            total[name] += eqn.outvars[0].aval.size
        alive |= set(eqn.outvars)
    return total


def _inner(eqn: Any) -> tuple[Any, int]:
    """The jaxpr inside an equation, if any, and at which operand its own inputs begin."""
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in eqn.params:
            inner = eqn.params[key]
            inner = getattr(inner, "jaxpr", inner)
            return inner, len(eqn.invars) - len(inner.invars)
    return None, 0
