"""Which rows of a table an expression such as `size == "25M" and step < 24000` is true for.

A pandas-style query, read by a whitelist over `ast` and never evaluated as code: comparisons (chained ones too), `and or
not` (or `& | ~`), `in` a list, `+ - * / **`, numbers, text and column names (`` `smooth loss` `` when they hold blanks).
"""

from __future__ import annotations

import ast
import operator
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import ExpressionError, nearest
from jaxlaws.runs.columns import as_numbers, holds_text

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 10_000

_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED = "comparisons, and, or, not, in, + - * / **, numbers, text and column names are"


def evaluate(expression: str, frame: pd.DataFrame, *, other_names: Mapping[str, str] | None = None) -> np.ndarray:
    """Boolean mask of shape `(rows,)`. `other_names` are further names of columns. Raises `ExpressionError`, one sentence."""
    if not isinstance(expression, str) or not expression.strip():
        raise ExpressionError(f"an expression over a table is text such as `step < 24000`; got {expression!r}.")
    text, quoted = _prepare(expression)
    tree = _parse(text, expression)
    reader = _Reader(expression, frame, quoted, dict(other_names or {}))
    try:
        with np.errstate(all="ignore"):
            value = reader.value(tree)
    except RecursionError:
        raise ExpressionError(f"`{_short(expression)}`: too deeply nested.") from None
    if _kind(value) != "truth":
        raise reader.error(f"is {_kind(value)}, not true or false for each row; compare it with something")
    return np.array(np.broadcast_to(value, (len(frame),)), dtype=bool)


