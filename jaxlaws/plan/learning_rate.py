"""The best learning rate and batch for a size and its data, how flat it is around them, and what published rules say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import PlanError, nearest
from jaxlaws.fitting import Fit, fit
from jaxlaws.fitting._plainly import plainly
from jaxlaws.objectives import huber
from jaxlaws.plan._basin import basin
from jaxlaws.plan._batches import in_batches
from jaxlaws.plan._beliefs import LEVEL, believed, refuse_tracers, told
from jaxlaws.runs import read
from jaxlaws.solvers import lowest
from jaxlaws.spec import Law, quantity

BOX = {"lr": (1e-6, 1.0), "batch": (1e3, 1e9)}  # where rate and batch are looked for
WITHIN = 0.0025  # share of the lowest loss that counts as flat, as in Step Law's near-optimal rule
PF_DAY = 8.64e19  # FLOP
NEAR = 0.01  # share above the lowest loss of a cell up to which its rows show the basin


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Best:
    """Best `lr` and `batch` and the `loss` there. `curvature` `(2, 2)` is that of ln loss in (ln lr, ln batch); `step` is how
    far, in units of the box, Newton's next step would go. `vmap` adds axes."""

    lr: Any
    batch: Any
    loss: Any
    curvature: Any
    step: Any


def best_rate(
    law: Law, params: Mapping[str, Any], inputs: Mapping[str, Any], box: Mapping[str, tuple[Any, Any]] = BOX
) -> Best:
    """Best learning rate and batch under a loss surface, its other `inputs` given: a pure function, differentiable in all
    its numbers. A batch (or rate) among the inputs is held."""
    free = [name for name in ("lr", "batch") if name not in inputs]
    dtype = jnp.result_type(*params.values())
    numbers = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype),
        {"params": dict(params), "inputs": dict(inputs), "box": [tuple(box[n]) for n in free]},
    )

    def at(u: Any, given: Any) -> dict[str, Any]:
        spans = [(jnp.log(low), jnp.log(high)) for low, high in given["box"]]
        chosen = {
            n: jnp.exp(low + u[i] * (high - low)) for i, (n, (low, high)) in enumerate(zip(free, spans, strict=True))
        }
        return given["inputs"] | chosen

    def loss(u: Any, given: Any) -> Any:
        values = at(u, given)
        return jnp.log(law.fn(*(values[name] for name in law.inputs), **given["params"]))

    found = lowest(loss, len(free), numbers, dtype)
    values = at(found.x, numbers)
    logs = jnp.log(jnp.stack([values["lr"], values["batch"]]))
    bend = jax.jacfwd(
        jax.jacfwd(
            lambda z: log_loss(
                law, numbers["params"], numbers["inputs"] | {"lr": jnp.exp(z[0]), "batch": jnp.exp(z[1])}
            )
        )
    )
    return Best(values["lr"], values["batch"], jnp.exp(found.value), bend(logs), found.step)


