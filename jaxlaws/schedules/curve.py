"""What a law may see of a run's learning rate: `Curve`, with its three kinds of sums."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.schedules import _cells
from jaxlaws.schedules._schedule import Schedule

_RATIO = 0.5  # length of a panel over its distance: errors of some 1e-6 nats at published constants

Warmup = Literal["counted", "excluded", "peak"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Node:
    """One change of the learning rate, or a merged group of them. Arrays of one shape.

    `drop` is lr[k-1] - lr[k] with its sign (0 in padding), `before` and `lr` are lr[k-1] and lr[k], `step` is k,
    `area` is the sum of the rate before k.
    """

    drop: Any
    before: Any
    lr: Any
    step: Any
    area: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Since:
    """What has passed from a node to a logged step, both ends included: `area` (sum of the rate) and `steps`."""

    area: Any
    steps: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Curve:
    """A run's learning rate at its logged steps, `(steps,)`, and the sums over what lies before each of them.

    `step`, `lr`, `area` (sum of the rate over steps 1..step) and `batch` (tokens) are what formulas use; `start` is
    the rate at step 0, the state before the first update. `of` and `on_grid` construct one. Curves of equal shapes
    stack: a law written for one curve is `vmap`ped over many.
    """

    step: Any
    lr: Any
    area: Any
    batch: Any
    start: Any
    past: Node | None  # (steps, nodes) what lies before the cell of each logged step
    near: Node  # (cells, nodes a cell)
    grid_lr: Any  # (cells,) rate at the end of each cell
    grid_area: Any
    grid_step: Any
    quad_weight: Any  # (cells, 2) steps that each quadrature point stands for
    quad_lr: Any
    quad_step: Any
    cell: Any  # (steps,) the cell that ends at each logged step

    @staticmethod
    def of(
        schedule: Schedule | Callable[[Any], Any] | np.ndarray,
        at: Any,
        *,
        batch: Any = None,
        warmup: Warmup = "counted",
        warmup_steps: int | None = None,
        exact: bool = False,
        anneal: bool = True,
    ) -> Curve:
        """Curve of a schedule at logged steps `at`, on the host, in float64 under x64.

        `schedule` is a function of the step or an array with the rate of steps 0, 1, 2, ... `warmup` names how a law
        counts the climb: `counted` as it is, `excluded` without its (negative) drops, `peak` as if it had been at its
        last rate. `exact` keeps every change as its own node. Without `anneal` the curve has no nodes for that sum,
        which are most of it. Raises `ScheduleError` when `at` is not whole, increasing and at least 1.
        """
        logged = _whole_steps(at)
        lr = rates_of(schedule, int(logged[-1]))
        climb = _warmup_steps(schedule, lr) if warmup_steps is None else warmup_steps
        return _curve(lr, logged, batch, climb, warmup, exact, anneal)

    @staticmethod
    def on_grid(edges: Any, lr: Any, *, at: Any = None, batch: Any = None) -> Curve:
        """Curve of a rate that is linear between static steps `edges`, from 0 on, with rates `lr`, which may be
        traced.

        Differentiable in `lr`, shape `(edges,)`. `at` (default: all edges after 0) must be edges. A step's change
        belongs to the cell that it ends in, so `lr[0]` is the rate before the first update.
        """
        edges = np.asarray(edges)
        if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0 or not np.array_equal(edges, np.round(edges)):
            raise ScheduleError("`Curve.on_grid(edges=...)` must be whole steps that start at 0.")
        logged = _whole_steps(edges[1:] if at is None else at)
        if not np.isin(logged, edges).all():
            raise ScheduleError("`Curve.on_grid(at=...)` must be among the edges.")
        if jnp.asarray(lr).shape != edges.shape:
            raise ScheduleError(
                f"`Curve.on_grid(lr=...)` needs a rate for each of {len(edges)} edges; got {jnp.asarray(lr).shape}."
            )
        edges = edges[edges <= logged[-1]].astype(np.int64)
        return _curve_on_grid(edges, jnp.asarray(lr)[: len(edges)], logged, batch)

    @staticmethod
    def along(edges: Any, lr: Any, *, at: Any, batch: Any = None, counted: Any = None, points: int = 2) -> Curve:
        """Curve of a rate that is linear between steps `edges`, where all of it may be traced: edges, rates, logged steps.

        `edges` of shape `(edges,)` begin at step 0 and do not decrease (a cell without steps weighs nothing), `lr` has their
        rates, `at` the positions among them (from 1 on, increasing) that are logged. Each cell between two edges is `points`
        Gauss points, 1 only where cells are single steps; so edges should be graded towards logged steps and kinks.
        `counted`, `(edges - 1,)`, is 0 for cells whose changes do not count. Differentiable in edges too, as if steps were real
        numbers.
        """
        return _curve_along(edges, jnp.asarray(lr), jnp.asarray(at), batch, counted, points)

    def anneal(self, kernel: Callable[[Node, Since], Any]) -> Any:
        """Sum over the changes before each logged step of drop x `kernel(node, since)`, shape `(steps,)`.

        `kernel` is any elementwise function; `node` and `since` broadcast against `(steps, nodes)`.
        """
        if self.past is None:
            raise ScheduleError("this curve was made by `Curve.of(anneal=False)`: it has no nodes to sum over.")
        near = jax.tree.map(lambda x: x[self.cell], self.near)
        return self._sum(kernel, self.past) + self._sum(kernel, near)

    def _sum(self, kernel: Callable[[Node, Since], Any], node: Node) -> Any:
        if node.drop.shape[-1] == 0:
            return jnp.zeros_like(self.lr)
        live = node.drop != 0
        # Masked pairs get harmless values before any arithmetic: a NaN times 0 is a NaN, in the gradient too.
        since = Since(
            jnp.where(live, self.area[:, None] - node.area, 1.0),
            jnp.where(live, self.step[:, None] - node.step + 1.0, 1.0),
        )
        return jnp.sum(jnp.where(live, node.drop * kernel(node, since), 0.0), axis=-1)

    def relax(
        self,
        rate: Any,
        *,
        weight: Callable[[Node], Any] | None = None,
        clock: Literal["area", "steps"] = "area",
        of: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Sum over the changes of drop x weight x exp(-rate x since), in time linear in the steps.

        `rate` is a number, giving `(steps,)`, or `(rates,)`, giving `(steps, rates)`; `weight` a function of the node
        that broadcasts to (cells, nodes) or, with several rates, (cells, nodes, rates). `of` is an increasing function
        of the rate whose changes are summed instead.
        """
        if clock not in ("area", "steps"):
            raise ScheduleError(f"`Curve.relax(clock=...)` must be area or steps; got {clock!r}.")
        rate = jnp.asarray(rate, dtype=jnp.asarray(self.lr).dtype)
        rates = jnp.atleast_1d(rate)
        node, live = self.near, self.near.drop != 0
        drop = node.drop if of is None else _changes(of, node, live)
        end = self.grid_area if clock == "area" else self.grid_step
        begun = node.area if clock == "area" else node.step - 1.0
        passed = jnp.where(live, end[:, None] - begun, 0.0)
        lively = jnp.exp(-rates[None, None, :] * passed[:, :, None])
        if weight is not None:
            w = weight(node)
            lively = lively * (w[:, :, None] if w.ndim == 2 else w)
        gain = jnp.sum(jnp.where(live[:, :, None], drop[:, :, None] * lively, 0.0), axis=1)
        elapsed = jnp.diff(end, prepend=jnp.zeros_like(end[:1]))
        decay = jnp.exp(-rates[None, :] * elapsed[:, None])
        level = _recur(decay, gain)[self.cell]
        return level if rate.ndim else level[:, 0]

    def integral(self, f: Callable[[Any, Any], Any]) -> Any:
        """Sum of `f(lr, step)` over steps 1..step for each logged step, shape `(steps,)`; `f` is elementwise and
        smooth."""
        live = self.quad_weight > 0
        lr, step = jnp.where(live, self.quad_lr, 1.0), jnp.where(live, self.quad_step, 1.0)
        parts = jnp.sum(jnp.where(live, self.quad_weight * f(lr, step), 0.0), axis=-1)
        return jnp.cumsum(parts)[self.cell]


