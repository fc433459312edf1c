"""Charts as files: each kind is what it says, is whole, and lets nothing out of the data break out."""

from __future__ import annotations

import json
import re
import struct
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxlaws.errors import FitError, JaxlawsError
from jaxlaws.fitting import fit
from jaxlaws.plot import ENDINGS, fit_chart, save
from jaxlaws.runs import read

pytest.importorskip("altair")

EVIL = "a</script><script>alert(1)</script>&<b>"


@pytest.fixture(scope="module")
def chart():
    step = np.arange(10, 400, 10)
    lr = 1e-3 * (1.0 - 0.9 * np.clip((step - 200) / 200, 0.0, 1.0))
    loss = 2.0 + 0.5 * np.cumsum(10 * lr) ** -0.4 - 50.0 * (1e-3 - lr)
    runs = read({"run": [EVIL] * len(step), "step": step, "loss": loss, "lr": lr})
    return fit_chart(fit("lr_annealing", runs, starts=4), runs)


@pytest.fixture(scope="module")
def files(chart, tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    for ending in ENDINGS:
        save(chart, folder / f"chart{ending}")
    return folder


def test_png_is_twice_the_size_of_the_screen(files):
    content = (files / "chart.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1300 and height > 1000 and len(content) > 20_000


def test_pdf_is_one(files):
    content = (files / "chart.pdf").read_bytes()
    assert content.startswith(b"%PDF-") and b"%%EOF" in content[-1024:]


def test_svg_is_well_formed_and_holds_names_as_text(files):
    root = ElementTree.parse(files / "chart.svg").getroot()
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert EVIL in [element.text for element in root.iter()]


def test_html_is_self_contained_and_names_cannot_end_its_script(files):
    page = (files / "chart.html").read_text()
    assert page.count("</script>") == 2 and "<script>alert" not in page
    assert not re.search(r"<script[^>]+src=", page)
    spec = json.loads(re.search(r"const spec = (\{.*\});", page).group(1))
    assert EVIL in json.dumps(spec)


def test_another_ending_is_a_sentence(chart, tmp_path):
    with pytest.raises(JaxlawsError, match=r"\.png, \.svg, \.pdf, \.html"):
        save(chart, tmp_path / "chart.gif")


def test_a_file_that_cannot_be_written_is_a_sentence(chart, tmp_path):
    with pytest.raises(FitError, match="cannot be written"):
        save(chart, tmp_path / "nowhere" / "chart.svg")


def test_saving_leaves_no_other_file(chart, tmp_path):
    save(chart, tmp_path / "chart.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["chart.svg"]
