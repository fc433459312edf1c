"""What earlier runs say of the parameters of the next one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxlaws.errors import FitError, nearest
from jaxlaws.fitting import Fits
from jaxlaws.spec import Law

SPREAD = 0.2  # by which logarithms of parameters differ from one model to another, where a single one is known
LEAST = 0.05  # no parameter is known more closely than this from other runs


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Prior:
    """Normal distribution of the free parameters, in coordinates: the logarithm of positive ones, the value of others.

    `mean`, `low`, `high` (the box) are `(params,)`; `root @ (x - mean)` has unit variance. `fixed` has the values of all other
    parameters. A pytree: its numbers are leaves.
    """

    mean: Float[Array | np.ndarray, " params"]
    root: Float[Array | np.ndarray, "params params"]
    low: Float[Array | np.ndarray, " params"]
    high: Float[Array | np.ndarray, " params"]
    fixed: Mapping[str, Any]
    law: Law = field(metadata={"static": True})
    free: tuple[str, ...] = field(metadata={"static": True})
    origin: str = field(default="", metadata={"static": True})

    @property
    def logs(self) -> tuple[bool, ...]:
        """Which free parameters are kept as logarithms."""
        return tuple(self.law.params[name].scale == "log" for name in self.free)

    def params(self, x: Any) -> dict[str, Any]:
        """Raw values of all parameters at coordinates `x`, a sequence of scalars."""
        import jax.numpy as jnp

        own = {n: jnp.exp(v) if log else v for n, log, v in zip(self.free, self.logs, x, strict=True)}
        return {**self.fixed, **own}

    def sd(self) -> dict[str, float]:
        """Standard deviation of each free parameter's coordinate."""
        spread = np.linalg.inv(np.asarray(self.root, np.float64))
        return dict(zip(self.free, np.sqrt(np.sum(spread**2, axis=1)).tolist(), strict=True))