def _changes(of: Callable[[Any], Any], node: Node, live: Any) -> Any:
    """Changes of `of(lr)` at each node: its difference where the rate jumps, its slope times the drop where it creeps.

    The difference of two nearly equal powers has no correct digits in float32; the slope has no meaning across a jump.
    """
    before, after = jnp.where(live, node.before, 1.0), jnp.where(live, node.lr, 1.0)
    jump = jnp.abs(before - after) > 0.02 * jnp.maximum(before, after)
    middle = jnp.where(jump, 1.0, 0.5 * (before + after))
    _, slope = jax.jvp(of, (middle,), (jnp.ones_like(middle),))
    step = before - after
    # A merged node carries the drop of many steps; its difference counts in proportion.
    share = node.drop / jnp.where(live & (step != 0), step, 1.0)
    difference = of(jnp.where(jump, before, 1.0)) - of(jnp.where(jump, after, 1.0))
    return jnp.where(live, jnp.where(jump, difference * share, slope * node.drop), 0.0)


def _recur(decay: Any, gain: Any) -> Any:
    """h[i] = decay[i] h[i-1] + gain[i] from h[-1] = 0, along the first axis."""

    def step(level: Any, now: Any) -> tuple[Any, Any]:
        level = now[0] * level + now[1]
        return level, level

    return jax.lax.scan(step, jnp.zeros_like(gain[0]), (decay, gain))[1]


