"""Learning rates over steps: their values, their specs, and how they serve as optax schedules."""

from __future__ import annotations

import math
import pickle
import string

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules import (
    KINDS,
    Schedule,
    constant,
    cosine,
    eight_one_one,
    join,
    knots,
    linear,
    multistep,
    parse,
    power,
    warmup,
    wsd,
)

PEAK, END, WARM, HOLD, TOTAL = 3e-4, 3e-5, 100, 700, 1000
STEPS = np.arange(TOTAL + 50)

# One of each kind, and each cooldown and ramp.
EXAMPLES = [
    constant(PEAK),
    constant(PEAK, total=TOTAL, warmup=WARM, start=1e-5),
    linear(PEAK, total=TOTAL, end=END, warmup=WARM, ramp="cosine"),
    cosine(PEAK, total=TOTAL, end=END, warmup=WARM),
    cosine(PEAK, total=TOTAL, warmup=WARM, ramp="linspace"),
    *[wsd(PEAK, hold=HOLD, total=TOTAL, end=END, decay=d, warmup=WARM) for d in ("linear", "cosine", "exp")],
    *[wsd(PEAK, hold=HOLD, total=TOTAL, decay=d, warmup=WARM) for d in ("1-sqrt", "1-square", "sqrt-cube")],
    power(PEAK, hold=WARM, warmup=WARM, end=END),
    multistep(PEAK, at=(HOLD, 900), to=(1e-4, END), total=TOTAL, warmup=WARM),
    eight_one_one(PEAK, total=TOTAL, warmup=WARM),
    knots([0, WARM, HOLD, TOTAL], [0.0, PEAK, 1e-4, 0.0]),
    warmup(cosine(PEAK, total=TOTAL), steps=WARM, ramp="cosine"),
    join([cosine(PEAK, total=500), wsd(1e-4, hold=100, total=400, warmup=20)], at=(500,)),
]
each = pytest.mark.parametrize("schedule", EXAMPLES, ids=str)


# --- values --------------------------------------------------------------------------------------------------------------------


def _climb(then, *, start=0.0):
    """Optax's linear warm-up before `then`, which counts from the end of it."""
    return optax.join_schedules([optax.linear_schedule(start, PEAK, WARM), then], [WARM])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (constant(PEAK), optax.constant_schedule(PEAK)),
        (constant(PEAK, warmup=WARM, start=1e-5), _climb(optax.constant_schedule(PEAK), start=1e-5)),
        (linear(PEAK, total=TOTAL, end=END), optax.linear_schedule(PEAK, END, TOTAL)),
        (linear(PEAK, total=TOTAL, end=END, warmup=WARM), _climb(optax.linear_schedule(PEAK, END, TOTAL - WARM))),
        (cosine(PEAK, total=TOTAL), optax.cosine_decay_schedule(PEAK, TOTAL)),
        (
            cosine(PEAK, total=TOTAL, end=END, warmup=WARM, start=1e-6),
            optax.warmup_cosine_decay_schedule(1e-6, PEAK, WARM, TOTAL, END),
        ),
        (
            wsd(PEAK, hold=HOLD, total=TOTAL, end=END, warmup=WARM),
            _climb(optax.linear_schedule(PEAK, END, TOTAL - HOLD, transition_begin=HOLD - WARM)),
        ),
        (
            wsd(PEAK, hold=HOLD, total=TOTAL, end=END, decay="exp"),
            optax.exponential_decay(PEAK, TOTAL - HOLD, END / PEAK, transition_begin=HOLD, end_value=END),
        ),
        (
            wsd(PEAK, hold=HOLD, total=TOTAL, end=0.0, decay="cosine"),
            optax.join_schedules(
                [optax.constant_schedule(PEAK), optax.cosine_decay_schedule(PEAK, TOTAL - HOLD)], [HOLD]
            ),
        ),
        (
            multistep(PEAK, at=(HOLD, 900), to=(PEAK / 2, PEAK / 8)),
            optax.piecewise_constant_schedule(PEAK, {HOLD: 0.5, 900: 0.25}),
        ),
        (
            knots([0, 400, 1000], [PEAK, PEAK / 2, PEAK / 8]),
            optax.piecewise_interpolate_schedule("linear", PEAK, {400: 0.5, 1000: 0.25}),
        ),
        (
            join([constant(PEAK), cosine(END, total=100)], at=HOLD),
            optax.join_schedules([optax.constant_schedule(PEAK), optax.cosine_decay_schedule(END, 100)], [HOLD]),
        ),
        (
            warmup(linear(PEAK, total=TOTAL), steps=WARM),
            optax.join_schedules(
                [optax.linear_schedule(0.0, PEAK * 0.9, WARM), optax.linear_schedule(PEAK * 0.9, 0.0, TOTAL - WARM)],
                [WARM],
            ),
        ),
    ],
    ids=lambda s: str(s) if isinstance(s, Schedule) else "optax",
)
def test_schedule_is_optaxs(ours, theirs):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):  # optax does not hold the strict one
        expected = np.asarray(jax.vmap(theirs)(jnp.arange(len(STEPS))), np.float64)
    # optax rounds steps and rates to float32 here and there even with 64-bit types on.
    np.testing.assert_allclose(ours(STEPS), expected, rtol=2e-6, atol=1e-6 * PEAK)


