"""Laws from a string: `formula("E + A/N^alpha + B/D^beta")`."""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

from jaxlaws.errors import LawError
from jaxlaws.spec._numerics import power
from jaxlaws.spec.law import Law
from jaxlaws.spec.param import Param, positive
from jaxlaws.spec.quantity import ANY, BATCH, FLOP, LOSS, PARAMETERS, RATIO, STEP, TOKENS, Quantity

INPUTS: Mapping[str, Quantity] = MappingProxyType(
    {"N": PARAMETERS, "D": TOKENS, "C": FLOP, "M": RATIO, "step": STEP, "batch": BATCH}
)
_DEEPEST = 200
_DEFAULT_INPUTS = ("N", "D")

_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"exp": jnp.exp, "log": jnp.log, "log1p": jnp.log1p, "expm1": jnp.expm1, "sqrt": jnp.sqrt, "tanh": jnp.tanh}
)
_BINARY: Mapping[type, Callable[[Any, Any], Any]] = MappingProxyType(
    {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
)


def formula(
    text: str, *, inputs: Iterable[str] | None = None, start: Mapping[str, tuple[float, float]] | None = None
) -> Law:
    """Law for `loss` that a string describes.

    Of the names that occur, those in `inputs` (default: N and D) are quantities; the rest are positive parameters,
    started in 1e-3 ... 1e4 unless `start` gives a box. `^` and `**` are the power; exp, log, log1p, expm1, sqrt, tanh
    can be called. Equal texts give one object. Raises `LawError`, one sentence, for anything else.

    >>> formula("E + A/N^alpha")(N=1e3, E=1.0, A=2.0, alpha=1.0)
    Array(1.002, dtype=float32)
    """
    tree = _parse(text)
    names = _names(tree)
    wanted = tuple(inputs) if inputs is not None else _DEFAULT_INPUTS
    found = [n for n in wanted if n in names]
    missing = [n for n in wanted if n not in names] if inputs is not None else []
    if missing or not found:
        raise LawError(f"formula `{text}` uses none of {', '.join(missing or wanted)}; give its inputs by `inputs=`.")
    if len(found) == len(names):
        raise LawError(f"formula `{text}` has no parameter to fit.")
    boxes = dict(start or {})
    unknown = sorted(set(boxes) - set(names) | set(boxes) & set(found))
    if unknown:
        raise LawError(f"formula `{text}`: start= names {', '.join(unknown)}, which is no parameter of it.")
    return from_canonical(ast.unparse(tree), _spell(found, boxes))


def from_canonical(text: str, rest: str) -> Law:
    """The interned law of a canonical text and of its inputs and start boxes as one string (what a pickle holds)."""
    if (text, rest) not in _INTERNED:
        _INTERNED[text, rest] = _build(text, rest)
    return _INTERNED[text, rest]


_INTERNED: dict[tuple[str, str], Law] = {}


def _spell(inputs: Iterable[str], boxes: Mapping[str, tuple[float, float]]) -> str:
    """Inputs and start boxes as one string: `N,D;E=0.5:3.0`."""
    return ";".join([",".join(inputs), *(f"{k}={float(a)!r}:{float(b)!r}" for k, (a, b) in sorted(boxes.items()))])


def _build(text: str, rest: str) -> Law:
    tree = _parse(text)
    head, *boxed = rest.split(";")
    names, inputs = _names(tree), head.split(",")
    boxes = {k: tuple(map(float, v.split(":"))) for k, v in (item.split("=") for item in boxed)}
    params: dict[str, Param] = {}
    for name in names:
        if name not in inputs:
            low, high = boxes.get(name, (1e-3, 1e4))
            if not 0 < low <= high:
                raise LawError(f"formula `{text}`: start of {name} must be 0 < low <= high; got {low}, {high}.")
            params[name] = positive(start=(low, high))

    def fn(*args: Any, **kwargs: Any) -> Any:
        return _evaluate(tree.body, dict(zip(inputs, args, strict=False)) | kwargs)

    fn.__name__ = fn.__qualname__ = text
    fn.__doc__ = f"${text}$, from a string. Parameters: {', '.join(params)}."
    return Law(
        name=text,
        fn=fn,
        inputs=MappingProxyType({k: INPUTS.get(k, ANY) for k in inputs}),
        output=LOSS,
        params=MappingProxyType(params),
        linear=_linear(tree.body, params),
        source="a formula given as text",
        found=("formula", text, rest),
    )


def _parse(text: str) -> ast.Expression:
    if not isinstance(text, str) or not text.strip():
        raise LawError(f"a formula is a text such as `E + A/N^alpha`; got {text!r}.")
    # In Python's grammar `^` binds looser than `+`, so it must be a power before parsing.
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or "it cannot be read"
        raise LawError(f"formula `{_short(text)}` is no arithmetic expression: {reason}.") from None
    if _depth(tree) > _DEEPEST:
        raise LawError(f"formula `{_short(text)}` is nested more than {_DEEPEST} deep.")
    _check(tree.body, text)
    return tree


def _check(node: ast.AST, text: str) -> None:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY or isinstance(op, ast.Pow):
            _check(left, text)
            _check(right, text)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            _check(argument, text)
        case ast.Name(id=name) if name not in _FUNCTIONS and name != "curve":
            pass
        case ast.Constant(value=int(value) | float(value)) if not isinstance(value, bool):
            if not abs(value) < sys.float_info.max:
                raise LawError(f"formula `{_short(text)}`: a number in it is too large.")
        case _:
            shown = ast.unparse(node)
            allowed = f"numbers, names, + - * / ^ and {', '.join(_FUNCTIONS)}"
            raise LawError(f"formula `{text}`: `{shown}` is not allowed; a formula has {allowed}.")


def _depth(tree: ast.AST) -> int:
    """Levels of the tree, found without recursion."""
    level, depth = [tree], 0
    while level:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "..."


def _names(tree: ast.AST) -> list[str]:
    """Names of quantities and parameters, in the order in which they stand in the text."""
    nodes = sorted((n for n in ast.walk(tree) if isinstance(n, ast.Name)), key=lambda n: (n.lineno, n.col_offset))
    return [n for n in dict.fromkeys(node.id for node in nodes) if n not in _FUNCTIONS]


def _evaluate(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(k))):
            return _evaluate(left, values) ** k  # keeps negative bases
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return power(_evaluate(left, values), _evaluate(right, values))
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, values)
        case ast.UnaryOp(operand=operand):
            return _evaluate(operand, values)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _FUNCTIONS[name](jnp.asarray(_evaluate(argument, values), dtype=_dtype(values)))
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=int(value) | float(value)):
            return float(value)
    raise AssertionError(ast.dump(node))  # _check lets nothing else through


def _dtype(values: Mapping[str, Any]) -> Any:
    """Floating type of the values: that of the arrays among them, else JAX's default."""
    kinds = [v.dtype for v in values.values() if hasattr(v, "dtype") and jnp.issubdtype(v.dtype, jnp.floating)]
    return kinds[0] if kinds else jnp.result_type(float)


def _linear(node: ast.AST, params: Iterable[str]) -> tuple[str, ...]:
    """Parameters that by the form of the expression enter linearly together: at most one in each product."""
    chosen: list[str] = []
    for name in params:
        if _degree(node, {*chosen, name}) <= 1:
            chosen.append(name)
    return tuple(chosen)


def _degree(node: ast.AST, names: set[str]) -> float:
    """Degree of the expression as a polynomial in `names`; infinite where it is none."""
    match node:
        case ast.Name(id=name):
            return float(name in names)
        case ast.Constant():
            return 0.0
        case ast.UnaryOp(operand=operand):
            return _degree(operand, names)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return max(_degree(left, names), _degree(right, names))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _degree(left, names) + _degree(right, names)
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _degree(right, names) == 0:
            return _degree(left, names)
    inside = any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))
    return float("inf") if inside else 0.0