def pad(curve: Curve, *, steps: int, cells: int, near: int, past: int) -> Curve:
    """`curve`, or curves stacked along first axes, with their other axes padded to these sizes; the padding repeats the
    last step and weighs nothing."""
    lead = np.ndim(curve.step) - 1

    def grow(x: Any, *sizes: int, fill: Any = None) -> np.ndarray:
        x = np.asarray(x)
        if x.shape[lead:] == sizes:
            return x
        out = np.empty((*x.shape[:lead], *sizes), dtype=x.dtype)  # np.pad takes five times as long
        inside = (*[slice(None)] * lead, *(slice(n) for n in x.shape[lead:]))
        if fill is not None or x.shape[lead] == 0:
            out[...] = fill or 0
            out[inside] = x
        else:
            n = x.shape[lead]
            out[inside] = x
            out[(*inside[:lead], slice(n, None))] = out[(*inside[:lead], slice(n - 1, n))]
        return out

    def grow_node(node: Node, *sizes: int) -> Node:
        return Node(
            **{
                f.name: grow(getattr(node, f.name), *sizes, fill=0.0 if f.name == "drop" else 1.0)
                for f in dataclasses.fields(Node)
            }
        )

    rows = ("step", "lr", "area", "batch", "cell")
    ends = ("grid_lr", "grid_area", "grid_step")
    return Curve(
        **{name: grow(getattr(curve, name), steps) for name in rows},
        **{name: grow(getattr(curve, name), cells) for name in ends},
        start=np.asarray(curve.start),
        past=None if curve.past is None else grow_node(curve.past, steps, past),
        near=grow_node(curve.near, cells, near),
        quad_weight=grow(curve.quad_weight, cells, 2, fill=0.0),
        quad_lr=grow(curve.quad_lr, cells, 2, fill=1.0),
        quad_step=grow(curve.quad_step, cells, 2, fill=1.0),
    )


def jumps_of(lr: np.ndarray) -> np.ndarray:
    """Steps at which a rate given step by step jumps."""
    return _cells.jumps(lr)


