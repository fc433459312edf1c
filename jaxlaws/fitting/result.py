"""What a fit returns: a record that prints as a report, predicts, and goes to JSON and back."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import FitError
from jaxlaws.solvers import Status
from jaxlaws.spec import Law, catalogue, formula

if TYPE_CHECKING:
    from jaxlaws.fitting.density import LogDensity
    from jaxlaws.runs import Runs

FORMAT = 1
Value = float | dict[str, float]


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law. `params` has every parameter, fixed ones included; one with a copy for each run is a dict by run.

    `agree` is the share of starts that ended within 1 % of the best objective; `remaining` the share of the objective
    that one more step promises to remove; `trade_offs` names parameters that the data do not tell apart; `largest` the
    largest fitted inputs, `distinct` how many different ones there were, to 2 %; `boxes` are those of the free parameters.
    `shared` and `pooled` name parameters that are one for all groups, or were drawn towards each other by `fit_pooled`.
    `intervals` has the ends of each free parameter's interval where some were asked for, and `interval_of` what they are.
    `spread` says how the starts ended: objective over the best, of up to 41 evenly spread starts in rising order, NaN for
    one that failed.
    """

    law: Law
    params: Mapping[str, Value]
    fixed: tuple[str, ...]
    objective: float
    status: Status
    reason: str
    objective_spec: str
    weights: str
    rows: int
    runs: tuple[str, ...]
    starts: int
    agree: float
    remaining: float
    at_bound: tuple[str, ...]
    condition: float
    trade_offs: tuple[tuple[str, ...], ...]
    largest: Mapping[str, float]
    source: str
    data_hash: str
    where: str = ""
    key: tuple[Any, ...] = ()
    by: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    priors: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    boxes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bins: int | None = 512
    distinct: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    interval_of: str = ""
    spread: tuple[float, ...] = ()
    seed: int = 0
    schedules: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        return self.params[name]

    def predict(self, runs: Any = None, *, branch_of: str | Mapping[str, str] | None = None, **more: Any) -> np.ndarray:
        """Predictions; see `predict`."""
        from jaxlaws.fitting.predict import predict

        return predict(self, runs, branch_of=branch_of, **more)

    def score(self, runs: Runs, *, branch_of: str | Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Errors on rows with known outcome; see `score`."""
        from jaxlaws.fitting.predict import score

        return score(self, runs, branch_of=branch_of)

    def logdensity(self, runs: Any, **more: Any) -> LogDensity:
        """Log density of the free parameters on the fitted rows, a pure function for samplers; see `LogDensity`."""
        from jaxlaws.fitting.density import logdensity

        return logdensity(self, runs, **more)

    def reach(self, **inputs: Any) -> dict[str, float]:
        """How far out inputs lie: target / largest fitted, by input. Above 1 is extrapolation."""
        return {k: float(np.max(v)) / self.largest[k] for k, v in inputs.items() if self.largest.get(k)}

    def summary(self) -> dict[str, Any]:
        """What `--json` prints of a fit, as plain Python values."""
        return {
            "law": self.law.name,
            "variant": dict(self.law.options),
            "params": _plain(self.params),
            "fixed": list(self.fixed),
            "objective": self.objective,
            "rows": self.rows,
            "runs": len(self.runs),
            "status": self.status.name,
            "reason": self.reason,
            "starts": {"run": self.starts, "agree": self.agree},
            "at_bound": list(self.at_bound),
            "condition": self.condition,
            "trade_offs": [list(t) for t in self.trade_offs],
            "seconds": dict(self.seconds),
        } | ({"intervals": _plain(self.intervals), "interval_of": self.interval_of} if self.intervals else {})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one JSON file, whole or not at all."""
        whole = {"format": FORMAT, **document(self)}
        write_whole(Path(path), json.dumps(whole, indent=1, allow_nan=False) + "\n")

    def __str__(self) -> str:
        from jaxlaws.fitting.report import report

        return report(self)

    def __repr__(self) -> str:
        return f"<fit of {self.law.label}: {self.status.name}, objective {self.objective:.6g}, {self.rows} rows>"


class Fits(Mapping[Any, Fit]):
    """Fits by group key: a value for one grouping column, a tuple for several."""

    def __init__(self, fits: list[Fit]) -> None:
        self._fits = {(f.key[0] if len(f.key) == 1 else f.key): f for f in fits}

    def __getitem__(self, key: Any) -> Fit:
        if key not in self._fits:
            known = ", ".join(map(repr, list(self._fits)[:8]))
            raise KeyError(f"no group {key!r}; groups are {known}{', ...' if len(self._fits) > 8 else ''}")
        return self._fits[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._fits)

    def __len__(self) -> int:
        return len(self._fits)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._fits.values()))

    def __repr__(self) -> str:
        failed = sum(f.status.failed for f in self._fits.values())
        return f"<{len(self)} fits, {failed} failed>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all fits to one JSON file, whole or not at all."""
        whole = {"format": FORMAT, "fits": [document(f) for f in self._fits.values()]}
        write_whole(Path(path), json.dumps(whole, indent=1, allow_nan=False) + "\n")


