"""A CSV file with a row a forecast."""

from __future__ import annotations

import os
from pathlib import Path

from jaxlaws.online.watch import Writer


def csv(path: str | os.PathLike[str]) -> Writer:
    """Writer that appends rows `step,forecast/loss,...` to a file, with a header where the file is new."""
    place = Path(path)

    def write(step: int, scalars: dict[str, float]) -> None:
        new = not place.exists()
        with place.open("a", encoding="utf-8") as file:
            if new:
                file.write(",".join(["step", *scalars]) + "\n")
            file.write(",".join([str(step), *(repr(float(v)) for v in scalars.values())]) + "\n")

    return write
