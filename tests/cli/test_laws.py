"""Finding a law, reading its page, citing it."""

from __future__ import annotations

import pytest

from jaxlaws.spec import catalogue


def test_the_list_has_a_line_for_each_law(jaxlaws):
    lines = jaxlaws("laws").out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(catalogue)
    line = next(line for line in lines if line.startswith("chinchilla"))
    assert "N, D" in line and "2022 arXiv:2203.15556" in line and "Loss of an `N`-parameter model" in line


def test_a_word_searches_names_docs_and_sources(jaxlaws):
    assert "multi_power" in jaxlaws("laws", "Kairong").out or "multi_power" in jaxlaws("laws", "Luo").out
    assert [e["name"] for e in jaxlaws("laws", "batch size", "--json").document["laws"]] == ["step_law_batch"]


def test_a_paper_gives_its_laws(jaxlaws):
    found = jaxlaws("laws", "--paper", "arXiv:2403.08540", "--json").document["laws"]
    assert {e["name"] for e in found} == {"overtraining", "error_from_loss"}
    assert jaxlaws("laws", "--paper", "2403.08540", "--json").document["laws"] == found


@pytest.mark.parametrize("name", list(catalogue))
def test_every_law_has_a_page(jaxlaws, name):
    law, done = catalogue[name], jaxlaws("laws", name)
    assert done.status == 0 and done.notes == ()
    wanted = [law.doc, law.source, *law.params, *law.inputs, *law.constants, *law.limits, *law.aliases, *law.derived]
    assert [text for text in wanted if text not in done.out] == []


@pytest.mark.parametrize("name", list(catalogue))
def test_a_page_as_json_has_the_numbers(jaxlaws, name):
    law, page = catalogue[name], jaxlaws("laws", name, "--json").document
    assert page["name"] == name and list(page["params"]) == list(law.params)
    for key, constants in law.constants.items():
        assert page["constants"][key]["values"] == dict(constants.params)
    for key, param in law.params.items():
        assert page["params"][key]["start"] == list(param.start) and page["params"][key]["fixed"] == param.fixed


def test_aliases_variants_and_formulas_have_pages_too(jaxlaws):
    assert jaxlaws("laws", "mpl").out.startswith("multi_power (also mpl)")
    assert jaxlaws("laws", "multi_power:warmup=excluded", "--json").document["variant"] == {"warmup": "excluded"}
    assert list(jaxlaws("laws", "E + A/N^alpha", "--json").document["params"]) == ["E", "A", "alpha"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["laws", "chinchila"], "`chinchilla`"),
        (["laws", "--paper", "9999.00001"], "2203.15556"),
        (["laws", "multi_power:warmup=exclude"], "`excluded`"),
        (["laws", "E + foo(N)"], "foo(N)"),
        (["cite", "chinchila"], "`chinchilla`"),
        (["cite", "E + A/N^alpha"], "no BibTeX"),
    ],
)
def test_what_is_not_there_names_the_nearest(jaxlaws, arguments, named):
    done = jaxlaws(*arguments)
    assert done.status == 2 and done.out == "" and len(done.notes) == 1 and named in done.notes[0]


def test_cite_prints_bibtex(jaxlaws):
    done = jaxlaws("cite", "chinchilla")
    assert done.status == 0 and done.out.startswith("@") and "hoffmann2022training" in done.out
