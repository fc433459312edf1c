"""Laws by name."""

from __future__ import annotations

import pytest

from jaxlaws.errors import LawError
from jaxlaws.spec import Catalogue, catalogue, exponent, find, formula, law, positive, quantity


def _law(name: str, *aliases: str):
    def fn(N, *, A, alpha):
        """A to the power."""
        return A * N**-alpha

    fn.__name__ = name
    params = {"A": positive(start=(1, 2)), "alpha": exponent(start=(0.1, 1.0))}
    return law(inputs={"N": quantity.PARAMETERS}, output=quantity.LOSS, params=params, source="tests", aliases=aliases)(
        fn
    )


def test_catalogue_finds_by_name_alias_and_option():
    assert catalogue["multi_power"] is catalogue["mpl"]
    assert catalogue["multi_power:warmup=excluded"] is catalogue["mpl"].variant(warmup="excluded")
    assert catalogue["multi_power:warmup=counted"] is catalogue["multi_power"]
    assert "mpl" in catalogue and "multi_power" in catalogue and "nothing" not in catalogue


def test_iterating_gives_names_without_aliases_in_order_of_registration():
    own = Catalogue()
    laws = [_law("zebra", "z"), _law("ant")]
    for one in laws:
        own.register(one)
    assert list(own) == ["zebra", "ant"] and len(own) == 2 and list(own.values()) == laws
    own.register(laws[0])  # again, itself: nothing happens
    assert len(own) == 2


@pytest.mark.parametrize(
    "other", [_law("zebra"), _law("z"), _law("ox", "zebra"), _law("ox", "z")], ids=lambda o: repr(o)
)
def test_name_or_alias_is_given_once(other):
    own = Catalogue()
    own.register(_law("zebra", "z"))
    with pytest.raises(LawError, match="the catalogue has a law `z(ebra)?` already"):
        own.register(other)
    assert list(own) == ["zebra"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chinchila", "unknown law `chinchila`; nearest: `chinchilla`"),
        ("multipower", "nearest: `multi_power`"),
        ("qqqqqq", "unknown law `qqqqqq`; known: "),
        ("", "unknown law"),
        ("multi_power:warmup=exclude", "unknown value of warmup `exclude`; nearest: `excluded`"),
        ("multi_power:warm=excluded", "unknown variant `warm`; nearest: `warmup`"),
        ("multi_power:warmup", "unknown value of warmup ``"),
        ("multi_power:", "unknown variant ``"),
        ("chinchilla:warmup=excluded", "unknown variant `warmup`"),
    ],
)
def test_unknown_name_or_option_names_the_nearest(name, words):
    with pytest.raises(LawError) as caught:
        catalogue[name]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_find_takes_a_law_a_name_or_a_formula():
    chinchilla = catalogue["chinchilla"]
    assert find(chinchilla) is find("chinchilla") is find("chinchilla_besiroglu") is chinchilla
    assert find("multi_power:warmup=excluded") is chinchilla.__class__.variant(catalogue["mpl"], warmup="excluded")
    assert find("E + A/N^alpha") is formula("E + A/N^alpha")


@pytest.mark.parametrize("wrong", [None, 3, ["chinchilla"]])
def test_find_says_what_a_law_may_be(wrong):
    with pytest.raises(LawError, match="a law is a `Law`, a name such as `chinchilla`, or a formula"):
        find(wrong)
