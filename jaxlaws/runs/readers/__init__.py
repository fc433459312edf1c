"""Tables from files, folders, addresses and memory, as they are: names, units and checks come after, at the door.

| the source is                          | read by       |
|----------------------------------------|---------------|
| `.csv`, `.tsv`, also `.gz`             | `delimited`   |
| `.jsonl`, `.ndjson`, `.json`           | `json_lines`  |
| `.parquet`, `.pq`, a folder of those   | `parquet`     |
| a table in memory                      | `memory`      |

An address (`s3://...`, `https://...`) goes through fsspec, where that is installed. Every reader reads all rows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jaxlaws.errors import TableError
from jaxlaws.runs.readers import delimited, json_lines, memory, parquet
from jaxlaws.runs.readers._files import load_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["READERS", "load"]

READERS = {
    ".csv": delimited.read_csv,
    ".tsv": delimited.read_tsv,
    ".jsonl": json_lines.read,
    ".ndjson": json_lines.read,
    ".json": json_lines.read,
    ".parquet": parquet.read,
    ".pq": parquet.read,
}


def load(source: Any) -> tuple[pd.DataFrame, str, str]:
    """Table, what to call it in messages, and a name for its run if it turns out to hold only one."""
    if isinstance(source, str | os.PathLike):
        return load_file(os.fspath(source), READERS)
    kind = type(source).__name__
    try:
        return memory.read(source), kind, kind
    except TableError:
        raise
    except (TypeError, ValueError) as error:
        raise TableError(f"{kind}: cannot be made into a table ({error}).") from None
