"""What a fitted law says of other inputs, other runs, other schedules; and how wrong it is where the outcome is
known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.core import Tracer

from jaxlaws.errors import FitError, TracerError
from jaxlaws.fitting.assemble import assemble, numeric_columns, padded
from jaxlaws.fitting.problem import Data, predictions
from jaxlaws.runs import Runs, read
from jaxlaws.schedules import Schedule, parse
from jaxlaws.schedules.curve import Curve
from jaxlaws.spec import Law

if TYPE_CHECKING:
    from jaxlaws.fitting.result import Fit


def predict(
    fit: Fit,
    runs: Any = None,
    *,
    branch_of: str | Mapping[str, str] | None = None,
    schedule: Schedule | str | np.ndarray | None = None,
    at: Any = None,
    **inputs: Any,
) -> np.ndarray:
    """Predictions as float64, one a row.

    Point laws take inputs by keyword (`N=7e10, D=1.4e12`, numbers or arrays that broadcast) or a table. Curve laws
    take a table with run, step and learning rate, or `schedule=` with steps `at=` (default: up to 200 steps spread
    over the schedule). `branch_of` names, for a law with a shift for each run, the fitted run whose trunk a new run
    continues: one name for all, or a mapping; a fitted run's own rows use its own shift, other runs none.
    """
    with jax.enable_x64(True):
        where = places(fit, runs, branch_of=branch_of, schedule=schedule, at=at, **inputs)
        params = {name: stacked(fit, name, value, np.float64) for name, value in fit.params.items()}
        return where.finish(np.asarray(evaluate(fit.law, params, where.data)))


@dataclass(frozen=True)
class Places:
    """Where a law is evaluated: padded `data`, and what makes the answer's shape of values there."""

    data: Data
    finish: Callable[[np.ndarray], np.ndarray]


