"""Generic forms under a paper's names, entries without a law, and how laws are known."""

from __future__ import annotations

import pickle

import pytest

from jaxlaws.errors import LawError
from jaxlaws.laws import chinchilla, power
from jaxlaws.spec import Catalogue, Law, exponent, fixed, law, pointer, positive, quantity, restated

of_compute = restated(
    power,
    "of_compute",
    inputs={"C": quantity.PF_DAYS},
    output=quantity.LOSS,
    rename={"A": "amplitude"},
    params={"amplitude": positive(start=(1.0, 5.0), unit="nats/token")},
    source="Nobody et al. (2026), Nothing, arXiv:2601.00001",
    papers=("2601.00002",),
    evidence="second-hand",
    constants={"here": ("re-read by others, arXiv:2601.00003", {"amplitude": 2.0, "alpha": 0.5})},
    aliases=("oc",),
    doc="Loss after `C` PF-days.",
)

own_names = restated(
    chinchilla,
    "own_names",
    inputs={"n": quantity.PARAMETERS, "d": quantity.TOKENS},
    rename={"alpha": "a", "beta": "b"},
    params={"E": fixed(1.0, positive(start=(0.5, 3.0)))},
    source="nowhere",
    derived=("compute_optimal",),
    constants={"here": ("tests", {"A": 400.0, "B": 400.0, "a": 0.3, "b": 0.3})},
)


def test_restated_law_is_its_form_under_other_names():
    assert of_compute(C=4.0, amplitude=2.0, alpha=0.5) == of_compute(4.0, amplitude=2.0, alpha=0.5) == 1.0
    assert of_compute.constants["here"](C=4.0) == 1.0
    assert of_compute.form is power and list(of_compute.params) == ["amplitude", "alpha"]
    assert of_compute.linear == ("amplitude",) and of_compute.limits == power.limits
    assert of_compute.params["amplitude"].start == (1.0, 5.0) and of_compute.params["alpha"] == power.params["alpha"]
    assert of_compute.inputs["C"] is quantity.PF_DAYS
    assert "has the form of `power`, with `C` (`x` there), `amplitude` (`A` there), `alpha`" in of_compute.doc
    assert of_compute.doc.startswith("Loss after `C` PF-days.\n\n")


def test_restated_law_takes_over_derived_quantities_under_its_names():
    values = {"A": 400.0, "B": 500.0, "E": 1.0}
    ours = own_names.derived["compute_optimal"](1e20, **values, a=0.3, b=0.4)
    theirs = chinchilla.derived["compute_optimal"](1e20, **values, alpha=0.3, beta=0.4)
    assert float(ours["n"]) == float(theirs["N"])
    assert own_names.doc.startswith("`chinchilla` under the names of a paper.")


def test_restated_law_pickles_to_itself():
    for one in (of_compute, own_names):
        assert pickle.loads(pickle.dumps(one)) is one and one.variant() is one


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rename": {"B": "b"}}, "`power` has no B to rename"),
        ({"params": {"B": exponent(start=(0.1, 1.0))}}, "`power` has no B to rename"),
        ({"derived": ("compute_optimal",)}, "`power` has no compute_optimal"),
        ({"inputs": {}}, "inputs [] must stand for ['x'] of `power`"),
        ({"rename": {"A": "C"}}, "no name may be given twice"),
        ({"rename": {"A": "alpha"}}, "no name may be given twice"),
        ({"constants": {"x": ("about", {"A": 1.0})}}, "constants `x` must give ['A', 'alpha']; got ['A']"),
        ({"evidence": "rumour"}, "evidence: unknown grade `rumour`"),
    ],
)
def test_restated_says_what_does_not_fit(changes, words):
    with pytest.raises(LawError) as caught:
        restated(power, "wrong", **{"inputs": {"C": quantity.FLOP}, "source": "nowhere"} | changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# --- how a law is known ---------------------------------------------------------------------------------------------------------


def test_papers_are_those_of_source_of_constants_and_further_ones_each_once():
    assert of_compute.papers == ("2601.00001", "2601.00002", "2601.00003")
    assert chinchilla.papers == ("2203.15556", "2404.10102")


def test_evidence_is_a_grade():
    def plain(N, *, A):
        """A."""
        return A * N

    what = {"inputs": {"N": quantity.PARAMETERS}, "output": quantity.LOSS, "params": {"A": positive(start=(1, 2))}}
    assert law(**what, source="x")(plain).evidence == "read"
    assert law(**what, source="x", evidence="unverified")(plain).evidence == "unverified"
    with pytest.raises(LawError, match="law `plain`: evidence: unknown grade `check`; nearest: `checked`"):
        law(**what, source="x", evidence="check")(plain)


# --- pointers -------------------------------------------------------------------------------------------------------------------


def a_pointer(name="no_law", *aliases):
    return pointer(
        name,
        source="Nobody (2026), Trees, arXiv:2601.00009",
        papers=("2601.00010",),
        see=("power", "chinchilla"),
        text="a regression by trees, no formula.",
        aliases=aliases,
    )


def test_pointer_is_found_but_is_no_law():
    own = Catalogue()
    own.register(power)
    own.register(a_pointer("no_law", "nl"))
    assert list(own) == ["power"] and "no_law" not in own and "nl" not in own
    assert own.pointers["nl"] is own.pointers["no_law"] and not isinstance(own.pointers["nl"], Law)
    assert own.pointers["nl"].papers == ("2601.00009", "2601.00010")
    for name in ("no_law", "nl"):
        with pytest.raises(LawError) as caught:
            own[name]
        assert str(caught.value) == (
            "`no_law` has no law of its own: a regression by trees, no formula. Use `power`, `chinchilla`."
        )
    with pytest.raises(LawError, match="unknown law `no_lew`; nearest: `no_law`"):
        own["no_lew"]


@pytest.mark.parametrize("other", [a_pointer("power"), a_pointer("ox", "power"), a_pointer("ox", "power_law")])
def test_pointer_takes_no_name_that_is_given(other):
    own = Catalogue()
    own.register(power)
    own.register(a_pointer())
    own.register(own.pointers["no_law"])  # again, itself: nothing happens
    with pytest.raises(LawError, match="the catalogue has a law `power(_law)?` already"):
        own.register(other)
    with pytest.raises(LawError, match="the catalogue has a law `no_law` already"):
        own.register(a_pointer())
