"""What tests of bulk fits share: a database's faults, a law that is quick to compile, and how fits are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxlaws import formula
from jaxlaws.bulk import bulk_fit
from jaxlaws.runs import Faults

RUNS, POINTS = 60, 32
FAULTS = Faults(missing=0.05, nan=0.002, spike=0.01, restarted=0.1, diverged=0.1)
LAW = formula("E + A/step^alpha", inputs=("step",))
STARTS = 8


def fitted(source, out, law=LAW, **told):
    return bulk_fit(source, law, out=out, **{"starts": STARTS, "partition": 16, **told})


def table(out: Path) -> pd.DataFrame:
    """All fits, in an order of their own."""
    frame = pd.read_parquet(out)
    return frame.sort_values(["law", "run"] if "run" in frame else ["law"], ignore_index=True)


def bits(frame: pd.DataFrame) -> list[tuple]:
    """Every cell, numbers by their bits."""
    return [
        tuple(np.float64(cell).tobytes() if isinstance(cell, float) else str(cell) for cell in row)
        for row in frame.itertuples(index=False)
    ]


FIT = """
from jaxlaws import formula
from jaxlaws.bulk import *
if __name__ == "__main__":
    done = bulk_fit({source!r}, formula("E + A/step^alpha", inputs=("step",)), out={out!r}, starts=8, partition={partition}{more})
    print(done.document())
"""


def script(source: Path, out: Path, partition: int = 4, more: str = "") -> str:
    return FIT.format(source=str(source), out=str(out), partition=partition, more=more)
