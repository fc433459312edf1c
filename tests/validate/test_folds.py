"""Splits into rows to fit and rows to score, and what must not leak between them."""

from __future__ import annotations

import numpy as np
import pytest

from jaxlaws import formula, published, read
from jaxlaws.errors import ExpressionError, FitError, TableError
from jaxlaws.validate import assess, compare, holdout, leave_out, repeats, rollout


def test_holdout_scores_what_is_held_out_and_fits_the_rest(powers):
    one = holdout(powers, "N > 1e8", where="N > 3e6")
    n = powers.column("N")
    np.testing.assert_array_equal(one.score, n > 1e8)
    np.testing.assert_array_equal(one.fit, (n > 3e6) & (n <= 1e8))


@pytest.mark.parametrize(
    ("expression", "where", "words"),
    [
        ("N > 1e12", None, "matches none"),
        ("N > 0", None, "leaves nothing to fit"),
        ("N > 1e8", "N > 1e8", "leaves nothing"),
    ],
)
def test_a_holdout_of_nothing_or_everything_is_one_sentence(powers, expression, where, words):
    with pytest.raises(ExpressionError, match=words) as caught:
        holdout(powers, expression, where=where)
    assert "\n" not in str(caught.value)


def test_rollout_fits_below_each_cut_and_scores_from_it_on(powers):
    n = powers.column("N")
    for one in rollout(powers, "N", cuts=3):
        assert one.along == "N" and n[one.fit].max() < one.cut <= n[one.score].min()
        assert len(np.unique(n[one.fit])) >= 3 and (one.fit ^ one.score).all()
    [alone] = rollout(powers, "N", cuts=[1e8])
    np.testing.assert_array_equal(alone.score, n >= 1e8)


def test_compute_is_six_n_d_where_no_column_says_it():
    sizes = {"N": [1e6, 2e6, 4e6, 8e6, 16e6], "D": [5e9, 1e9, 1e9, 1e9, 1e9], "loss": [3.0, 2.8, 2.6, 2.5, 2.4]}
    [one] = rollout(sizes, "C", cuts=[3e16])
    assert one.name == "6 N D < 3e+16" and one.along == "C"
    np.testing.assert_array_equal(one.score, [True, False, False, True, True])
    found = assess(formula("A / N^alpha"), sizes, one, starts=4)
    assert found.reach == pytest.approx((16 / 4,))
    # A column C wins over what N and D would make.
    [own] = rollout(sizes | {"C": [1.0, 2.0, 3.0, 4.0, 5.0]}, "C", cuts=[3.0])
    assert own.name == "C < 3"
    with pytest.raises(TableError, match="or both N and D, for 6 N D"):
        rollout({"N": sizes["N"], "loss": sizes["loss"]}, "C")


def test_a_cut_outside_the_rows_says_what_range_they_have(powers):
    with pytest.raises(TableError, match="no row lies at or above the cut 1e\\+12; N runs from 1e\\+06 to 1e\\+09"):
        rollout(powers, "N", cuts=[1e12])
    with pytest.raises(TableError, match="at least 4 distinct values of N; there are 3"):
        rollout({"N": [1.0, 2.0, 3.0], "loss": [3.0, 2.0, 1.0]}, "N")
    with pytest.raises(TableError, match="`width`"):
        rollout(powers, "width")


@pytest.mark.parametrize("cuts", [[], [float("nan")], float("inf")])
def test_cuts_that_are_no_places_are_refused(powers, cuts):
    with pytest.raises(TableError, match="a number of cuts, or their places"):
        rollout(powers, "N", cuts=cuts)


def test_a_cut_may_stand_alone(powers):
    assert [one.cut for one in rollout(powers, "N", cuts=1e8)] == [1e8]


def test_what_is_no_fold_of_the_table_is_refused(powers):
    with pytest.raises(FitError, match="'N > 1e8' is no fold; `holdout"):
        assess("power", powers, "N > 1e8")
    with pytest.raises(FitError, match="of a table of 16 rows, and DataFrame has 15"):
        compare("power", powers.frame.iloc[1:], holdout(powers, "N > 1e8"))


def test_leave_out_scores_each_group_once(powers):
    folds = leave_out(powers, "part")
    assert [f.name for f in folds] == [f"without part {k}" for k in range(4)]
    np.testing.assert_array_equal(np.sum([f.score for f in folds], axis=0), 1)
    with pytest.raises(TableError, match="at least two groups"):
        leave_out(powers, "part", where="part == 1")


def test_rows_of_a_shared_trunk_are_not_scored(branches):
    run, step = branches.frame["run"].to_numpy(), branches.column("step")
    one = holdout(branches, 'run == "b"')
    np.testing.assert_array_equal(one.score, (run == "b") & (step > 120))
    assert one.repeated == 12
    assert holdout(branches, 'run == "b"', repeated="keep").score.sum() == 20
    # Without the trunk among the fitted rows nothing is repeated.
    assert holdout(branches, 'run == "b"', where='run == "c"').repeated == 0


def test_runs_are_grouped_by_their_learning_rates_where_no_column_says_so(branches):
    assert [f.name for f in leave_out(branches)] == ["without schedule of a", "without schedule of b"]


def test_the_same_point_under_two_names_is_a_repeat():
    table = read({"N": [1e8, 1e8, 2e8, 1e8], "loss": [3.0, 3.0, 2.0, 3.1]})
    np.testing.assert_array_equal(repeats(table, np.array([True, False, False, False])), [False, True, False, False])


def test_trunks_of_the_public_curves_are_recognised(data_dir):
    # laws/progress: wsd, wsdld and the wsdcon curves repeat one trunk row for row, at 25M that of constant_72000.
    table = published("mpl_curves").where('size == "25M"')
    seen = (table.frame["schedule"] == "constant_72000").to_numpy()
    found = table.frame["schedule"][repeats(table, seen)].value_counts().to_dict()
    assert found == {"wsd_20000_24000": 139, "wsdld_20000_24000": 139, "wsdcon_3": 46, "wsdcon_9": 46, "wsdcon_18": 46}