def sizes(curve: Curve) -> dict[str, int]:
    """Axis sizes of a curve, or of each of stacked ones, as `pad` takes them."""
    return {
        "steps": curve.step.shape[-1],
        "cells": curve.near.drop.shape[-2],
        "near": curve.near.drop.shape[-1],
        "past": 0 if curve.past is None else curve.past.drop.shape[-1],
    }


def _whole_steps(at: Any) -> np.ndarray:
    try:
        steps = np.atleast_1d(np.asarray(at, dtype=np.float64))
    except (TypeError, ValueError):
        raise ScheduleError("`Curve.of(at=...)` must be whole steps of at least 1.") from None
    if steps.ndim != 1 or len(steps) == 0 or not np.array_equal(steps, np.round(steps)) or steps[0] < 1:
        raise ScheduleError("`Curve.of(at=...)` must be whole steps of at least 1; step 0 is before the first update.")
    if (np.diff(steps) <= 0).any():
        raise ScheduleError("`Curve.of(at=...)` must increase.")
    return steps.astype(np.int64)


def rates_of(schedule: Any, last: int) -> np.ndarray:
    """Rates of steps 0..`last` of a schedule, a function of the step or an array of rates. Raises `ScheduleError`."""
    if isinstance(schedule, str):
        raise ScheduleError("`Curve.of` takes a schedule, not its spec: use `schedules.parse(spec)`.")
    if isinstance(schedule, Schedule):
        lr = schedule.as_array(last)
    elif callable(schedule):
        lr = np.broadcast_to(np.asarray(schedule(np.arange(last + 1)), dtype=np.float64), (last + 1,))
    else:
        lr = np.asarray(schedule, dtype=np.float64)
    if lr.ndim != 1 or len(lr) <= last:
        raise ScheduleError(f"`Curve.of` needs a rate for every step 0..{last}; got {lr.shape[0] if lr.ndim else 0}.")
    lr = lr[: last + 1]
    if not np.isfinite(lr).all() or (lr < 0).any() or lr.max() <= 0:
        raise ScheduleError("`Curve.of` needs finite rates of at least 0, some above 0.")
    return lr


def _warmup_steps(schedule: Any, lr: np.ndarray) -> int:
    """Steps of the warm-up: what the schedule says, else the length of a climb that begins below half the peak."""
    if isinstance(schedule, Schedule) and "warmup" in schedule.args:
        return int(schedule.args["warmup"])
    if isinstance(schedule, Schedule) and schedule.name == "warmup":
        return int(schedule.args["steps"])
    fall = np.flatnonzero(np.diff(lr) < 0)
    top = int(np.argmax(lr[: fall[0] + 1])) if len(fall) else int(np.argmax(lr))
    return top if lr[0] < 0.5 * lr[top] else 0


