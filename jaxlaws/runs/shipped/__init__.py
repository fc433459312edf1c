"""Runs that come with the library: small models that were really trained for it, with exact schedules.

`tiny_transformers` holds loss curves of small transformers under many schedules, seeds and sizes, to try every curve law
on without fetching anything. Columns: `run`, `kind`, `size`, `N`, `schedule`, `lr_schedule`, `batch`, `seed`, `step`, `D`,
`lr`, `loss` (held-out text, nats a byte), `train_loss`, `train_loss_smooth`.
"""

from __future__ import annotations

from importlib import resources

from jaxlaws.errors import DataError, nearest
from jaxlaws.runs.door import admit
from jaxlaws.runs.readers import parquet
from jaxlaws.runs.table import Runs

__all__ = ["names", "shipped"]


def shipped(name: str) -> Runs:
    """Table of the data set `name` that comes with the library."""
    if name not in names():
        raise DataError(f"`shipped({name!r})`: {nearest(name, names(), what='data set')}")
    source = f"shipped:{name}"
    with resources.files(__name__).joinpath(f"{name}.parquet").open("rb") as file:
        return admit(parquet.read(file, source).frame, source)  # type: ignore[arg-type]  # a resource opened "rb" reads bytes


def names() -> list[str]:
    """Names of the data sets that come with the library."""
    files = (file.name for file in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".parquet") for name in files if name.endswith(".parquet"))
