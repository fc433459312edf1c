"""`jaxlaws report`: the page of stored fits, from the rows that it is given or finds."""

from __future__ import annotations

import dataclasses

import pytest

from jaxlaws.cli import main
from jaxlaws.runs import read

from ..report.conftest import made

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")


@pytest.fixture
def stored(powers, tmp_path):
    """A fit of `powers.csv` as `fit --out` leaves it."""
    runs = read(powers)
    made("power", {"A": 3.0, "alpha": 0.2}, runs).save(tmp_path / "fit.json")
    return tmp_path / "fit.json"


def test_rows_come_from_the_source_that_the_fit_names(jaxlaws, stored):
    done = jaxlaws("report", stored, "--out", "page.html", "--json")
    page = (stored.parent / "page.html").read_text()
    assert done.status == 0 and done.document["fits"] == 1 and done.document["bytes"] == len(page.encode())
    assert 'id="fit0-data"' in page and "Errors on the fitted rows" in page
    assert not any("--data" in line for line in done.document["left_out"])


def test_other_rows_at_the_source_are_left_out_with_a_reason(jaxlaws, stored, powers):
    powers.write_text("\n".join(powers.read_text().splitlines()[:-3]) + "\n")
    done = jaxlaws("report", stored, "--out", "page.html")
    assert done.status == 0 and "holds other rows than were fitted" in done.out
    assert 'id="fit0-data"' not in (stored.parent / "page.html").read_text()


def test_two_fits_and_held_out_rows(jaxlaws, stored, powers, tmp_path):
    runs = read(powers)
    fit = made("power", {"A": 3.1, "alpha": 0.21}, runs.where("kind == 'a'"))
    dataclasses.replace(fit, where="kind == 'a'").save(tmp_path / "half.json")
    done = jaxlaws(
        "report", "half.json", "half.json", "--data", powers, "--holdout", "kind == 'b'", "--out", "page.html"
    )
    page = (tmp_path / "page.html").read_text()
    assert done.status == 0 and "Errors on held-out rows" in page and 'id="laws"' in page
    assert "not exactly those that were fitted" not in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit.json",), "Missing option '--out'"),
        (("fit.json", "--out", "page.txt"), "must end in .html"),
        (("nowhere.json", "--out", "page.html"), "no such file"),
        (("fit.json", "--out", "page.html", "--data", "nowhere.csv"), "nowhere.csv"),
        (("fit.json", "--out", "page.html", "--plan", "fit.json"), "is no stored schedule plan"),
        (("fit.json", "--out", "page.html", "--budget", "1e20"), "needs a fit of a law of N and D"),
        (("fit.json", "--out", "page.html", "--holdout", "x >"), "x >"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_page(jaxlaws, stored, arguments, said):
    done = jaxlaws("report", *arguments)
    assert done.status == 2 and len(done.notes) == 1 and said in done.notes[0]
    assert not list(stored.parent.glob("page.*"))


def test_it_is_among_the_commands(capsys):
    assert main(["--help"]) == 0
    assert "report" in capsys.readouterr().out
