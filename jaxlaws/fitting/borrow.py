"""What other experiments say of parameters: as priors, or as values to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting.result import Fit
from jaxlaws.objectives import Normal, normal
from jaxlaws.spec import Law, find

LEAST = 0.05  # of its mean: no prior from a handful of sets is narrower


class Told(dict[str, Any]):
    """Values or priors by parameter, with where they come from: a fit that uses them says so in its notes."""

    def __init__(self, values: Mapping[str, Any], origin: str) -> None:
        super().__init__(values)
        self.origin = origin


def priors_from(
    law: Law | str, sets: Sequence[str | Fit] | Mapping[Any, Fit], names: Sequence[str] = (), *, widen: float = 1.0
) -> Told:
    r"""Normal priors on parameters, learnt from other experiments: `fit(law, runs, priors=priors_from(...))`.

    `sets` are names of published constants of `law`, or fits of it: those of other experiments than the one at hand, which
    would be counted twice. `names` are the parameters, default the exponents: these carry over, amplitudes belong to their
    data and tokenizer. The mean is that of the sets, the standard deviation what one more experiment would scatter by,
    $s\sqrt{1 + 1/n}$ and 5 % of the mean at least, times `widen`. A fit that failed, or ended with the parameter on its
    bound, says nothing of it and is left out.

    Raises `FitError` for names that the law does not have, for fewer than two sets, and for fits whose reference values
    (a peak rate, say) differ: their parameters are in different units.

    >>> told = priors_from("overtraining", ["C4", "RedPajama", "RefinedWeb"])
    >>> {name: (round(prior.mean, 3), round(prior.sd, 3)) for name, prior in told.items()}
    {'eta': (0.128, 0.009)}
    """
    one = find(law)
    every = list(dict.fromkeys(sets.values() if isinstance(sets, Mapping) else sets))
    if len(every) < 2:
        raise FitError(
            f"`priors_from(sets=...)` needs at least two published sets or fits of `{one.name}`; got {len(every)}."
        )
    if not 0 < widen < np.inf:
        raise FitError(f"`priors_from(widen=...)` must be a finite number above 0; got {widen}.")
    published = [s for s in every if isinstance(s, str)]
    fits = [s for s in every if isinstance(s, Fit)]
    chosen = [_set(one, name) for name in published]
    _check_fits(one, fits)
    wanted = tuple(names) or tuple(n for n, p in one.params.items() if p.scale == "log" and p.spread == "linear")
    out: dict[str, Normal] = {}
    for name in wanted:
        values = [_value(one, params, name) for params in chosen]
        values += [_value(one, f.params, name) for f in fits if not f.status.failed and name not in f.at_bound]
        if len(values) < 2:
            raise FitError(
                f"`priors_from`: {len(values)} of {len(every)} fits of `{one.name}` determined {name}, the others failed or "
                "have it on its bound; leave it out of `names`, or give more fits."
            )
        sd = float(np.std(values, ddof=1) * np.sqrt(1.0 + 1.0 / len(values)))
        mean = float(np.mean(values))
        out[name] = normal(mean, widen * max(sd, LEAST * abs(mean)) or widen * LEAST)
    said = ", ".join(f"{n} {p.mean:.4g} ({p.sd:.2g})" for n, p in out.items())
    origin = [f"published sets {', '.join(published)}"] * bool(published) + [f"{len(fits)} other fits"] * bool(fits)
    return Told(out, f"priors from {' and '.join(origin)} of {one.name}: {said}")


def values_from(law: Law | str, name: str, names: Sequence[str]) -> Told:
    """Values of the parameters `names` in a published set, to hold them: `fit(law, runs, fix=values_from(...))`.

    Exponents of another model family, with amplitudes fitted to a few runs of one's own, were enough for some targets and not
    for others (Hitchhiker's guide, arXiv:2410.11840): hold out a run to see which it is.

    >>> values_from("chinchilla", "besiroglu", ["alpha"])
    {'alpha': 0.34731265761033453}
    """
    one = find(law)
    params = _set(one, name)
    values = {n: _value(one, params, n) for n in names}
    if not values:
        raise FitError(f"`values_from(names=...)`: name the parameters of `{one.name}` to hold.")
    said = ", ".join(f"{n} {v:.4g}" for n, v in values.items())
    return Told(values, f"held as published in set {name} of {one.name}: {said}")


def _check_fits(law: Law, fits: Sequence[Fit]) -> None:
    """Raises unless the parameters of `fits` are those of `law`, in the same units."""
    for fit in fits:
        if fit.law.name != law.name:
            raise FitError(f"`priors_from`: a fit of `{fit.law.name}` says nothing of the parameters of `{law.name}`.")
    for name, param in law.params.items():
        values = {_value(law, fit.params, name) for fit in fits} if param.reference is not None else set()
        if len(values) > 1:
            raise FitError(
                f"`priors_from`: the fits have different {name} ({', '.join(f'{v:.4g}' for v in sorted(values)[:4])}), in which "
                f"other parameters are measured; fit all with one, `fit(..., fix={{'{name}': ...}})`."
            )


def _set(law: Law, name: str) -> Mapping[str, float]:
    if name not in law.constants:
        raise FitError(f"law `{law.name}`: {nearest(name, law.constants, what='published set')}")
    return law.constants[name].params


def _value(law: Law, params: Mapping[str, Any], name: str) -> float:
    if name not in law.params or name not in params or isinstance(params[name], Mapping):
        raise FitError(f"law `{law.name}`: {nearest(name, params, what='published parameter')}")
    return float(params[name])
