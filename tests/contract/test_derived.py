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
from jaxlaws.solvers import lowest
from jaxlaws.spec import Claim, claim_of, each, equals, law, least, most, positive, quantity

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
    check(law, name)


def check(law: Law, name: str) -> None:
    """Raises `AssertionError` where a closed form is not what it claims to be, at any published set."""
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
                    _stationary(base, name, params, given, chosen)


def _stationary(
    law: Law, name: str, params: Mapping[str, float], given: Mapping[str, float], chosen: Mapping[str, float]
) -> None:
    """The choice keeps what is given, no step along that surface is downhill to first order, and all are uphill to second.

    In logarithms of what is chosen, where laws are smooth: minimised is the law less multiples of the logarithms of what is held.
    """
    claim = claim_of(law.derived[name])
    assert claim is not None
    x = jnp.log(jnp.asarray(list(chosen.values())))
    slope, bend, held, rows, bends = jax.device_get(_slopes(law, name, tuple(chosen))(x, dict(given), dict(params)))
    wanted = [given[k] if k in given else float(k) for k in claim.given]
    np.testing.assert_allclose(np.exp(held), wanted, rtol=1e-9)
    multiples = np.linalg.lstsq(rows.T, slope)[0]
    slope, bend = slope - multiples @ rows, bend - np.einsum("h,hij->ij", multiples, bends)
    # Directions that keep what is held: the null space of its derivative.
    free = np.linalg.svd(rows)[2][len(rows) :]
    assert len(free), "what is given leaves nothing to choose"
    bend = free @ bend @ free.T
    assert np.linalg.eigvalsh(bend).min() > 0.0, f"no {claim.kind} value there"
    # Newton's step from there, in logarithms. Slopes of 1e-16 against curvatures down to 1e-9 leave 1e-7.
    assert np.abs(np.linalg.solve(bend, free @ slope)).max() < 1e-6


@_each([pair for pair in MARKED if claim_of(pair[0].derived[pair[1]]).kind != "equals"])
def test_closed_form_is_where_the_search_of_planners_ends(law, name):
    with jax.enable_x64(True):
        for base, params in _sets_of(law):
            fn = base.derived[name]
            given = _arguments(base, claim_of(fn), fn, params, 1)
            chosen = {k: float(v) for k, v in fn(**given, **params).items()}
            found = _search(base, name, tuple(chosen))(chosen, given, dict(params))
            for k, value in chosen.items():
                np.testing.assert_allclose(float(found[k]), value, rtol=1e-6, err_msg=f"{k} at {params}")


