"""Fits of laws with one input or parameter for each domain, and of laws that restate a generic form."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxlaws import fit, load
from jaxlaws.errors import FitError, TableError
from jaxlaws.laws import chinchilla
from jaxlaws.spec import each, law, positive, quantity, real, restated


@law(
    inputs={"r": each(quantity.SHARE, "domains")},
    output=quantity.LOSS,
    params={
        "c": positive(start=(0.5, 3.0)),
        "t": each(real(start=(-2.0, 1.0), box=(-9.0, 9.0)), "domains"),
    },
    linear=("c",),
    source="these tests",
    sizes={"domains": 2},
)
def mixing(r, *, c, t):
    """Loss of shares `r`, by `c` and `t`."""
    return c + jnp.exp(sum(a * b for a, b in zip(r, t, strict=True)))


under_other_names = restated(
    chinchilla,
    "under_other_names",
    inputs={"n": quantity.PARAMETERS, "d": quantity.TOKENS},
    rename={"alpha": "a", "beta": "b"},
    source="these tests",
)

FOUR = mixing.variant(domains="4")
TRUTH = {"c": 1.5, "t1": -1.5, "t2": -0.5, "t3": 0.25, "t4": 0.75}


@pytest.fixture(scope="module")
def mixtures():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 24)
    loss = TRUTH["c"] + np.exp(shares @ [TRUTH[f"t{i}"] for i in range(1, 5)])
    return pd.DataFrame({f"r{i}": shares[:, i - 1] for i in range(1, 5)} | {"loss": loss})


@pytest.fixture(scope="module")
def fitted(mixtures):
    return fit(FOUR, mixtures, starts=8)


def test_fit_of_a_size_finds_its_parameters(fitted):
    assert list(fitted.params) == list(TRUTH)
    for name, value in TRUTH.items():
        assert fitted[name] == pytest.approx(value, rel=1e-6), name
    assert "mixing:domains=4 fitted to" in str(fitted)


def test_stored_fit_of_a_size_comes_back_as_that_size(fitted, mixtures, tmp_path):
    fitted.save(tmp_path / "fit.json")
    again = load(tmp_path / "fit.json", laws=(mixing,))
    assert again.law is FOUR and again.params == fitted.params
    np.testing.assert_array_equal(again.predict(mixtures), fitted.predict(mixtures))


def test_prediction_wants_a_share_for_each_domain(fitted):
    shares = {f"r{i}": 0.25 for i in range(1, 5)}
    expected = 1.5 + np.exp(-0.25)
    assert float(fitted.predict(**shares)) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(FitError, match="needs r1, r2, r3, r4; got r1, r2"):
        fitted.predict(r1=0.5, r2=0.5)


def test_a_domain_without_a_column_is_named(mixtures):
    with pytest.raises((FitError, TableError), match="r4"):
        fit(FOUR, mixtures.drop(columns="r4"), starts=4)


def test_restated_law_finds_what_its_form_finds():
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e9, 1e12, 5)))
    loss = 1.8 + 480.0 * N**-0.35 + 2100.0 * D**-0.37
    ours = fit(under_other_names, pd.DataFrame({"n": N, "d": D, "loss": loss}), starts=8)
    theirs = fit(chinchilla, pd.DataFrame({"N": N, "D": D, "loss": loss}), starts=8)
    assert list(ours.params) == ["E", "A", "B", "a", "b"]
    for own, form in zip(ours.params.values(), theirs.params.values(), strict=True):
        assert own == pytest.approx(form, rel=1e-6)
