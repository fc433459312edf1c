"""The page as a file: whole, inert, of bounded size, and saying what it leaves out."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import jaxlaws
from jaxlaws import catalogue
from jaxlaws.errors import FitError, JaxlawsError
from jaxlaws.plan import isoflop
from jaxlaws.report import report
from jaxlaws.report._formula import formula, mathml
from jaxlaws.runs import read
from jaxlaws.solvers import Status

from .conftest import EVIL, LONG, made

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")


class Read(HTMLParser):
    """Elements with their attributes, text outside of scripts, and the scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.scripts, self._within = [], "", {}, None
        self.feed(page.html)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.elements.append((tag, told))
        if tag in ("script", "style"):
            self._within = told.get("id") or f"{tag}{len(self.scripts)}"
            self.scripts[self._within] = ""

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._within = None

    def handle_data(self, data):
        if self._within is None:
            self.text += data
        else:
            self.scripts[self._within] += data

    def ids(self):
        return [told["id"] for _, told in self.elements if "id" in told]

    def json(self, name):
        return json.loads(self.scripts[name])


@pytest.fixture(scope="module")
def point_page(points):
    found, runs, draws = points
    return report(found, runs, draws=draws, plans=[isoflop(found, [1e17, 1e18])])


@pytest.fixture(scope="module")
def curve_page(curves):
    found, runs, held = curves
    return report(found, runs, held)


def test_a_page_loads_nothing(point_page, curve_page):
    for page in (point_page, curve_page):
        told = Read(page)
        links = [a.get(k, "") for _, a in told.elements for k in ("src", "href", "action", "data", "poster", "srcset")]
        assert all(link.startswith(("#", "data:")) for link in links if link)
        assert "@import" not in told.scripts["style0"] and "url(" not in told.scripts["style0"]


def test_only_the_pages_own_scripts_may_run(curve_page):
    told = Read(curve_page)
    [policy] = [a["content"] for tag, a in told.elements if a.get("http-equiv") == "Content-Security-Policy"]
    run = [text for name, text in told.scripts.items() if name.startswith("script")]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert len(run) == 2 and set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert policy.startswith("default-src 'none'") and "unsafe-eval" not in policy


def test_hostile_names_are_text(curve_page):
    told = Read(curve_page)
    tags = [tag for tag, _ in told.elements]
    assert tags.count("script") == 4 and "img" not in tags
    assert not [a for _, a in told.elements for name in a if name.startswith("on")]
    assert EVIL in told.text
    assert LONG not in curve_page.html and "\x1b" not in curve_page.html
    words = json.dumps(told.json("store"))
    assert "alert" in words and "</script" not in told.scripts["store"]


def test_every_picture_has_its_place_its_data_and_a_table(point_page, curve_page):
    for page in (point_page, curve_page):
        told = Read(page)
        ids = told.ids()
        assert len(set(ids)) == len(ids)
        pictures, sets = told.json("pictures"), told.json("store")
        assert len(pictures) >= 4
        for picture in pictures:
            assert picture["id"] in ids and f"{picture['id']}-notes" in ids
            named = re.findall(r'"data": \{"name": "(\w+)"\}', json.dumps(picture["spec"]))
            assert named and all(sets[name]["rows"] > 0 for name in named)
        assert page.html.count("Numbers of this picture") == len(pictures)


def test_labels_and_anchors_lead_somewhere(point_page, curve_page):
    for page in (point_page, curve_page):
        told = Read(page)
        ids = set(told.ids())
        assert {a["href"][1:] for tag, a in told.elements if tag == "a"} <= ids
        assert {a["for"] for tag, a in told.elements if tag == "label"} <= ids
        controls = [a["id"] for tag, a in told.elements if tag in ("select", "input")]
        assert set(controls) <= {a["for"] for tag, a in told.elements if tag == "label"} and len(controls) >= 4


def test_parameters_intervals_and_citation_stand_in_the_text(point_page, points):
    text = Read(point_page).text
    found, _, draws = points
    low, high = draws.interval()["A"]
    assert f"{found.params['A']:.6g}" in text and "@" in text and "2203.15556" in text
    assert f"{low:.4g}"[:3] in text and f"{high:.4g}"[:3] in text


