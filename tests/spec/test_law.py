"""What the decorator compares at import, variants, constants, and the ways a law travels."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

import jaxlaws
from jaxlaws import exponent, fixed, law, positive, quantity, real
from jaxlaws.errors import LawError
from jaxlaws.spec import Law, Param, reference

A_LAW = dict(
    inputs={"N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={"A": positive(start=(1.0, 10.0)), "alpha": exponent(start=(0.1, 1.0))},
    source="these tests",
)


def plain(N, *, A, alpha):
    """A to the power."""
    return A * N**-alpha


# Found by pickle under its own name, and with everything that a law may have.
@law(
    **A_LAW,
    linear=("A",),
    variants={"units": ("raw", "millions"), "clip": ("no", "yes")},
    constants={
        "here": ("nowhere in particular", {"A": 2.0, "alpha": 0.5}),
        "there": ("in millions", {"A": 3.0, "alpha": 0.25, "variant:units": "millions"}),
    },
    aliases=("other_name",),
)
def of_this_module(N, *, A, alpha):
    """A to the power."""
    return A * N**-alpha


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"inputs": {"D": quantity.TOKENS}},
            ["law `plain`: positional arguments ['N'] and inputs ['D'] must be the same."],
        ),
        ({"inputs": {}}, ["positional arguments ['N'] and inputs []"]),
        ({"inputs": {"N": quantity.PARAMETERS, "D": quantity.TOKENS}}, ["inputs ['N', 'D']"]),
        (
            {"params": {"A": positive(start=(1, 2))}},
            ["keyword-only arguments ['A', 'alpha'] and params ['A'] must be the same."],
        ),
        (
            {"params": {"alpha": exponent(start=(0.1, 1.0)), "A": positive(start=(1, 2))}},
            [
                "keyword-only arguments ['A', 'alpha'] and params ['alpha', 'A']"
            ],  # their order too: it is that of vectors
        ),
        ({"linear": ("B",)}, ["linear=('B',) names parameters that it has not"]),
        ({"constants": {"x": ("about", {"A": 1.0})}}, ["constants `x` must give ['A', 'alpha']; got ['A']"]),
        (
            {"constants": {"x": ("about", {"A": 1.0, "alpha": 1.0, "E": 1.0})}},
            ["constants `x`", "got ['A', 'E', 'alpha']"],
        ),
    ],
)
def test_decorator_says_what_does_not_match_the_signature(changes, words):
    with pytest.raises(LawError) as caught:
        law(**A_LAW | changes)(plain)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def test_decorator_wants_the_curve_to_be_a_curve():
    def curved(curve, *, A):
        return A * curve.area

    with pytest.raises(LawError, match=r"input `curve` must be `quantity\.CURVE`"):
        law(inputs={"curve": quantity.STEP}, output=quantity.LOSS, params={"A": positive(start=(1, 2))}, source="x")(
            curved
        )


def test_constants_may_leave_out_what_is_fixed_or_a_reference():
    def held(N, *, A, lam, ref):
        return A * N * lam * ref

    params = {
        "A": positive(start=(1, 2)),
        "lam": fixed(0.9, real(start=(0.5, 1), box=(0, 1))),
        "ref": reference("peak_lr"),
    }
    made = law(**A_LAW | {"params": params, "constants": {"x": ("about", {"A": 1.0})}})(held)
    assert dict(made.constants["x"].params) == {"A": 1.0}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: positive(start=(2.0, 1.0)), "low <= start <= high"),
        (lambda: positive(start=(1.0, 2.0), box=(1.5, 3.0)), "low <= start <= high"),
        (lambda: positive(start=(0.0, 1.0)), "a box above 0"),
        (lambda: positive(start=(1.0, float("inf"))), "finite box"),
        (lambda: real(start=(float("nan"), 1.0), box=(-1.0, 1.0)), "finite box"),
        (lambda: exponent(start=(0.1, 1.0), box=(-1.0, 1.0)), "a box above 0"),
    ],
)
def test_parameter_refuses_boxes_that_make_no_sense(make, words):
    with pytest.raises(LawError, match=words):
        make()


def test_kinds_of_parameters_move_and_start_on_their_scales():
    kinds = {
        "positive": (positive(start=(1.0, 10.0)), "log", "log"),
        "exponent": (exponent(start=(0.1, 1.0)), "log", "linear"),
        "real": (real(start=(-1.0, 1.0), box=(-2.0, 2.0)), "linear", "linear"),
    }
    for param, scale, spread in kinds.values():
        assert (param.scale, param.spread, param.fixed, param.reference) == (scale, spread, None, None)
    assert positive(start=(1.0, 10.0)).low == 1e-6 and positive(start=(1.0, 10.0)).high == 1e7
    held = fixed(0.5, kinds["real"][0])
    assert held.fixed == 0.5 and dataclasses.replace(held, fixed=None) == kinds["real"][0]


def test_no_field_of_a_record_of_spec_is_without_annotation():
    # An un-annotated dataclass field is silently no field.
    for record in (Law, Param, jaxlaws.spec.Constants, jaxlaws.spec.Quantity):
        public = {
            n
            for n, v in vars(record).items()
            if not n.startswith("_") and not callable(v) and not isinstance(v, property)
        }
        assert public <= set(record.__dataclass_fields__), record


def test_variant_is_one_object_and_the_default_is_the_law_itself():
    millions = of_this_module.variant(units="millions")
    assert millions is of_this_module.variant(units="millions")
    assert millions is of_this_module.variant(clip="no", units="millions")
    assert millions is not of_this_module
    assert of_this_module.variant(units="raw") is of_this_module.variant() is of_this_module
    assert millions.variant(units="raw") is of_this_module
    both = millions.variant(clip="yes")
    assert dict(both.options) == {"units": "millions", "clip": "yes"}
    assert both is of_this_module.variant(clip="yes", units="millions")
    assert both.label == "of_this_module:units=millions:clip=yes"
    assert of_this_module.label == "of_this_module"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "raw"}, "unknown variant `unit`; nearest: `units`"),
        ({"units": "million"}, "unknown value of units `million`; nearest: `millions`"),
    ],
)
def test_variant_that_is_unknown_names_the_nearest(options, words):
    with pytest.raises(LawError, match=words):
        of_this_module.variant(**options)


def test_constants_evaluate_the_variant_they_belong_to():
    assert of_this_module.constants["here"].law is of_this_module
    assert of_this_module.constants["there"].law is of_this_module.variant(units="millions")
    assert of_this_module.constants["here"](N=4.0) == 1.0


def test_law_is_a_pure_function_of_what_it_is_given():
    assert of_this_module(N=4.0, A=2.0, alpha=0.5) == of_this_module(4.0, A=2.0, alpha=0.5) == 1.0
    assert of_this_module.doc == "A to the power."
    assert repr(of_this_module) == "<law of_this_module(N; A, alpha)>"
    assert hash(of_this_module) != hash(of_this_module.variant(units="millions"))  # static under jit by identity


def test_law_defined_inside_a_function_says_that_it_cannot_travel():
    inside = law(**A_LAW)(plain)
    with pytest.raises(
        LawError, match="no law is found at .*:plain; keep the decorated function there under its own name"
    ):
        pickle.loads(pickle.dumps(inside))  # `plain` itself stays a bare function here

    def local(N, *, A, alpha):
        return A * N**-alpha

    with pytest.raises(LawError, match="`local` is defined inside a function, so no other process can find it"):
        pickle.dumps(law(**A_LAW)(local))


def test_law_of_any_module_pickles_to_itself():
    for one in (of_this_module, of_this_module.variant(clip="yes")):
        assert pickle.loads(pickle.dumps(one)) is one
