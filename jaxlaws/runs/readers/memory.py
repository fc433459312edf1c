"""Tables that are in memory already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError

if TYPE_CHECKING:
    import pandas as pd


def read(source: Any) -> pd.DataFrame:
    """A pandas frame, anything with `to_pandas` (polars, Arrow), or a mapping of columns, as a pandas frame."""
    import pandas as pd

    if isinstance(source, Mapping):
        return _from_columns(source)
    frame = source.to_pandas() if hasattr(source, "to_pandas") else source
    if not isinstance(frame, pd.DataFrame):
        raise TableError(
            f"`read(source)`: source must be a path, a table (pandas, polars, Arrow), a mapping of columns, `shipped:NAME` "
            f"or `published:NAME`; got {type(source).__name__}."
        )
    named = [name for name in frame.index.names if name is not None]
    if not named or named == ["row"]:
        return frame
    return frame.reset_index() if not set(named) & set(frame.columns) else frame.reset_index(drop=True)


def _from_columns(source: Mapping[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    columns = {name: _cells(name, values) for name, values in source.items()}
    lengths = sorted({len(cells) for cells in columns.values() if np.ndim(cells) == 1})
    if len(lengths) > 1:
        raise TableError(f"dict: the columns have different lengths: {', '.join(map(str, lengths))}.")
    return pd.DataFrame(columns, index=range(*lengths) if lengths else range(1))


def _cells(name: Any, values: Any) -> Any:
    """One column: a scalar, a numeric array, or a list whose cells keep their types."""
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty((0, 0))  # ragged
    if array.ndim > 1:
        raise TableError(f"dict: column `{name}` must hold single values.")
    if array.ndim == 0 or array.dtype.kind in "iufb":
        return array if array.ndim else values
    return list(values)
