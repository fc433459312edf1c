"""MLflow's tracking."""

from __future__ import annotations

import importlib

from jaxlaws.errors import JaxlawsError
from jaxlaws.online.watch import Writer


def mlflow(run_id: str | None = None) -> Writer:
    """Writer to an MLflow run, by default the active one. Raises `JaxlawsError` without the package mlflow."""
    try:
        package = importlib.import_module("mlflow")
    except ImportError:
        raise JaxlawsError("`mlflow` needs the package: `pip install 'jaxlaws[mlflow]'`.") from None

    def write(step: int, scalars: dict[str, float]) -> None:
        # MLflow takes no slash at the start and no names beyond letters, digits and a few signs; ours are of these.
        package.log_metrics(scalars, step=step, run_id=run_id)

    return write