def load(path: str | os.PathLike[str], *, laws: tuple[Law, ...] = ()) -> Fit | Fits:
    """Fit (or fits) from a JSON file that `save` wrote. Executes nothing from it.

    Laws are found by name in the catalogue, by their text when they are formulas, else among `laws`. Raises
    `FitError`.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FitError(f"{path}: no such file; `fit.save(path)` or `--out` writes one.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FitError(f"{path}: is no stored fit ({error}).") from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise FitError(f"{path}: is no stored fit of format {FORMAT}.")
    try:
        if "fits" in stored:
            return Fits([restored(one, laws) for one in stored["fits"]])
        return restored(stored, laws)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, FitError):
            raise
        raise FitError(f"{path}: the stored fit is damaged ({type(error).__name__}: {error}).") from None


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) so that a reader sees the old file or the new one, never a part."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise FitError(f"{path}: cannot be written ({error.strerror}).") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def document(fit: Fit) -> dict[str, Any]:
    """A fit as plain JSON values, from which `restored` makes it again."""
    shallow = {f.name: getattr(fit, f.name) for f in fields(fit) if f.name != "law"}
    return _plain({"law": _reference(fit.law), **shallow, "status": fit.status.name})


def restored(document: dict[str, Any], laws: tuple[Law, ...] = ()) -> Fit:
    """A fit from its document; `laws` as for `load`. Raises `FitError`, or `KeyError` and its like for a damaged one."""
    law = _dereference(document["law"], laws)
    known = {f.name for f in fields(Fit)}
    values = {k: v for k, v in document.items() if k in known and k != "law"}
    values.setdefault("pooled", ())
    for name in ("fixed", "runs", "at_bound", "key", "by", "shared", "pooled", "notes"):
        values[name] = tuple(values[name])
    values["trade_offs"] = tuple(map(tuple, values["trade_offs"]))
    for name in ("priors", "boxes"):
        values[name] = {k: tuple(v) for k, v in values.get(name, {}).items()}
    values["status"] = Status[values["status"]]
    for name in ("objective", "agree", "remaining", "condition"):
        values[name] = _number(values[name])
    values["spread"] = tuple(map(_number, values.get("spread", ())))
    values["intervals"] = {
        k: {c: tuple(e) for c, e in v.items()} if isinstance(v, dict) else tuple(v)
        for k, v in values.get("intervals", {}).items()
    }
    values["params"] = {
        k: {c: _number(n) for c, n in v.items()} if isinstance(v, dict) else _number(v)
        for k, v in values["params"].items()
    }
    if set(values["params"]) != set(law.params):
        raise FitError(
            f"a stored fit of `{law.name}` has parameters {sorted(values['params'])}; the law has {sorted(law.params)}."
        )
    return Fit(law=law, **values)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """Plain JSON values; NaN and infinity become null, which every JSON reader takes."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def _reference(law: Law) -> dict[str, Any]:
    kind, place, name = law.found
    if kind == "formula":
        return {"formula": place, "rest": name}
    return {"name": law.name, "module": place, "options": dict(law.options)}


def _dereference(reference: Mapping[str, Any], laws: tuple[Law, ...]) -> Law:
    if "formula" in reference:
        head, *boxes = str(reference["rest"]).split(";")
        start = {k: tuple(map(float, v.split(":"))) for k, v in (b.split("=") for b in boxes)}
        return formula(reference["formula"], inputs=head.split(","), start=start)  # type: ignore[arg-type]
    name, options = reference["name"], reference["options"]
    for law in laws:
        if law.name == name:
            return law.variant(**options) if options else law
    if name in catalogue and catalogue[name].found[1] == reference["module"]:
        law = catalogue[name]
        return law.variant(**options) if options else law
    raise FitError(
        f"the stored fit is of law `{name}` from module {reference['module']}; pass it: `load(path, laws=(...,))`."
    )