def _curve(lr: np.ndarray, logged: np.ndarray, batch: Any, climb: int, warmup: str, exact: bool, anneal: bool) -> Curve:
    if isinstance(climb, bool) or not isinstance(climb, int | np.integer) or climb < 0:
        raise ScheduleError(f"`Curve.of(warmup_steps=...)` must be a whole number of at least 0; got {climb!r}.")
    climb = min(int(climb), len(lr) - 1)
    if warmup == "peak":
        lr = lr.copy()
        lr[:climb] = lr[climb]
    elif warmup not in ("counted", "excluded"):
        raise ScheduleError(f"`Curve.of(warmup=...)` must be counted, excluded or peak; got {warmup!r}.")
    drop = np.concatenate([[0.0], lr[:-1] - lr[1:]])
    if warmup == "excluded":
        drop[: climb + 1] = 0.0
    area = np.concatenate([[0.0], np.cumsum(lr[1:])])
    top = int(np.argmax(lr >= 0.999 * lr.max())) if lr[0] < 0.1 * lr.max() else 0
    if exact:
        edges = np.arange(logged[-1] + 1)
        cut = _cells.Edges(edges, edges, edges[:0])
        each = np.where(edges[1:] <= logged[:, None] - 1, drop[1:], 0.0) if anneal else None
        past = None if each is None else _cells.Points(each, np.broadcast_to(edges[1:].astype(np.float64), each.shape))
    else:
        cut = _cells.edges_of(lr, logged, top=top)
        past = _cells.past(drop, cut, logged, ratio=_RATIO) if anneal else None
    edges = cut.at
    near = _cells.gauss(drop, *_cells.panels_of(edges, panels=_cells.panels_needed(edges)))
    quad = _cells.gauss(np.ones_like(lr), edges[:-1, None] + 1, edges[1:, None])
    steps = np.arange(len(lr))

    def node(points: _cells.Points) -> Node:
        k = points.step
        before, rate, sums = np.interp(k - 1.0, steps, lr), np.interp(k, steps, lr), np.interp(k - 1.0, steps, area)
        return Node(drop=points.weight, before=before, lr=rate, step=k, area=sums)

    return Curve(
        step=logged.astype(np.float64),
        lr=lr[logged],
        area=area[logged],
        batch=_per_row(batch, len(logged)),
        start=np.asarray(lr[0]),
        past=None if past is None else node(past),
        near=node(near),
        grid_lr=lr[edges[1:]],
        grid_area=area[edges[1:]],
        grid_step=edges[1:].astype(np.float64),
        quad_weight=quad.weight,
        quad_lr=np.interp(quad.step, steps, lr),
        quad_step=quad.step,
        cell=np.searchsorted(edges[1:], logged),
    )


def _curve_on_grid(given: np.ndarray, lr: Any, logged: np.ndarray, batch: Any) -> Curve:
    """As `_curve`, with positions fixed beforehand: between two edges every step changes the rate by the same
    amount."""
    edges = _cells.graded(np.union1d(given, _cells.growing(int(given[1]))), logged)
    dtype = lr.dtype
    owner = np.searchsorted(given, edges[1:], side="left") - 1  # the given interval that holds each cell
    length = np.diff(given)
    slope = jnp.diff(lr) / length.astype(dtype)  # change a step
    left = given[:-1]
    # Sum of the rate over steps 1..given[i]: an arithmetic series in each interval.
    sums = jnp.concatenate(
        [
            jnp.zeros(1, dtype),
            jnp.cumsum(length.astype(dtype) * lr[:-1] + slope * (length * (length + 1) / 2).astype(dtype)),
        ]
    )

    def rate(step: np.ndarray, own: np.ndarray) -> Any:
        return lr[own] + slope[own] * (step - left[own]).astype(dtype)

    def area(step: np.ndarray, own: np.ndarray) -> Any:
        passed = step - left[own]
        return sums[own] + lr[own] * passed.astype(dtype) + slope[own] * (passed * (passed + 1) / 2).astype(dtype)

    panels = _cells.panels_of(edges, panels=_cells.panels_needed(edges))
    ones = np.ones(int(edges[-1]) + 1)
    near = _cells.gauss(ones, *panels)
    cell_points = _cells.gauss(ones, edges[:-1, None] + 1, edges[1:, None])

    def node(points: _cells.Points) -> Node:
        own = np.broadcast_to(owner[:, None], points.step.shape)
        return Node(
            drop=-slope[own] * points.weight.astype(dtype),
            before=rate(points.step - 1.0, own),
            lr=rate(points.step, own),
            step=jnp.asarray(points.step, dtype),
            area=area(points.step - 1.0, own),
        )

    logged_owner = np.maximum(np.searchsorted(given, logged, side="left") - 1, 0)
    # Where the rate is traced every cell is looked at by itself: cells merge only where their changes are known beforehand.
    each = jax.tree.map(lambda x: jnp.broadcast_to(x.reshape(1, -1), (len(logged), x.size)), node(cell_points))
    over = np.repeat(edges[1:], 2) < logged[:, None]
    past = dataclasses.replace(each, drop=jnp.where(over, each.drop, 0.0))
    return Curve(
        step=jnp.asarray(logged, dtype),
        lr=rate(logged, logged_owner),
        area=area(logged, logged_owner),
        batch=jnp.asarray(_per_row(batch, len(logged)), dtype),
        start=lr[0],
        past=past,
        near=node(near),
        grid_lr=rate(edges[1:], owner),
        grid_area=area(edges[1:], owner),
        grid_step=jnp.asarray(edges[1:], dtype),
        quad_weight=jnp.asarray(cell_points.weight, dtype),
        quad_lr=rate(cell_points.step, np.broadcast_to(owner[:, None], cell_points.step.shape)),
        quad_step=jnp.asarray(cell_points.step, dtype),
        cell=jnp.asarray(np.searchsorted(edges[1:], logged)),
    )