def places(
    fit: Fit,
    runs: Any = None,
    *,
    branch_of: str | Mapping[str, str] | None = None,
    schedule: Schedule | str | np.ndarray | None = None,
    at: Any = None,
    **inputs: Any,
) -> Places:
    """What the arguments of `predict` mean."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((runs, inputs))):
        raise TracerError(
            "`predict` is a host function; inside jit, vmap or grad call the law: `fit.law(..., **params)`."
        )
    if runs is not None and (schedule is not None or inputs):
        raise FitError("`predict` takes a table, or inputs, or a schedule: give one of them.")
    if branch_of is not None and not any(isinstance(v, dict) for v in fit.params.values()):
        raise FitError(
            f"`predict(branch_of=...)`: `{fit.law.name}` was fitted without a shift for each run; free one first."
        )
    if schedule is not None:
        return _along(fit, schedule, at, branch_of, inputs)
    if runs is None:
        return _at(fit, inputs)
    table = read(runs)
    if len(table) == 0:
        raise FitError(f"{table.source}: there are no rows to predict.")
    return _table(fit, table, branch_of)


def score(fit: Fit, runs: Runs, *, branch_of: str | Mapping[str, str] | None = None) -> dict[str, Any]:
    """Errors of predictions on rows with known outcome: rows, mae, rmse, mape, worst (largest relative error), r2; the
    same by run, and their mean over runs."""
    runs = read(runs).checked(numeric_columns(fit.law))
    predicted = predict(fit, runs, branch_of=branch_of)
    observed = runs.column(fit.law.output.symbol)
    keep = np.isfinite(predicted) if fit.law.is_curve else np.ones(len(observed), dtype=bool)
    return errors(predicted[keep], observed[keep], runs.frame["run"].astype(str)[keep])


def errors(predicted: np.ndarray, observed: np.ndarray, run: Any) -> dict[str, Any]:
    """What `score` returns, of predictions `(rows,)` and the run of each row."""
    import pandas as pd

    pooled = _errors(predicted, observed)
    codes, names = pd.factorize(np.asarray(run, dtype=object))
    if len(names) == len(codes):  # a row a run: there is nothing to average within
        return pooled | {"by_run": {}, "run_mean": {}}
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    by_run = {str(name): _errors(predicted[part], observed[part]) for name, part in zip(names, parts, strict=True)}
    mean = {k: float(np.mean([e[k] for e in by_run.values()])) for k in pooled if k != "rows"}
    return pooled | {"by_run": by_run, "run_mean": mean}


def _errors(predicted: np.ndarray, observed: np.ndarray) -> dict[str, Any]:
    error = predicted - observed
    relative = np.abs(error / np.where(observed == 0, np.nan, observed))
    spread = float(np.sum((observed - observed.mean()) ** 2)) if len(observed) else 0.0
    return {
        "rows": len(observed),
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mape": float(np.mean(relative)),
        "worst": float(np.max(relative)),
        "r2": float(1.0 - np.sum(error**2) / spread) if spread > 0 else float("nan"),
    }


@partial(jax.jit, static_argnums=0)
def evaluate(law: Law, params: Mapping[str, Any], data: Data) -> Any:
    """Law at every observation of padded data, compiled once a shape."""
    return predictions(law, params, data)


def _table(fit: Fit, runs: Runs, branch_of: str | Mapping[str, str] | None) -> Places:
    law = fit.law
    runs = runs.checked(numeric_columns(law, observed=False))
    assembled = assemble(law, runs, weights="row", bins=None, per={}, observed=False)
    data = dataclasses.replace(assembled.data, copy=_copy(fit, assembled.runs, branch_of))
    count = (data.weight > 0).sum(axis=-1)

    def finish(values: np.ndarray) -> np.ndarray:
        if not law.is_curve:
            return values[..., : len(runs)]
        out = np.full((*values.shape[:-2], len(runs)), np.nan)
        flat = np.concatenate([values[..., i, : count[i]] for i in range(len(assembled.runs))], axis=-1)
        out[..., assembled.order] = flat[..., assembled.owner]
        return out

    return Places(jax.tree.map(np.asarray, padded(data)), finish)


def stacked(fit: Fit, name: str, value: Any, each: Callable[[Any], Any]) -> Any:
    """A parameter's values, those with copies in the last axis, and after them one for runs that have none: the prior's mean."""
    if not isinstance(value, Mapping):
        return each(value)
    known = [each(v) for v in value.values()]
    return np.stack([*known, np.full_like(known[0], fit.priors.get(name, (0.0,))[0])], axis=-1)


def _copy(fit: Fit, runs: list[str], branch_of: str | Mapping[str, str] | None) -> dict[str, np.ndarray]:
    """The copy of each run, by parameter."""
    copy: dict[str, np.ndarray] = {}
    for name, value in fit.params.items():
        if isinstance(value, Mapping):
            labels = list(value)
            chosen = [_label(run, fit.labels.get(name, {}), value, branch_of) for run in runs]
            copy[name] = np.array([labels.index(c) if c is not None else len(labels) for c in chosen])
    return copy


def _label(
    run: str, known: Mapping[str, str], value: Mapping[str, float], branch_of: str | Mapping[str, str] | None
) -> str | None:
    trunk = branch_of if isinstance(branch_of, str) else (branch_of or {}).get(run)
    if trunk is None:
        return known.get(run)
    label = known.get(trunk, trunk)
    if label not in value:
        raise FitError(
            f"`predict(branch_of=...)`: run {trunk!r} was not fitted; fitted were {', '.join(known) or ', '.join(value)}."
        )
    return label


def _at(fit: Fit, inputs: Mapping[str, Any]) -> Places:
    law = fit.law
    if law.is_curve:
        raise FitError(f"`predict`: `{law.name}` needs a table of runs or `schedule=`.")
    if set(inputs) != set(law.inputs):
        raise FitError(f"`predict`: `{law.name}` needs {', '.join(law.inputs)}; got {', '.join(inputs) or 'nothing'}.")
    try:
        arrays = np.broadcast_arrays(*[np.asarray(inputs[k], dtype=np.float64) for k in law.inputs])
    except ValueError:
        shapes = ", ".join(f"{k} {np.shape(inputs[k])}" for k in law.inputs)
        raise FitError(f"`predict`: inputs must be numbers of shapes that broadcast; got {shapes}.") from None
    flat = {k: a.ravel() for k, a in zip(law.inputs, arrays, strict=True)}
    for name, value in flat.items():
        if not np.isfinite(value).all() or (value <= 0).any():
            raise FitError(f"`predict`: {name} must be finite and above 0.")
    ones = np.ones(arrays[0].size)
    copy = {name: np.repeat(where, ones.size) for name, where in _copy(fit, ["new run"], None).items()}
    return Places(Data(flat, ones, ones, copy), lambda values: values.reshape((*values.shape[:-1], *arrays[0].shape)))


def _along(
    fit: Fit, schedule: Schedule | str | np.ndarray, at: Any, branch_of: Any, inputs: Mapping[str, Any]
) -> Places:
    law = fit.law
    if not law.is_curve:
        raise FitError(
            f"`predict(schedule=...)`: `{law.name}` does not see learning rates; give {', '.join(law.inputs)}."
        )
    schedule = parse(schedule) if isinstance(schedule, str) else schedule
    steps = steps_of(schedule) if at is None else np.atleast_1d(np.asarray(at))
    curve = Curve.of(schedule, at=steps, warmup=law.options.get("warmup", "counted"))  # type: ignore[arg-type]  # variants are checked by the law
    copy = _copy(fit, ["new run"], branch_of)
    one = jax.tree.map(lambda x: np.asarray(x)[None], curve)
    more = {k: np.broadcast_to(np.asarray(v, dtype=np.float64), (1, len(steps))) for k, v in inputs.items()}
    strange = [k for k in more if k not in law.inputs]
    if strange:
        raise FitError(f"`predict(schedule=...)`: `{law.name}` has no input {strange[0]}.")
    missing = [k for k in law.inputs if k != "curve" and k not in more]
    if missing:
        raise FitError(f"`predict(schedule=...)`: `{law.name}` also needs {', '.join(missing)}.")
    ones = np.ones((1, len(steps)))
    whole = padded(Data({"curve": one, **more}, ones, ones, copy))
    return Places(whole, lambda values: values[..., 0, : len(steps)])


def steps_of(schedule: Any) -> np.ndarray:
    """Up to 200 steps spread over a schedule, its last included."""
    total = schedule.total if isinstance(schedule, Schedule) else len(schedule) - 1
    if total is None:
        raise FitError(f"schedule `{schedule}` has no end; give `total=` or the steps by `at=`.")
    return np.unique(np.round(np.linspace(0, total, min(200, total) + 1)[1:]).astype(int))
