"""Expressions over a table: what they mean, and what they may not do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlaws.errors import ExpressionError
from jaxlaws.runs.expression import evaluate

FRAME = pd.DataFrame(
    {
        "run": ["a", "b", "c", "10"],
        "size": ["25M", "100M", None, "25M"],
        "step": [0, 100, 200, 300],
        "loss": [4.0, 3.0, np.nan, 2.5],
        "smooth loss": [4.1, 3.1, 2.9, 2.6],
        "final": [False, False, True, True],
        "id": ["1", "2", "3", "4"],
        "when": pd.to_datetime(["2024-01-01"] * 4),
        "mixed": [1, "x", 2.0, None],
    }
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("step < 200", [1, 1, 0, 0]),
        ("100 <= step <= 200", [0, 1, 1, 0]),
        ("size == '25M'", [1, 0, 0, 1]),
        ('size != "25M"', [0, 1, 1, 0]),
        ("size == '25M' and step > 0", [0, 0, 0, 1]),
        ("size == '25M' & step > 0", [0, 0, 0, 1]),
        ("step == 0 | step == 300 & loss < 3", [1, 0, 0, 1]),
        ("not step < 200", [0, 0, 1, 1]),
        ("~(step < 200)", [0, 0, 1, 1]),
        ("final", [0, 0, 1, 1]),
        ("final == True", [0, 0, 1, 1]),
        ("not final and loss > 3.5", [1, 0, 0, 0]),
        ("step in [0, 300]", [1, 0, 0, 1]),
        ("size in ('100M', '7B')", [0, 1, 0, 0]),
        ("size not in ['25M']", [0, 1, 1, 0]),
        ("`smooth loss` > 3", [1, 1, 0, 0]),
        ("step / 2 + 50 > -loss ** 2 * 10", [1, 1, 0, 1]),
        ("step > 1e2", [0, 0, 1, 1]),
        ("loss != loss", [0, 0, 1, 0]),
        ("step / step >= 1", [0, 1, 1, 1]),
        ("size < '2'", [0, 1, 0, 0]),
        ("run == 'a'", [1, 0, 0, 0]),
        ("id == 3", [0, 0, 1, 0]),
        ("id in [1, 2]", [1, 1, 0, 0]),
        ("size == 'a & b'", [0, 0, 0, 0]),
        ("step <\n 200", [1, 1, 0, 0]),
        ("1 < 2", [1, 1, 1, 1]),
    ],
)
def test_expression_chooses_these_rows(expression, rows):
    np.testing.assert_array_equal(evaluate(expression, FRAME), np.array(rows, dtype=bool))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "an expression over a table is text such as `step < 24000`"),
        ("stepp < 3", "names no column of the table: unknown column `stepp`; nearest: `step`"),
        ("step", "is a number, not true or false for each row"),
        ("size", "is text, not true or false"),
        ("step + 1", "is a number"),
        ("size == 25", "compares text with a number"),
        ("step < '3'", "compares text with a number"),
        ("step and final", "joins a number with and, or, not"),
        ("-size > 3", "does arithmetic with text"),
        ("abs(step) > 3", "holds a function call, which is not allowed in an expression"),
        ("__import__('os').system('true')", "a function call, which is not allowed"),
        ("step.max() > 1", "a function call, which is not allowed"),
        ("step.values > 1", "holds a dot, which is not allowed"),
        ("step[0] > 1", "holds brackets after a name, which is not allowed"),
        ("step % 2 == 0", "holds `Mod`, which is not allowed"),
        ("step ^ 2 > 1", "holds `^`, which is not allowed"),
        ("step is 3", "which is not allowed"),
        ("size == None", "holds `None`, which is not allowed"),
        ("(lambda: 1) == 1", "which is not allowed"),
        ("[x for x in step]", "which is not allowed"),
        ("f'{step}' == 'a'", "which is not allowed"),
        ("step in 3", "needs a list after `in`"),
        ("step in [loss]", "may list only numbers and text after `in`"),
        ("step <", "cannot be read as an expression"),
        ("step = 3", "cannot be read as an expression"),
        ("a b", "names with blanks in backticks"),
        ("size == '25M", "is never closed"),
        ("`smooth loss > 3", "is never closed"),
        ("when > 3", "holds neither only numbers nor only text"),
        ("mixed > 3", "holds neither only numbers nor only text"),
        ("step < " + "9" * 400, "too large for a float"),
        ("(" * 3000 + "step" + ")" * 3000, "cannot be read as an expression"),
        ("not " * 2000 + "final", "nested"),
        ("step < 1" + " and step < 1" * 2000, "cannot be read as an expression (too long)"),
    ],
)
def test_expression_refused_says_why(expression, words):
    with pytest.raises(ExpressionError) as error:
        evaluate(expression, FRAME)
    assert words in str(error.value)


def test_expression_that_would_take_for_ever_as_integers_is_done_in_floats():
    assert not evaluate("9 ** 9 ** 9 ** 9 < step", FRAME).any()


def test_column_without_any_cell_compares_with_text_and_numbers():
    frame = pd.DataFrame({"x": pd.Series([None, None], dtype=object)})
    assert not evaluate("x == 'a' or x > 1", frame).any()


def test_expression_works_on_no_rows():
    assert evaluate("size == '25M' and step < 3", FRAME[:0]).shape == (0,)


WORDS = "step loss size `smooth loss` final '25M' 3 1e400 in not and if else lambda None True is"
MARKS = "< == & | ~ + ** - ( ) [ ] , . : ` ' \\"
PIECES = st.sampled_from([*WORDS.split(), *MARKS.split()])


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=9).map(" ".join)))
def test_any_text_gives_a_mask_or_an_expression_error(text):
    try:
        mask = evaluate(text, FRAME)
    except ExpressionError:
        return
    assert mask.shape == (4,) and mask.dtype == bool


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20))
def test_no_expression_calls_what_it_names(text):
    class Trap:
        def __getattr__(self, name):
            if name.startswith("__array"):
                raise AttributeError(name)  # NumPy asks what it is given
            raise AssertionError(f"looked up {name}")

    frame = FRAME.assign(trap=pd.Series([Trap()] * 4, dtype=object))
    for expression in (f"trap.{text}", f"trap({text})", f"trap[{text}]", f"trap.__class__ == {text}"):
        with pytest.raises(ExpressionError):
            evaluate(expression, frame)