class _Reader:
    """Value of each node: text, number or truth, a scalar or of shape `(rows,)`."""

    def __init__(
        self, expression: str, frame: pd.DataFrame, quoted: dict[str, str], other_names: dict[str, str]
    ) -> None:
        self.expression = expression
        self.frame = frame
        self.quoted = quoted
        self.names = {unicodedata.normalize("NFKC", str(name)): name for name in frame.columns}
        self.names |= {other: name for other, name in other_names.items() if other not in self.names}

    def error(self, what: str) -> ExpressionError:
        return ExpressionError(f"`{_short(self.expression)}` {what}.")

    def value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool() as truth):
                return np.bool_(truth)
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant(value=int() | float() as number):
                return self.number(number)
            case ast.Name(id=name):
                return self.column(self.quoted.get(name, name))
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(value) for value in values]
                return (np.logical_and if isinstance(op, ast.And) else np.logical_or).reduce(
                    np.broadcast_arrays(*parts)
                )
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return np.logical_not(self.truth(operand))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                number = self.numeric(operand)
                return -number if isinstance(op, ast.USub) else number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self.numeric(left), self.numeric(right))
            case ast.Compare():
                return self.comparison(node)
        raise self.error(f"holds {_named(node)}, which is not allowed in an expression; {_ALLOWED}")

    def number(self, number: float) -> np.float64:
        try:
            return np.float64(number)
        except OverflowError:
            raise self.error("holds a number too large for a float") from None

    def column(self, name: str) -> np.ndarray:
        known = unicodedata.normalize("NFKC", name)
        if known not in self.names:
            raise self.error(f"names no column of the table: {nearest(name, map(str, self.names), what='column')[:-1]}")
        values = self.frame[self.names[known]]
        if values.dtype.kind == "b":
            return values.to_numpy(dtype=bool)
        if holds_text(values):
            return values.astype(object).where(values.notna(), None).to_numpy(dtype=object)
        out, wrong = as_numbers(values)
        if wrong.any():
            raise self.error(f"uses column `{name}`, which holds neither only numbers nor only text")
        return out

    def truth(self, node: ast.AST) -> Any:
        value = self.value(node)
        if _kind(value) != "truth":
            raise self.error(f"joins {_kind(value)} with and, or, not; compare it with something first")
        return value

    def numeric(self, node: ast.AST) -> Any:
        value = self.value(node)
        if _kind(value) != "a number":
            raise self.error(f"does arithmetic with {_kind(value)}; only numbers can")
        return value

    def comparison(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            found = self.contained(left, node.comparators[0])
            return found if isinstance(node.ops[0], ast.In) else np.logical_not(found)
        out: Any = np.bool_(True)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARISONS:
                raise self.error(f"holds {_named(op)}, which is not allowed in an expression; {_ALLOWED}")
            right = self.value(right_node)
            out = np.logical_and(out, self.compare(type(op), left, right))
            left = right
        return out

    def contained(self, left: Any, node: ast.AST) -> Any:
        if not isinstance(node, ast.Tuple | ast.List):
            raise self.error("needs a list after `in`, such as `in [1, 2]`")
        out: Any = np.bool_(False)
        for item in node.elts:
            literal = item.operand if isinstance(item, ast.UnaryOp) else item
            if not isinstance(literal, ast.Constant):
                raise self.error("may list only numbers and text after `in`")
            out = np.logical_or(out, self.compare(ast.Eq, left, self.value(item)))
        return out

    def compare(self, op: type, left: Any, right: Any) -> Any:
        kinds = (_kind(left), _kind(right))
        if "text" in kinds and kinds != ("text", "text"):
            left, right = self.as_number(left), self.as_number(right)
        elif kinds == ("text", "text") and op not in (ast.Eq, ast.NotEq):
            return self.ordered(op, left, right)
        return np.asarray(_COMPARISONS[op](left, right), dtype=bool)

    def as_number(self, value: Any) -> Any:
        """Names of runs that are numbers compare as such; any other text does not compare with a number."""
        if _kind(value) != "text":
            return value
        import pandas as pd

        out, wrong = as_numbers(pd.Series(np.atleast_1d(np.asarray(value, dtype=object)), dtype=object))
        if wrong.any() or isinstance(value, str):
            raise self.error("compares text with a number; put text in quotes and leave numbers without")
        return out

    def ordered(self, op: type, left: Any, right: Any) -> Any:
        pairs = np.broadcast_arrays(np.asarray(left, dtype=object), np.asarray(right, dtype=object))
        there = np.logical_and(*(np.reshape([cell is not None for cell in side.flat], side.shape) for side in pairs))
        left, right = (np.where(there, side, "") for side in pairs)
        return there & np.asarray(_COMPARISONS[op](left, right), dtype=bool)


def _prepare(expression: str) -> tuple[str, dict[str, str]]:
    """Expression as Python would spell it: `&` and `|` bind as loosely as in pandas, backticked names become identifiers."""
    out: list[str] = []
    quoted: dict[str, str] = {}
    position = 0
    while position < len(expression):
        mark = expression[position]
        if mark in "'\"`":
            end = _closing(expression, position)
            inside = expression[position + 1 : end - 1]
            if mark == "`":
                name = f"quoted_column_{len(quoted)}_"
                quoted[name] = inside
                out.append(f" {name} ")
            else:
                out.append(expression[position:end])
            position = end
            continue
        # Line breaks are blanks: an expression may come from a file.
        out.append({"&": " and ", "|": " or ", "\n": " ", "\r": " ", "\f": " "}.get(mark, mark))
        position += 1
    return "".join(out).strip(), quoted


def _closing(expression: str, start: int) -> int:
    mark, position = expression[start], start + 1
    while position < len(expression):
        if expression[position] == mark:
            return position + 1
        position += 2 if expression[position] == "\\" and mark != "`" else 1
    raise ExpressionError(f"`{_short(expression)}`: the {mark} at character {start + 1} is never closed.")


def _parse(text: str, expression: str) -> ast.AST:
    try:
        if len(text) > LONGEST:
            raise ValueError("too long")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(
            f"`{_short(expression)}` cannot be read as an expression ({reason or 'too deeply nested'}); "
            "write for example `size == '25M' and step < 24000`, and names with blanks in backticks."
        ) from None


def _kind(value: Any) -> str:
    if isinstance(value, str) or getattr(value, "dtype", None) == np.dtype(object):
        return "text"
    return "truth" if np.asarray(value).dtype == np.dtype(bool) else "a number"


def _named(node: ast.AST) -> str:
    names = {"Call": "a function call", "Attribute": "a dot", "Subscript": "brackets after a name", "BitXor": "`^`"}
    if isinstance(node, ast.Constant):
        return f"`{_short(repr(node.value))}`"
    kind = type(node.op).__name__ if isinstance(node, ast.BinOp | ast.UnaryOp) else type(node).__name__
    return names.get(kind, f"`{kind}`")


def _short(expression: str) -> str:
    return expression if len(expression) <= 80 else expression[:77] + "..."
