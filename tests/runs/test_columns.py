"""Which column is which quantity, in which unit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.columns import ALIASES, QUANTITIES, canonical


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_usual_names_are_recognised_whatever_their_case(case):
    for quantity, tiers in ALIASES.items():
        for alias in (alias for tier in tiers for alias in tier):
            assert canonical(case(alias)) == quantity


@pytest.mark.parametrize("name", ["Model Size", "model-size", "model.size", "MODEL_SIZE"])
def test_blanks_dashes_and_dots_do_not_matter(name):
    assert read({name: [1e6], "loss": [3.0]}).column("N").tolist() == [1e6]


def test_single_letters_are_quantities_in_their_own_case_only():
    runs = read({"n": [12], "d": [768], "c": [3], "loss": [3.0]})
    assert set(runs.frame.columns) == {"n", "d", "c", "loss", "run"}


def test_canonical_name_wins_over_an_alias():
    runs = read({"params": [1.0], "N": [2.0], "loss": [3.0]})
    assert runs.column("N").tolist() == [2.0] and runs.column("params").tolist() == [1.0]


def test_callers_choice_wins_over_the_canonical_name():
    runs = read({"params": [1.0], "N": [2.0], "loss": [3.0]}, columns={"N": "params"})
    assert runs.column("N").tolist() == [1.0] and runs.column("N (source)").tolist() == [2.0]


def test_two_columns_that_claim_one_quantity_are_refused():
    with pytest.raises(TableError) as error:
        read({"params": [1.0], "n_params": [2.0], "loss": [3.0]})
    assert "columns `params` and `n_params` both look like `N`" in str(error.value)
    assert "choose with `--column N=params`" in str(error.value)


def test_lone_training_or_validation_loss_is_the_loss():
    assert read({"val_loss": [3.0]}).column("loss").tolist() == [3.0]


def test_two_losses_are_not_chosen_between():
    runs = read({"train_loss": [3.0], "val_loss": [3.1]})
    with pytest.raises(TableError, match="no column `loss`, but `train_loss`, `val_loss`; choose with `--column loss="):
        runs.column("loss")
    assert read({"train_loss": [3.0], "val_loss": [3.1]}, columns={"loss": "val_loss"}).column("loss").tolist() == [3.1]


def test_label_is_no_number_of_parameters():
    runs = read({"model_size": ["25M", "100M"], "loss": [3.0, 2.9]})
    with pytest.raises(TableError, match=r"unknown column `N`.*`--column N=COLUMN`.*never derived from each other"):
        runs.column("N")


def test_missing_column_names_the_nearest_the_source_and_the_cure():
    runs = read({"n_embd": [1.0], "loss": [3.0]})
    with pytest.raises(
        TableError, match=r"^dict: unknown column `n_embed`; nearest: `n_embd`.*--column n_embed=COLUMN"
    ):
        runs.column("n_embed")


def test_column_that_is_not_there_cannot_be_chosen():
    with pytest.raises(TableError, match="`--column N=parms`: unknown column `parms`; nearest: `params`"):
        read({"params": [1.0], "loss": [3.0]}, columns={"N": "parms"})


def test_one_column_may_be_two_quantities():
    runs = read({"x": [1.0, 2.0], "loss": [3.0, 2.0]}, columns={"N": "x", "D": "x"})
    np.testing.assert_array_equal(runs.column("N"), runs.column("D"))


def test_any_quantity_may_be_chosen():
    assert read({"acc": [0.4], "loss": [3.0]}, columns={"error": "acc"}).column("error").tolist() == [0.4]


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("loss", "bits", math.log(2)),
        ("loss", "nats", 1.0),
        ("std", "bits", math.log(2)),
        ("N", "millions", 1e6),
        ("N", "billions", 1e9),
        ("D", "trillions", 1e12),
        ("batch", "thousands", 1e3),
        ("C", "exaflop", 1e18),
        ("C", "pflop_days", 8.64e19),
        ("error", "percent", 0.01),
    ],
)
def test_units_are_converted_at_the_door(quantity, unit, factor):
    table = {"loss": [3.0, 2.0]} | {quantity: [3.0, 2.0]}
    np.testing.assert_allclose(
        read(table, units={quantity: unit}).column(quantity), [3 * factor, 2 * factor], rtol=1e-15
    )


def test_unit_may_name_the_quantity_as_the_source_does():
    assert read({"params": [70], "loss": [2.0]}, units={"params": "billions"}).column("N").tolist() == [7e10]


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ({"loss": "bits_per_byte"}, "`--unit loss=bits_per_byte`: unknown unit; `loss` can be in nats, bits"),
        ({"N": "dozens"}, "`N` can be in parameters, thousands, millions, billions, trillions"),
        ({"C": "joules"}, "`C` can be in flop, gigaflop"),
        ({"lr": "percent"}, "`lr` has no unit to convert"),
        ({"D": "billions"}, "`--unit D=billions`: unknown column `D`"),
    ],
)
def test_unknown_unit_lists_the_choices(units, words):
    with pytest.raises(TableError) as error:
        read({"loss": [3.0], "N": [1.0], "C": [1.0], "lr": [1.0]}, units=units)
    assert words in str(error.value)


def test_expressions_may_use_the_name_in_the_source():
    runs = read({"params": [1e6, 1e9], "loss": [3.0, 2.0]})
    assert len(runs.where("params > 1e7")) == len(runs.where("N > 1e7")) == 1


def test_name_in_the_source_is_forgotten_when_its_unit_was_converted():
    runs = read({"params": [1, 1000], "loss": [3.0, 2.0]}, units={"N": "millions"})
    with pytest.raises(TableError, match="unknown column `params`"):
        runs.where("params > 10")


def test_quantities_become_float64_and_steps_stay_whole():
    table = {name: [1, 2] for name in QUANTITIES if name not in ("run", "lr_schedule", "parent")}
    kinds = read({**table, "run": "a"}).frame.dtypes
    assert {str(kinds[name]) for name in table if name != "step"} == {"float64"} and kinds["step"] == np.int64


def test_rows_without_runs_or_steps_are_runs_of_their_own():
    assert read({"loss": [3.0, 2.0]}).names == ["row 1", "row 2"]


def test_rows_with_steps_and_without_runs_are_one_run_named_after_the_file(tmp_path):
    path = tmp_path / "my.curve.csv"
    path.write_text("step,loss\n1,3.0\n2,2.9\n")
    assert read(path).names == ["my"]


@pytest.mark.parametrize(
    ("runs", "names"),
    [([1, 2], ["1", "2"]), ([1.0, 2.5], ["1", "2.5"]), ([True, False], ["True", "False"]), (["b", "a"], ["b", "a"])],
)
def test_names_of_runs_are_text_in_order_of_first_appearance(runs, names):
    assert read({"run": runs, "loss": [3.0, 2.0]}).names == names


def test_run_of_a_numbered_table_can_be_chosen_by_its_number():
    assert read({"run": [1, 2], "loss": [3.0, 2.0]}).where("run == 2").names == ["2"]