def test_inverse_square_root_is_that_of_vaswani():
    # d^-.5 min(s^-.5, s W^-1.5), arXiv:1706.03762: its peak is (d W)^-.5 at step W.
    d, W, s = 512, 100, np.arange(1, 2000)
    expected = d**-0.5 * np.minimum(s**-0.5, s * W**-1.5)
    np.testing.assert_allclose(power((d * W) ** -0.5, hold=W, warmup=W)(s), expected, rtol=1e-12)


def test_power_never_falls_below_its_end():
    rates = power(1.0, hold=10, exponent=1.0, end=0.05)(np.arange(1000))
    np.testing.assert_allclose(
        rates, np.maximum(0.05, np.minimum(1.0, 10.0 / np.maximum(np.arange(1000), 1))), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("decay", "shape"),
    [
        ("linear", lambda x: 1 - x),
        ("cosine", lambda x: np.cos(np.pi * x / 2) ** 2),
        ("1-sqrt", lambda x: 1 - np.sqrt(x)),
        ("1-square", lambda x: 1 - x**2),
        ("sqrt-cube", lambda x: (1 - x) ** 1.5),
    ],
)
def test_cooldown_has_its_shape_between_peak_and_end(decay, shape):
    rates = wsd(PEAK, hold=HOLD, total=TOTAL, end=END, decay=decay)(STEPS)
    x = np.clip((STEPS - HOLD) / (TOTAL - HOLD), 0.0, 1.0)
    np.testing.assert_allclose(rates, END + (PEAK - END) * shape(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("ramp", "expected"),
    [
        ("linear", np.linspace(0.0, PEAK, WARM + 1)[:WARM]),
        ("linspace", np.linspace(0.0, PEAK, WARM)),
        ("cosine", PEAK * np.sin(np.pi * np.arange(WARM) / WARM / 2) ** 2),
    ],
)
def test_ramp_climbs_as_it_is_named(ramp, expected):
    rates = constant(PEAK, warmup=WARM, ramp=ramp)(STEPS)
    np.testing.assert_allclose(rates[:WARM], expected, rtol=1e-12, atol=1e-18)
    np.testing.assert_array_equal(rates[WARM:], PEAK)


def test_jump_is_at_the_step_that_first_uses_the_new_rate():
    assert multistep(1.0, at=5, to=0.5)(np.array([4, 5, 6])).tolist() == [1.0, 0.5, 0.5]
    assert eight_one_one(1.0, total=100)(np.array([79, 80, 89, 90])) == pytest.approx([1, 0.1**0.5, 0.1**0.5, 0.1])
    assert join([constant(1.0), constant(0.5)], at=5)(np.array([4, 5])).tolist() == [1.0, 0.5]


@each
def test_host_values_are_float64_and_of_the_steps_shape(schedule):
    assert isinstance(schedule(3), np.float64)
    grid = np.arange(12).reshape(3, 4)
    assert schedule(grid).shape == (3, 4) and schedule(grid).dtype == np.float64
    rates = schedule.as_array(TOTAL)
    assert rates.shape == (TOTAL + 1,) and rates.dtype == np.float64
    np.testing.assert_array_equal(rates, schedule(np.arange(TOTAL + 1)))
    assert rates.flags.writeable and (rates >= 0).all()


# --- optax ---------------------------------------------------------------------------------------------------------------------


@each
def test_traced_count_gives_the_same_rate_in_float32(schedule):
    rates = jax.jit(jax.vmap(schedule))(jnp.asarray(STEPS, jnp.int32))
    assert rates.dtype == jnp.float32
    # A step is exact in float32; shapes are evaluated in it, so the rate has a few units of the peak's last place.
    np.testing.assert_allclose(rates, schedule(STEPS), rtol=1e-5, atol=1e-6 * PEAK)


@each
def test_schedule_is_an_optax_schedule_inside_jit(schedule):
    optimiser = optax.sgd(schedule)

    @jax.jit
    def update(count):
        state = jax.tree.map(lambda x: count if x.dtype == jnp.int32 else x, optimiser.init(jnp.float32(0.0)))
        return optimiser.update(jnp.float32(1.0), state)[0]

    for count in (0, 50, 500, 950):
        step = update(jnp.int32(count))
        assert step.dtype == jnp.float32
        assert float(step) == pytest.approx(-float(schedule(count)), rel=1e-5, abs=1e-6 * PEAK)


@pytest.mark.parametrize("whole", [np.int32, np.int64])
def test_steps_may_be_numpys_whole_numbers(whole):
    schedules = [
        cosine(PEAK, total=whole(TOTAL), warmup=whole(WARM)),
        wsd(np.float64(PEAK), hold=whole(HOLD), total=whole(TOTAL), decay="1-sqrt"),
        multistep(np.float32(PEAK), at=[whole(HOLD)], to=[np.float64(END)]),
        power(PEAK, hold=whole(WARM)),
        join([constant(PEAK), linear(END, total=whole(10))], at=[whole(HOLD)]),
        warmup(constant(PEAK), steps=whole(WARM)),
        knots(np.array([0, 10], whole), np.array([PEAK, END])),
    ]
    for schedule in schedules:
        assert parse(str(schedule))(37) == schedule(37)
        rate = jax.jit(schedule)(jnp.int32(37))
        assert rate.dtype == jnp.float32
        assert float(rate) == pytest.approx(float(schedule(37)), rel=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: constant(p, warmup=WARM),
        lambda p: linear(p, total=TOTAL, end=END),
        lambda p: cosine(p, total=TOTAL, end=p / 10.0),
        lambda p: wsd(p, hold=100, total=TOTAL, end=END, decay="exp"),
        lambda p: wsd(p, hold=100, total=TOTAL, end=0.0, decay="1-sqrt"),
        lambda p: power(p, hold=100),
        lambda p: multistep(PEAK, at=100, to=p),
        lambda p: knots([0, 200, 800], jnp.stack([jnp.zeros_like(p), p, p / 2.0])),
        lambda p: warmup(constant(p), steps=WARM),
        lambda p: join([constant(PEAK), cosine(p, total=500)], at=100),
    ],
)
def test_rate_is_differentiable_in_a_traced_peak(make):
    steps = (50, 400, 700)
    for step in steps:
        slope = jax.jit(jax.grad(lambda p, step=step: make(p)(jnp.int32(step))))(jnp.float32(PEAK))
        with jax.enable_x64(True):
            high, low = (float(make(jnp.float64(PEAK * f))(jnp.int64(step))) for f in (1.0 + 1e-6, 1.0 - 1e-6))
        assert float(slope) == pytest.approx((high - low) / (2e-6 * PEAK), rel=1e-4, abs=1e-6)


