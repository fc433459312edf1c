"""TensorBoard's event files."""

from __future__ import annotations

import importlib
import os

from jaxlaws.errors import JaxlawsError
from jaxlaws.online.watch import Writer


def tensorboard(folder: str | os.PathLike[str]) -> Writer:
    """Writer of scalars to event files in `folder`. Raises `JaxlawsError` without the package tensorboard."""
    try:
        make = importlib.import_module("tensorboard.summary").Writer
    except ImportError:
        raise JaxlawsError("`tensorboard` needs the package: `pip install 'jaxlaws[tensorboard]'`.") from None
    writer = make(os.fspath(folder))

    def write(step: int, scalars: dict[str, float]) -> None:
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write
