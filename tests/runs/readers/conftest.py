"""Servers that the tests of readers start, each once for the whole run: a PostgreSQL and an MLflow store."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

os.environ.update(
    DO_NOT_TRACK="true", MLFLOW_DISABLE_TELEMETRY="true", WANDB_ERROR_REPORTING="false", WANDB_SILENT="true"
)

ROWS = 120_000


@dataclass(frozen=True)
class Server:
    """A PostgreSQL with a table `curves` of 120 000 rows."""

    url: str
    control: tuple[str, ...]
    options: str

    def start(self) -> None:
        log = str(Path(self.control[-2]).with_name("log"))
        subprocess.run(
            [*self.control, "-l", log, "-o", self.options, "start"], check=True, stdout=subprocess.DEVNULL, cwd="/"
        )

    def stop(self) -> None:
        subprocess.run([*self.control, "-m", "immediate", "stop"], capture_output=True, cwd="/")

    def told(self, *sql: str) -> str:
        """What the server answers to SQL of its owner."""
        import sqlalchemy

        out = []
        with sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.pool.NullPool).begin() as connection:
            for one in sql:
                done = connection.execution_options(no_parameters=True).exec_driver_sql(one)
                out.append(str(done.fetchall()) if done.returns_rows else "")
        return "\n".join(out)


def _binaries() -> Path:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        pytest.skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
    return places[-1]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The one server, stopped and removed at the end."""
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("psycopg")
    binaries = _binaries()
    # The server refuses to run as root: then it is the packaged user's.
    user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.getuid() == 0 else ()
    folder = Path(tempfile.mkdtemp(prefix="jaxlaws-pg-", dir="/tmp"))
    if user:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    server = Server(
        f"postgresql+psycopg://jax:secret@127.0.0.1:{port}/postgres",
        (*user, str(binaries / "pg_ctl"), "-w", "-D", data, "-s"),
        f"-F -c listen_addresses=127.0.0.1 -p {port} -k {folder}",
    )
    try:
        made = [*user, str(binaries / "initdb"), "-D", data, "-U", "jax", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd="/")
        server.start()
        _fill(server, ROWS)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(server: Server, rows: int) -> None:
    server.told(
        "CREATE TABLE curves (run text, step bigint, loss double precision, lr numeric)",
        f"INSERT INTO curves SELECT 'run ' || i / 1000, i % 1000, 2 + 1.0 / (1 + i % 1000), 0.001 FROM generate_series(0, {rows - 1}) i",
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
