"""Laws at their published constants, against values that something else gave: `tests/golden/laws.csv`.

A row is a law (with its variant, as the command line takes it), a published set or parameters in place of one, inputs, and the value. `of`
names an entry of `derived` and its output where that is meant. All shown digits of the value hold. `known` says who evaluated it.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxlaws import Curve, catalogue
from jaxlaws.schedules import parse

from .cases import LAWS, each_law

with (Path(__file__).parents[1] / "golden" / "laws.csv").open(newline="", encoding="utf-8") as _file:
    ROWS = list(csv.DictReader(_file))


def _pairs(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in text.split(";") if item)


def _value(row: dict[str, str]) -> float:
    law, params = catalogue[row["law"]], {k: float(v) for k, v in _pairs(row["params"]).items()}
    if row["set"]:
        constants = law.constants[row["set"]]
        law, params = constants.law, dict(constants.params)
    inputs = _pairs(row["inputs"])
    if row["of"]:
        name, _, part = row["of"].partition(".")
        return float(law.derived[name](**{k: float(v) for k, v in inputs.items()}, **params)[part])
    if "schedule" not in inputs:
        return float(law(**{k: float(v) for k, v in inputs.items()}, **params))
    # Every change of the rate by itself: how the curve's nodes are chosen is another test's matter.
    warmup = law.options.get("warmup", "counted")
    curve = Curve.of(parse(inputs["schedule"]), at=[int(inputs["step"])], warmup=warmup, exact=True)  # type: ignore[arg-type]
    others = {name: jnp.array([float(inputs[name])]) for name in law.inputs if name != "curve"}
    return float(law(curve=curve, **others, **params)[0])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['law']}-{row['set'] or 'own'}-{row['inputs'][:40]}")
def test_law_gives_the_value_that_something_else_gave(row):
    shown = Decimal(row["value"])
    half_a_digit = 0.5 * 10.0 ** shown.as_tuple().exponent
    with jax.enable_x64(True):
        # The rounding of float64 sums over some 10^4 steps is added: 1e-12 of the value.
        assert abs(_value(row) - float(shown)) <= 1.001 * half_a_digit + 1e-12 * abs(float(shown))


@each_law
def test_every_law_and_every_published_set_has_a_golden_row(law):
    sets = {row["set"] for row in ROWS if row["law"].split(":")[0] == law.name}
    assert sets, f"add a row for {law.name} to tests/golden/laws.csv"
    assert set(law.published) <= sets


def test_golden_rows_name_laws_of_the_catalogue_and_say_how_they_are_known():
    names = {law.name for law in LAWS}
    assert all(row["law"].split(":")[0] in names and row["known"] for row in ROWS)
    assert all(bool(row["set"]) != bool(row["params"]) for row in ROWS)
