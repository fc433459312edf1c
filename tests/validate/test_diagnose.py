"""What residuals say against a law, and what noise allows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxlaws import fit, formula, published, read
from jaxlaws.errors import FitError
from jaxlaws.objectives import squared
from jaxlaws.validate import criteria, diagnose, noise, residuals


def replicated(bend: float, seed: int = 0):
    """Eight sizes, four seeds each, losses log-normal about a power law with a floor; `bend` adds what the law lacks."""
    rng = np.random.default_rng(seed)
    n = np.repeat(np.geomspace(1e6, 1e9, 8), 4)
    loss = (1.7 + 300.0 * n**-0.35) * np.exp(2e-3 * rng.standard_normal(32) + bend * np.sin(np.log(n)))
    return read({"N": n, "loss": loss})


@pytest.fixture(scope="module")
def law():
    return formula("E + A / N^alpha")


def test_lack_of_fit_refutes_a_wrong_law_and_not_the_right_one(law, quick):
    right, wrong = replicated(0.0), replicated(0.01)
    told = diagnose(fit(law, right, objective=squared(), **quick), right)
    assert told.refuted is False and 0.2 < told.ratio < 5.0
    told = diagnose(fit(law, wrong, objective=squared(), **quick), wrong)
    assert told.refuted is True and told.p_value < 1e-6 and "refuted" in str(told)


def test_lack_of_fit_is_the_textbook_f_test(law, quick):
    table = replicated(0.004)
    found = fit(law, table, objective=squared(), **quick)
    told = diagnose(found, table)
    logs = np.log(table.column("loss")).reshape(8, 4)
    pure = np.sum((logs - logs.mean(axis=1, keepdims=True)) ** 2)
    lack = 2.0 * found.objective - pure
    assert told.ratio == pytest.approx((lack / (8 - 3)) / (pure / 24), rel=1e-6)


def test_without_replicates_nothing_is_refuted(law, powers, quick):
    told = diagnose(fit(law, powers, **quick), powers)
    assert told.refuted is None and math.isnan(told.noise.between) and "no replicates" in str(told)


def test_a_trend_along_the_extrapolated_quantity_is_seen(powers, quick):
    straight = fit(formula("A / N^alpha"), powers, fix={"alpha": 0.02}, **quick)
    slope, error = diagnose(straight, powers, along="N").trend["N"]
    assert slope > 3 * error > 0  # predictions fall too slowly
    assert "do not extrapolate" in str(diagnose(straight, powers))


def test_a_run_apart_is_named(law, powers, quick):
    loss = powers.column("loss").copy()
    loss[5] *= 1.05
    frame = powers.frame.assign(loss=loss)
    told = diagnose(fit(law, frame, **quick), frame)
    assert next(iter(told.outliers)) == "row 6" and told.outliers["row 6"] < -4


def test_a_robust_fit_that_goes_through_rows_makes_no_outliers(law):
    # By absolute errors as many of 16 rows as there are parameters have no residual; normal noise has outliers in few tables.
    n = np.geomspace(1e6, 1e9, 16)
    noise = 5e-3 * np.random.default_rng(1).standard_normal((8, 16))
    tables = {
        "N": np.tile(n, 8),
        "loss": ((1.7 + 300.0 * n**-0.35) * np.exp(noise)).ravel(),
        "table": np.repeat(range(8), 16),
    }
    fits = fit(law, tables, by="table", objective="huber:1e-5", starts=16)
    named = [diagnose(one, read(tables).where(f"table == {key}")).outliers for key, one in fits.items()]
    assert sum(map(bool, named)) <= 1


def test_correlated_rows_count_less():
    rng = np.random.default_rng(4)
    step = np.arange(1.0, 401.0)
    noise = np.zeros(400)
    for i in range(1, 400):
        noise[i] = 0.8 * noise[i - 1] + 1e-3 * rng.standard_normal()
    table = read({"run": ["a"] * 400, "step": step, "D": 1e3 * step, "loss": 3.0 * step**-0.1 * np.exp(noise)})
    found = fit(formula("A / D^alpha"), table, starts=16, objective=squared())
    told = residuals(found, table)
    assert told.autocorrelation == pytest.approx(0.8, abs=0.08)
    assert told.effective == pytest.approx(400 * 0.2 / 1.8, rel=0.4)
    few, many = criteria(found, table), criteria(found, table, effective=400.0)
    assert few.effective == told.effective and many.log_likelihood > few.log_likelihood
    # With every row counted it is the plain AICc of log-normal losses.
    mean_square = np.mean(told.value**2)
    aic = 400 * (np.log(2 * np.pi * mean_square) + 1) + 2 * 3 + 2 * np.sum(np.log(told.observed))
    assert many.aicc == pytest.approx(aic + 2 * 3 * 4 / (400 - 4))


def test_noise_of_replicates_is_what_made_them():
    table = replicated(0.0, seed=7)
    assert noise(table, "kaplan_n").sd == pytest.approx(2e-3, rel=0.25)
    assert noise(table, "kaplan_n").freedom == 24


def test_copied_rows_are_no_replicates():
    table = replicated(0.0, seed=7)
    copied = pd.concat([table.frame, table.frame.iloc[:12]])
    assert noise(copied, "kaplan_n") == noise(table, "kaplan_n")
    once = table.frame.drop_duplicates("N")
    assert noise(pd.concat([once, once]), "kaplan_n").freedom == 0


def test_noise_of_the_public_curves_is_that_of_single_rows_and_of_two_constant_runs(data_dir):
    # laws/progress: two runs of one schedule differ by .0025 at 25M and .0024 at 100M.
    table = published("mpl_curves")
    for size, apart in (("25M", 0.0025), ("100M", 0.0024)):
        found = noise(table.where(f'size == "{size}"'), "progress_noise")
        assert found.pairs == 1 and found.between == pytest.approx(apart, abs=5e-5)
        assert 2e-4 < found.white < 7e-4


def test_branches_of_a_trunk_are_no_replicates(branches):
    found = noise(branches, "lr_annealing")
    assert found.pairs == 1  # a and b are one trunk, c is another run


def test_lack_of_fit_is_taken_on_the_scale_of_the_objective(law, quick):
    table = replicated(0.004)
    found = fit(law, table, objective=squared(on="raw"), **quick)
    told = diagnose(found, table)
    loss = table.column("loss").reshape(8, 4)
    pure = np.sum((loss - loss.mean(axis=1, keepdims=True)) ** 2)
    lack = 2.0 * found.objective - pure
    assert told.ratio == pytest.approx((lack / (8 - 3)) / (pure / 24), rel=1e-6)
    assert told.noise.sd == pytest.approx(np.sqrt(pure / 24)) and told.noise.on == "raw"
    with pytest.raises(FitError, match="must be log, raw or logit"):
        noise(table, law, on="log2")


def test_likelihoods_are_those_of_the_outcomes_whatever_the_scale(law, powers, quick):
    loss = powers.column("loss")
    for on, density in (("log", stats.lognorm), ("raw", stats.norm)):
        found = fit(law, powers, objective=squared(on=on), **quick)
        said = found.predict(powers)
        if on == "log":
            sd = np.sqrt(np.mean(np.log(said / loss) ** 2))
            expected = density.logpdf(loss, sd, scale=said).sum()
        else:
            expected = density.logpdf(loss, said, np.sqrt(np.mean((said - loss) ** 2))).sum()
        assert criteria(found, powers, effective=16.0).log_likelihood == pytest.approx(expected, rel=1e-9)
