"""How time and memory grow: curves 10^2 to 10^5, starts 1 to 10^5, logged steps 10^2 to 10^6. Draws docs/growth.svg.

Every point is a process of its own, so that its peak memory is its own. A series stops where its next point would take longer
than its share of the budget (`JAXLAWS_GROWTH_SECONDS`); the slope of what was measured then says what the next would take,
and what a million curves would.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import _problems
from benchmarks._apart import timed
from benchmarks._harness import ROOT, Aim, Report, Row, apart, data, row

SERIES = {
    "curves, engine": "curves in chunks of 128, 128 steps each, lr_annealing, 4 starts",
    "curves, by run": 'curves in one fit(by="run"), 128 steps each, lr_annealing, 4 starts',
    "starts": "starts of fit, Chinchilla, 240 rows",
    "steps": "logged rows of one run, fit of lr_annealing, 32 starts",
}
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]  # Okabe and Ito (2008)
BUDGET = float(os.environ.get("JAXLAWS_GROWTH_SECONDS", "60"))  # that one point may take
CHUNK = 128


def report(*, quick: bool) -> Report:
    data()
    counts = {
        "curves, engine": (100, 1000, 10_000, 100_000),
        "curves, by run": (100, 1000, 10_000, 100_000),
        "starts": (1, 10, 100, 1000, 10_000, 100_000),
        "steps": (100, 1000, 10_000, 100_000, 1_000_000),
    }
    functions = {"curves, engine": "curves", "curves, by run": "by_run", "starts": "starts", "steps": "steps"}
    if quick:
        counts = {"starts": (1, 8)}
    rows, notes, slopes = [], [], {}
    for series, sizes in counts.items():
        points = measured(series, functions[series], sizes)
        rows += points
        slope, memory = growth(points, "warm"), growth(points, "memory_mb")
        slopes[series] = {"time": slope, "memory": memory}
        if slope is not None and memory is not None:
            notes.append(f"{SERIES[series]}: time grows as count^{slope:.2f}, peak memory as count^{memory:.2f}")
        done = points[-1].count
        for more in (sizes[-1], 10 * sizes[-1] if series.startswith("curves") else 0):
            if done < more:
                guess = (points[-1].warm or 0.0) * (more / done) ** max(slope or 1.0, 1.0)
                notes.append(f"  measured to {done}: {more} would take about {guess:.0f} s")
    aims = [Aim(f"exponent of time, {k}", 1.1, v["time"], at_most=True) for k, v in slopes.items()]
    if not quick:
        notes.append(draw(rows))
    return Report("growth", "time and memory against counts", rows, aims, notes, {"exponents": slopes}, compare=False)


def measured(series: str, function: str, sizes: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    for count in sizes:
        if rows:
            last = rows[-1]
            step = count / last.count
            if (last.warm or 0.0) * step > BUDGET:
                break
        got = apart(f"growth:{function}", count=count)
        rows.append(
            replace(row(f"{series} {count}", got, note=SERIES[series] if not rows else ""), count=count, claimed=count)
        )
    return rows


def growth(points: Sequence[Row], name: str) -> float | None:
    """Exponent between the last two points, a decade apart: smaller counts measure overheads."""
    values = [getattr(p, name) or 0.0 for p in points]
    if len(points) < 2 or min(values[-2:]) <= 0:
        return None
    return float(np.log(values[-1] / values[-2]) / np.log(points[-1].count / points[-2].count))


def draw(rows: Sequence[Row]) -> str:
    """Write docs/growth.svg and say where it is, or why not."""
    try:
        import altair as alt
        import pandas as pd
        import vl_convert  # noqa: F401  # what altair writes SVG with
    except ImportError as error:
        return f"no plot: {error}"
    frame = pd.DataFrame(
        [
            {
                "series": r.what.rsplit(" ", 1)[0],
                "count": r.count,
                "seconds": r.warm,
                "MB": max(r.memory_mb or 0.0, 1.0),
            }
            for r in rows
        ]
    )
    panels = []
    for field, title in (("seconds", "seconds, warm"), ("MB", "peak memory above the imported process, MB")):
        across, up = (alt.Axis(format=f, tickCount=6, grid=False) for f in ("~s", "~g"))
        panels.append(
            alt.Chart(frame, width=320, height=260)
            .mark_line(point=True)
            .encode(
                x=alt.X("count", scale=alt.Scale(type="log"), axis=across, title="count"),
                y=alt.Y(field, scale=alt.Scale(type="log"), axis=up, title=title),
                color=alt.Color("series", title=None, scale=alt.Scale(range=COLOURS)),
            )
        )
    path = ROOT / "docs" / "growth.svg"
    alt.hconcat(*panels).save(path)
    return f"plot: {path.relative_to(ROOT)}"


def once(call: Callable[[Any], Any], few: Any, whole: Any) -> dict[str, Any]:
    """A call on a few items compiles; the one on all of them counts."""
    _, first = timed(lambda: call(few), repeats=0)
    _, got = timed(lambda: call(whole), repeats=0)
    return {"cold": first["cold"], "warm": [got["cold"]], "memory_mb": first["memory_mb"] + got["memory_mb"]}


def curves(count: int) -> dict[str, Any]:
    """All runs share a schedule, so that only losses are new in each chunk."""
    import jax
    import jax.numpy as jnp

    from benchmarks.many_curves import STARTS, ready
    from jaxlaws import catalogue, fitting

    law = catalogue["lr_annealing"]
    made = _problems.annealing_curves(1, 128)
    size = min(CHUNK, count)
    with jax.enable_x64(True):
        given, _ = ready(made, np.array([0]))
        given = jax.tree.map(lambda x: jnp.asarray(x[0]), given)
        clean = jnp.asarray(made.loss[0])[None, None, :]

        def chunk(key: Any) -> Any:
            noise = 3e-3 * jax.random.normal(key, (size, 1, clean.shape[-1]))
            fit = lambda y: fitting.solve(law, {"curve": given}, y, starts=STARTS).params["alpha"]  # noqa: E731
            return jax.vmap(fit)(clean * jnp.exp(noise))

        step = jax.jit(chunk)
        keys = jax.random.split(jax.random.key(0), -(-count // size))
        return once(lambda keys: [np.asarray(step(key)) for key in keys], keys[:1], keys)


def by_run(count: int) -> dict[str, Any]:
    from benchmarks.many_curves import STARTS, table
    from jaxlaws import fit

    made = _problems.annealing_curves(count, 128)
    few = min(count, 64)
    return once(lambda frame: fit("lr_annealing", frame, by="run", starts=STARTS), table(made, few), table(made, count))


def starts(count: int) -> dict[str, Any]:
    from jaxlaws import fit, published

    runs = published("chinchilla_epoch")
    return timed(lambda: fit("chinchilla", runs, starts=count), repeats=3, budget=20.0)[1]


def steps(count: int) -> dict[str, Any]:
    """One run of `10 count` steps, logged every ten, which `fit` averages into 512 bins."""
    from benchmarks.many_curves import table
    from jaxlaws import fit

    frame = table(_problems.annealing_curves(1, count), 1)
    return timed(lambda: fit("lr_annealing", frame, starts=32), repeats=3, budget=20.0)[1]
