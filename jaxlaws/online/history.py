"""What a forecaster keeps of a run: losses and learning rate of every step so far, in memory of one fixed size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

JUMP = 0.2  # of the peak: a larger change between two logged steps happened at the later one
CLIP = 5.0  # scales off its level that a loss may count
LEAST = 0.01  # of the level: so much a loss may always move it
MEMORY = 50.0  # losses that level and scale look back
UNTRIED = 10  # losses before which none is clipped
FINE = 4  # cells that a steady run is cut into, for each that is kept


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """A run so far: four arrays, a pytree.

    Steps are cut into cells; the rate is a straight line within each, exact at its end. `end` has the last step of each cell,
    `cells` its other numbers (`Cell`), `now` what changes every step (`Now`) and `count` whole numbers (`Count`).
    """

    end: Int[Array, " cells"]
    cells: Float[Array, "numbers cells"]
    now: Float[Array, " numbers"]
    count: Int[Array, " numbers"]


class Cell(NamedTuple):
    """Rate at the cell's end, a bound on how far the line is off the true rates, and mean step, mean loss and number of the
    losses in it."""

    lr: Any
    slack: Any
    at: Any
    loss: Any
    weight: Any


class Now(NamedTuple):
    """The last rate; slopes that the open cell's line may have; mean step, loss and number of its losses; rate where it begins;
    level of the loss, mean distance from it and the last one's distance over that; the last loss, and the median distance
    between two in a row; highest rate, rate at step 0, lowest level."""

    lr: Any
    low: Any
    high: Any
    at: Any
    loss: Any
    weight: Any
    begin: Any
    level: Any
    scale: Any
    score: Any
    loss_last: Any
    jitter: Any
    peak: Any
    start: Any
    best: Any


class Count(NamedTuple):
    """Closed cells, the step that the open one begins after, the last step, and how many losses were counted, were not finite
    (all in all, and in a row), were spikes; and how often the run went back."""

    cells: Any
    begin: Any
    last: Any
    seen: Any
    bad: Any
    streak: Any
    spikes: Any
    rewinds: Any


def empty(cells: int, dtype: Any) -> State:
    """State before the first step."""
    now = Now(*(0.0,) * len(Now._fields))._replace(low=-jnp.inf, high=jnp.inf, best=jnp.inf)
    return State(
        end=jnp.zeros(cells, jnp.int32),
        cells=jnp.zeros((len(Cell._fields), cells), dtype),
        now=jnp.asarray(now, dtype),
        count=jnp.zeros(len(Count._fields), jnp.int32),
    )


def updated(state: State, step: Any, loss: Any, lr: Any, tolerance: Any) -> State:
    """State after one more step. A loss or rate that is not finite is counted and left out; the step that came last is
    ignored, an earlier one takes the run back to before it. `tolerance` is how far a line may be off the rates, as a
    share of the highest."""
    dtype = state.now.dtype
    step, loss, lr = jnp.asarray(step, jnp.int32), jnp.asarray(loss, dtype), jnp.asarray(lr, dtype)
    now, count = Now(*state.now), Count(*state.count)
    lr = jnp.where(jnp.isfinite(lr) & (lr >= 0), lr, now.lr)
    slope = (lr - now.begin) / jnp.maximum(step - count.begin, 1).astype(dtype)
    bent = (slope < now.low) | (slope > now.high)
    full = (count.last - count.begin) * (FINE * state.end.shape[0]) >= step
    gap = (step > count.last + 1) & (jnp.abs(lr - now.lr) > JUMP * jnp.maximum(now.peak, lr)) & (count.last > 0)
    slow = bent | gap | ((count.last > count.begin) & full) | (step <= count.last)
    idle = (step == count.last) | (step < 1)

    def plain(state: State) -> State:
        return _extended(state, step, loss, lr, tolerance)

    def careful(state: State) -> State:
        state = jax.lax.cond(step <= count.last, lambda s: _rewound(s, step, tolerance), lambda s: s, state)
        state = _closed(state, tolerance)
        state = jax.lax.cond(gap, lambda s: _closed(_flat(s, step - 1, tolerance), tolerance), lambda s: s, state)
        return plain(state)

    branch = jnp.where(idle, 2, jnp.where(slow, 1, 0))
    return jax.lax.switch(branch, [plain, careful, lambda state: state], state)


def _extended(state: State, step: Any, loss: Any, lr: Any, tolerance: Any) -> State:
    """State with one more step in its open cell."""
    now, count = Now(*state.now), Count(*state.count)
    first = count.last == 0
    begin = jnp.where(first, lr, now.begin)
    length = (step - count.begin).astype(lr.dtype)
    # A climb that the first two rates begin goes back to step 0.
    second = (count.cells == 1) & (count.begin == count.last)
    before = jnp.clip(begin - (lr - begin) / length * count.begin.astype(lr.dtype), 0.0, begin)
    start = jnp.where(first, lr, jnp.where(second, before, now.start))
    peak = jnp.maximum(now.peak, lr)
    off = 0.25 * tolerance * peak / length
    slope = (lr - begin) / length
    good = jnp.isfinite(loss)
    loss = jnp.where(good, loss, now.level)
    seen = count.seen.astype(lr.dtype)
    new = count.seen == 0
    away = jnp.where(new, 0.0, loss - now.level)
    score = away / jnp.maximum(now.scale, jnp.finfo(lr.dtype).tiny)
    tried = count.seen >= UNTRIED
    reach = jnp.where(tried, CLIP * now.scale + LEAST * jnp.abs(now.level), jnp.inf)
    moved = jnp.minimum(away, reach)  # spikes point upwards
    rate = jnp.where(good, jnp.maximum(1.0 / (seen + 1.0), 1.0 / MEMORY), 0.0)
    level = jnp.where(new, loss, now.level + rate * moved)
    scale = now.scale + jnp.where(count.seen == 1, 1.0, rate) * (jnp.abs(moved) - now.scale)
    # A median follows by a step up or down for each distance, which the fall of the first losses cannot hold up.
    apart = jnp.abs(loss - now.loss_last)
    pace = jnp.maximum(2.0 / jnp.maximum(seen, 1.0), 0.1)
    median = now.jitter * jnp.exp(jnp.where(apart > now.jitter, pace, -pace))
    median = jnp.where(count.seen < 2, apart, median)
    one = good.astype(lr.dtype)
    weight = now.weight + one
    share = one / jnp.maximum(weight, 1.0)
    counted = jnp.where(new, loss, now.level + moved)
    spike = good & tried & (away > reach)
    after = Now(
        lr=lr,
        low=jnp.maximum(now.low, slope - off),
        high=jnp.minimum(now.high, slope + off),
        at=now.at + share * (step.astype(lr.dtype) - now.at),
        loss=now.loss + share * (counted - now.loss),
        weight=weight,
        begin=begin,
        level=level,
        scale=jnp.where(good, scale, now.scale),
        score=jnp.where(good, score, jnp.inf),
        loss_last=loss,
        jitter=jnp.where(good & ~new, median, now.jitter),
        peak=peak,
        start=start,
        best=jnp.where(good, jnp.minimum(now.best, level), now.best),
    )
    tally = Count(
        cells=count.cells,
        begin=count.begin,
        last=step,
        seen=count.seen + good.astype(jnp.int32),
        bad=count.bad + (~good).astype(jnp.int32),
        streak=jnp.where(good, 0, count.streak + 1),
        spikes=count.spikes + spike.astype(jnp.int32),
        rewinds=count.rewinds,
    )
    return replace(state, now=jnp.stack(after), count=jnp.stack(tally))


def _closed(state: State, tolerance: Any) -> State:
    """State with its open cell closed, if it holds a step; two others become one where there is no room."""
    empty_now = state.count[Count._fields.index("last")] == state.count[Count._fields.index("begin")]
    return jax.lax.cond(empty_now, lambda s: s, lambda s: _appended(s, tolerance), state)


def _appended(state: State, tolerance: Any) -> State:
    room = state.count[0] < state.end.shape[0]
    state = jax.lax.cond(room, lambda s: s, lambda s: _merged(s, tolerance), state)
    now, count = Now(*state.now), Count(*state.count)
    straight = count.last - count.begin == 1
    cell = Cell(now.lr, jnp.where(straight, 0.0, 0.25 * tolerance * now.peak), now.at, now.loss, now.weight)
    opened = now._replace(
        low=jnp.full_like(now.lr, -jnp.inf),
        high=jnp.full_like(now.lr, jnp.inf),
        at=jnp.zeros_like(now.lr),
        loss=jnp.zeros_like(now.lr),
        weight=jnp.zeros_like(now.lr),
        begin=now.lr,
    )
    return State(
        end=state.end.at[count.cells].set(count.last),
        cells=state.cells.at[:, count.cells].set(jnp.stack(cell)),
        now=jnp.stack(opened),
        count=jnp.stack(count._replace(cells=count.cells + 1, begin=count.last)),
    )


def _merged(state: State, tolerance: Any) -> State:
    """State in which two neighbouring cells have become one: those that are short for their place, half on a log scale, half
    evenly, among those where the rate stays within the tolerance."""
    cell, now, count = Cell(*state.cells), Now(*state.now), Count(*state.count)
    dtype = state.now.dtype
    end = state.end.astype(dtype)
    begin, before = jnp.roll(end, 1).at[0].set(0.0), jnp.roll(cell.lr, 1).at[0].set(now.start)
    length = end[1:] - begin[:-1]
    line = before[:-1] + (cell.lr[1:] - before[:-1]) * (end[:-1] - begin[:-1]) / length
    slack = jnp.maximum(cell.slack[1:], cell.slack[:-1]) + jnp.abs(cell.lr[:-1] - line)
    off = slack / jnp.maximum(tolerance * now.peak, jnp.finfo(dtype).tiny)
    cost = length * (1.0 / end[1:] + 1.0 / count.last.astype(dtype)) + jnp.where(off > 1.0, 1e3 * off, 0.0)
    i = jnp.argmin(cost).astype(jnp.int32)
    weight = cell.weight[i] + cell.weight[i + 1]
    share = jnp.where(weight > 0, cell.weight[i] / jnp.maximum(weight, 1.0), 0.5)

    def mean(x: Any) -> Any:
        return share * x[i] + (1.0 - share) * x[i + 1]

    one = Cell(cell.lr[i + 1], slack[i], mean(cell.at), mean(cell.loss), weight)
    places = jnp.arange(len(end), dtype=jnp.int32)
    kept = jnp.minimum(places + (places > i).astype(places.dtype), len(end) - 1)
    return replace(
        state,
        end=state.end[kept].at[i].set(state.end[i + 1]),
        cells=state.cells[:, kept].at[:, i].set(jnp.stack(one)),
        count=state.count.at[0].add(-1),
    )


def _flat(state: State, step: Any, tolerance: Any) -> State:
    """State whose open, empty cell reaches to `step` at the last rate, without a loss."""
    now, count = Now(*state.now), Count(*state.count)
    return replace(
        state,
        now=jnp.stack(now._replace(at=step.astype(now.lr.dtype), begin=now.lr)),
        count=jnp.stack(count._replace(last=step)),
    )


def _rewound(state: State, step: Any, tolerance: Any) -> State:
    """State before `step`: what came from there on is forgotten, and its cell keeps its share of losses."""
    cell, now, count = Cell(*state.cells), Now(*state.now), Count(*state.count)
    dtype = state.now.dtype
    kept = jnp.sum((state.end < step) & (jnp.arange(len(state.end), dtype=jnp.int32) < count.cells), dtype=jnp.int32)
    inside = kept < count.cells  # else the open cell holds the step
    at = jnp.minimum(kept, len(state.end) - 1)
    begin = jnp.where(kept > 0, state.end[jnp.maximum(kept - 1, 0)], 0)
    rate = jnp.where(kept > 0, cell.lr[jnp.maximum(kept - 1, 0)], now.start)
    end, lr = jnp.where(inside, state.end[at], count.last), jnp.where(inside, cell.lr[at], now.lr)
    loss, weight = jnp.where(inside, cell.loss[at], now.loss), jnp.where(inside, cell.weight[at], now.weight)
    last = step - 1
    part = (last - begin).astype(dtype) / jnp.maximum(end - begin, 1).astype(dtype)
    some = last > begin
    there = jnp.where(some, rate + (lr - rate) * part, rate)
    length = jnp.maximum(last - begin, 1).astype(dtype)
    off = 0.25 * tolerance * now.peak / length
    after = now._replace(
        lr=there,
        low=jnp.where(some, (there - rate) / length - off, -jnp.inf),
        high=jnp.where(some, (there - rate) / length + off, jnp.inf),
        at=jnp.where(some, 0.5 * (begin + last + 1).astype(dtype), 0.0),
        loss=jnp.where(some, loss, 0.0),
        weight=jnp.where(some, jnp.round(weight * part), 0.0),
        begin=rate,
        level=jnp.where(weight > 0, loss, now.level),
    )
    return replace(
        state,
        now=jnp.stack(after),
        count=jnp.stack(count._replace(cells=kept, begin=begin, last=last, rewinds=count.rewinds + 1)),
    )


class Path(NamedTuple):
    """Rates so far, linear between `edges` `(cells + 2,)` (padding repeats the last step), and the observed: mean step, loss and
    number of losses of each cell `(cells + 1,)`, 0 of them in padding."""

    edges: Any
    lr: Any
    at: Any
    loss: Any
    weight: Any


def path_of(state: State) -> Path:
    """Rates and losses so far, in float arrays of one size."""
    cell, now, count = Cell(*state.cells), Now(*state.now), Count(*state.count)
    dtype = state.now.dtype
    live = jnp.arange(len(state.end), dtype=jnp.int32) < count.cells
    last = count.last.astype(dtype)
    end = jnp.where(live, state.end.astype(dtype), count.begin.astype(dtype))
    # Padding lies at the open cell's begin, so that edges increase.
    lr = jnp.where(live, cell.lr, now.begin)
    weight = jnp.append(jnp.where(live, cell.weight, 0.0), now.weight)
    ends = jnp.append(end, last)
    return Path(
        edges=jnp.concatenate([jnp.zeros(1, dtype), ends]),
        lr=jnp.concatenate([now.start[None], lr, now.lr[None]]),
        at=jnp.where(weight > 0, jnp.append(cell.at, now.at), ends),
        loss=jnp.where(weight > 0, jnp.append(cell.loss, now.loss), 1.0),
        weight=weight,
    )
