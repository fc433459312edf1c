"""Tables from files, folders, addresses, databases and memory, as they are: names, units and checks come after, at the door.

| the source is                                            | read by       | needs                       |
|----------------------------------------------------------|---------------|-----------------------------|
| `.csv`, `.tsv`, also `.gz`                               | `delimited`   |                             |
| `.jsonl`, `.ndjson`, `.json`                             | `json_lines`  |                             |
| `.parquet`, `.pq`, a folder of those                     | `parquet`     |                             |
| a table in memory                                        | `memory`      |                             |
| an SQLite file                                           | `sqlite`      |                             |
| a DuckDB file                                            | `duckdb`      | `jaxlaws[duckdb]`           |
| a database's URL, `postgresql://...`                     | `sql`         | `jaxlaws[sql]` and a driver |
| a folder of TensorBoard's event files, or one of them    | `tensorboard` | `jaxlaws[tensorboard]`      |
| W&B's offline runs; its histories and charts, exported   | `wandb`       | offline: `jaxlaws[wandb]`   |
| MLflow's SQLite file or folder; `mlflow:http://...`      | `mlflow`      | a server: `jaxlaws[mlflow]` |
| Hugging Face's `trainer_state.json`, a folder of those   | `huggingface` |                             |
| Lightning's `metrics.csv`, a folder of those             | `lightning`   |                             |

An address (`s3://...`, `https://...`) goes through fsspec, where that is installed. A folder that two programs write to
is `tensorboard:FOLDER`, `huggingface:FOLDER` and so on. Every reader reads all points, or says which not; none writes,
and none loads a pickle. `stream` gives the same rows in parts, for a source that is larger than memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import (
    delimited,
    duckdb,
    huggingface,
    json_lines,
    lightning,
    memory,
    mlflow,
    parquet,
    sqlite,
    tensorboard,
    wandb,
)
from jaxlaws.runs.readers._files import Catalogue, Format, Store, parts_of, shown, stem
from jaxlaws.runs.readers._parts import Part, Told, joined

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KNOWN", "Loaded", "Part", "load", "shown", "stem", "stream"]

_JSON = Format(json_lines.read, json_lines.stream)
_PARQUET = Format(parquet.read, parquet.stream)

KNOWN = Catalogue(
    formats={
        ".csv": Format(delimited.read_csv, delimited.stream_csv),
        ".tsv": Format(delimited.read_tsv, delimited.stream_tsv),
        ".jsonl": _JSON,
        ".ndjson": _JSON,
        ".json": _JSON,
        ".parquet": _PARQUET,
        ".pq": _PARQUET,
    },
    stores={
        "huggingface": Store(huggingface.read, lambda name: name == huggingface.FILE),
        "lightning": Store(lightning.read, lambda name: name == lightning.FILE),
        "mlflow": Store(mlflow.read_folder, lambda name: name == "meta.yaml"),
        "tensorboard": Store(tensorboard.read, lambda name: "tfevents" in name),
        "wandb": Store(wandb.read, lambda name: name.startswith("run-") and name.endswith(".wandb")),
        "sqlite": Store(sqlite.read, lambda name: name.endswith((".db", ".sqlite", ".sqlite3")), queried=True),
        "duckdb": Store(duckdb.read, lambda name: name.endswith((".duckdb", ".ddb", ".db")), queried=True),
    },
)


class Loaded(NamedTuple):
    """A table, what to call it in messages, a name for its run if it turns out to hold only one, and what came with it."""

    frame: pd.DataFrame
    name: str
    stem: str
    part: Part


def load(source: Any, *, query: str | None = None, damaged: str = "raise") -> Loaded:
    """All rows of `source`. `query` is for databases; `damaged="keep"` takes what comes before the damage in a log."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        part = joined(parts_of(path, KNOWN, Told(query, damaged), whole=True))
        return Loaded(part.frame, shown(path), stem(path), part)
    kind = type(source).__name__
    if query is not None:
        raise TableError(f"{kind}: `--query` is for databases.")
    try:
        part = Part(memory.read(source))
    except TableError:
        raise
    except (TypeError, ValueError) as error:
        raise TableError(f"{kind}: cannot be made into a table ({error}).") from None
    return Loaded(part.frame, kind, kind, part)


def stream(source: str | os.PathLike[str], *, query: str | None = None, damaged: str = "raise") -> Iterator[Part]:
    """The rows of `source` in order, in parts that fit in memory: tables in blocks, logs run by run."""
    return parts_of(os.fspath(source), KNOWN, Told(query, damaged), whole=False)