# --- specs ---------------------------------------------------------------------------------------------------------------------

RATES = st.one_of(st.just(0.0), st.floats(min_value=1e-12, max_value=10.0), st.integers(0, 3))
WHOLE = st.integers(0, 10**6)


@st.composite
def ramps(draw):
    return {"start": draw(RATES), "ramp": draw(st.sampled_from(["linear", "cosine", "linspace"]))}


@st.composite
def plain(draw):
    first, second, third = sorted(draw(st.tuples(WHOLE, WHOLE, WHOLE)))
    kind = draw(
        st.sampled_from(["constant", "linear", "cosine", "wsd", "power", "multistep", "eight_one_one", "knots"])
    )
    peak, end = draw(RATES), draw(RATES)
    match kind:
        case "constant":
            return constant(peak, total=draw(st.sampled_from([None, third])), warmup=first, **draw(ramps()))
        case "linear" | "cosine":
            return KINDS[kind](peak, total=third, end=end, warmup=first, **draw(ramps()))
        case "wsd":
            decay = draw(st.sampled_from(["linear", "cosine", "1-sqrt", "1-square", "sqrt-cube", "exp"]))
            if decay == "exp":
                peak, end = peak + 1e-6, end + 1e-6
            return wsd(peak, hold=second, total=third, end=end, decay=decay, warmup=first, **draw(ramps()))
        case "power":
            exponent = draw(st.floats(0.0, 3.0))
            return power(
                peak, hold=second + 1, exponent=exponent, end=end, total=third + 1, warmup=first, **draw(ramps())
            )
        case "multistep":
            return multistep(peak, at=(second, third), to=(end, draw(RATES)), warmup=first, **draw(ramps()))
        case "eight_one_one":
            return eight_one_one(peak, total=third, warmup=first * 8 // 10)
        case "knots":
            steps = sorted({first, second, third})
            return knots(steps, [draw(RATES) for _ in steps])
    raise AssertionError(kind)


@st.composite
def nested(draw):
    kind = draw(st.sampled_from(["plain", "warmup", "join"]))
    if kind == "warmup":
        return warmup(draw(plain()), steps=draw(st.integers(0, 1000)), **draw(ramps()))
    if kind == "join":
        at = sorted(draw(st.tuples(WHOLE, WHOLE)))
        return join([draw(plain()), warmup(draw(plain()), steps=5), draw(plain())], at=at)
    return draw(plain())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(nested(), st.lists(st.integers(0, 2 * 10**6), min_size=1, max_size=5))
def test_spec_goes_round_for_every_kind(schedule, steps):
    text = str(schedule)
    again = parse(text)
    assert str(again) == text
    assert again.total == schedule.total
    np.testing.assert_array_equal(again(np.array(steps)), schedule(np.array(steps)))
    assert str(pickle.loads(pickle.dumps(schedule))) == text


def test_every_kind_is_read():
    assert {s.name for s in EXAMPLES} | {"eight_one_one"} == set(KINDS)  # the last prints as the multistep that it is


@each
def test_pickled_schedule_is_the_same_schedule(schedule):
    again = pickle.loads(pickle.dumps(schedule))
    np.testing.assert_array_equal(again(STEPS), schedule(STEPS))
    assert again.total == schedule.total


def test_knots_of_a_device_array_pickle_too():
    schedule = knots([0, 10], jnp.array([1.0, 0.25]))
    assert float(pickle.loads(pickle.dumps(schedule))(5)) == 0.625


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ("cosine(peak=3e-4,total=24000)", "cosine(peak=0.0003, total=24000, end=0.0)"),
        (" cosine ( total = 24000 , peak = .0003 , ) ", "cosine(peak=0.0003, total=24000, end=0.0)"),
        ("knots(steps=[0, 1e2], lrs=[1, 2])", "knots(steps=[0, 100], lrs=[1.0, 2.0])"),
        ("multistep(peak=1, at=5, to=.5)", "multistep(peak=1, at=[5], to=[0.5])"),
        ("join(schedules=[constant(peak=1), linear(peak=1, total=5)], at=5)",) * 2,
    ],
)
def test_spec_is_read_as_people_write_it(spec, same):
    assert str(parse(spec)) == str(parse(same))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "expected 'a name or number', found 'the end' at character 1"),
        ("5", "is not a schedule; write for example"),
        ("constant", "is not a schedule"),
        ("[constant(peak=1)]", "is not a schedule"),
        ("cosin(peak=1, total=5)", "unknown schedule `cosin`; nearest: `cosine`"),
        ("cosine(peek=1, total=5)", "unknown argument of cosine `peek`; nearest: `peak`"),
        ("cosine(peak=1)", "`cosine` also needs total"),
        ("cosine(1, total=5)", "unknown argument of cosine `1`"),
        ("cosine(peak=1, total=5", "expected ',', found 'the end' at character 23"),
        ("cosine(peak=1 total=5)", "expected ',', found 'total' at character 15"),
        ("cosine(peak=, total=5)", "found ',' at character 13"),
        ("cosine(peak=1, total=5))", "unexpected ')' at character 24"),
        ("cosine(peak=1; total=5)", "unexpected ';' at character 14"),
        ("cosine(peak=1, peak=2, total=5)", "`peak` is given twice"),
        ("cosine(peak=x, total=5)", "`cosine(peak=...)` must be a finite rate of at least 0; got 'x'"),
        ("cosine(peak=-1, total=5)", "must be a finite rate of at least 0; got -1"),
        ("cosine(peak=nan, total=5)", "must be a finite rate"),
        ("cosine(peak=1e999, total=5)", "must be a finite rate"),
        ("cosine(peak=1, total=5.5)", "`cosine(total=...)` must be a whole number of steps; got 5.5"),
        ("cosine(peak=1, total=5, warmup=6)", "`cosine(total=...)` must be at least warmup=6; got 5"),
        ("cosine(peak=1, total=-5)", "must be at least"),
        ("cosine(peak=1, total=5, ramp=log)", "must be one of linear, cosine, linspace; got 'log'"),
        ("wsd(peak=1, hold=5, total=3)", "`wsd(total=...)` must be at least hold=5; got 3"),
        ("wsd(peak=1, hold=1, total=3, decay=sqrt)", "unknown cooldown `sqrt`; nearest: `1-sqrt`"),
        ("wsd(peak=1, hold=1, total=3, decay=exp)", "needs end above 0; got end=0.0. Use decay=linear to reach 0"),
        ("power(peak=1, hold=0)", "`power(hold=...)` must be at least 1"),
        ("multistep(peak=1, at=[5, 3], to=[1, 1])", "`multistep(at[1]=...)` must be at least at[0]=5; got 3"),
        ("multistep(peak=1, at=[5], to=[1, 1])", "needs one rate in `to` for each step in `at`; got 1 and 2"),
        ("knots(steps=[0, 5, 5], lrs=[1, 1, 1])", "must increase"),
        ("knots(steps=[0, 5], lrs=[1])", "needs as many rates as steps"),
        ("knots(steps=[], lrs=[])", "one at least"),
        ("knots(steps=[0, 0.5], lrs=[1, 1])", "must be a whole number of steps; got 0.5"),
        ("knots(steps=[0, 5], lrs=[1, x])", "`knots"),
        (
            "join(schedules=[constant(peak=1)], at=[5])",
            "`join` needs one schedule more than steps in `at`; got 1 and 1",
        ),
        ("join(schedules=[1, 2], at=[5])", "`join`"),
        ("warmup(schedule=5, steps=5)", "`warmup` comes before a schedule; got 5"),
        ("eight_one_one(peak=x, total=5)", "an argument of `eight_one_one` has the wrong kind"),
    ],
)
def test_spec_that_makes_no_sense_is_refused_in_one_sentence_that_shows_it(spec, words):
    with pytest.raises(ScheduleError) as caught:
        parse(spec)
    assert words in str(caught.value)
    assert spec in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: parse(3), "`parse(spec)` needs a string such as"),
        (lambda: cosine("3e-4", total=5), "`cosine(peak=...)` must be a finite rate of at least 0; got '3e-4'"),
        (lambda: cosine(True, total=5), "must be a finite rate"),
        (lambda: cosine(float("inf"), total=5), "must be a finite rate"),
        (lambda: cosine(1.0, total=5.0), "must be a whole number of steps"),
        (lambda: cosine(1.0, total=True), "must be a whole number of steps"),
        (lambda: cosine(1.0, total=None), "total"),
        (lambda: wsd(0.0, hold=1, total=2, end=1.0, decay="exp"), "`wsd(decay=exp)` needs"),
        (lambda: join([1, 2], at=5), "`join`"),
        (lambda: join(constant(1.0), at=5), "`join`"),
        (lambda: warmup(5, steps=3), "`warmup"),
        (lambda: knots("ab", [1.0]), "`knots"),
        (lambda: knots([0, 5], ["a", "b"]), "`knots"),
        (lambda: knots([0, 5], jnp.ones(3)), "`knots` needs as many rates as steps"),
    ],
)
def test_argument_that_makes_no_sense_is_refused_in_one_sentence(make, words):
    with pytest.raises(ScheduleError) as caught:
        make()
    assert words in str(caught.value)


WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [*KINDS, "peak=", "total=", "warmup=", "hold=", "steps=", "lrs=", "at=", "to=", "schedules=", "schedule="]
        ),
        st.sampled_from(
            ["(", ")", "[", "]", ",", "=", " ", "constant(peak=1)", "[0, 5]", "exp", "decay=", "ramp=", "end="]
        ),
        st.sampled_from(["0", "1", "-1", "1e-3", "1e999", "nan", "x", "5.0", "1_0", "9" * 30, "\n", ";", "é"]),
        st.text(string.printable, max_size=2),
    ),
    max_size=16,
).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=20), WORDS))
@example("join(schedules=[" * 50)
def test_arbitrary_text_raises_only_schedule_errors(text):
    _only_schedule_errors(text)


@pytest.mark.fuzz
@settings(max_examples=20000, deadline=None)
@given(st.one_of(st.text(max_size=40), WORDS))
def test_arbitrary_text_raises_only_schedule_errors_at_length(text):
    _only_schedule_errors(text)


def _only_schedule_errors(text: str) -> None:
    try:
        schedule = parse(text)
    except ScheduleError as error:
        assert str(error)
    else:
        assert str(parse(str(schedule))) == str(schedule)
        assert math.isfinite(schedule(3))


@pytest.mark.parametrize(
    "text", ["[" * 5000, "join(schedules=[" * 3000, "warmup(schedule=" * 3000], ids=["lists", "joins", "warmups"]
)
def test_spec_too_deep_to_read_is_refused_too(text):
    with pytest.raises(ScheduleError):
        parse(text)


def test_number_of_steps_that_no_float_holds_is_refused():
    with pytest.raises(ScheduleError):
        parse("cosine(peak=1, total=1" + "0" * 400 + ")")
