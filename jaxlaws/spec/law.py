"""What a law is: a pure function whose signature is its schema, with units, boxes, sources and constants beside it."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from jaxlaws.errors import LawError, nearest
from jaxlaws.spec.param import Param
from jaxlaws.spec.quantity import CURVE, Quantity


@dataclass(frozen=True)
class Constants:
    """A named set of parameter values, with the experiment, units and variant that it belongs to.

    Calling it evaluates the law there: `law.constants["besiroglu"](N=7e10, D=1.4e12)`.
    """

    law: Law
    params: Mapping[str, float]
    about: str

    def __call__(self, **inputs: Any) -> Any:
        return self.law(**inputs, **self.params)


@dataclass(frozen=True, eq=False)
class Law:
    """A scaling law: call it with inputs and parameters by keyword.

    Static under `jit` by identity; equal laws are one object, also after pickling. `fn` is the pure function itself.
    """

    name: str
    fn: Callable[..., Any]
    inputs: Mapping[str, Quantity]
    output: Quantity
    params: Mapping[str, Param]
    linear: tuple[str, ...] = ()
    source: str = ""
    bibtex: str = ""
    aliases: tuple[str, ...] = ()
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    published: Mapping[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)
    found: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    @property
    def is_curve(self) -> bool:
        """Whether the law sees a run's whole learning-rate curve."""
        return "curve" in self.inputs

    @property
    def doc(self) -> str:
        """The page of the law: its function's docstring."""
        return inspect.cleandoc(self.fn.__doc__ or "")

    @property
    def constants(self) -> Mapping[str, Constants]:
        """Published parameter sets by name; those that belong to another variant evaluate that variant."""
        sets = {}
        for key, (about, values) in self.published.items():
            options = {k.removeprefix("variant:"): v for k, v in values.items() if k.startswith("variant:")}
            law = self.variant(**{k: str(v) for k, v in options.items()}) if options else self
            sets[key] = Constants(law, {k: v for k, v in values.items() if not k.startswith("variant:")}, about)
        return MappingProxyType(sets)

    def variant(self, **options: str) -> Law:
        """This law under other named conventions, such as `multi_power.variant(warmup="excluded")`."""
        merged = dict(self.options)
        for key, value in options.items():
            if key not in self.variants:
                raise LawError(f"law `{self.name}`: {nearest(key, self.variants, what='variant')}")
            if value not in self.variants[key]:
                raise LawError(f"law `{self.name}`: {nearest(value, self.variants[key], what=f'value of {key}')}")
            merged[key] = value
        defaults = {k: v[0] for k, v in self.variants.items()}
        base = _interned(self.found)
        if {**defaults, **merged} == defaults:
            return base
        key = (*self.found, *(f"{k}={v}" for k, v in sorted(merged.items())))
        if key not in _VARIANTS:
            _VARIANTS[key] = _replace(base, options=MappingProxyType({**defaults, **merged}))
        return _VARIANTS[key]

    @property
    def label(self) -> str:
        """Name with the options that differ from the default, as the command line takes it:
        `multi_power:warmup=excluded`."""
        chosen = [f"{k}={v}" for k, v in self.options.items() if v != self.variants[k][0]]
        return ":".join([self.name, *chosen])

    def __repr__(self) -> str:
        return f"<law {self.label}({', '.join(self.inputs)}; {', '.join(self.params)})>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.found[0] == "module" and "<locals>" in self.found[2]:
            raise LawError(
                f"law `{self.name}` is defined inside a function, so no other process can find it; move it to a module."
            )
        return _found, (self.found, dict(self.options))


def law(
    *,
    inputs: Mapping[str, Quantity],
    output: Quantity,
    params: Mapping[str, Param],
    linear: tuple[str, ...] = (),
    source: str,
    bibtex: str = "",
    aliases: tuple[str, ...] = (),
    variants: Mapping[str, tuple[str, ...]] | None = None,
    constants: Mapping[str, tuple[str, Mapping[str, float]]] | None = None,
    derived: Mapping[str, Callable[..., Any]] | None = None,
    limits: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Law]:
    """Make a law of a pure function: positional arguments are quantities, keyword-only ones are parameters.

    `inputs` and `params` must name exactly the function's arguments, in their order. `linear` names the parameters
    that enter linearly given the rest. `constants` maps a name to (experiment and units, values). Raises `LawError` at
    import.
    """

    def decorate(fn: Callable[..., Any]) -> Law:
        variants_ = dict(variants or {})
        _compare_with_signature(fn, inputs, params, linear)
        made = Law(
            name=fn.__name__,
            fn=fn,
            inputs=MappingProxyType(dict(inputs)),
            output=output,
            params=MappingProxyType(dict(params)),
            linear=tuple(linear),
            source=source,
            bibtex=textwrap.dedent(bibtex).strip(),
            aliases=aliases,
            variants=MappingProxyType(variants_),
            options=MappingProxyType({k: v[0] for k, v in variants_.items()}),
            derived=MappingProxyType(dict(derived or {})),
            limits=limits,
            published=MappingProxyType(dict(constants or {})),
            found=("module", fn.__module__, fn.__qualname__),
        )
        for key, (_, values) in made.published.items():
            wanted = {n for n, p in params.items() if p.fixed is None and p.reference is None}
            given = {n for n in values if not n.startswith("variant:")}
            if not wanted <= given or not given <= set(params):
                raise LawError(
                    f"law `{fn.__name__}`: constants `{key}` must give {sorted(wanted)}; got {sorted(given)}."
                )
        return made

    return decorate


def _compare_with_signature(
    fn: Callable[..., Any], inputs: Mapping[str, Quantity], params: Mapping[str, Param], linear: tuple[str, ...]
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


_VARIANTS: dict[tuple[str, ...], Law] = {}


def _replace(base: Law, **changes: Any) -> Law:
    fields = {name: getattr(base, name) for name in Law.__dataclass_fields__}
    return Law(**(fields | changes))


def _found(found: tuple[str, ...], options: Mapping[str, str]) -> Law:
    """The one object that a pickled law stands for."""
    base = _interned(found)
    return base.variant(**options) if options else base


def _interned(found: tuple[str, ...]) -> Law:
    kind, place, name = found
    if kind == "formula":
        from jaxlaws.spec.formula import from_canonical

        return from_canonical(place, name)
    module = sys.modules.get(place) or importlib.import_module(place)
    made = module
    for part in name.split("."):
        made = getattr(made, part, None)
    if not isinstance(made, Law):
        raise LawError(f"no law is found at {place}:{name}; keep the decorated function there under its own name.")
    return made