def log_loss(law: Law, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """Logarithm of the loss at inputs by name: differences of it are shares. A pure function."""
    return jnp.log(law.fn(*(inputs[name] for name in law.inputs), **params))


def half_widths(curvature: Any, within: Any) -> Any:
    """How far ln lr and ln batch, `(2,)`, can be moved when the other one follows, until the loss is higher by the share
    `within`: half the box around the ellipse."""
    return jnp.sqrt(2.0 * jnp.log1p(within) * jnp.diagonal(jnp.linalg.inv(curvature)))


@dataclass(frozen=True, eq=False)
class Rates:
    """Best rate and batch, arrays `(problems,)`. `lr_flat`, `batch_flat` `(problems, 2)` are the ends of the region in which
    the loss is higher by at most the share `within`, when the other one follows. `*_interval` come from draws, `silent` of
    which have no optimum within `bounds`, where rate and batch were looked for."""

    law: Law
    params: Mapping[str, float]
    inputs: Mapping[str, np.ndarray]
    lr: np.ndarray
    batch: np.ndarray
    curvature: np.ndarray
    within: float
    lr_flat: np.ndarray
    batch_flat: np.ndarray
    held: tuple[str, ...] = ()
    lr_interval: np.ndarray | None = None
    batch_interval: np.ndarray | None = None
    level: float = LEVEL
    reach: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=lambda: dict(BOX))
    draws: int = 0
    silent: int = 0
    failed: int = 0

    def price(self, lr: Any, batch: Any) -> np.ndarray:
        """Share by which the loss at another rate and batch is above that at the best, `(problems,)`."""
        with jax.enable_x64(True):
            there = {
                **self.inputs,
                "lr": np.asarray(lr, float) + 0 * self.lr,
                "batch": np.asarray(batch, float) + 0 * self.lr,
            }
            here = {**self.inputs, "lr": self.lr, "batch": self.batch}
            values = [_log_losses(self.law, dict(self.params), one) for one in (there, here)]
        return np.expm1(np.asarray(values[0]) - np.asarray(values[1]))

    def changed(self, batch: Any) -> tuple[np.ndarray, np.ndarray]:
        """Best rate at another batch, and the share that this batch costs then: arrays `(problems,)`. Raises `PlanError` where
        that rate lies on a bound."""
        call = "Rates.changed"
        held = np.asarray(batch, dtype=np.float64) + 0 * self.lr
        if not (np.isfinite(held).all() and (held > 0).all()):
            raise PlanError(f"`{call}` takes a finite batch above 0, in tokens; got {batch}.")
        problems = {
            "params": _tiled(self.params, len(self.lr)),
            "inputs": {**self.inputs, "batch": held},
            "box": {k: np.broadcast_to(np.array(v), (len(self.lr), 2)) for k, v in self.bounds.items()},
        }
        with jax.enable_x64(True):
            found = in_batches(lambda part: _best(self.law, part), problems)
        _ranked(call, self.law, {"lr": found.lr}, self.bounds, set())
        return found.lr, self.price(found.lr, held)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as plain Python values."""
        rows = []
        for i in range(len(self.lr)):
            row: dict[str, Any] = {name: float(v[i]) for name, v in self.inputs.items()}
            row |= {"lr": float(self.lr[i]), "batch": float(self.batch[i])}
            row |= {"lr_flat": self.lr_flat[i].tolist(), "batch_flat": self.batch_flat[i].tolist()}
            for name in ("lr_interval", "batch_interval"):
                if (span := getattr(self, name)) is not None:
                    row[name] = span[i].tolist()
            rows.append(row | {"reach": {k: float(v[i]) for k, v in self.reach.items()}})
        return {
            "law": self.law.label,
            "params": dict(self.params),
            "within": self.within,
            "level": self.level,
            "draws": self.draws,
            "silent": self.silent,
            "failed": self.failed,
            "rates": rows,
        }

    def __str__(self) -> str:
        rows = [
            [
                *self.inputs,
                "learning rate",
                f"flat to {100 * self.within:g} %",
                "batch (tokens)",
                f"flat to {100 * self.within:g} %",
            ]
        ]
        for i in range(len(self.lr)):
            spans = {
                n: "" if (s := getattr(self, f"{n}_interval")) is None else " ({:.3g} to {:.3g})".format(*s[i])
                for n in ("lr", "batch")
            }
            flat = ["{:.3g} to {:.3g}".format(*span[i]) for span in (self.lr_flat, self.batch_flat)]
            inputs = [f"{v[i]:.4g}" for v in self.inputs.values()]
            rows.append(
                [*inputs, f"{self.lr[i]:.3g}{spans['lr']}", flat[0], f"{self.batch[i]:.4g}{spans['batch']}", flat[1]]
            )
        far = [f"{k} is {float(np.max(v)):.3g} x the largest fitted" for k, v in self.reach.items() if np.max(v) > 1.0]
        notes = told(self.draws, self.failed, self.silent, self.level)
        notes += ["extrapolates: " + ", ".join(far)] if far else []
        return "\n".join([*_aligned(rows), *(["", *notes] if notes else [])])


def surface(
    runs: Any, *, near: float = NEAR, fix: Mapping[str, float] | None = None, starts: int = 16, seed: int = 0
) -> Fit:
    """Loss surface over rate and batch fitted to sweeps: a basin around a best pair that is a power law in N and D. A host
    function.

    `runs` has N, D, lr, batch (tokens a step) and the final loss; the runs of one N and D are a cell. Only rows whose loss is
    within the share `near` of their cell's lowest count, so that neither diverged runs nor the cliff beyond the best rate
    bend the basin; each cell has a floor of its own, so that no law of size and data has to hold. `fix` holds parameters of
    the basin, such as `{"delta": 0.0, "epsilon": 0.0}` where N and D grew together. Raises `PlanError`.
    """
    call = "plan.surface"
    refuse_tracers(call, near)
    if not 0.0 < near < 1.0:
        raise PlanError(f"`{call}(near=...)` must lie between 0 and 1; got {near}.")
    table = read(runs)
    for name in ("N", "D", "lr", "batch", "loss"):
        table.column(name)  # raises, naming the nearest
    table = table.checked(["N", "D", "lr", "batch", "loss"])
    frame = table.frame
    cell = frame["N"].map("{:.6g}".format) + " x " + frame["D"].map("{:.6g}".format)
    lowest_loss = frame["loss"].groupby(cell).transform("min")
    kept = frame["loss"] <= (1.0 + near) * lowest_loss
    cells = cell[kept].nunique()
    if kept.sum() < cells + 9:
        raise PlanError(
            f"`{call}`: {table.source} has {int(kept.sum())} rows within {100 * near:g} % of the lowest of their N and D, and "
            f"{cells} such cells: a surface needs at least {cells + 9}; sweep rate and batch around the best, or raise `near`."
        )
    # Nothing moves with a size (or amount of data) that is the same everywhere.
    still = {}
    for name, exponents in (("N", ("gamma", "nu")), ("D", ("delta", "epsilon"))):
        if frame.loc[kept, name].nunique() == 1:
            still |= dict.fromkeys(exponents, 0.0)
    still = {**still, **{k: float(v) for k, v in (fix or {}).items()}}
    moves = np.linalg.matrix_rank(_centred(np.log(frame.loc[kept, ["N", "D"]].drop_duplicates().to_numpy())), tol=0.05)
    for move in (("gamma", "delta"), ("nu", "epsilon")):
        loose = [name for name in move if name not in still]
        if len(loose) > moves:
            raise PlanError(
                f"`{call}`: the cells of {table.source} lie on one line, D as a power of N: whether size or data moves the best "
                'pair cannot be told; add cells of another D/N, or hold it by `fix={"delta": 0.0, "epsilon": 0.0}` and plan '
                "along that line only."
            )
    chosen = dataclasses.replace(table, frame=frame[kept].assign(cell=cell[kept]))
    found = fit(basin, chosen, objective=huber(3e-4), starts=starts, fix=still, seed=seed)
    assert isinstance(found, Fit)
    return found


def learning_rate(
    source: Any,
    *,
    within: float = WITHIN,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    level: float = LEVEL,
    **inputs: Any,
) -> Rates:
    """Best learning rate and batch by gradient on a loss surface, at inputs by keyword (`N=7e9, D=1.4e12`). A host function.

    `source` is a fit of a law with inputs lr and batch, such as `surface(runs)`, or draws of one. `batch=` among the inputs
    is held. `bounds` says where rate and batch are looked for. Raises `PlanError`; a law whose best rate or batch lies on a
    bound cannot rank them and is refused.
    """
    call = "plan.learning_rate"
    refuse_tracers(call, inputs, bounds)
    belief = believed(source, call, level)
    law = belief.law
    if law.is_curve or not {"lr", "batch"} <= set(law.inputs):
        raise PlanError(
            f"`{call}` needs a law over lr and batch, such as `plan.surface(runs)`; `{law.name}` has {', '.join(law.inputs)}."
        )
    wanted = [n for n in law.inputs if n not in ("lr", "batch")]
    given = set(inputs) - {"batch", "lr"}
    if set(wanted) != given or {"lr", "batch"} <= set(inputs):
        raise PlanError(
            f"`{call}`: `{law.name}` needs {', '.join(wanted)} (and batch or lr where it is held); got "
            f"{', '.join(inputs) or 'nothing'}."
        )
    if not within > 0.0:
        raise PlanError(f"`{call}(within=...)` must be above 0; got {within}.")
    box = {**BOX, **_checked(call, bounds or {})}
    arrays = np.broadcast_arrays(*[np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in inputs.values()])
    if any(not (np.isfinite(a).all() and (a > 0).all()) for a in arrays):
        raise PlanError(f"`{call}`: {', '.join(inputs)} must be finite numbers above 0.")
    flat = {k: a.ravel() for k, a in zip(inputs, arrays, strict=True)}
    count, draws = len(next(iter(flat.values()))), belief.draws + 1
    problems = {
        "params": {k: np.tile(v, count) for k, v in belief.params.items()},
        "inputs": {k: np.repeat(v, draws) for k, v in flat.items()},
        "box": {k: np.broadcast_to(np.array(v), (count * draws, 2)) for k, v in box.items()},
    }
    with jax.enable_x64(True):
        found = in_batches(lambda part: _best(law, part), problems)
        found = jax.tree.map(lambda leaf: leaf.reshape(count, draws, *leaf.shape[1:]), found)
        lr, batch, curvature = found.lr[:, 0], found.batch[:, 0], found.curvature[:, 0]
        _ranked(call, law, {"lr": lr, "batch": batch}, box, set(inputs))
        widths = np.stack([np.asarray(half_widths(c, within)) for c in curvature])
    held = tuple(n for n in ("lr", "batch") if n in inputs)
    free = [n for n in ("lr", "batch") if n not in inputs]
    alone = np.sqrt(2.0 * np.log1p(within) / np.diagonal(curvature, axis1=1, axis2=2))
    widths = widths if len(free) == 2 else np.where(np.isin(["lr", "batch"], free)[None, :], alone, 0.0)
    # A draw without a minimum inside has no optimum: the bound that stopped its search is none.
    answers = {n: np.where(_inside(getattr(found, n), box[n]), getattr(found, n), np.nan) for n in free}
    spans = {n: belief.interval(v, level) for n, v in answers.items()} if belief.draws else {}
    return Rates(
        law=law,
        params=belief.centre,
        inputs={k: v for k, v in flat.items() if k not in ("lr", "batch")},
        lr=lr,
        batch=batch,
        curvature=curvature,
        within=within,
        lr_flat=lr[:, None] * np.exp(widths[:, :1] * np.array([[-1.0, 1.0]])),
        batch_flat=batch[:, None] * np.exp(widths[:, 1:] * np.array([[-1.0, 1.0]])),
        held=held,
        lr_interval=spans.get("lr"),
        batch_interval=spans.get("batch"),
        level=level,
        reach={
            k: v / belief.largest[k] for k, v in {**flat, "lr": lr, "batch": batch}.items() if belief.largest.get(k)
        },
        bounds=box,
        draws=belief.draws,
        silent=belief.silent(*answers.values()),
        failed=belief.failed,
    )


def _checked(call: str, bounds: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    for name, pair in bounds.items():
        if name not in BOX:
            raise PlanError(f"`{call}(bounds=...)`: {nearest(name, BOX, what='choice')}")
        ends = np.asarray(pair, dtype=np.float64)
        if ends.shape != (2,) or not (np.isfinite(ends).all() and 0.0 < ends[0] < ends[1]):
            raise PlanError(f"`{call}(bounds=...)`: {name} needs two numbers 0 < low < high; got {pair}.")
    return {name: (float(pair[0]), float(pair[1])) for name, pair in bounds.items()}


def _inside(values: np.ndarray, pair: tuple[float, float]) -> np.ndarray:
    return (values > pair[0] * (1 + 1e-9)) & (values < pair[1] * (1 - 1e-9))


@dataclass(frozen=True, eq=False)
class Rule:
    """What one published rule says: `value` in `unit`, or NaN and what is `missing` for it."""

    name: str
    gives: str
    value: float
    unit: str
    about: str
    missing: str = ""


def rules(laws: Iterable[Law], **inputs: float) -> list[Rule]:
    """What published rules for the learning rate and the batch say at inputs by keyword, side by side. A host function.

    `laws` are those with a learning rate or a batch as output; others are left out. Compute is 6 N D FLOP unless `C` is
    given. A rule that needs what is not given, or has no published constants, says so.
    """
    refuse_tracers("plan.rules", inputs)
    for name, value in inputs.items():
        if not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
            raise PlanError(f"`plan.rules`: {name} must be a finite number above 0; got {value}.")
    given = {k: float(v) for k, v in inputs.items()}
    if {"N", "D"} <= set(given):
        given = {"C": 6.0 * given["N"] * given["D"], **given}
    out = []
    for law in laws:
        if law.is_curve or law.output not in (quantity.LEARNING_RATE, quantity.BATCH):
            continue
        gives, unit = law.output.symbol, law.output.unit
        known = {n: value for n, q in law.inputs.items() if (value := _as_asked(n, q, given)) is not None}
        lacking = [f"{n} ({q.unit})" for n, q in law.inputs.items() if n not in known]
        sets = law.constants
        if lacking or not sets:
            missing = "no published constants" if not sets else f"needs {', '.join(lacking)}"
            out.append(Rule(law.name, gives, float("nan"), unit, law.source, missing))
            continue
        for key, constants in sets.items():
            with jax.enable_x64(True):
                value = float(constants(**known))
            out.append(Rule(f"{law.name}@{key}", gives, value, unit, constants.about))
    return sorted(out, key=lambda rule: (rule.gives != "lr", bool(rule.missing), rule.name))


def _as_asked(name: str, asked: quantity.Quantity, given: Mapping[str, float]) -> float | None:
    """What is given, as a law asks for it: one letter may stand for several things."""
    if asked is quantity.PF_DAYS:
        return given["C"] / PF_DAY if "C" in given else None
    if asked is quantity.RATIO and {"N", "D"} <= set(given):
        return given["D"] / given["N"]
    usual = {"N": (quantity.PARAMETERS, quantity.ACTIVE), "D": (quantity.TOKENS,), "C": (quantity.FLOP,)}
    usual |= {"loss": (quantity.LOSS,), "batch": (quantity.BATCH,), "step": (quantity.STEP,)}
    return given.get(name) if asked in usual.get(name, ()) else None


@plainly
def _best(law: Law, problems: Any) -> Best:
    def one(problem: Any) -> Best:
        box = {k: (v[0], v[1]) for k, v in problem["box"].items()} if "box" in problem else BOX
        return best_rate(law, problem["params"], problem["inputs"], box)

    return jax.vmap(one)(problems)


@plainly
def _log_losses(law: Law, params: Any, inputs: Any) -> Any:
    return jax.vmap(lambda one: log_loss(law, params, one))(inputs)


def _ranked(
    call: str, law: Law, chosen: Mapping[str, np.ndarray], box: Mapping[str, tuple[float, float]], held: set[str]
) -> None:
    for name, values in chosen.items():
        stuck = ~_inside(values, box[name])
        if name not in held and stuck.any():
            raise PlanError(
                f"`{call}`: under `{law.name}` the best {name} lies on the bound {values[stuck][0]:.3g}: it improves without end "
                "there, and cannot rank what it never saw."
            )


def _centred(rows: np.ndarray) -> np.ndarray:
    return rows - rows.mean(axis=0)


def _tiled(params: Mapping[str, float], count: int) -> dict[str, np.ndarray]:
    return {k: np.full(count, v) for k, v in params.items()}


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
