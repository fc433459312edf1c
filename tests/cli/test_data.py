"""Data sets by name."""

from __future__ import annotations

from jaxlaws.runs import published
from jaxlaws.runs.published import names


def test_the_list_names_every_public_data_set(jaxlaws):
    done = jaxlaws("data")
    assert done.status == 0
    assert [f"published:{name}" for name in names() if f"published:{name} " not in done.out] == []


def test_the_list_says_what_a_mirror_lacks(jaxlaws, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXLAWS_DATA_DIR", str(tmp_path))
    sets = {entry["table"]: entry for entry in jaxlaws("data", "--json").document["data"]}
    files = sets["published:mpl_curves"]["files"]
    assert (files["here"], files["listed"]) == (0, 27) and files["megabytes"] > 0
    assert sets["published:mpl_curves"]["here"] == "none in JAXLAWS_DATA_DIR"


def test_fetching_a_set_says_what_came(jaxlaws, data_dir):
    came = jaxlaws("data", "chinchilla_epoch", "--json").document
    assert (came["rows"], came["runs"]) == (240, 240)
    assert came["columns"]["loss"]["largest"] == published("chinchilla_epoch").column("loss").max()
    assert "240 rows" in jaxlaws("data", "published:chinchilla_epoch").out


def test_an_unknown_set_names_the_nearest(jaxlaws):
    done = jaxlaws("data", "chinchila_epoch")
    assert done.status == 2 and len(done.notes) == 1 and "`chinchilla_epoch`" in done.notes[0]


def test_a_set_that_the_mirror_lacks_is_one_line(jaxlaws, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXLAWS_DATA_DIR", str(tmp_path))
    done = jaxlaws("data", "chinchilla_epoch")
    assert done.status == 2 and len(done.notes) == 1 and "svg_extracted_data.csv" in done.notes[0]
