"""What a law is: a pure function, with units, boxes, sources and constants beside it."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from jaxlaws.errors import LawError, nearest
from jaxlaws.spec.param import Param
from jaxlaws.spec.quantity import Quantity
from jaxlaws.spec.sizes import read_size

Evidence = Literal["checked", "read", "second-hand", "derived", "unverified"]
"""How a law's form is known. Checked: read in the authors' text or code, and a printed number came out again. Read: in
their text or code. Second-hand: in others' texts. Derived: by us, from a form that was read. Unverified: from memory,
from one summary, or from sources that contradict each other."""


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
    `options` are its variants and sizes, `usual` those of the law that was written.
    `papers` are the arXiv ids that speak of it, `form` is the generic law whose formula it has, where it has none of
    its own. `sizes` says how many there are of what its inputs or parameters come in (such as domains), and `resize`
    makes the law of other sizes. Each group of `redundant` is a set of parameters that data cannot all tell apart.
    `ranges` says where inputs are met, when not where their quantity is; `data` names data sets to try it on.
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
    usual: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    published: Mapping[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)
    papers: tuple[str, ...] = ()
    evidence: Evidence = "read"
    form: Law | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    resize: Callable[[Mapping[str, int]], Law] | None = None
    redundant: tuple[tuple[str, ...], ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    data: tuple[str, ...] = ()
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
        """Published parameter sets by name; those that belong to another variant or size evaluate that."""
        sets = {}
        # A set without a size has as many parameters as the law that was written.
        usual = {k: self.usual[k] for k in self.sizes}
        for key, (about, values) in self.published.items():
            options = usual | {k.removeprefix("variant:"): v for k, v in values.items() if k.startswith("variant:")}
            law = self.variant(**{k: str(v) for k, v in options.items()}) if options else self
            sets[key] = Constants(law, {k: v for k, v in values.items() if not k.startswith("variant:")}, about)
        return MappingProxyType(sets)

    def variant(self, **options: str) -> Law:
        """This law under other named conventions, such as `multi_power.variant(warmup="excluded")`, or of another size,
        such as `data_mixing_exp.variant(domains="5")`."""
        merged, sizes = dict(self.options), dict(self.sizes)
        for key, value in options.items():
            if key in sizes:
                sizes[key] = read_size(self.name, key, value)
                merged[key] = str(sizes[key])
            elif key not in self.variants:
                raise LawError(f"law `{self.name}`: {nearest(key, [*self.variants, *sizes], what='variant')}")
            elif value not in self.variants[key]:
                raise LawError(f"law `{self.name}`: {nearest(value, self.variants[key], what=f'value of {key}')}")
            else:
                merged[key] = value
        if merged == dict(self.options):
            return self
        base = _interned(self.found)
        if merged == dict(base.options):
            return base
        key = (*self.found, *(f"{k}={v}" for k, v in sorted(merged.items())))
        if key not in _VARIANTS:
            made = base.resize(sizes) if base.resize is not None and sizes != dict(base.sizes) else base
            _VARIANTS[key] = replace(made, options=MappingProxyType(merged))
        return _VARIANTS[key]

    @property
    def label(self) -> str:
        """Name with the options that differ from the default, as the command line takes it:
        `multi_power:warmup=excluded`."""
        chosen = [f"{k}={v}" for k, v in self.options.items() if v != self.usual[k]]
        return ":".join([self.name, *chosen])

    def __repr__(self) -> str:
        return f"<law {self.label}({', '.join(self.inputs)}; {', '.join(self.params)})>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.found[0] == "module" and "<locals>" in self.found[2]:
            raise LawError(
                f"law `{self.name}` is defined inside a function, so no other process can find it; move it to a module."
            )
        return _found, (self.found, dict(self.options))


def ids_in(*texts: str) -> tuple[str, ...]:
    """arXiv ids that texts name, each once, in their order."""
    return tuple(dict.fromkeys(match for text in texts for match in re.findall(r"arXiv:(\d{4}\.\d{4,5})", text)))


def check_constants(name: str, key: str, given: set[str], params: Mapping[str, Param]) -> None:
    """Raises `LawError` unless a published set gives every parameter that is not held, and no stranger."""
    wanted = {n for n, p in params.items() if p.fixed is None and p.reference is None}
    if not wanted <= given <= set(params):
        raise LawError(f"law `{name}`: constants `{key}` must give {sorted(wanted)}; got {sorted(given)}.")


def papers_of(source: str, papers: tuple[str, ...], published: Mapping[str, tuple[str, Any]]) -> tuple[str, ...]:
    """arXiv ids of a law's source, of `papers` and of what its published sets are about, each once."""
    return tuple(dict.fromkeys((*ids_in(source), *papers, *ids_in(*(about for about, _ in published.values())))))


def check_evidence(name: str, evidence: str) -> None:
    """Raises `LawError` for a grade that is none."""
    if evidence not in get_args(Evidence):
        raise LawError(f"law `{name}`: evidence: {nearest(evidence, get_args(Evidence), what='grade')}")


_VARIANTS: dict[tuple[str, ...], Law] = {}


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
