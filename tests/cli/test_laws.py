"""Finding a law, reading its page, citing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxlaws.spec import catalogue, pointer


def names(done) -> set[str]:
    return {entry["name"] for entry in done.document["laws"]}


def test_the_list_has_a_line_for_each_law(jaxlaws):
    lines = jaxlaws("laws").out.split("\n\n")[0].splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(catalogue)
    line = next(line for line in lines if line.startswith("chinchilla"))
    assert "N, D" in line and "2022 arXiv:2203.15556" in line and "Loss of an `N`-parameter model" in line


def test_a_word_searches_names_docs_and_sources(jaxlaws):
    assert "multi_power" in jaxlaws("laws", "Kairong").out or "multi_power" in jaxlaws("laws", "Luo").out
    assert "step_law_batch" in names(jaxlaws("laws", "batch size", "--json"))
    assert "chinchilla" not in names(jaxlaws("laws", "batch size", "--json"))
    assert "chinchilla" in names(jaxlaws("laws", "digitised points", "--json"))


def test_a_paper_gives_its_laws(jaxlaws):
    found = jaxlaws("laws", "--paper", "arXiv:2403.08540", "--json").document["laws"]
    assert {e["name"] for e in found} == {"overtraining", "error_from_loss"}
    assert jaxlaws("laws", "--paper", "2403.08540", "--json").document["laws"] == found


def test_a_paper_of_published_constants_gives_their_law(jaxlaws):
    assert "chinchilla" in names(jaxlaws("laws", "--paper", "2404.10102", "--json"))


def test_inputs_give_the_laws_that_take_all_of_them(jaxlaws):
    both = names(jaxlaws("laws", "--input", "N", "--input", "D", "--json"))
    assert both == {
        n for n, law in catalogue.items() if {"N", "D"} <= {*law.inputs, *(q.symbol for q in law.inputs.values())}
    }
    assert {"chinchilla", "step_law"} <= both and "step_law_batch" not in both
    assert names(jaxlaws("laws", "learning rate", "--input", "N", "--json")) >= {"step_law"}
    assert "multi_power" in names(jaxlaws("laws", "--input", "curve", "--json"))


@pytest.fixture
def pointed():
    """A paper without a law, in the catalogue for the length of a test."""
    entry = pointer(
        "no_such_law",
        source="Nobody et al. (2026), Trees and Forests, arXiv:2601.00009",
        see=("power", "chinchilla"),
        text="a regression by trees, no formula",
        aliases=("trees_alone",),
    )
    catalogue.register(entry)
    yield entry
    del catalogue._pointers["no_such_law"], catalogue._aliases["trees_alone"]


def test_a_paper_without_a_law_is_found_and_says_what_to_use(jaxlaws, pointed):
    for arguments in (["--paper", "2601.00009"], ["regression by trees"]):
        done = jaxlaws("laws", *arguments)
        assert done.out.startswith("PAPER WITHOUT A LAW") and "power, chinchilla" in done.out
        assert [p["name"] for p in jaxlaws("laws", *arguments, "--json").document["pointers"]] == ["no_such_law"]
    for name in ("no_such_law", "trees_alone"):
        page = jaxlaws("laws", name).out
        assert page.startswith("no_such_law (also trees_alone)") and "Use instead\n  - power\n  - chinchilla" in page
        assert jaxlaws("laws", name, "--json").document["see"] == ["power", "chinchilla"]
    assert jaxlaws("laws", "--input", "N", "--json").document["pointers"] == []
    assert (
        "| `no_such_law` | a regression by trees, no formula | `power`, `chinchilla` |"
        in jaxlaws("laws", "--markdown").out
    )


def test_a_paper_without_a_law_can_be_cited_but_not_fitted(jaxlaws, pointed):
    assert jaxlaws("cite", "no_such_law").out.splitlines()[:2] == ["@misc{nobody2026,", "  title={Trees and Forests},"]
    (tmp := Path("runs.csv")).write_text("N,loss\n1,2\n")
    done = jaxlaws("fit", tmp, "--law", "no_such_law")
    assert done.status == 2 and len(done.notes) == 1 and "Use `power`, `chinchilla`" in done.notes[0]


@pytest.mark.parametrize("name", list(catalogue))
def test_every_law_has_a_page(jaxlaws, name):
    law, done = catalogue[name], jaxlaws("laws", name)
    assert done.status == 0 and done.notes == ()
    wanted = [law.doc, law.source, *law.params, *law.inputs, *law.constants, *law.limits, *law.aliases, *law.derived]
    wanted += [*law.papers, *law.data, f"evidence: {law.evidence}"]
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
        (["laws", "--input", "curv"], "`curve`"),
        (["laws", "chinchilla", "--input", "curve"], "no law takes curve with what else was asked for"),
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


@pytest.mark.parametrize("name", [*catalogue, *catalogue.pointers])
def test_every_entry_can_be_cited(jaxlaws, name):
    done = jaxlaws("cite", name)
    assert done.status == 0 and done.out.startswith("@") and done.out.count("{") == done.out.count("}")


def test_further_papers_are_named_in_what_to_cite(jaxlaws):
    assert "% see also arXiv:2404.10102" in jaxlaws("cite", "chinchilla").out
