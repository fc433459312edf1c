"""`jaxlaws compare --setting`: ways to fit, spelled as text."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import normal
from jaxlaws.cli._settings import Setting, settings
from jaxlaws.errors import JaxlawsError
from jaxlaws.objectives import parse


def told(text):
    [one] = settings([text])
    return one.name, dict(one.told)


def test_words_are_arguments_of_candidate():
    text = (
        "all of it: where=step > 1000 and size == '25M' objective=huber:1e-3 weights=run by=size,optimizer share=alpha "
        "share=beta fix=E=1.7 free=gamma bound=A=1:9 prior=alpha=0.35:0.05,beta=0.37:0.1 starts=8"
    )
    assert told(text) == (
        "all of it",
        {
            "where": "step > 1000 and size == '25M'",
            "objective": parse("huber:1e-3"),
            "weights": "run",
            "by": ["size", "optimizer"],
            "share": ["alpha", "beta"],
            "fix": {"E": 1.7},
            "free": ["gamma"],
            "bounds": {"A": (1.0, 9.0)},
            "priors": {"alpha": normal(0.35, 0.05), "beta": normal(0.37, 0.1)},
            "starts": 8,
        },
    )


@pytest.mark.parametrize(
    ("text", "name", "where"),
    [
        ("late: where=step>1000", "late", "step>1000"),
        ("late: where='step > 1000'", "late", "step > 1000"),
        ("where=size=='25M'", "where=size=='25M'", "size=='25M'"),
        ("where='a' < kind and kind != 'c'", "where='a' < kind and kind != 'c'", "'a' < kind and kind != 'c'"),
        ("where=N<=1e8 and N>=1e7", "where=N<=1e8 and N>=1e7", "N<=1e8 and N>=1e7"),
    ],
)
def test_an_expression_needs_no_quotes_of_its_own(text, name, where):
    assert told(text) == (name, {"where": where})


def test_a_setting_may_say_nothing():
    assert told("plain:") == ("plain", {})
    assert settings(None) == [Setting()]


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["plain"], "or `plain:` for laws as they are"),
        ([" "], "must be NAME: WORD=VALUE"),
        (["a: run weights=run"], "must be NAME: WORD=VALUE"),
        (["a: priors=alpha=3:1"], "unknown word `priors`; nearest: `prior`"),
        (["a: where=N > 1 size=3"], "unknown word `size`; known: .* Equality in an expression is `==`"),
        (["a: where="], "`where=` says nothing; it is spelled as `where=step > 1000`"),
        (["a: weights=run weights=row"], "`weights=` is given twice"),
        (["a: weights=run", "a: weights=row"], "`a` is given twice"),
        (["a: prior=alpha=3"], "must be PARAMETER=MEAN:SD"),
        (["a: bound=alpha=3:1"], "must have LO below HI"),
        (["a: objective=hubr"], "unknown objective `hubr`"),
        (["a: starts=0"], "whole number of at least 1"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_cure(items, words):
    with pytest.raises(JaxlawsError, match=words) as caught:
        settings(items)
    assert "\n" not in str(caught.value)


COMMAND = {"fix": {"E": 1.7}, "priors": {"alpha": normal(0.3, 0.1)}, "bounds": {}, "free": ["gamma"], "by": ["size"]}
COMMAND |= {"share": ["beta"], "pool": [], "starts": None}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a:", {}),
        ("a: prior=beta=0.4:0.1", {"priors": {"alpha": normal(0.3, 0.1), "beta": normal(0.4, 0.1)}}),
        ("a: prior=alpha=0.4:0.1", {"priors": {"alpha": normal(0.4, 0.1)}}),
        ("a: fix=alpha=0.5", {"fix": {"E": 1.7, "alpha": 0.5}, "priors": {}}),
        ("a: fix=gamma=1,beta=2", {"fix": {"E": 1.7, "gamma": 1.0, "beta": 2.0}, "free": [], "share": []}),
        ("a: free=E", {"fix": {}, "free": ["gamma", "E"]}),
        ("a: pool=alpha", {"share": [], "pool": ["alpha"]}),
        ("a: by=kind starts=8", {"by": ["kind"], "starts": 8}),
    ],
)
def test_a_setting_stands_in_place_of_what_the_command_says_of_the_same(text, changed):
    [one] = settings([text])
    assert one.over(COMMAND) == COMMAND | changed


@pytest.fixture
def table(tmp_path):
    """`runs.csv`: losses near 1.7 + 300 x^-.35 of two kinds, the first quarter of each warming up: too high."""
    x = np.tile(np.geomspace(1e6, 1e9, 8), 2)
    loss = (1.7 + 300.0 * x**-0.35) * np.exp(1e-3 * np.random.default_rng(0).standard_normal(16))
    loss[x < 3e6] *= 1.2
    rows = zip(x.tolist(), loss.tolist(), np.repeat(["u", "v"], 8), strict=True)
    (tmp_path / "runs.csv").write_text("\n".join(["x,loss,kind", *(f"{a!r},{b!r},{c}" for a, b, c in rows)]) + "\n")


def test_settings_are_candidates_of_each_law_that_has_their_parameters(jaxlaws, table):
    done = jaxlaws(
        "compare", "runs.csv", "--laws", "power_plus_constant,power", "--holdout", "x > 5e8", "--quick", "--starts", 8, "--json",
        "--setting", "plain:",
        "--setting", "late: where=x > 3e6",
        "--setting", "floor: prior=E=1.7:0.01",
    )  # fmt: skip
    assert done.status == 0, done.notes
    error = {c["name"]: c["mae"] for c in done.document["candidates"]}
    names = [f"power_plus_constant, {way}" for way in ("plain", "late", "floor")]
    assert set(error) == {*names, "power, plain", "power, late"}
    assert error[names[1]] == min(error.values()) and error[names[2]] < error[names[0]]
    assert "power has no E: it is not compared under `floor`" in done.notes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--setting", "a: prior=alfa=3:1"], "`--setting a`: unknown parameter `alfa`; nearest: `alpha`"),
        (["--setting", "a: share=alpha"], "`--setting a`: `fit(share=...)` pools parameters over groups"),
        (["--setting", "a: by=kin share=alpha"], "`--setting a`: runs.csv: unknown column `kin`"),
        (["--setting", "a: by=kind share=alpha pool=E"], "`--setting a`: `fit_pooled(share=...)`"),
        (["--setting", "a: fix=E=1 prior=E=1:1"], "`--setting a`: `fit`: unknown free parameter `E`"),
        (["--setting", "a: where=x > 1e12"], "`--setting a`: runs.csv: `where=x > 1e12` matches no row"),
        (["--setting", "a: weights=rum"], "`--setting a`: runs.csv: unknown column `rum`"),
        (["--setting", "a: weights=run", "--weights", "row", "--weights", "run"], "--weights is given 2 times: say it once"),
        (["--laws", "power", "--setting", "a: fix=E=1", "--laws", "power,power_plus_constant"], "of no setting: add `--setting plain:`"),
    ],
)  # fmt: skip
def test_a_setting_that_no_fit_can_have_is_one_line(jaxlaws, table, options, words):
    done = jaxlaws("compare", "runs.csv", "--laws", "power_plus_constant", "--holdout", "x > 5e8", *options)
    assert done.status == 2 and done.out == ""
    assert words in done.notes[-1]