def prior_from(
    source: Any,
    *,
    peak: float | None = None,
    sizes: Sequence[float] = (),
    size: float | None = None,
    spread: float = SPREAD,
    widen: float = 1.0,
    free: Sequence[str] = (),
    fix: Mapping[str, float] | None = None,
) -> Prior:
    """Prior for the next run, from what earlier ones gave: a `Fit`, `Fits` by group, draws of a fit, `law.constants[...]`,
    or a sequence of these, all of one law.

    One set of parameters says where they lie but not how they differ from model to model: logarithms are then given the
    standard deviation `spread` (0.1 to 0.2 lie between neighbouring sizes of mpl_curves). Several sets say both: the prior
    has their mean and their covariance, drawn towards its diagonal when there are few. Draws add their own covariance.
    `widen` multiplies standard deviations.

    `sizes`, one for each of three or more sources, and `size` of the model to come make the mean a straight line in the
    logarithm of the size: floors and amplitudes have a trend. `peak` is the highest rate of the run to come, for laws that
    count in shares of it (`lr_ref`); by default that of the first source. `free` and `fix` change which parameters are fitted.
    Raises `FitError` for what has no law of curves, laws that differ, and names that the law does not have.

    >>> import jaxlaws
    >>> law = jaxlaws.catalogue["multi_power"]
    >>> prior = prior_from([law.constants[name] for name in ("25M", "100M", "400M")])
    >>> round(prior.sd()["L0"], 2)
    0.14
    """
    sources = _listed(source)
    law = _law(sources)
    if not spread > 0 or not widen > 0:
        raise FitError(f"`prior_from`: spread and widen must be above 0; got {spread} and {widen}.")
    held = dict(fix or {})
    for name in [*free, *held]:
        if name not in law.params:
            raise FitError(f"`prior_from`: {nearest(name, law.params, what='parameter')}")
    fixed = _fixed(law, sources, free) | held
    if "lr_ref" in fixed and peak is not None:
        fixed["lr_ref"] = float(peak)
    names = tuple(n for n in law.params if n not in fixed)
    if not names:
        raise FitError(f"`prior_from`: every parameter of `{law.name}` is held; free one.")
    sets = np.array([[_coordinate(law, s, n) for n in names] for s in sources])
    bad = [n for n, column in zip(names, sets.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        raise FitError(f"`prior_from`: parameter {bad[0]} of `{law.name}` is not finite in a source; fit again first.")
    known = _weights(sizes, size, len(sources))
    mean = known @ sets
    unit = np.array(
        [1.0 if law.params[n].scale == "log" else _size(law, n, m) for n, m in zip(names, mean, strict=True)]
    )
    covariance = _covariance(sets, unit, spread, _leverage(sizes, size, len(sources)))
    for one in sources:
        covariance = covariance + _of_draws(law, one, names) / len(sources)
    covariance = widen**2 * covariance
    boxes = [law.params[n] for n in names]
    low = [np.log(p.low) if p.scale == "log" else p.low for p in boxes]
    high = [np.log(p.high) if p.scale == "log" else p.high for p in boxes]
    about = f"{len(sources)} sets of {law.label}" if len(sources) > 1 else f"one set of {law.label}"
    return Prior(
        mean=np.clip(mean, low, high),
        root=np.linalg.inv(np.linalg.cholesky(covariance)),
        low=np.array(low),
        high=np.array(high),
        fixed={n: float(v) for n, v in fixed.items()},
        law=law,
        free=names,
        origin=about,
    )


def _listed(source: Any) -> list[Any]:
    many = list(source.values()) if isinstance(source, Fits) else source
    sources = list(many) if isinstance(many, list | tuple) else [many]
    good = [s for s in sources if not getattr(getattr(s, "status", None), "failed", False)]
    if not good:
        raise FitError("`prior_from` needs a fit that did not fail; got none.")
    return good


def _law(sources: list[Any]) -> Law:
    laws = [getattr(s, "law", None) for s in sources]
    for law in laws:
        if not isinstance(law, Law) or not law.is_curve:
            what = f"`{law.name}`" if isinstance(law, Law) else type(sources[0]).__name__
            raise FitError(f"`prior_from` takes fits, draws or constants of a law of curves; got {what}.")
        if law is not laws[0]:
            raise FitError(f"`prior_from` takes one law; got `{laws[0].label}` and `{law.label}`.")  # type: ignore[union-attr]  # the first was checked
    return laws[0]  # type: ignore[return-value]  # checked


def _fixed(law: Law, sources: list[Any], free: Sequence[str]) -> dict[str, float]:
    """Values of the parameters that are held: those that the first source held, references included."""
    first = getattr(sources[0], "center", sources[0])
    held = getattr(first, "fixed", None)
    if held is None:  # published constants
        held = tuple(n for n, p in law.params.items() if p.fixed is not None or p.reference is not None)
    held = [*held, *(n for n, p in law.params.items() if p.reference is not None)]
    return {n: _value(law, sources[0], n) for n in held if n not in free}


def _value(law: Law, source: Any, name: str) -> float:
    """Raw value: of a parameter with copies, their mean."""
    params = getattr(source, "center", source).params
    value = params.get(name, law.params[name].fixed)
    if value is None:
        return 1.0 if law.params[name].reference else float("nan")
    return float(np.mean(list(value.values()))) if isinstance(value, Mapping) else float(value)


def _coordinate(law: Law, source: Any, name: str) -> float:
    value = _value(law, source, name)
    if law.params[name].scale != "log":
        return value
    return float(np.log(value)) if value > 0 else float("nan")


def _size(law: Law, name: str, mean: float) -> float:
    """What counts as 1 for a parameter of either sign."""
    low, high = law.params[name].start
    return max(abs(mean), 0.5 * (high - low))


def _design(sizes: Sequence[float], size: float | None, count: int) -> np.ndarray:
    """Columns of what parameters are linear in: 1 and, with sizes, the logarithm of each over that of the run to come."""
    if not len(sizes) and size is None:
        return np.ones((count, 1))
    given = np.asarray(sizes, np.float64)
    if size is None or given.shape != (count,) or count < 3 or not (np.append(given, size) > 0).all():
        raise FitError(
            f"`prior_from(sizes=..., size=...)` needs a size above 0 for each of three or more sources and one for the run to "
            f"come; got {len(given)} for {count} sources."
        )
    if np.ptp(given) == 0:
        raise FitError("`prior_from(sizes=...)`: all sources have one size; leave sizes out.")
    return np.stack([np.ones(count), np.log(given / size)], axis=1)


def _weights(sizes: Sequence[float], size: float | None, count: int) -> np.ndarray:
    """Weight of each source in the mean."""
    return np.linalg.pinv(_design(sizes, size, count))[0]


def _leverage(sizes: Sequence[float], size: float | None, count: int) -> tuple[np.ndarray, float]:
    """Matrix that takes sources to their residuals, and by how much the next one scatters more than these."""
    design = _design(sizes, size, count)
    residual = np.eye(count) - design @ np.linalg.pinv(design)
    return residual, 1.0 + float(np.linalg.inv(design.T @ design)[0, 0])


def _covariance(sets: np.ndarray, unit: np.ndarray, spread: float, known: tuple[np.ndarray, float]) -> np.ndarray:
    residual, more = known
    width, left = sets.shape[1], round(float(np.trace(residual)))
    if left == 0:
        return np.diag((spread * unit) ** 2)
    off = residual @ sets
    sample = more * (off.T @ off) / left
    diagonal = np.maximum(np.diag(sample), (LEAST * unit) ** 2)
    # Of few sets nothing but variances can be told, and these are blended with what is known of others.
    trust = left / (left + width)
    diagonal = trust * diagonal + (1.0 - trust) * np.maximum(diagonal, (spread * unit) ** 2 / 4.0)
    return trust * (sample - np.diag(np.diag(sample))) + np.diag(diagonal)


def _of_draws(law: Law, source: Any, names: tuple[str, ...]) -> np.ndarray:
    if not hasattr(source, "center"):
        return np.zeros((len(names), len(names)))
    columns = []
    for name in names:
        value = source.params[name]
        value = np.mean(list(value.values()), axis=0) if isinstance(value, Mapping) else np.asarray(value, np.float64)
        columns.append(np.log(value) if law.params[name].scale == "log" else value)
    table = np.stack(columns)[:, np.asarray(source.good)]
    return np.atleast_2d(np.cov(table))


def cast(tree: Any, dtype: Any) -> Any:
    """A prior, or any tree, with its floats as `dtype`."""
    import jax.numpy as jnp

    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)


def wider(prior: Prior, factor: float) -> Prior:
    """The prior with standard deviations `factor` times as large."""
    return dataclasses.replace(prior, root=np.asarray(prior.root) / factor)
