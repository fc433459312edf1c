"""Derived quantities: their closed forms against the law itself, by its gradient.

A function in `derived` says what it is (`least`, `most` or `equals` of `jaxlaws.spec`) and is checked here at every published set. One
that says nothing must be held by hand: a test that names both the law and the entry.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws import Law
from jaxlaws.spec import Claim, claim_of, quantity

from .cases import LAWS, QUICK, truth_of, unit_cube

MARKED = [(law, name) for law in LAWS for name, fn in law.derived.items() if claim_of(fn) is not None]
PLAIN = [(law, name) for law in LAWS for name, fn in law.derived.items() if claim_of(fn) is None]


def _each(pairs: list[tuple[Law, str]]) -> Any:
    return pytest.mark.parametrize(("law", "name"), pairs, ids=[f"{law.name}-{name}" for law, name in pairs])


def _sets_of(law: Law) -> list[tuple[Law, dict[str, float]]]:
    """Published sets, of the form's names where there is one; the middle of the start box where nothing is published."""
    held = {k: p.fixed for k, p in law.params.items() if p.fixed is not None}
    sets = [(c.law, held | dict(c.params)) for c in law.constants.values()] or [(law, truth_of(law))]
    if law.form is None:
        return sets
    return [(law.form, dict(zip(law.form.params, (p[k] for k in law.params), strict=True))) for _, p in sets]


def _called(fn: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """`fn` at those of the values that it names; a name that stands for several gets a tuple of them."""

    def value(name: str) -> Any:
        if name in values:
            return values[name]
        return tuple(values[k] for k in values if re.fullmatch(rf"{name}\d+", k))

    return fn(**{name: value(name) for name in inspect.signature(fn).parameters})


def _drawn(law: Law, claim: Claim, names: list[str], seed: int) -> dict[str, float]:
    out = {}
    for name, u in zip(names, unit_cube(len(names))[seed], strict=True):
        met = law.inputs.get(name, quantity.ANY)
        low, high = claim.ranges.get(name, law.ranges.get(name, met.typical))
        out[name] = low * (high / low) ** u if low > 0 else low + (high - low) * u
    return out


def _arguments(
    law: Law, claim: Claim, fn: Callable[..., Any], params: Mapping[str, float], seed: int
) -> dict[str, Any]:
    """Arguments of a derived quantity that can be had: budgets of inputs drawn from where they are met, outputs there."""
    asked = [n for n in inspect.signature(fn, follow_wrapped=False).parameters if n not in params]
    if asked in (["args", "kwargs"], ["kwargs"]):
        asked = [n for n in inspect.signature(fn).parameters if n not in params]
    tied = [n for cost in claim.given.values() for n in inspect.signature(cost).parameters]
    spread = [n for name in tied for n in law.inputs if n == name or re.fullmatch(rf"{name}\d+", n)]
    point = _drawn(law, claim, list(dict.fromkeys([*law.inputs, *tied, *spread])), seed)
    out = {}
    for name in asked:
        if name in claim.ranges:
            out |= _drawn(law, claim, [name], seed)
        elif name in claim.given:
            out[name] = float(_called(claim.given[name], point))
        elif name == claim.output:
            out[name] = float(_objective(law, claim, params)(point))
        else:
            out |= {n: v for n, v in point.items() if n == name or re.fullmatch(rf"{name}\d+", n)}
    return out


def _objective(law: Law, claim: Claim, params: Mapping[str, float]) -> Callable[[Mapping[str, Any]], Any]:
    if claim.of is not None:
        return lambda values: claim.of(law, dict(values), params)
    return lambda values: law(**{n: values[n] for n in law.inputs}, **params)


@_each(MARKED)
def test_closed_form_is_what_it_claims_to_be(law, name):
    with jax.enable_x64(True):
        for base, params in _sets_of(law):
            fn = base.derived[name]
            claim = claim_of(fn)
            for seed in range(3):
                given = _arguments(base, claim, fn, params, seed)
                chosen = {k: float(v) for k, v in fn(**given, **params).items()}
                if claim.kind == "equals":
                    value = float(_objective(base, claim, params)(given | chosen))
                    np.testing.assert_allclose(value, given[claim.output], rtol=1e-9)
                else:
                    _stationary(base, claim, params, given, chosen)


def _stationary(
    law: Law, claim: Claim, params: Mapping[str, float], given: Mapping[str, float], chosen: Mapping[str, float]
) -> None:
    """The choice keeps what is given, no step along that surface is downhill to first order, and all are uphill to second.

    In logarithms of what is chosen, where laws are smooth: minimised is the law less multiples of the logarithms of what is held.
    """
    names = list(chosen)
    sign = 1.0 if claim.kind == "least" else -1.0

    def value(x: Any) -> Any:
        return sign * _objective(law, claim, params)(dict(given) | dict(zip(names, jnp.exp(x), strict=True)))

    def held(x: Any) -> Any:
        values = dict(given) | dict(zip(names, jnp.exp(x), strict=True))
        return jnp.stack([jnp.log(_called(cost, values)) for cost in claim.given.values()] or [jnp.zeros(())])

    @functools.partial(jax.jit, compiler_options=QUICK)
    def look(x: Any) -> tuple[Any, ...]:
        slope, rows = jax.grad(value)(x), jax.jacfwd(held)(x)
        multiples = jnp.linalg.lstsq(rows.T, slope)[0]
        bend = jax.hessian(lambda x: value(x) - held(x) @ multiples)(x)
        return held(x), slope - rows.T @ multiples, rows, bend

    now, slope, rows, bend = jax.device_get(look(jnp.log(jnp.asarray(list(chosen.values())))))
    wanted = [given[k] if k in given else float(k) for k in claim.given]
    np.testing.assert_allclose(np.exp(now[: len(wanted)]), wanted, rtol=1e-9)
    # Directions that keep what is held: the null space of its derivative.
    _, size, directions = np.linalg.svd(rows)
    free = directions[int((size > 1e-12 * size.max(initial=0.0)).sum()) if claim.given else 0 :]
    assert len(free), "what is given leaves nothing to choose"
    bend = free @ bend @ free.T
    assert np.linalg.eigvalsh(bend).min() > 0.0, f"no {claim.kind} value there"
    # Newton's step from there, in logarithms. Slopes of 1e-16 against curvatures down to 1e-9 leave 1e-7.
    assert np.abs(np.linalg.solve(bend, free @ slope)).max() < 1e-6


_TESTS = Path(__file__).parents[1]


@_each(PLAIN)
def test_derived_quantity_that_claims_nothing_is_held_by_hand(law, name):
    texts = [path.read_text(encoding="utf-8") for path in _TESTS.rglob("test_*.py")]
    assert any(f'derived["{name}"]' in text and law.name in text for text in texts), (
        f"say what `{name}` of {law.name} minimises (`least`, `most`, `equals` of jaxlaws.spec), or test "
        f'{law.name}.derived["{name}"] by hand'
    )
