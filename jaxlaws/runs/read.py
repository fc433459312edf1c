"""A run table from wherever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxlaws.errors import TableError
from jaxlaws.runs.beside import beside, over
from jaxlaws.runs.checks import Finding, resolved
from jaxlaws.runs.door import admit
from jaxlaws.runs.published import published
from jaxlaws.runs.rates import RateOptions, warmup_option
from jaxlaws.runs.readers import load
from jaxlaws.runs.shipped import shipped
from jaxlaws.runs.table import Runs


def read(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    schedules: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    warmup: str | None = None,
    lr_after_step: bool = False,
    query: str | None = None,
    stitch: bool = False,
) -> Runs:
    """Checked table of the runs in `source`: a file (CSV, TSV, JSON lines, Parquet, SQLite, DuckDB), a folder of Parquet
    files, the place where TensorBoard, W&B, MLflow, Hugging Face or Lightning keep runs, a URL of one of these or of a
    database, a pandas, polars or Arrow table, a mapping of columns, `shipped:NAME` or `published:NAME`. See `readers`.

    - `columns` names the source's column behind a quantity: `{"N": "params_total"}`. Others are found by their usual names.
    - `units` says what a quantity is in where that is not the library's own unit: `{"loss": "bits", "D": "billions"}`.
    - `policies` says what to do about what the door finds: `{"nonfinite": "drop"}`; see `jaxlaws.runs.checks`.
    - `schedules` gives exact learning rates by run: a schedule, a spec, rates at steps 0, 1, ..., n, or a function of the
      step; or the path of a TOML file of specs.
    - `warmup` is the warm-up before the first logged learning rate, `"2160"` or `"2160:cosine"`.
    - `lr_after_step` says that the logged rate is the one set after a step's update, which the next step uses.
    - `query` is what to read from a database: one SELECT, run in a transaction or on a connection that cannot write.
    - `stitch` puts the parent's rows before those of a run that went on from another (columns `parent`, `parent_step`).

    `runs.csv.toml` beside `runs.csv`, or `jaxlaws.toml` in a folder, may say all of this too; see `jaxlaws.runs.beside`.

    >>> read({"N": [1e8, 1e9], "D": [2e9, 2e10], "loss": [3.1, 2.5]}).names
    ['row 1', 'row 2']
    """
    options: dict[str, Any] = {"columns": columns, "units": units, "policies": policies, "schedules": schedules}
    options |= {"warmup": warmup, "lr_after_step": lr_after_step, "query": query, "stitch": stitch}
    ready = source if isinstance(source, Runs) else _by_name(source)
    return _loaded(source, options) if ready is None else _given(ready, options)


@dataclass(frozen=True)
class Settled:
    """What a caller and the file beside a table say of it: to the reader, and to the door."""

    query: str | None
    damaged: str
    rates: RateOptions
    options: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    stitch: bool = False


def settled(source: Any, options: Mapping[str, Any]) -> Settled:
    """A caller's options with what the file beside the table says put under them."""
    findings: tuple[Finding, ...] = ()
    if isinstance(source, str | os.PathLike) and (found := beside(os.fspath(source))):
        place, said = found
        options = over(said, options)
        findings = (Finding("source", "keep", 0, (), (), f"{place} says how the table is read: {', '.join(said)}."),)
    damaged = resolved(options["policies"] or {})["damaged"]
    rates = RateOptions(warmup_option(options["warmup"]), bool(options["lr_after_step"]))
    door = {key: options[key] for key in ("columns", "units", "policies", "schedules")}
    return Settled(options["query"], damaged, rates, door, findings, bool(options["stitch"]))


def _loaded(source: Any, options: Mapping[str, Any]) -> Runs:
    told = settled(source, options)
    frame, name, stem, part = load(source, query=told.query, damaged=told.damaged)
    nans = part.nans if part.sparse else None
    findings = (*told.findings, *part.findings)
    runs = admit(frame, name, stem=stem, rate_options=told.rates, findings=findings, logged_nans=nans, **told.options)
    return runs.stitched() if told.stitch else runs


def _given(ready: Runs, options: Mapping[str, Any]) -> Runs:
    if options["query"] is not None:
        raise TableError(f"{ready.source}: `--query` is for databases; choose rows of this table with `--where`.")
    told = {key: options[key] for key in ("columns", "units", "policies", "schedules")}
    rates = RateOptions(warmup_option(options["warmup"]), bool(options["lr_after_step"]))
    runs = ready if not any(told.values()) and rates == RateOptions() else _again(ready, rates, told)
    return runs.stitched() if options["stitch"] else runs


def _by_name(source: Any) -> Runs | None:
    if isinstance(source, str) and source.startswith("published:"):
        return published(source.removeprefix("published:"))
    if isinstance(source, str) and source.startswith("shipped:"):
        return shipped(source.removeprefix("shipped:"))
    return None


def _again(ready: Runs, told: RateOptions, options: Mapping[str, Any]) -> Runs:
    """A table that came with its own options, with the caller's put over them."""
    own = ready.rate_options
    rates = RateOptions(told.warmup or own.warmup, told.after_step or own.after_step)
    policies = {**ready.policies, **(options["policies"] or {})}
    told_again = {**options, "policies": policies}
    runs = admit(ready.frame, ready.source, rate_options=rates, findings=ready.findings, **told_again)
    # Rates are read off the whole table, unless the caller now names its columns otherwise.
    whole = None if options["columns"] or options["units"] else ready.whole
    origins = {**ready.origins, **runs.origins}
    return replace(
        runs, schedules={**ready.schedules, **runs.schedules}, origins=origins, whole=whole, sparse=ready.sparse
    )
