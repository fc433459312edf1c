"""Formulas as MathML, which browsers typeset by themselves."""

from __future__ import annotations

import ast
import re
from xml.etree import ElementTree

from jaxlaws.spec import Law

_SPACE = "{http://www.w3.org/1998/Math/MathML}"
_TAGS = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder",
    "mover", "munderover", "mstyle", "mpadded", "mphantom", "mtable", "mtr", "mtd", "menclose", "mfenced", "semantics",
}  # fmt: skip
_KEPT = {"display", "mathvariant", "stretchy", "fence", "form", "linethickness", "width", "accent", "separator"}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma",
    "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


def formula(law: Law) -> str:
    """MathML of the law's formula: the first in its docstring, or its text where the law came from a string. Empty where
    there is none that can be read."""
    if law.found[0] == "formula":
        return mathml(_latex(ast.parse(law.found[1], mode="eval").body))
    found = re.search(r"\$(.+?)\$", law.doc, flags=re.DOTALL)
    return mathml(" ".join(found[1].split())) if found else ""


def prose(law: Law) -> list[list[tuple[str, str]]]:
    """Paragraphs of the law's docstring, each a list of pieces: ("text", ...), ("code", ...) or ("math", MathML)."""
    out = []
    for paragraph in re.split(r"\n\s*\n", law.doc):
        if paragraph.lstrip().startswith((">>>", "|")):
            continue  # examples and tables are the catalogue's
        pieces = []
        for piece in re.split(r"(\$.+?\$|`+[^`]+`+)", paragraph, flags=re.DOTALL):
            plain = " ".join(piece.split(" "))
            if piece.startswith("$") and (math := mathml(" ".join(piece.strip("$").split()), block=False)):
                pieces.append(("math", math))
            elif piece.startswith("`"):
                pieces.append(("code", piece.strip("`")))
            elif plain:
                pieces.append(("text", plain))
        out.append(pieces)
    return out


def mathml(latex: str, *, block: bool = True) -> str:
    """MathML of LaTeX, with nothing in it but mathematics. Empty where it cannot be read."""
    from latex2mathml.converter import convert

    try:
        root = ElementTree.fromstring(convert(latex, display="block" if block else "inline"))
    except Exception:  # of the library, about whatever a user's docstring holds between its dollars
        return ""
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SPACE)
        if element.tag not in _TAGS:
            return ""
        element.attrib = {k: v for k, v in element.attrib.items() if k in _KEPT}
    return ElementTree.tostring(root, encoding="unicode", method="html")


def _latex(node: ast.expr, within: int = 0) -> str:
    """LaTeX of what `spec.formula` lets through: numbers, names, + - * / **, signs and calls."""
    match node:
        case ast.Constant():
            return _number(float(node.value))  # type: ignore[arg-type]  # formulas hold no other constants
        case ast.Name():
            return _name(node.id)
        case ast.UnaryOp():
            return f"-{_latex(node.operand, 3)}"
        case ast.Call():
            inside = ", ".join(_latex(a) for a in node.args)
            return rf"\operatorname{{{ast.unparse(node.func)}}}\left({inside}\right)"
        case ast.BinOp(op=ast.Div()):
            return rf"\frac{{{_latex(node.left)}}}{{{_latex(node.right)}}}"
        case ast.BinOp(op=ast.Pow()):
            return f"{_latex(node.left, 4)}^{{{_latex(node.right)}}}"
        case ast.BinOp():
            sign, place = {ast.Add: ("+", 1), ast.Sub: ("-", 1), ast.Mult: (r"\,", 2)}[type(node.op)]
            text = f"{_latex(node.left, place)} {sign} {_latex(node.right, place + isinstance(node.op, ast.Sub))}"
            return rf"\left({text}\right)" if place < within else text
    return rf"\text{{{ast.unparse(node)}}}"


def _name(name: str) -> str:
    head, _, rest = name.partition("_")
    letters = re.fullmatch(r"([A-Za-z])(\d+)", head)
    if letters:
        head, rest = letters[1], letters[2] + rest
    shown = rf"\{head}" if head.lower() in _GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return f"{shown}_{{{rest.replace('_', ',')}}}" if rest else shown


def _number(value: float) -> str:
    text = f"{value:.12g}"
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else text
