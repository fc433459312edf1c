"""What a chart shows: every row that it says, and nothing that it does not say."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting import fit
from jaxlaws.plot import fit_chart, ready
from jaxlaws.plot._curves import corners
from jaxlaws.plot._style import POINTS, shown, thin, ticks
from jaxlaws.runs import read, split

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def curves():
    rows = {"run": [], "step": [], "loss": [], "lr": []}
    for run, peak in (("one", 1e-3), ("two", 2e-3), ("three", 3e-3)):
        step = np.arange(1, 601)
        lr = peak * np.minimum(step / 50, 1.0) * (1.0 - 0.9 * np.clip((step - 300) / 300, 0.0, 1.0))
        loss = 2.0 + 0.5 * np.cumsum(lr) ** -0.4 + 8.0 * np.exp(-step / 10)
        rows = {k: [*rows[k], *v] for k, v in zip(rows, ([run] * 600, step, loss, lr), strict=True)}
    return split(read(rows), None, "run == 'three'")[:2]


@pytest.fixture(scope="module")
def curve_fit(curves):
    return fit("lr_annealing", curves[0], starts=4, bins=32)


@pytest.fixture(scope="module")
def spec(curve_fit, curves):
    return fit_chart(curve_fit, *curves).to_dict()


def drawn(panel):
    """Rows of the first layer of a panel; altair lifts data that all layers share."""
    return (panel if "data" in panel else panel["layer"][0])["data"]["values"]


def test_curves_have_loss_error_and_rate_over_one_axis(spec):
    top, middle, bottom = spec["vconcat"]
    assert "nats/token" in top["layer"][0]["encoding"]["y"]["title"]
    assert "%" in middle["layer"][1]["encoding"]["y"]["title"]
    assert bottom["encoding"]["y"]["title"] == "learning rate"
    domains = [panel["encoding"]["x"]["scale"]["domain"] for panel in (top["layer"][0], middle["layer"][1], bottom)]
    assert domains == [[0, 600.0]] * 3


def test_held_out_runs_are_named_and_dashed(spec):
    line = spec["vconcat"][0]["layer"][1]
    dash = line["encoding"]["strokeDash"]["scale"]
    assert dict(zip(dash["domain"], dash["range"], strict=True)) == {
        "one": [1, 0],
        "two": [1, 0],
        "three (held out)": [6, 3],
    }
    colours = line["encoding"]["color"]["scale"]["range"]
    assert len(set(colours)) == 3


def test_predictions_drawn_are_those_of_the_fit(spec, curve_fit, curves):
    rows = {row["step"]: row for row in drawn(spec["vconcat"][0]) if row["held"]}
    expected = curve_fit.predict(curves[1])
    step, loss = curves[1].column("step"), curves[1].column("loss")
    for i in (0, 599):
        row = rows[step[i]]
        assert row["predicted"] == expected[i] and row["observed"] == loss[i]
        assert row["error"] == pytest.approx(100 * (expected[i] / loss[i] - 1))


def test_thinned_and_hidden_rows_are_stated(spec):
    notes = spec["title"]["subtitle"]
    assert notes[0] == "fitted: 1,200 rows of 2 runs" and notes[1].startswith("held out: 600 rows of 1 run,")
    assert f"thinned: of all runs {POINTS} rows are drawn, evenly spread" in notes
    top = spec["vconcat"][0]
    low, high = top["layer"][0]["encoding"]["y"]["scale"]["domain"]
    out = sum(not low <= row["observed"] <= high for row in drawn(top))
    assert out > 0 and any(note.startswith(f"out of view: {out} of the rows") for note in notes)


def test_first_steps_do_not_squash_the_rest(spec, curves):
    low, high = spec["vconcat"][0]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    loss = curves[0].column("loss")
    assert low < loss.min() and high < 0.5 * loss.max()


def test_a_run_with_fitted_and_held_out_rows_keeps_its_colour(curve_fit, curves):
    early, late, _ = split(curves[0], None, "step > 400")
    colour = fit_chart(curve_fit, early, late).to_dict()["vconcat"][0]["layer"][1]["encoding"]["color"]["scale"]
    by_name = dict(zip(colour["domain"], colour["range"], strict=True))
    assert by_name["one"] == by_name["one (held out)"] != by_name["two"]


def test_one_input_is_drawn_with_the_law_as_a_line():
    x = np.geomspace(1.0, 1e5, 16)
    runs, held, _ = split(read({"x": x, "loss": 3.0 * x**-0.2}), None, "x > 1e4")
    spec = fit_chart(fit("power", runs, starts=8), runs, held).to_dict()
    points, line = spec["vconcat"][0]["layer"]
    assert points["encoding"]["x"]["scale"]["type"] == points["encoding"]["y"]["scale"]["type"] == "log"
    assert {row["kind"] for row in points["data"]["values"]} == {"fitted", "held out"}
    beyond = {row["beyond"]: row["x0"] for row in line["data"]["values"]}
    assert beyond[True] > 1e4 >= beyond[False]


def test_two_inputs_are_an_axis_and_a_colour():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e12, 5)))
    runs = read({"N": n, "D": d, "loss": 1.8 + 400 / n**0.34 + 2000 / d**0.37})
    fixed = {"alpha": 0.34, "beta": 0.37}
    spec = fit_chart(fit("chinchilla", runs, starts=8, fix=fixed), runs).to_dict()
    encoding = spec["vconcat"][1]["layer"][0]["encoding"]
    assert (
        encoding["x"]["title"] == "training tokens"
        and encoding["color"]["legend"]["title"] == "model size (parameters)"
    )
    assert "lines: the law at 6 values" in spec["title"]["subtitle"][1]


def test_three_inputs_are_drawn_against_the_prediction():
    from jaxlaws.spec import formula

    n, d, c = (a.ravel() for a in np.meshgrid([1e7, 1e8, 1e9], [1e9, 1e10], [1e18, 1e19]))
    runs = read({"N": n, "D": d, "C": c, "loss": 1.8 + 40 / n**0.2 + 200 / d**0.3 + 10 / c**0.1})
    law = formula("E + A/N^0.2 + B/D^0.3 + G/C^0.1", inputs=["N", "D", "C"])
    top = fit_chart(fit(law, runs, starts=8), runs).to_dict()["vconcat"][0]
    assert top["layer"][0]["encoding"]["x"]["title"].startswith("predicted ")


@pytest.mark.parametrize(("low", "high"), [(2.1, 3.4), (1.0, 1.05), (1e8, 3e11), (1e18, 1e22), (0.5, 6.0), (1e-6, 1e6)])
def test_log_axes_have_a_handful_of_round_numbers(low, high):
    marks = ticks(low, high)
    assert 4 <= len(marks) <= 12 and all(0.999 * low <= m <= 1.001 * high for m in marks)
    assert all(float(f"{m:.3g}") == pytest.approx(m) for m in marks)


def test_thinning_keeps_both_ends():
    assert thin(5, 10).tolist() == [0, 1, 2, 3, 4]
    some = thin(10_000, 400)
    assert len(some) == 400 and some[0] == 0 and some[-1] == 9_999


def test_the_rate_keeps_its_jumps_when_thinned():
    rates = np.r_[np.linspace(0.0, 1.0, 2160), np.ones(10_000), np.full(5_000, 0.1)]
    at = corners(rates)
    assert len(at) < 500
    np.testing.assert_allclose(np.interp(np.arange(len(rates)), at, rates[at]), rates, atol=1e-12)


def test_text_out_of_data_is_one_printable_line_of_bounded_length():
    assert shown("a\nb\x1b[31m\x00") == "a b?[31m?"
    assert len(shown("x" * 1000)) == 60


def test_a_missing_library_is_a_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(JaxlawsError, match=r"pip install 'jaxlaws\[plot\]'"):
        ready()
