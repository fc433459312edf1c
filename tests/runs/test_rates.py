"""The learning rate at every step: exact, logged, and before the log begins."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.rates import find_jumps
from jaxlaws.schedules import cosine, parse, wsd


def table(steps, lrs=None, **columns):
    logged = {} if lrs is None else {"lr": lrs}
    return {"run": "a", "step": np.asarray(steps), "loss": np.linspace(4.0, 3.0, len(steps)), **logged, **columns}


def test_given_schedule_wins_over_column_and_log():
    runs = table([0, 50, 100], [9.0, 9.0, 9.0], lr_schedule="constant(peak=5.0)")
    given = cosine(1.0, total=100, warmup=10)
    rates = read(runs, schedules={"a": given}).rates("a")
    np.testing.assert_array_equal(rates.lr, given.as_array(100))
    assert (rates.source, rates.warmup, rates.jumps, rates.guess) == ("schedule", 10, (), 0.0)


def test_column_of_specs_wins_over_log():
    spec = "wsd(peak=3e-4, hold=80, total=100, warmup=20)"
    rates = read(table([20, 100], [9.0, 9.0], lr_schedule=spec)).rates("a")
    np.testing.assert_array_equal(rates.lr, parse(spec).as_array(100))
    assert (rates.source, rates.warmup) == ("lr_schedule column", 20)


@pytest.mark.parametrize(
    "given",
    [
        "constant(peak=0.5, warmup=4)",
        parse("constant(peak=0.5, warmup=4)"),
        parse("constant(peak=0.5, warmup=4)").as_array(12),
        list(parse("constant(peak=0.5, warmup=4)").as_array(10)),
        lambda step: np.where(step < 4, 0.125 * step, 0.5),
        lambda step: 0.5 if step >= 4 else 0.125 * step,
    ],
)
def test_schedule_may_be_a_spec_an_object_an_array_or_a_function(given):
    rates = read(table([5, 10]), schedules={"a": given}).rates("a")
    np.testing.assert_allclose(rates.lr, [0, 0.125, 0.25, 0.375] + [0.5] * 7, rtol=1e-12)
    assert rates.warmup == 4


def test_schedules_come_from_a_toml_file(tmp_path):
    path = tmp_path / "schedules.toml"
    path.write_text('[schedules]\na = "constant(peak=0.5)"\n')
    assert read(table([0, 2]), schedules=path).rates("a").lr.tolist() == [0.5, 0.5, 0.5]


def test_logged_rates_are_linear_between_logged_steps():
    rates = read(table([0, 10, 20, 40], [0.0, 1.0, 0.9, 0.7])).rates("a")
    np.testing.assert_allclose(rates.lr, np.interp(np.arange(41), [0, 10, 20, 40], [0.0, 1.0, 0.9, 0.7]))
    assert (rates.source, rates.warmup, rates.jumps, rates.guess) == ("logged", 10, (), 0.0)


def test_jump_is_placed_at_the_later_logged_step():
    rates = read(table([0, 10, 20, 30, 40], [1.0, 1.0, 1.0, 0.3, 0.3])).rates("a")
    assert rates.jumps == (30,)
    assert rates.lr[29] == 1.0 and rates.lr[30] == 0.3
    # Interpolating would lose 0.7 x 4.5 of the 29 summed up to step 29.
    assert rates.guess == pytest.approx(0.7 * 4.5 / (29 - 0.7 * 4.5))
    assert "jump placed at the later logged step (30)" in rates.note


@pytest.mark.parametrize(
    ("lrs", "jumps"),
    [
        ([1.0, 1.0, 0.96, 0.96], []),  # below 5 %
        ([1.0, 0.9, 0.6, 0.5], []),  # no more than 5 x its neighbours
        ([1.0, 0.99, 0.3, 0.29], [2]),
        ([1.0, 1.0, 1.0, 0.0], [3]),
        ([0.0, 1.0, 1.0, 1.0], []),  # the log begins inside the warm-up
        ([1.0, 0.1, 0.1, 0.1], [1]),
        ([0.1, 0.1, 1.0, 1.0], [2]),
        ([1.0, 0.1], []),
    ],
)
def test_jump_is_more_than_5_percent_and_5_times_its_neighbours(lrs, jumps):
    assert find_jumps(np.arange(len(lrs)) * 10, np.array(lrs)) == jumps


def test_gap_in_the_log_of_a_smooth_decay_is_no_jump():
    steps = np.array([0, 10, 20, 80, 90, 100])
    assert find_jumps(steps, 1.0 - steps / 100) == []


@pytest.mark.parametrize("name", ["constant(peak=1.0)", "cosine(peak=1.0, total=1000, end=0.1)"])
@pytest.mark.parametrize("every", [7, 50, 128])
def test_no_jump_is_seen_in_smooth_schedules(name, every):
    steps = np.arange(0, 1001, every)
    assert find_jumps(steps, parse(name)(steps)) == []


def test_cooldown_is_no_jump_however_it_falls_between_logged_steps():
    for hold in range(700, 760, 7):
        steps = np.arange(0, 1001, 50)
        assert find_jumps(steps, wsd(1.0, hold=hold, total=1000)(steps)) == []


def test_steps_before_the_log_are_a_straight_climb_when_it_begins_early():
    rates = read(table([10, 50, 100], [1.0, 1.0, 1.0])).rates("a")
    np.testing.assert_allclose(rates.lr[:11], np.arange(11) / 10)
    assert rates.warmup == 10 and "linear from 0, a guess" in rates.note


def test_steps_before_the_log_are_refused_when_it_begins_late():
    with pytest.raises(TableError, match=r"run 'a' logs its first learning rate at step 11 of 100.*`--warmup STEPS"):
        read(table([11, 100], [1.0, 1.0])).rates("a")


@pytest.mark.parametrize(
    ("warmup", "before"),
    [
        ("4", [0, 0.25, 0.5, 0.75, 1, 1]),
        ("5:linspace", [0, 0.25, 0.5, 0.75, 1, 1]),
        ("4:cosine", [0, 0.5 - np.sqrt(0.125), 0.5, 0.5 + np.sqrt(0.125), 1, 1]),
        ("0", [1, 1, 1, 1, 1, 1]),
        ("12", np.arange(6) / 6),  # the log begins inside the warm-up, at half of it
    ],
)
def test_stated_warmup_climbs_to_the_first_logged_rate(warmup, before):
    rates = read(table([6, 10], [1.0, 1.0]), warmup=warmup).rates("a")
    np.testing.assert_allclose(rates.lr[:6], before, atol=1e-15)
    assert rates.lr[6] == 1.0 and rates.warmup == int(warmup.split(":")[0])


def test_rate_logged_after_the_scheduler_belongs_to_the_next_step():
    schedule = parse("cosine(peak=1.0, total=100)")
    steps = np.arange(101)
    rates = read(table(steps, schedule(steps + 1)), lr_after_step=True).rates("a")
    np.testing.assert_allclose(rates.lr[1:], schedule(steps[1:]), atol=1e-15)


def test_rows_left_out_still_say_what_the_rate_was():
    runs = read(table([0, 10, 20, 30, 40], [1.0, 1.0, 1.0, 0.3, 0.3]))
    late = runs.where("step in [20, 40]")
    np.testing.assert_array_equal(late.rates("a").lr, runs.rates("a").lr)
    np.testing.assert_array_equal(runs.where("step <= 20").rates("a").lr, np.ones(21))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedules": {"b": "constant(peak=1.0)"}}, "a schedule is given for unknown run `b`"),
        (
            {"schedules": {"a": "constnt(peak=1.0)"}},
            "run 'a': schedule `constnt(peak=1.0)`: unknown schedule `constnt`",
        ),
        ({"schedules": {"a": [[1.0]]}}, "learning rates of run 'a' must be finite, at least 0 and one a step"),
        ({"schedules": {"a": [1.0, -1.0]}}, "learning rates of run 'a' must be finite, at least 0"),
        ({"schedules": {"a": {}}}, "the schedule of run 'a' must be a spec, rates at steps 0, 1, ... or a function"),
        ({"schedules": "no_such.toml"}, "`--schedules no_such.toml` cannot be read as TOML"),
        ({"warmup": "many"}, "`--warmup many` must be STEPS or STEPS:SHAPE"),
        ({"warmup": "10:round"}, "with a shape of linear, cosine, linspace"),
    ],
)
def test_schedule_that_makes_no_sense_is_refused(options, words):
    with pytest.raises(TableError) as error:
        read(table([0, 10], [1.0, 1.0]), **options)
    assert words in str(error.value)


def test_schedule_shorter_than_its_run_is_refused():
    with pytest.raises(TableError, match="run 'a' goes to step 10, but its learning rates are given for steps 0 to 1"):
        read(table([0, 10]), schedules={"a": [1.0, 1.0]}).rates("a")


def test_spec_that_changes_within_a_run_is_refused():
    with pytest.raises(TableError, match=r"row 2 \(run 'a'\): `lr_schedule` changes within the run"):
        read(table([0, 10], lr_schedule=["constant(peak=1.0)", "constant(peak=2.0)"]))


def test_run_without_any_rate_says_so():
    with pytest.raises(TableError, match="unknown column `lr`"):
        read(table([0, 10])).rates("a")


def test_missing_or_negative_logged_rate_is_refused_by_row():
    with pytest.raises(TableError, match=r"row 2 \(run 'a'\): lr is nan"):
        read(table([0, 10, 20], [1.0, np.nan, 1.0])).rates("a")
    with pytest.raises(TableError, match=r"row 2 \(run 'a'\): lr is -1"):
        read(table([0, 10, 20], [1.0, -1.0, 1.0])).rates("a")


def test_steps_that_are_tokens_are_refused_before_memory_is():
    with pytest.raises(TableError, match="if `step` counts tokens"):
        read(table([0, 10**12], [1.0, 1.0])).rates("a")
