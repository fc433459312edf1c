"""Partial pooling: parameters of groups that are alike, but not the same."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting._groups import of_group
from jaxlaws.fitting._settings import GIVEN_APART, given
from jaxlaws.fitting.borrow import Told
from jaxlaws.fitting.density import dispersion, expansion
from jaxlaws.fitting.fit import fit
from jaxlaws.fitting.result import Fit, Fits
from jaxlaws.fitting.variations import free_of, subject
from jaxlaws.objectives import Normal, Objective, parse
from jaxlaws.runs import Runs, read
from jaxlaws.spec import Law, find

ROUNDS = 12  # of estimating the groups' distribution and fitting them under it
LEAST = 1e-3  # sd over mean at which groups are as good as one
FEW = 3  # groups from which a distribution can be learnt


def fit_pooled(
    law: Law | str,
    runs: Any,
    *,
    by: str | Sequence[str],
    pool: Sequence[str],
    priors: Mapping[str, Normal] | None = None,
    objective: Objective | str | None = None,
    weights: str | np.ndarray = "row",
    **settings: Any,
) -> Fits:
    r"""Fit each group of `by`, the parameters `pool` drawn towards each other: a hierarchical normal over groups.

    Each pooled parameter of a group is normal about a common mean, $\theta_g \sim N(\mu, \tau^2)$. Mean and standard deviation
    are learnt from all groups by expectation-maximisation, with Laplace's approximation of each group; then each group is fitted
    under them. A group that says much keeps its own value, one that says little gets the others'; `tau` near 0 is
    `share=`, a large one is `by=` alone. Each fit carries the distribution as its prior and says so in its notes.

    `settings` are arguments of `fit`. Raises `FitError` for parameters that are not free, and for fewer than three groups
    that can be fitted apart.

    Source: Dempster, Rubin & Tsutakawa (1981), estimation in covariance components models.
    """
    one = find(law)
    objective = parse(objective) if isinstance(objective, str) else objective
    pool = (pool,) if isinstance(pool, str) else tuple(dict.fromkeys(pool))
    check_pool(one, by, pool, priors or {}, settings)
    table = read(runs)
    weighed = not isinstance(weights, str)
    if not isinstance(weights, str):
        table = dataclasses.replace(table, frame=table.frame.assign(**{GIVEN_APART: given(weights, len(table))}))
        weights = GIVEN_APART
    told: dict[str, Any] = {**settings, "by": by, "objective": objective, "weights": weights}
    found = fit(one, table, priors=dict(priors or {}), **told)
    assert isinstance(found, Fits)
    alone = _estimates(found, table, pool, objective, {})
    if len(alone) < FEW:
        raise FitError(
            f"`fit_pooled`: {len(alone)} groups could be fitted apart; at least {FEW} are needed to learn how groups differ."
        )
    before = spread = {name: _first([e[name] for e in alone]) for name in pool}
    unit = math.sqrt(float(np.mean([e[""][0] for e in alone])))
    for _ in range(ROUNDS):
        normals = {name: Normal(mean, sd, unit) for name, (mean, sd) in spread.items()}
        found = fit(one, table, priors=Told({**(priors or {}), **normals}, _origin(spread, len(found), by)), **told)
        assert isinstance(found, Fits)
        now = _estimates(found, table, pool, objective, normals)
        if not now:
            reason = next(iter(found.values())).reason
            raise FitError(
                f"`fit_pooled`: no group could be fitted under what all of them say of {', '.join(pool)}: {reason}"
            )
        before, spread = spread, {name: _next([e[name] for e in now], spread[name]) for name in pool}
        if all(_close(before[name], spread[name]) for name in pool):
            break
    moving = [name for name in pool if not _close(before[name], spread[name])]
    notes = (
        f"the distribution of {', '.join(moving)} over groups was still moving after {ROUNDS} rounds: its width is rough",
    ) * bool(moving)
    marks: dict[str, Any] = {"pooled": pool} | ({"weights": "given"} if weighed else {})
    return Fits([dataclasses.replace(f, notes=(*f.notes, *notes), **marks) for f in found.values()])


def check_pool(
    one: Law, by: Any, pool: Sequence[str], priors: Mapping[str, Normal], settings: Mapping[str, Any]
) -> None:
    """Raises `FitError` where the pooled parameters are none that groups could have in common."""
    if not pool:
        raise FitError("`fit_pooled(pool=...)`: name the parameters that groups have in common.")
    if not by:
        raise FitError("`fit_pooled(by=...)`: name the column that says which group a row belongs to.")
    if settings.get("share"):
        raise FitError(
            "`fit_pooled(share=...)`: parameters are shared by `fit`, or pooled here: give one of `share` and `pool`."
        )
    free = {
        name
        for name, param in one.params.items()
        if name not in (settings.get("fix") or {})
        and (param.fixed is None or name in settings.get("free", ()))
        and param.reference is None
    }
    for name in pool:
        if name not in one.params:
            raise FitError(f"`fit_pooled`: {nearest(name, one.params, what='parameter')}")
        if name not in free:
            raise FitError(f"`fit_pooled(pool=...)`: {name} of `{one.name}` is held; free it, or pool another.")
        if one.params[name].per is not None:
            raise FitError(
                f"`fit_pooled(pool=...)`: {name} of `{one.name}` has a value for each {one.params[name].per}, which its own "
                "prior draws together; pool another."
            )
        if name in priors:
            raise FitError(f"`fit_pooled(priors=...)`: the prior of {name} is learnt from the groups; leave it out.")


def _origin(spread: Mapping[str, tuple[float, float]], groups: int, by: Any) -> str:
    which = by if isinstance(by, str) else ", ".join(by)
    said = "; ".join(f"{name} normal about {mean:.4g} with sd {sd:.2g}" for name, (mean, sd) in spread.items())
    return f"partially pooled over {groups} groups of {which}, learnt from all of them: {said}"


def _estimates(
    found: Fits, table: Runs, pool: Sequence[str], objective: Objective | None, normals: Mapping[str, Normal]
) -> list[dict[str, tuple[float, float]]]:
    """Value and variance of each pooled parameter in each group that could be fitted; under "" the dispersion.

    A group without more rows than parameters does not show its noise: it has that of the others.
    """
    out, shows = [], []
    for one in found.values():
        if one.status.failed or (not normals and any(n in one.at_bound for n in pool)):
            continue
        of = subject(one, of_group(table, one), objective=objective)
        shows.append(int((of.weight > 0).sum()) > free_of(of))
        hessian = expansion(of).hessian
        names = of.names
        value, vector = np.linalg.eigh(hessian)
        keep = value > 1e-12 * value.max()
        inverse = (vector[:, keep] / value[keep]) @ vector[:, keep].T
        told = {"": (dispersion(of), 0.0)}
        for name in pool:
            at = names.index(name)
            slope = _slope(one, name)
            told[name] = (float(one.params[name]), float(inverse[at, at] * slope**2))  # type: ignore[arg-type]  # one value
        out.append(told)
    if out and not any(shows):
        raise FitError(
            "`fit_pooled`: no group that could be fitted has more rows than parameters, so that the noise is unknown: hold some "
            "by `fix=`, or use `share=`."
        )
    common = float(np.mean([told[""][0] for told, own in zip(out, shows, strict=True) if own] or [0.0]))
    return [_scaled(told, told[""][0] if own else common) for told, own in zip(out, shows, strict=True)]


def _scaled(told: Mapping[str, tuple[float, float]], dispersion: float) -> dict[str, tuple[float, float]]:
    """Values with their variances under this dispersion."""
    return {name: (value, dispersion * variance) for name, (value, variance) in told.items()} | {"": (dispersion, 0.0)}


def _slope(one: Fit, name: str) -> float:
    """Derivative of the value by its coordinate."""
    return float(one.params[name]) if one.law.params[name].scale == "log" else 1.0  # type: ignore[arg-type]  # one value


def _first(told: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and standard deviation of groups by the method of moments (DerSimonian & Laird 1986)."""
    value, variance = (np.array(v) for v in zip(*told, strict=True))
    weight = 1.0 / np.maximum(variance, 1e-300)
    mean = float(np.sum(weight * value) / weight.sum())
    beyond = float(np.sum(weight * (value - mean) ** 2)) - (len(value) - 1)
    square = max(beyond, 0.0) / float(weight.sum() - np.sum(weight**2) / weight.sum())
    weight = 1.0 / (variance + square)
    mean = float(np.sum(weight * value) / weight.sum())
    return mean, max(math.sqrt(square), 10 * LEAST * abs(mean))


def _next(told: Sequence[tuple[float, float]], before: tuple[float, float]) -> tuple[float, float]:
    """One step of expectation-maximisation, from values and variances under the distribution `before`."""
    value, variance = (np.array(v) for v in zip(*told, strict=True))
    mean = float(value.mean())
    sd = math.sqrt(float(np.sum((value - mean) ** 2 + np.minimum(variance, before[1] ** 2)) / len(value)))
    return mean, max(sd, LEAST * abs(mean))


def _close(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < 0.02 * b[1] and abs(math.log(a[1] / b[1])) < 0.02
