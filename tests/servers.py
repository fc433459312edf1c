"""Servers that tests start, each once for the whole run."""

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

import pytest

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
