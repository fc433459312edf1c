"""The stores of MLflow that the tests of readers read, each made once for the whole run."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

os.environ.update(
    DO_NOT_TRACK="true", MLFLOW_DISABLE_TELEMETRY="true", WANDB_ERROR_REPORTING="false", WANDB_SILENT="true"
)


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The one SQLite store that MLflow writes, and every point that should come back."""
    pytest.importorskip("mlflow")
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    return path, log_ladder(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def mlflow_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The same as a folder, which MLflow still writes when it is told to."""
    pytest.importorskip("mlflow")
    path = tmp_path_factory.mktemp("mlflow") / "mlruns"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return path, log_ladder(path.as_uri())


def log_ladder(uri: str) -> pd.DataFrame:
    """Logs three runs, of which two share a name and one is deleted, and gives the points of those that are not."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("ladder", artifact_location="/nowhere")
    points = []
    for number, name in enumerate(("a", "a", "gone")):
        run = client.create_run(experiment, run_name=name, start_time=number).info.run_id
        client.log_param(run, "n_params", 1e8)
        client.log_param(run, "lr", "3e-4")
        for step in range(40):
            loss = float("nan") if step == 7 else float("inf") if step == 8 else 3.0 - 0.01 * step + number
            client.log_metric(run, "train/loss", loss, step=step, timestamp=1000 + step)
            points += [(run, step, loss)] if name != "gone" else []
            if step % 10 == 0:
                client.log_metric(run, "lr", 1e-3, step=step, timestamp=1000 + step)
        client.log_metric(run, "train/loss", 9.0, step=3, timestamp=2000)  # a restart logs a step again
        points += [(run, 3, 9.0)] if name != "gone" else []
        client.set_terminated(run)
        if name == "gone":
            client.delete_run(run)
    return pd.DataFrame(points, columns=["id", "step", "loss"])
