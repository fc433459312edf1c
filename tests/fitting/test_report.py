"""A fit as text, against golden files. Records are made by hand, so that no machine's last digit shows.

`JAXLAWS_GOLDEN=write pytest tests/fitting/test_report.py` writes them anew; read what changed before committing it.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from jaxlaws import catalogue
from jaxlaws.fitting import Fit, Fits
from jaxlaws.solvers import Status

GOLDEN = Path(__file__).with_name("golden")

POINT = Fit(
    law=catalogue["chinchilla"],
    params={"E": 1.8172181, "A": 477.8258, "B": 2143.418, "alpha": 0.3473105, "beta": 0.3671724},
    fixed=(),
    objective=0.001018274017,
    status=Status.converged,
    reason="",
    objective_spec="huber:0.001",
    weights="row",
    rows=240,
    runs=tuple(f"row {i}" for i in range(1, 241)),
    starts=512,
    agree=0.9961,
    remaining=1e-14,
    at_bound=(),
    condition=2.5e4,
    trade_offs=(),
    largest={"N": 1.6e10, "D": 3.2e11},
    source="runs.csv",
    data_hash="0" * 64,
)
CURVE = dataclasses.replace(
    POINT,
    law=catalogue["progress_noise"],
    params={
        "L0": 3.003421,
        "A": 0.9243712,
        "B": 0.103055,
        "a": 0.4301849,
        "k": 26.14891,
        "p": 0.5634012,
        "q": 0.8,
        "m": 0.2025142,
        "d": {"flat": 0.02305, "cos": -0.01354},
        "lr_ref": 3e-4,
    },
    fixed=("q", "lr_ref"),
    objective=3.707408e-05,
    status=Status.at_bound,
    weights="run",
    rows=437,
    runs=("flat", "cos", "wsd", "two", "8-1-1"),
    starts=32,
    agree=0.03125,
    at_bound=("k",),
    condition=8.1e7,
    trade_offs=(("L0", "A", "a"), ("B", "k")),
    source="published:mpl_curves",
    key=("25M",),
    by=("size",),
    labels={"d": {"flat": "flat", "cos": "cos", "wsd": "flat"}},
    notes=(
        "run 'two': its learning rate jumps between logged steps; the jump is put at the later one, and interpolating "
        "instead would move predictions by up to 0.021. Give the exact schedule if you have it.",
    ),
)
FAILED = dataclasses.replace(
    POINT,
    params=dict.fromkeys(POINT.params, float("nan")),
    objective=float("nan"),
    status=Status.too_few_rows,
    reason="3 rows are too few for the 5 free parameters of `chinchilla`.",
    rows=3,
    runs=("row 1", "row 2", "row 3"),
    agree=0.0,
)
RECORDS = {"point": POINT, "curve": CURVE, "failed": FAILED}


@pytest.mark.parametrize("name", RECORDS)
def test_report_is_the_golden_text(name):
    path = GOLDEN / f"{name}.txt"
    text = str(RECORDS[name]) + "\n"
    if os.environ.get("JAXLAWS_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("part", ["source", "runs", "reason", "copies"])
def test_report_fits_a_terminal_of_a_hundred_columns(part):
    long = "a-run-of-a-name-that-says-everything"
    record = {
        "source": dataclasses.replace(POINT, source="/".join([long] * 4)),
        "runs": dataclasses.replace(CURVE, runs=tuple(f"{long}-{i}" for i in range(9))),
        "reason": dataclasses.replace(FAILED, reason=" ".join(["the rows do not determine parameters"] * 5)),
        "copies": dataclasses.replace(CURVE, params=CURVE.params | {"d": {f"{long}-{i}": 0.1 for i in range(9)}}),
    }[part]
    # A path or a name is not cut: the rest of its line is broken.
    wide = [
        line for line in str(record).splitlines() if len(line) > 100 and len(line.split()) > 1 + (part == "source") * 3
    ]
    assert wide == []


def test_parameters_carry_their_units_and_what_holds_them():
    lines = {line.split()[0]: line for line in str(CURVE).splitlines() if line.startswith("  ") and line.strip()}
    assert "nats/token" in lines["L0"]
    assert lines["q"].endswith("fixed") and lines["k"].endswith("on its bound")


def test_shared_parameters_are_marked():
    shared = dataclasses.replace(POINT, shared=("alpha",))
    (line,) = [row for row in str(shared).splitlines() if row.strip().startswith("alpha")]
    assert line.endswith("shared")


def test_several_fits_print_one_after_the_other():
    other = dataclasses.replace(POINT, key=("100M",), by=("size",))
    fits = Fits([CURVE, other])
    assert str(fits) == f"{CURVE}\n\n{other}"


def test_few_agreeing_starts_are_a_warning_only_among_many():
    warned = "a lower minimum may exist"
    assert warned in str(dataclasses.replace(POINT, agree=0.01, starts=100)).replace("\n    ", " ")
    assert warned not in str(dataclasses.replace(POINT, agree=0.01, starts=8)).replace("\n    ", " ")


def test_exact_data_raise_no_doubt_about_the_minimum():
    """Without noise all starts end at the same place, wherever their objectives' last bits are."""
    import numpy as np

    from jaxlaws import fit

    x = np.geomspace(1e6, 1e9, 16)
    found = fit("power_plus_constant", {"x": x, "loss": 1.7 + 300.0 * x**-0.35}, starts=32)
    assert found["E"] == pytest.approx(1.7, rel=1e-9)
    assert found.agree > 0.9


def test_summary_is_plain_json_of_the_record():
    summary = CURVE.summary()
    assert summary["status"] == "at_bound" and summary["runs"] == 5 and summary["rows"] == 437
    assert summary["params"]["d"] == {"flat": 0.02305, "cos": -0.01354}
    assert summary["starts"] == {"run": 32, "agree": 0.03125}
    assert FAILED.summary()["params"]["E"] is None