def _curve_along(edges: Any, lr: Any, at: Any, batch: Any, counted: Any, points: int) -> Curve:
    """As `_curve_on_grid`, with the positions of Gauss points in closed form."""
    dtype = lr.dtype
    edges = jnp.asarray(edges, dtype)
    length = jnp.diff(edges)
    live = length > 0
    steps = jnp.where(live, length, 1.0)
    slope = jnp.where(live, jnp.diff(lr), 0.0) / steps
    sums = jnp.cumsum(length * lr[:-1] + 0.5 * slope * length * (length + 1.0))
    sums = jnp.concatenate([jnp.zeros(1, dtype), sums])
    # Steps 1..n of a cell weigh the same: their mean is (n + 1)/2, their variance (n^2 - 1)/12, their skewness 0.
    half = jnp.sqrt(jnp.where(steps > 1.0, (steps * steps - 1.0) / 12.0, 1.0))
    half = jnp.where(steps > 1.0, half, 0.0)[:, None] * jnp.linspace(-1.0, 1.0, 2, dtype=dtype)[None, :]
    passed = 0.5 * (steps + 1.0)[:, None] + (half if points == 2 else jnp.zeros((len(half), 1), dtype))
    weight = jnp.where(live, length, 0.0)[:, None] / points * jnp.ones_like(passed)

    def rate(q: Any) -> Any:
        return lr[:-1, None] + slope[:, None] * q

    drop = -slope[:, None] * weight
    near = Node(
        drop=drop if counted is None else drop * counted[:, None],
        before=rate(passed - 1.0),
        lr=rate(passed),
        step=edges[:-1, None] + passed,
        area=sums[:-1, None] + lr[:-1, None] * (passed - 1.0) + 0.5 * slope[:, None] * passed * (passed - 1.0),
    )
    each = jax.tree.map(lambda x: jnp.broadcast_to(x.reshape(1, -1), (len(at), x.size)), near)
    over = jnp.repeat(jnp.arange(1, len(edges), dtype=at.dtype), points)[None, :] < at[:, None]
    return Curve(
        step=edges[at],
        lr=lr[at],
        area=sums[at],
        batch=jnp.broadcast_to(jnp.asarray(1.0 if batch is None else batch, dtype), at.shape),
        start=lr[0],
        past=dataclasses.replace(each, drop=jnp.where(over, each.drop, 0.0)),
        near=near,
        grid_lr=lr[1:],
        grid_area=sums[1:],
        grid_step=edges[1:],
        quad_weight=weight,
        quad_lr=near.lr,
        quad_step=near.step,
        cell=at - 1,
    )


def _per_row(batch: Any, rows: int) -> np.ndarray:
    tokens = np.asarray(1.0 if batch is None else batch, dtype=np.float64)
    if tokens.ndim > 1 or tokens.size not in (1, rows):
        raise ScheduleError(
            f"`Curve.of(batch=...)` must be one number or one for each of {rows} steps; got {tokens.shape}."
        )
    return np.broadcast_to(tokens, (rows,)).copy()
