"""What the contract tests ask of every law: points of its start box, inputs to evaluate it at, and a truth to recover."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

import jaxlaws
from jaxlaws import Curve, Law, schedules
from jaxlaws.schedules.curve import pad, sizes
from jaxlaws.spec.quantity import SHARE

LAWS = list(jaxlaws.catalogue.values())
POINTS = 64
PEAK = 3e-4
STEPS = np.arange(10, 301, 10)
SCHEDULES = (
    schedules.cosine(PEAK, total=300, end=3e-5, warmup=30),
    schedules.wsd(PEAK, hold=200, total=300, end=3e-5, decay="exp", warmup=30),
)


def _quick() -> dict[str, Any]:
    """Compile flags: the programs of these tests run once, so that compiling them is all that they cost. The two of XLA's CPU
    backend halve it; a version that knows them not does without."""
    least = {"xla_backend_optimization_level": 0}
    less = least | {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
    try:
        jax.jit(lambda x: x, compiler_options=less)(0.0)
    except jax.errors.JaxRuntimeError:
        return least
    return less


QUICK = _quick()


def each_law(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test once for each law of the catalogue; the tests of one law in a row, so that they share what was compiled."""
    return pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name, scope="module")(test)


def two_laws(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for a point law and a curve law: for what is the engine's and the same for every law."""
    return pytest.mark.parametrize("law", [jaxlaws.catalogue[n] for n in ("chinchilla", "lr_annealing")], ids=str)(test)


@functools.cache
def unit_cube(dimensions: int) -> np.ndarray:
    """The Sobol points, `(points, dimensions)`, off the faces of the cube."""
    return qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(0)).random(POINTS)


def start_points(law: Law) -> np.ndarray:
    """Points of the start box, `(points, params)`, fixed parameters too, as a fit may free them; a reference is what it is."""
    unit = unit_cube(len(law.params))
    columns = []
    for u, param in zip(unit.T, law.params.values(), strict=True):
        low, high = param.start
        value = low * (high / low) ** u if param.spread == "log" else low + (high - low) * u
        columns.append(np.full(POINTS, PEAK) if param.reference == "peak_lr" else value)
    return np.stack(columns, axis=1)


def point_inputs(law: Law) -> dict[str, np.ndarray]:
    """Values of a point law's inputs, `(points,)` each, where the law or else the quantity says that they are met. Shares
    of one law add up to 1.
    """
    unit = unit_cube(2 * max(1, len(law.inputs)))
    out = {}
    for u, (name, quantity) in zip(unit.T[len(law.inputs) :], law.inputs.items(), strict=False):
        low, high = law.ranges.get(name, quantity.typical)
        # Over a decade or more on a log scale; whole numbers each as often.
        wide = low > 0 and high >= 10.0 * low
        out[name] = low * (high / low) ** u if wide else low + (high - low) * u
        if quantity.whole:
            out[name] = np.floor(low + (high + 1.0 - low) * u)
    shares = [name for name, quantity in law.inputs.items() if quantity is SHARE]
    if len(shares) > 1:
        total = sum(out[name] for name in shares)
        out |= {name: out[name] / total for name in shares}
    return out


@functools.cache
def curves(warmup: str) -> Curve:
    """The two curves, stacked with equal shapes, float64."""
    both = [Curve.of(s, at=STEPS, warmup=warmup) for s in SCHEDULES]  # type: ignore[arg-type]  # variants are checked by the law
    size = {k: max(sizes(c)[k] for c in both) for k in sizes(both[0])}
    return jax.tree.map(lambda *x: np.stack(x), *[pad(c, **size) for c in both])


def inputs_of(law: Law) -> dict[str, Any]:
    """Inputs as `solve` takes them: `(points,)` for a point law; curves `(2, ...)` and the rest `(2, steps)` for a curve law."""
    if not law.is_curve:
        return point_inputs(law)
    others = dataclasses.replace(law, inputs={k: v for k, v in law.inputs.items() if k != "curve"})
    shape = (len(SCHEDULES), len(STEPS))
    more = {k: np.resize(v, shape) for k, v in point_inputs(others).items()}
    return {"curve": curves(law.options.get("warmup", "counted"))} | more


def truth_of(law: Law) -> dict[str, float]:
    """Parameters to recover: halfway through the start box, so that no published set among the starts gives them away. A law
    that has one of a kind for each domain is no longer itself when they are equal, so there they lie about the middle.
    """
    out = {}
    for j, (name, param) in enumerate(law.params.items()):
        low, high = param.start
        at = 0.5 if not law.sizes else 0.35 + 0.3 * (0.618 * j % 1.0)
        middle = low * (high / low) ** at if param.spread == "log" else low + (high - low) * at
        out[name] = PEAK if param.reference == "peak_lr" else middle if param.fixed is None else param.fixed
    return out


def form_of(law: Law) -> Law:
    """The law whose formula this one has: what is compiled for it serves all that restate it."""
    return law if law.form is None else form_of(law.form)


def renamed(law: Law, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of a law under the names of its form."""
    return {there: inputs[here] for here, there in zip(law.inputs, form_of(law).inputs, strict=True)}


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def _rows(law: Law, vector: Any, inputs: Mapping[str, Any]) -> Any:
    params = {k: vector[j] for j, k in enumerate(law.params)}
    return jax.vmap(lambda i: law.fn(*(i[name] for name in law.inputs), **params))(inputs)


def rows(law: Law, params: Mapping[str, float]) -> np.ndarray:
    """A law at all its inputs, in float64: `(points,)`, or `(runs, steps)`. One program a form."""
    held = {k: p.fixed if p.fixed is not None else PEAK for k, p in law.params.items()}
    vector = np.array([(held | dict(params))[k] for k in law.params], dtype=np.float64)
    with jax.enable_x64(True):
        return np.asarray(_rows(form_of(law), vector, renamed(law, inputs_of(law))))


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """A law at `POINTS` pairs of parameters and inputs (a curve law: at all curves with each), in one precision.

    `value` is `(points,)` or `(points, runs, steps)`; `gradient` and `hessian` are those of the value, for curves of its sum over
    steps, with respect to the parameters; `slope` with respect to the inputs.
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    slope: dict[str, np.ndarray]


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def _derivatives(law: Law, vectors: Any, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    def one(vector: Any, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
        def value(v: Any, i: Mapping[str, Any]) -> Any:
            return law.fn(*(i[name] for name in law.inputs), **{k: v[j] for j, k in enumerate(law.params)})

        def total(v: Any, i: Mapping[str, Any]) -> Any:
            return jnp.sum(value(v, i))

        plain = {k: i for k, i in inputs.items() if k != "curve"}
        slope = jax.grad(lambda p: total(vector, {**inputs, **p}))(plain) if plain else {}
        hessian = jax.hessian(total)(vector, inputs)
        return value(vector, inputs), jax.grad(total)(vector, inputs), hessian, slope

    batch = jax.vmap(one) if not law.is_curve else jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))
    return batch(vectors, inputs)


@functools.cache
def evaluated(law: Law, dtype: str) -> Evaluated:
    """Value, gradient and Hessian of a law over the start box, by one compiled call."""
    with jax.enable_x64(dtype == "float64"):
        cast = functools.partial(
            jax.tree.map, lambda x: jnp.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None)
        )
        inputs = cast(renamed(law, inputs_of(law)))
        out = jax.device_get(_derivatives(form_of(law), cast(start_points(law)), inputs))
    assert all(x.dtype == dtype for x in jax.tree.leaves(out)), f"law {law.name} leaves {dtype}"
    return Evaluated(*out)
