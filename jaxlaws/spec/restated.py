"""Laws that are a generic form under a paper's names, units and constants, with no formula of their own."""

from __future__ import annotations

import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jaxlaws.errors import LawError
from jaxlaws.spec.law import Evidence, Law, check_constants, check_evidence, papers_of
from jaxlaws.spec.param import Param
from jaxlaws.spec.quantity import Quantity


def restated(
    form: Law,
    name: str,
    *,
    inputs: Mapping[str, Quantity],
    output: Quantity | None = None,
    rename: Mapping[str, str] | None = None,
    params: Mapping[str, Param] | None = None,
    source: str,
    bibtex: str = "",
    papers: tuple[str, ...] = (),
    evidence: Evidence = "read",
    constants: Mapping[str, tuple[str, Mapping[str, float]]] | None = None,
    derived: tuple[str, ...] = (),
    limits: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    redundant: tuple[tuple[str, ...], ...] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    data: tuple[str, ...] = (),
    doc: str = "",
) -> Law:
    """`form` under the names of a paper: assign it at module level to `name`, where pickle finds it.

    `inputs` stand for the form's inputs, in order; `rename` maps the form's parameters to the paper's names, and
    `params` gives those (by the paper's names) whose box, unit or default is another one. `derived` names what to take
    over from the form. `doc` says in one line what is given; names and formula are appended. Raises `LawError`.
    """
    check_evidence(name, evidence)
    new = {old: (rename or {}).get(old, old) for old in form.params}
    changed = dict(params or {})
    strange = [*(set(rename or {}) - set(form.params)), *(set(changed) - set(new.values()))]
    strange += sorted(set(derived) - set(form.derived))
    if strange:
        raise LawError(f"law `{name}`: `{form.name}` has no {', '.join(strange)} to rename, change or take over.")
    if len(inputs) != len(form.inputs) or len({*inputs, *new.values()}) != len(inputs) + len(new):
        raise LawError(
            f"law `{name}`: inputs {list(inputs)} must stand for {list(form.inputs)} of `{form.name}`, "
            "and no name may be given twice."
        )
    own = {new[old]: changed.get(new[old], param) for old, param in form.params.items()}
    published = {k: (about, dict(values)) for k, (about, values) in (constants or {}).items()}
    for key, (_, values) in published.items():
        check_constants(name, key, set(values), own)
    every = new | dict(zip(form.inputs, inputs, strict=True))
    fn = _renamed(form.fn, list(inputs), new)
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = _page(form, list(inputs), new, inspect.cleandoc(doc))
    return Law(
        name=name,
        fn=fn,
        inputs=MappingProxyType(dict(inputs)),
        output=output or form.output,
        params=MappingProxyType(own),
        linear=tuple(new[n] for n in form.linear),
        source=source,
        bibtex=textwrap.dedent(bibtex).strip(),
        aliases=aliases,
        derived=MappingProxyType({k: _derived(form.derived[k], every) for k in derived}),
        limits=limits or form.limits,
        published=MappingProxyType(published),
        papers=papers_of(source, papers, published),
        evidence=evidence,
        form=form,
        redundant=redundant or tuple(tuple(new[n] for n in group) for group in form.redundant),
        ranges=MappingProxyType(dict(ranges or {})),
        data=data,
        found=("module", sys._getframe(1).f_globals["__name__"], name),
    )


def _renamed(fn: Callable[..., Any], inputs: list[str], new: Mapping[str, str]) -> Callable[..., Any]:
    def renamed(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(inputs, args, strict=False)) | kwargs
        return fn(*(given[name] for name in inputs), **{old: given[name] for old, name in new.items()})

    return renamed


def _derived(fn: Callable[..., Any], new: Mapping[str, str]) -> Callable[..., Any]:
    old = {name: old for old, name in new.items()}

    @functools.wraps(fn)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        out = fn(*args, **{old.get(name, name): value for name, value in kwargs.items()})
        return {new.get(name, name): value for name, value in out.items()}

    return renamed


def _page(form: Law, inputs: list[str], new: Mapping[str, str], doc: str) -> str:
    first = inspect.cleandoc(form.fn.__doc__ or "").split("\n\n")[0]
    names = [f"`{a}`" + f" (`{b}` there)" * (a != b) for a, b in zip(inputs, form.inputs, strict=True)]
    names += [f"`{a}`" + f" (`{b}` there)" * (a != b) for b, a in new.items()]
    tail = f"It has the form of `{form.name}`, with {', '.join(names)}. There: {first}"
    return "\n\n".join(filter(None, [doc or f"`{form.name}` under the names of a paper.", tail]))