@functools.cache
def _search(law: Law, name: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """What the planners' solver finds in a wide box that is not centred on the closed form, in logarithms. Of several choices
    the last is what is left of what is given."""
    claim = claim_of(law.derived[name])
    assert claim is not None and len(claim.given) <= 1
    sign = 1.0 if claim.kind == "least" else -1.0
    free = names[: len(names) - len(claim.given)]

    def whole(u: Any, numbers: Any) -> dict[str, Any]:
        chosen, given, _ = numbers
        values = given | {n: chosen[n] * jnp.exp(-2.0 + 5.0 * u[i]) for i, n in enumerate(free)}
        for held, cost in claim.given.items():
            one = jnp.ones(())
            at_one, slope = jax.jvp(lambda v: jnp.asarray(_called(cost, values | {names[-1]: v})), (one,), (one,))  # noqa: B023
            wanted = given[held] if held in given else float(held)
            values = values | {names[-1]: (wanted - (at_one - slope)) / slope}
        return values

    def value(u: Any, numbers: Any) -> Any:
        values = whole(u, numbers)
        sound = jnp.all(jnp.stack([values[n] > 0.0 for n in names]))
        values = values | {n: jnp.where(sound, values[n], 1.0) for n in names}
        return jnp.where(sound, sign * _objective(law, claim, numbers[2])(values), jnp.inf)

    def search(*numbers: Any) -> dict[str, Any]:
        numbers = jax.tree.map(jnp.float64, numbers)
        return whole(lowest(value, len(free), numbers, jnp.float64).x, numbers)

    return jax.jit(search, compiler_options=QUICK)


@functools.cache
def _slopes(law: Law, name: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """Slope and curvature of what is minimised, and value, slopes and curvatures of what is held, all in logarithms."""
    claim = claim_of(law.derived[name])
    assert claim is not None
    sign = 1.0 if claim.kind == "least" else -1.0

    def value(x: Any, given: Any, params: Any) -> Any:
        return sign * _objective(law, claim, params)(given | dict(zip(names, jnp.exp(x), strict=True)))

    def held(x: Any, given: Any) -> Any:
        values = given | dict(zip(names, jnp.exp(x), strict=True))
        logs = [jnp.log(_called(cost, values)) for cost in claim.given.values()]
        return jnp.stack(logs) if logs else jnp.zeros(0)

    def look(x: Any, given: Any, params: Any) -> tuple[Any, ...]:
        of = (x, given)
        return (
            jax.grad(value)(x, given, params),
            jax.hessian(value)(x, given, params),
            held(*of),
            jax.jacfwd(held)(*of),
            jax.jacfwd(jax.jacfwd(held))(*of),
        )

    return jax.jit(look, compiler_options=QUICK)


_TESTS = Path(__file__).parents[1]


@_each(PLAIN)
def test_derived_quantity_that_claims_nothing_is_held_by_hand(law, name):
    texts = [path.read_text(encoding="utf-8") for path in _TESTS.rglob("test_*.py")]
    assert any(f'derived["{name}"]' in text and law.name in text for text in texts), (
        f"say what `{name}` of {law.name} minimises (`least`, `most`, `equals` of jaxlaws.spec), or test "
        f'{law.name}.derived["{name}"] by hand'
    )


# --- the check itself ----------------------------------------------------------------------------------------------------------


def _allocation(share):
    """N and D of a budget when both terms fall with exponent 1: N takes `share` of log C beside the right factor."""

    @least({"C": lambda N, D: 6.0 * N * D})
    def allocation(C, *, E, A, B):
        N = (A / B) ** 0.5 * (C / 6.0) ** share
        return {"N": N, "D": C / 6.0 / N}

    return allocation


@equals("loss")
def tokens(loss, N, *, E, A, B):
    return {"D": B / (loss - E - A / N)}


@equals("loss")
def wrong_tokens(loss, N, *, E, A, B):
    return {"D": B / (loss - E)}


@most({"C": lambda N, D: 6.0 * N * D})
def worst(C, *, E, A, B):
    N = (A / B) ** 0.5 * (C / 6.0) ** 0.5
    return {"N": N, "D": C / 6.0 / N}


@least({"C": lambda N, D: 6.0 * N * D})
def overspent(C, *, E, A, B):
    return {k: 1.1 * v for k, v in _allocation(0.5)(C, E=E, A=A, B=B).items()}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={n: positive(start=(1e9, 1e11)) for n in ("E", "A", "B")},
    source="these tests",
    derived={
        "right": _allocation(0.5),
        "tokens": tokens,
        "wrong_share": _allocation(0.49),
        "wrong_tokens": wrong_tokens,
        "worst": worst,
        "overspent": overspent,
    },
    constants={"near": ("tests", {"E": 1.0, "A": 1e10, "B": 1e11}), "far": ("tests", {"E": 0.1, "A": 1e9, "B": 1e9})},
)
def reciprocal(N, D, *, E, A, B):
    return E + A / N + B / D


@least(
    {"1": lambda r: sum(r)},
    of=lambda law, values, params: sum(law(values["r1"], values["r2"], target=t, **params) for t in (1.0, 2.0)),
)
def shares(*, k):
    """The best shares of two targets that weigh the same."""
    roots = tuple(jnp.sqrt(one) for one in k)
    return {"r": tuple(one / sum(roots) for one in roots)}


@law(
    inputs={"r": each(quantity.SHARE, "domains"), "target": quantity.TARGET},
    output=quantity.LOSS,
    params={"k": each(positive(start=(0.5, 2.0)), "domains")},
    source="these tests",
    sizes={"domains": 2},
    derived={"shares": shares},
    constants={"one": ("tests", {"k": (1.0, 3.0)})},
)
def mixture(r, target, *, k):
    return jnp.where(target == 1.0, k[0] / r[0], k[1] / r[1])


@pytest.mark.parametrize(("law", "name"), [(reciprocal, "right"), (reciprocal, "tokens"), (mixture, "shares")], ids=str)
def test_right_closed_forms_pass(law, name):
    check(law, name)


@pytest.mark.parametrize("name", ["wrong_share", "wrong_tokens", "worst", "overspent"])
def test_wrong_closed_forms_are_seen(name):
    with pytest.raises(AssertionError):
        check(reciprocal, name)
