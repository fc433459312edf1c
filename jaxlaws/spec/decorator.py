"""`@law`: a law from a pure function whose signature is its schema."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jaxlaws.errors import LawError
from jaxlaws.spec.law import Evidence, Law, check_constants, check_evidence, papers_of
from jaxlaws.spec.quantity import CURVE, Quantity
from jaxlaws.spec.sizes import Each, gather, names_of, read_size, scatter, spread


def law(
    *,
    inputs: Mapping[str, Any],
    output: Quantity,
    params: Mapping[str, Any],
    linear: tuple[str, ...] = (),
    source: str,
    bibtex: str = "",
    papers: tuple[str, ...] = (),
    evidence: Evidence = "read",
    aliases: tuple[str, ...] = (),
    variants: Mapping[str, tuple[str, ...]] | None = None,
    constants: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
    derived: Mapping[str, Callable[..., Any]] | None = None,
    limits: tuple[str, ...] = (),
    sizes: Mapping[str, int] | None = None,
    redundant: tuple[tuple[str, ...], ...] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    data: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Law]:
    """Make a law of a pure function: positional arguments are quantities, keyword-only ones are parameters.

    `inputs` and `params` must name exactly the function's arguments, in their order. `linear` names the parameters
    that enter linearly given the rest. `constants` maps a name to (experiment and units, values). `papers` are further
    arXiv ids; those in `source` and in `constants` are found by themselves. With `sizes={"domains": 3}` an input or a
    parameter may be `each(..., "domains")`; the function then gets it as a tuple. Raises `LawError` at import.
    """

    def decorate(fn: Callable[..., Any]) -> Law:
        name = fn.__name__
        check_evidence(name, evidence)
        _compare_with_signature(fn, inputs, params, linear)
        usual = {k: read_size(name, k, v) for k, v in (sizes or {}).items()}
        _check_sizes(name, {**inputs, **params}, usual)
        published = {k: (about, scatter(values)) for k, (about, values) in (constants or {}).items()}

        def of(sizes: Mapping[str, int]) -> Law:
            def every(names: tuple[str, ...]) -> tuple[str, ...]:
                return tuple(one for n in names for one in names_of(n, {**inputs, **params}, sizes))

            variants_ = dict(variants or {})
            defaults = {k: v[0] for k, v in variants_.items()}
            return Law(
                name=name,
                fn=_with_scalars(fn, inputs, params, sizes) if sizes else fn,
                inputs=MappingProxyType(spread(inputs, sizes)),
                output=output,
                params=MappingProxyType(spread(params, sizes)),
                linear=every(linear),
                source=source,
                bibtex=textwrap.dedent(bibtex).strip(),
                aliases=aliases,
                variants=MappingProxyType(variants_),
                options=MappingProxyType(defaults | {k: str(v) for k, v in sizes.items()}),
                usual=MappingProxyType(defaults | {k: str(v) for k, v in usual.items()}),
                derived=MappingProxyType(
                    {
                        k: _derived_with_scalars(f, inputs, params, sizes) if sizes else f
                        for k, f in (derived or {}).items()
                    }
                ),
                limits=limits,
                published=MappingProxyType(published),
                papers=papers_of(source, papers, published),
                evidence=evidence,
                sizes=MappingProxyType(dict(sizes)),
                resize=of if sizes else None,
                redundant=tuple(every(group) for group in redundant),
                ranges=MappingProxyType({n: pair for k, pair in (ranges or {}).items() for n in every((k,))}),
                data=data,
                found=("module", fn.__module__, fn.__qualname__),
            )

        made = of(usual)
        for key, (_, values) in published.items():
            _compare_with_constants(name, key, values, spread(params, _sizes_of(name, values, usual)))
        unknown = [n for group in made.redundant for n in group if n not in made.params]
        unknown += [n for n in made.ranges if n not in made.inputs]
        if unknown:
            raise LawError(f"law `{name}`: redundant= or ranges= names {', '.join(unknown)}, which it has not.")
        return made

    return decorate


def _compare_with_signature(
    fn: Callable[..., Any], inputs: Mapping[str, Any], params: Mapping[str, Any], linear: tuple[str, ...]
) -> None:
    signature = inspect.signature(fn).parameters.values()
    positional = [p.name for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keywords = [p.name for p in signature if p.kind is p.KEYWORD_ONLY]
    if positional != list(inputs):
        raise LawError(
            f"law `{fn.__name__}`: positional arguments {positional} and inputs {list(inputs)} must be the same."
        )
    if keywords != list(params):
        raise LawError(
            f"law `{fn.__name__}`: keyword-only arguments {keywords} and params {list(params)} must be the same."
        )
    if not set(linear) <= set(params):
        raise LawError(f"law `{fn.__name__}`: linear={linear} names parameters that it has not.")
    if "curve" in inputs and inputs["curve"] is not CURVE:
        raise LawError(f"law `{fn.__name__}`: input `curve` must be `quantity.CURVE`.")


def _check_sizes(name: str, things: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
    used = {size for thing in things.values() if isinstance(thing, Each) for size in thing.sizes}
    if used != set(sizes):
        raise LawError(
            f"law `{name}`: sizes {sorted(sizes)} and those that `each` uses, {sorted(used)}, must be the same."
        )
    every = [one for n in things for one in names_of(n, things, sizes)]
    twice = sorted({n for n in every if every.count(n) > 1})
    if twice:
        raise LawError(f"law `{name}`: two of its inputs or parameters are called {', '.join(twice)}; rename one.")


def _compare_with_constants(name: str, key: str, values: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    check_constants(name, key, {n for n in values if not n.startswith("variant:")}, params)


def _sizes_of(name: str, values: Mapping[str, Any], usual: Mapping[str, int]) -> dict[str, int]:
    """Sizes that a published set belongs to."""
    return {k: read_size(name, k, values.get(f"variant:{k}", v)) for k, v in usual.items()}


def _with_scalars(
    fn: Callable[..., Any], inputs: Mapping[str, Any], params: Mapping[str, Any], sizes: Mapping[str, int]
) -> Callable[..., Any]:
    """`fn`, which takes tuples, as a function of one scalar for each entry."""
    order = list(spread(inputs, sizes))

    @functools.wraps(fn)
    def scalars(*args: Any, **kwargs: Any) -> Any:
        values = dict(zip(order, args, strict=False)) | kwargs
        return fn(*gather(inputs, sizes, values).values(), **gather(params, sizes, values))

    return scalars


def _derived_with_scalars(
    fn: Callable[..., Any], inputs: Mapping[str, Any], params: Mapping[str, Any], sizes: Mapping[str, int]
) -> Callable[..., Any]:
    """Likewise for a derived quantity: what it takes and what it gives."""
    names = list(inspect.signature(fn).parameters)
    known = {k: v for k, v in {**inputs, **params}.items() if k in names}

    @functools.wraps(fn)
    def scalars(*args: Any, **kwargs: Any) -> Any:
        held = set(spread(known, sizes))
        others = {k: v for k, v in kwargs.items() if k not in held}
        out = fn(*args, **others, **gather(known, sizes, kwargs))
        return scatter(out) if isinstance(out, Mapping) else out

    return scalars