def test_answers_of_controls_are_those_of_the_fit(point_page, points):
    found, _, draws = points
    [picture] = [p for p in Read(point_page).json("pictures") if p["id"].endswith("whatif")]
    sizes, data = (c["values"] for c in picture["controls"])
    i, j = 7, 30
    at = i * len(data) + j
    value, low, high = draws.predict(N=sizes[i], D=data[j])
    told = picture["answers"]
    assert [told["loss"][at], told["low"][at], told["high"][at]] == pytest.approx([float(value), low, high], rel=2e-4)
    assert value == pytest.approx(found.predict(N=sizes[i], D=data[j]))


def test_what_is_left_out_is_said_with_what_adds_it(points):
    page = report(points[0])
    text = Read(page).text
    for option in ("--data", "--holdout", "--bootstrap", "--plan"):
        assert option in text and any(option in line for line in page.left_out)
    assert "fit0-data" not in Read(page).ids()


def test_other_rows_than_the_fitted_are_noticed(points):
    found, runs, _ = points
    fewer = runs.select(np.arange(24) > 2)
    assert "not exactly those that were fitted" in Read(report(found, fewer)).text
    assert "not exactly those that were fitted" not in Read(report(found, runs)).text


def test_doubts_are_told_in_plain_words(points):
    found, _, _ = points
    doubtful = dataclasses.replace(found, agree=0.01, starts=64, trade_offs=(("A", "B"),))
    told = Read(report(doubtful))
    assert "Do not trust this fit" in told.text and "A and B are not separately identified" in told.text
    assert ("div", "box bad") in [(tag, a.get("class")) for tag, a in told.elements]


def test_a_failed_fit_has_a_page_that_says_so(points):
    nan = dict.fromkeys(points[0].params, float("nan"))
    lost = dataclasses.replace(points[0], status=Status.too_few_rows, reason="too few <rows>", params=nan)
    told = Read(report(lost))
    assert "There is no fit here" in told.text and "too few <rows>" in told.text and told.json("pictures") == []


def test_several_fits_stand_side_by_side(points):
    found, runs, _ = points
    other = dataclasses.replace(found, params=dict(found.params) | {"E": 1.7})
    told = Read(report([found, other], runs))
    assert {"laws", "fit0", "fit1"} <= set(told.ids())
    [picture] = [p for p in told.json("pictures") if p["id"] == "laws-fitted"]
    assert len(picture["spec"]["encoding"]["color"]["scale"]["domain"]) == 2


def test_the_same_arguments_give_the_same_page(points, point_page):
    found, runs, draws = points
    assert report(found, runs, draws=draws, plans=[isoflop(found, [1e17, 1e18])]).html == point_page.html


def test_a_page_is_saved_whole_or_not_at_all(point_page, tmp_path):
    point_page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == point_page.html
    with pytest.raises(FitError, match="cannot be written"):
        point_page.save(tmp_path / "nowhere" / "page.html")


def test_every_law_has_a_formula_that_browsers_typeset():
    assert [name for name, law in catalogue.items() if not formula(law).startswith("<math")] == []


def test_formulas_from_strings_are_typeset():
    text = formula(jaxlaws.formula("E + 2e3*A/N^alpha - (B - D)^0.5"))
    assert "<mfrac>" in text and "α" in text
    assert "javascript" not in mathml(r"\href{javascript:alert(1)}{x}")


def test_the_front_door_is_callable_however_it_was_imported(python):
    assert python("-c", "import jaxlaws; print(callable(jaxlaws.report))").strip() == "True"
    assert python("-c", "import jaxlaws.report, jaxlaws; print(callable(jaxlaws.report))").strip() == "True"


def test_wrong_arguments_are_sentences(points):
    with pytest.raises(JaxlawsError, match="needs a fit"):
        report([])
    with pytest.raises(JaxlawsError, match="one for each of 2; got 1"):
        report([points[0]] * 2, [None])
    with pytest.raises(JaxlawsError, match="SchedulePlan.*got a int"):
        report(points[0], plans=[3])
    with pytest.raises(JaxlawsError, match=r"N and D"):
        from jaxlaws.plot import budget_chart

        rows = read({"x": [1.0, 2.0, 4.0, 8.0], "loss": [3.0, 2.5, 2.2, 2.0]})
        budget_chart(made("power", {"A": 3.0, "alpha": 0.2}, rows))
