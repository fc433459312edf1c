"""Parameters as a distribution, and what it says of predictions and decisions."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.fitting import Fit
from jaxlaws.fitting.predict import places, stacked
from jaxlaws.fitting.problem import predictions
from jaxlaws.fitting.report import cautions
from jaxlaws.fitting.result import document, restored, write_whole
from jaxlaws.solvers import Status
from jaxlaws.spec import Law

FORMAT = 1
UNDEFINED = 0.1  # share of draws without an answer above which a decision is refused
MANY = 1 << 22  # numbers of a prediction from all draws that are held at once

Interval = tuple[float, float]


@dataclass(frozen=True)
class Decision:
    """What a function of the parameters gives: at the fit, at each draw (leading axis), and the interval's ends. Each is
    of the shape that the function returns: an array, or dicts and tuples of them. `undefined` is the share of draws for which
    it is NaN somewhere: the interval leaves them out."""

    value: Any
    draws: Any = field(repr=False)
    low: Any
    high: Any
    undefined: float = 0.0


@dataclass(frozen=True, eq=False)
class Draws:
    """Parameters of a law as draws from their distribution around the fit `center`.

    `params` has every parameter, fixed ones included, as arrays `(draws,)`; one with a copy for each run is a dict of
    them. `objective` and `status` (`Status` codes) are `(draws,)`; parameters of a failed draw are NaN. `units` is how
    many independent things the distribution was learnt from (runs, as a rule), 0 where that is not known, and `free` how
    many of them the fit has used up without the draws showing it: intervals are widened for few units. That is 1 where whole
    units were resampled, the parameters where blocks were, and 0 for draws that scatter as the noise does (wild, parametric,
    of a covariance), where `units` are degrees of freedom. `notes` say what to distrust.
    """

    law: Law
    params: dict[str, Any]
    objective: np.ndarray
    status: np.ndarray
    kind: str
    center: Fit
    notes: tuple[str, ...] = ()
    units: int = 0
    free: int = 0

    def __len__(self) -> int:
        return len(self.objective)

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def __repr__(self) -> str:
        return f"<{len(self)} draws of {self.law.label}: {self.kind}>"

    @property
    def good(self) -> np.ndarray:
        """Which draws ended in a minimum, `(draws,)`."""
        return self.status < int(Status.rank_deficient)

    def interval(self, level: float = 0.95) -> dict[str, Any]:
        """Ends of the interval of each free parameter; of one with copies, a dict by run."""
        return {
            name: {k: self.ends(v, self.center.params[name][k], level) for k, v in value.items()}  # type: ignore[index]  # copies
            if isinstance(value, Mapping)
            else self.ends(value, self.center.params[name], level)
            for name, value in self.params.items()
            if name not in self.center.fixed
        }

    def decide(self, fn: Callable[[dict[str, Any]], Any], level: float = 0.95) -> Decision:
        """What `fn`, a pure function of the dict of parameters, gives, and how certain it is.

        `fn` sees scalars in 64-bit floats; a parameter with copies is a dict of them. It is called once for all draws where JAX
        can trace it, and else once for each. Draws for which `fn` is NaN are left out
        of the interval and counted in `undefined`. Raises `FitError` where it is so for more than a tenth of the draws that
        determine every parameter: what is left would say nothing of how sure the decision is.
        """
        check_level(level)
        middle = {name: _map(np.float64, value) for name, value in self.center.params.items()}
        with jax.enable_x64(True):
            value = jax.tree.map(np.asarray, fn(middle))
            try:
                draws = jax.tree.map(np.asarray, jax.vmap(fn)(self.params))
            except jax.errors.JAXTypeError:  # NumPy, SciPy or `if` in it
                draws = self._one_by_one(fn, value)
        low, high = self._band(draws, value, level)
        return Decision(value, draws, low, high, self._undefined(draws))

    def _one_by_one(self, fn: Callable[[dict[str, Any]], Any], value: Any) -> Any:
        """What `fn` gives for each draw, with a leading axis; NaN where the draw ended in no minimum."""
        nothing = jax.tree.map(lambda leaf: np.full(leaf.shape, np.nan), value)
        each = [
            fn({name: _map(lambda v, i=i: np.float64(v[i]), v) for name, v in self.params.items()}) if good else nothing
            for i, good in enumerate(self.good)
        ]
        return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *each)

    def _undefined(self, decided: Any) -> float:
        """Share of draws with NaN in a decision, among those that ended in a minimum."""
        wrong, whole = np.zeros(len(self), dtype=bool), self.good.copy()
        for leaf in jax.tree.leaves(decided):
            wrong |= np.isnan(leaf).reshape(len(self), -1).any(axis=1)
        for leaf in jax.tree.leaves(self.params):
            whole &= np.isfinite(leaf)  # a copy for a run that the draw lacks is no fault of the function
        share = float(np.mean(wrong[whole])) if whole.any() else 0.0
        if share > UNDEFINED:
            raise FitError(
                f"`decide`: the function is NaN for {share:.0%} of the {int(whole.sum())} draws, more than {UNDEFINED:.0%}: no "
                "interval can be given; see where it is not defined (a root or a logarithm of a negative number, as a rule)."
            )
        return float(np.mean(wrong[self.good])) if self.good.any() else 0.0

    def predict(
        self, runs: Any = None, *, level: float = 0.95, **more: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions of the fit, and the ends of the interval of each; arguments as of `Fit.predict`.

        The interval is that of the law's value. A single outcome scatters around it by its own noise.
        """
        check_level(level)
        fit = self.center
        with jax.enable_x64(True):
            where = places(fit, runs, **more)
        middle = {name: stacked(fit, name, value, np.float64) for name, value in fit.params.items()}
        params = {name: stacked(fit, name, value, np.asarray) for name, value in self.params.items()}
        size = max(1, MANY // max(1, where.data.observed.size))
        with jax.enable_x64(True):
            value = where.finish(
                np.asarray(_evaluate(self.law, _map(lambda v: np.asarray(v)[None], middle), where.data)[0])
            )
            parts = []
            for i in range(0, len(self), size):
                part = {name: v[i : i + size] for name, v in params.items()}
                parts.append(where.finish(np.asarray(_evaluate(self.law, part, where.data))))
        low, high = self._band(np.concatenate(parts), value, level)
        return value, low, high

    def ends(self, draws: np.ndarray, value: Any, level: float = 0.95) -> Any:
        """Ends of the interval of a quantity that has `value` at the fit and `draws` `(draws, ...)`.

        Quantiles of the draws, moved away from the fit for what few units hide: by Student's quantile over the normal one,
        and sqrt(units / (units - free)), in logarithms where all is positive.
        """
        check_level(level)
        draws, value = np.asarray(draws, dtype=np.float64)[self.good], np.asarray(value, dtype=np.float64)
        if not len(draws):
            low = high = np.full(value.shape, np.nan)
        else:
            with np.errstate(invalid="ignore"):
                low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
            factor = widening(self.units, self.free, level)
            logs = (np.nanmin(draws, axis=0) > 0) & (value > 0)
            to = np.log(np.where(logs, value, 1.0)), np.log(np.where(logs, low, 1.0)), np.log(np.where(logs, high, 1.0))
            # Where the fit lies outside the quantiles, moving the nearer end away from it would be moving it inwards.
            low = np.minimum(
                low, np.where(logs, np.exp(to[0] + factor * (to[1] - to[0])), value + factor * (low - value))
            )
            high = np.maximum(
                high, np.where(logs, np.exp(to[0] + factor * (to[2] - to[0])), value + factor * (high - value))
            )
        return (float(low), float(high)) if value.ndim == 0 else (low, high)

    def _band(self, draws: Any, value: Any, level: float) -> tuple[Any, Any]:
        both = jax.tree.map(lambda d, v: self.ends(d, v, level), draws, value)
        outer, inner = jax.tree.structure(value), jax.tree.structure((0, 0))
        return jax.tree.transpose(outer, inner, both)

    def marked(self, level: float = 0.95) -> Fit:
        """The fit, with the intervals of its parameters, what they are, and what to distrust."""
        said = f"{100 * level:g} % of {int(self.good.sum())} resamples, {self.kind}"
        notes = tuple(
            note for note in self.notes if note not in self.center.notes and note not in cautions(self.center)
        )
        fit = self.center
        return replace(fit, intervals=self.interval(level), interval_of=said, notes=(*fit.notes, *notes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write draws and fit to one NumPy file (.npz, without pickle), whole or not at all."""
        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str], *, laws: tuple[Law, ...] = ()) -> Draws:
        """Draws of one fit from a file that `save` wrote; `load` reads those of groups too. Raises `FitError`."""
        found = load(path, laws=laws)
        if isinstance(found, Draws):
            return found
        raise FitError(f"{path}: are the draws of {len(found)} groups; read them with `uncertainty.load`.")


def save(draws: Draws | Mapping[Any, Draws], path: str | os.PathLike[str]) -> None:
    """Write draws, or those of each group, with their fits, to one NumPy file (.npz, without pickle)."""
    many = list(draws.values()) if isinstance(draws, Mapping) else [draws]
    arrays: dict[str, np.ndarray] = {}
    about = []
    for i, one in enumerate(many):
        told: dict[str, Any] = {"kind": one.kind, "notes": list(one.notes), "units": one.units, "free": one.free}
        told |= {"center": document(one.center), "copies": {}}
        arrays |= {f"{i}/objective": one.objective, f"{i}/status": one.status}
        for name, value in one.params.items():
            if isinstance(value, Mapping):
                told["copies"][name] = list(value)
            arrays[f"{i}/params/{name}"] = np.stack(list(value.values())) if isinstance(value, Mapping) else value
        about.append(told)
    text = json.dumps({"format": FORMAT, "grouped": isinstance(draws, Mapping), "draws": about}, allow_nan=False)
    file = io.BytesIO()
    np.savez_compressed(file, about=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]  # arrays by name
    write_whole(Path(path), file.getvalue())


def beside(path: str | os.PathLike[str]) -> Path:
    """Where the draws of a fit stored at `path` are: FIT.json has FIT.draws.npz."""
    place = Path(path)
    return place.with_name(f"{place.stem}.draws.npz")


def of_fit(fit: Fit, path: str | os.PathLike[str]) -> Draws | None:
    """Draws beside the stored fit at `path` that belong to `fit`; None where there are none. Raises `FitError` where they
    belong to another fit."""
    place = beside(path)
    if not place.exists():
        return None
    found = load(place, laws=(fit.law,))
    many = list(found.values()) if isinstance(found, dict) else [found]
    same = [one for one in many if one.center.key == fit.key]
    if not same and fit.key:
        return None
    if not same or document(same[0].center)["params"] != document(fit)["params"]:
        raise FitError(
            f"{place}: the draws beside {path} are of another fit; fit again with `--bootstrap`, or remove them."
        )
    return same[0]


def load(path: str | os.PathLike[str], *, laws: tuple[Law, ...] = ()) -> Draws | dict[Any, Draws]:
    """Draws, or those of each group by key, from a file that `save` wrote. Executes nothing from it.

    `laws` as for `load` of a fit. Raises `FitError`.
    """
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            about = json.loads(bytes(file["about"]).decode())
            arrays = {name: file[name] for name in file.files}
        if about["format"] != FORMAT:
            raise FitError(f"{path}: are no draws of format {FORMAT}.")
        many = [_loaded(told, arrays, i, laws) for i, told in enumerate(about["draws"])]
        if not about["grouped"]:
            return many[0]
        return {one.center.key[0] if len(one.center.key) == 1 else one.center.key: one for one in many}
    except FileNotFoundError:
        raise FitError(f"{path}: no such file; `draws.save(path)` writes one.") from None
    except (
        OSError, LookupError, TypeError, ValueError, AttributeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        if isinstance(error, FitError):
            raise
        raise FitError(f"{path}: are no stored draws ({type(error).__name__}: {error}).") from None


def _loaded(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], i: int, laws: tuple[Law, ...]) -> Draws:
    center = restored(told["center"], laws)
    params: dict[str, Any] = {name: arrays[f"{i}/params/{name}"] for name in center.law.params}
    for name, labels in told["copies"].items():
        params[name] = dict(zip(labels, params[name], strict=True))
    return Draws(
        law=center.law,
        params=params,
        objective=arrays[f"{i}/objective"],
        status=arrays[f"{i}/status"],
        kind=told["kind"],
        center=center,
        notes=tuple(told["notes"]),
        units=told["units"],
        free=told["free"],
    )


@partial(jax.jit, static_argnums=0)
def _evaluate(law: Law, params: Any, data: Any) -> Any:
    return jax.vmap(lambda one: predictions(law, one, data))(params)


def widening(units: int, free: int, level: float) -> float:
    """By how much quantiles of resamples are too narrow, seen from the fit, when `units` were resampled."""
    from scipy.special import ndtri, stdtrit

    left = units - free
    if units == 0 or left <= 0:
        return 1.0
    tail = (1 + level) / 2
    return float(np.sqrt(units / left) * stdtrit(left, tail) / ndtri(tail))


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise FitError(f"`interval(level=...)` must lie between 0 and 1; got {level}.")


def _map(f: Callable[[Any], Any], value: Any) -> Any:
    return {k: _map(f, v) for k, v in value.items()} if isinstance(value, Mapping) else f(value)
