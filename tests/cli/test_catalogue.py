"""docs/catalogue.md is what the laws say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jaxlaws.spec import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
RENEW = "jaxlaws laws --markdown > docs/catalogue.md"


def test_the_page_of_all_laws_is_not_stale(jaxlaws):
    assert PAGE.read_text(encoding="utf-8") == jaxlaws("laws", "--markdown").out, (
        f"docs/catalogue.md is stale: `{RENEW}`"
    )


def test_the_page_says_how_to_renew_it():
    assert RENEW in PAGE.read_text(encoding="utf-8")


def test_page_of_one_law_has_its_numbers_unrounded(jaxlaws):
    page = jaxlaws("laws", "chinchilla", "--markdown").out
    assert (
        "alpha 0.34731265761033453" in page
        and "Evidence: **checked**" in page
        and "| `N` | model size | parameters |" in page
    )


@pytest.mark.parametrize("name", ["chinchilla", "multi_power"])
def test_page_of_a_law_is_part_of_the_whole(jaxlaws, name):
    alone = jaxlaws("laws", name, "--markdown").out
    assert alone.partition("\n\n")[2].strip() in jaxlaws("laws", "--markdown").out


def test_every_law_has_a_heading_that_the_index_points_to(jaxlaws):
    page = jaxlaws("laws", "--markdown").out
    assert set(re.findall(r"^### (\S+)$", page, re.MULTILINE)) == set(catalogue)
    assert set(re.findall(r"^\| \[`\S+`\]\(#(\S+?)\)", page, re.MULTILINE)) == set(catalogue)
