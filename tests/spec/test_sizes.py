"""Laws whose inputs or parameters come once for each domain: what the function gets, and what is seen from outside."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlaws.errors import LawError
from jaxlaws.spec import catalogue, each, exponent, law, positive, quantity, real
from jaxlaws.spec.sizes import gather, scatter, spread


def best(lr, *, E, t, w):
    """Shares in the proportion of `t`."""
    del lr, E, w
    return {"r": tuple(one / sum(t) for one in t)}


@law(
    inputs={"N": quantity.PARAMETERS, "r": each(quantity.SHARE, "domains")},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0)),
        "t": each(real(start=(-1.0, 1.0), box=(-9.0, 9.0)), "domains"),
        "w": each(positive(start=(0.5, 2.0)), "domains", "domains"),
    },
    linear=("E", "w"),
    source="these tests",
    sizes={"domains": 2},
    variants={"kind": ("plain", "odd")},
    redundant=(("E", "t"),),
    ranges={"r": (0.1, 0.9)},
    derived={"best": best},
    constants={
        "two": ("a pair", {"E": 1.0, "t": (0.5, -0.5), "w": ((1.0, 2.0), (3.0, 4.0))}),
        "three": ("a triple", {"E": 2.0, "t": (0.0,) * 3, "w": ((1.0,) * 3,) * 3, "variant:domains": "3"}),
    },
)
def mixed(N, r, *, E, t, w):
    """Loss of `N` with shares `r`, by `E`, `t` and `w`."""
    return E + sum(w[i][j] * r[i] * jnp.exp(t[j]) for i in range(len(r)) for j in range(len(r))) + 0.0 * N


VALUES = {"E": 1.0, "t1": 0.5, "t2": -0.5, "w1_1": 1.0, "w1_2": 2.0, "w2_1": 3.0, "w2_2": 4.0}


def by_hand(r, e, t, w):
    return e + np.asarray(r) @ np.asarray(w) @ np.exp(t)


def test_from_outside_a_sized_law_has_scalars():
    assert list(mixed.inputs) == ["N", "r1", "r2"]
    assert list(mixed.params) == ["E", "t1", "t2", "w1_1", "w1_2", "w2_1", "w2_2"]
    assert mixed.linear == ("E", "w1_1", "w1_2", "w2_1", "w2_2")
    assert mixed.redundant == (("E", "t1", "t2"),)
    assert dict(mixed.ranges) == {"r1": (0.1, 0.9), "r2": (0.1, 0.9)}
    assert mixed.inputs["r2"] is quantity.SHARE and mixed.params["t2"].low == -9.0
    assert dict(mixed.options) == {"kind": "plain", "domains": "2"} and dict(mixed.sizes) == {"domains": 2}


def test_the_function_gets_tuples():
    expected = by_hand([0.25, 0.75], 1.0, [0.5, -0.5], [[1.0, 2.0], [3.0, 4.0]])
    assert float(mixed(1.0, 0.25, 0.75, **VALUES)) == pytest.approx(expected, rel=1e-6)
    assert float(mixed(N=1.0, r1=0.25, r2=0.75, **VALUES)) == pytest.approx(expected, rel=1e-6)


def test_constants_belong_to_their_size():
    assert dict(mixed.constants["two"].params) == VALUES
    three = mixed.constants["three"]
    assert three.law is mixed.variant(domains="3") and len(three.params) == 1 + 3 + 9
    expected = by_hand([0.2, 0.3, 0.5], 2.0, [0.0] * 3, np.ones((3, 3)))
    assert float(three(N=1.0, r1=0.2, r2=0.3, r3=0.5)) == pytest.approx(expected, rel=1e-6)
    assert mixed.variant(domains="3").constants["two"].law is mixed


def test_another_size_is_one_law_and_the_usual_one_the_law_itself():
    three = mixed.variant(domains="3")
    assert three is mixed.variant(domains="3") is mixed.variant(domains="5").variant(domains="3") is not mixed
    assert mixed.variant(domains="2") is three.variant(domains="2") is mixed
    assert three.label == "mixed:domains=3" and list(three.inputs) == ["N", "r1", "r2", "r3"]
    assert mixed.variant(domains="03") is three
    both = three.variant(kind="odd")
    assert both is mixed.variant(kind="odd", domains="3") and both.label == "mixed:kind=odd:domains=3"
    assert len(both.params) == 1 + 3 + 9


def test_every_size_pickles_to_itself():
    for one in (mixed, mixed.variant(domains="3"), mixed.variant(domains="4", kind="odd")):
        assert pickle.loads(pickle.dumps(one)) is one


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "2.5", "65", "", "²", "1e1", 2.5, None])
def test_wrong_size_is_one_sentence(wrong):
    with pytest.raises(LawError) as caught:
        mixed.variant(domains=wrong)
    assert str(caught.value) == f"law `mixed`: `domains` must be a whole number from 1 to 64; got `{wrong}`."


def test_unknown_size_names_the_nearest():
    with pytest.raises(LawError, match="unknown variant `domain`; nearest: `domains`"):
        mixed.variant(domain="3")
    with pytest.raises(LawError, match="unknown variant `domains`"):
        catalogue["chinchilla"].variant(domains="3")


def test_sized_law_of_a_function_shows_itself_and_its_constants():
    @law(
        inputs={"r": each(quantity.SHARE, "domains")},
        output=quantity.LOSS,
        params={"A": positive(start=(1, 2))},
        source="these tests",
        sizes={"domains": 2},
        constants={"here": ("tests", {"A": 1.5})},
    )
    def local(r, *, A):
        return A * r[0]

    assert repr(local) == "<law local(r1, r2; A)>" and local.constants["here"].law is local


def test_derived_quantities_take_and_give_scalars():
    assert mixed.derived["best"](0.1, **VALUES | {"t1": 1.0, "t2": 3.0}) == {"r1": 0.25, "r2": 0.75}


def test_sized_law_differentiates_and_batches_as_any():
    names, point = list(mixed.params), jnp.asarray(list(VALUES.values()))

    def value(vector, r1):
        return mixed(1.0, r1, 1.0 - r1, **dict(zip(names, vector, strict=True)))

    slopes = jax.vmap(jax.grad(value), in_axes=(None, 0))(point, jnp.asarray([0.25, 0.5]))
    assert slopes.shape == (2, 7)
    np.testing.assert_allclose(slopes[0, 3], 0.25 * np.exp(0.5), rtol=1e-6)


def test_box_may_depend_on_the_index():
    boxes = each(lambda i: positive(start=(10.0**i, 10.0 ** (i + 1))), "breaks")
    assert [p.start for p in spread({"d": boxes}, {"breaks": 3}).values()] == [(10, 100), (100, 1000), (1000, 1e4)]


def test_gather_and_scatter_are_opposites():
    things = {"a": each(1, "x"), "b": 2, "c": each(3, "x", "y")}
    values = {"a": (1, 2), "b": 3, "c": ((4, 5, 6), (7, 8, 9))}
    sizes = {"x": 2, "y": 3}
    assert list(scatter(values)) == list(spread(things, sizes))
    assert gather(things, sizes, scatter(values)) == values


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": {}}, "sizes [] and those that `each` uses, ['domains'], must be the same"),
        ({"sizes": {"domains": 2, "breaks": 1}}, "sizes ['breaks', 'domains'] and those that `each` uses"),
        ({"sizes": {"domains": 0}}, "`domains` must be a whole number from 1 to 64; got `0`"),
        ({"inputs": {"r1": quantity.LOSS, "r": each(quantity.SHARE, "domains")}}, "are called r1; rename one"),
        ({"constants": {"x": ("about", {"A": 1.0, "t": (1.0, 2.0, 3.0)})}}, "must give ['A', 't1', 't2']; got"),
        ({"redundant": (("A", "s"),)}, "names s, which it has not"),
        ({"ranges": {"q": (0.0, 1.0)}}, "names q, which it has not"),
        ({"evidence": "sure"}, "evidence: unknown grade `sure`"),
    ],
)
def test_decorator_says_what_does_not_fit(changes, words):
    plain = {
        "inputs": {"r": each(quantity.SHARE, "domains")},
        "output": quantity.LOSS,
        "params": {"A": positive(start=(1, 2)), "t": each(exponent(start=(0.1, 1.0)), "domains")},
        "source": "these tests",
        "sizes": {"domains": 2},
    }

    def fn(r, *, A, t):
        return A * r[0] * t[0]

    def fn2(r1, r, *, A, t):
        return A * r1 * r[0] * t[0]

    with pytest.raises(LawError) as caught:
        law(**plain | changes)(fn2 if "inputs" in changes else fn)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_each_needs_a_size():
    with pytest.raises(LawError, match="needs the name of a size"):
        each(quantity.SHARE)
