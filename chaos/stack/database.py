"""The database of a run: SQLite in its folder, or a PostgreSQL server, which is killed like everything else."""

import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from aijobs.settings import GivenSettings
from chaos.plan import StormPlan
from chaos.stack.processes import Kind, StackProcess
from cli.embedded.ports import HOST, free_port
from cli.embedded.processes import Process, ProcessSpec, running

SQLITE: Final = Path("aijobs") / "aijobs.db"
"""In the folder of a run."""

USER: Final = "aijobs"
INIT_TIMEOUT: Final = 60.0
CONNECT_TIMEOUT: Final = 5
BUSY_TIMEOUT: Final = 30.0

#: A host as PostgreSQL's own configuration names whoever may connect from there, with the password.
LOCAL_CLIENTS: Final = "127.0.0.1/32"

Wrapped = Callable[[Sequence[str]], Sequence[str]]
"""A command as it is run on some host."""


@dataclass(frozen=True)
class RunDatabase:
    """Where the data of a run is. `url` is None for SQLite."""

    folder: Path
    url: str | None = None

    @property
    def settings(self) -> GivenSettings:
        """What the checker opens it with."""
        secret = "the checker signs nothing"  # noqa: S105
        return GivenSettings(data_dir=self.folder / SQLITE.parent, database_url=self.url, secret=secret)

    def column(self, query: str) -> list[Any]:
        """The first column of a query's rows. Raises TimeoutError while the database is away."""
        try:
            return self._column(query)
        except (psycopg.OperationalError, sqlite3.OperationalError) as away:
            raise TimeoutError("The database is away.") from away

    def _column(self, query: str) -> list[Any]:
        if self.url is None:
            file = f"file:{self.folder / SQLITE}?mode=ro"
            with closing(sqlite3.connect(file, uri=True, timeout=BUSY_TIMEOUT)) as database:
                return [row[0] for row in database.execute(query)]
        with closing(psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT)) as connection:
            return [row[0] for row in connection.execute(query.encode())]


@asynccontextmanager
async def running_database(
    plan: StormPlan, folder: Path
) -> AsyncIterator[tuple[RunDatabase, "PostgresqlProcess | None"]]:
    """The database of a run, and its server, if it has one. It outlives the stack: the checker reads it then."""
    if not plan.postgresql:
        yield RunDatabase(folder), None
        return
    async with postgresql(folder / "logs", port=free_port()) as (url, server):
        yield RunDatabase(folder, url), server


class PostgresqlProcess(StackProcess):
    """Its processes are killed together: one that is left would keep the next server from starting."""

    def _send(self, signal_number: signal.Signals) -> None:
        process = self._process
        if process is None or process.has_ended:
            return
        children = _children(process.pid) if signal_number is signal.SIGKILL else []
        asked = (
            signal.SIGINT if signal_number is signal.SIGTERM else signal_number
        )  # SIGTERM waits for clients to leave
        super()._send(asked)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@asynccontextmanager
async def postgresql(
    logs: Path, *, port: int, host: str = HOST, clients: str = LOCAL_CLIENTS, on: Wrapped = tuple
) -> AsyncIterator[tuple[str, PostgresqlProcess]]:
    """A server that is kept running until the block ends, and its URL. Its data is deleted at the end.

    It listens at `host`:`port`, for `clients` (a network) alone; `on` puts it on another host.
    """
    # Its packages are needed for nothing else.
    from tests.persistence.database.postgresql_server import UNPRIVILEGED, embedded_binaries, reachable, unprivileged

    folder = Path(tempfile.mkdtemp(prefix="aijobs-chaos-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    binaries, password = reachable(embedded_binaries(), folder), secrets.token_hex(16)
    _make(folder / "data", binaries, password, clients, unprivileged)
    options = {"listen_addresses": host, "port": str(port), "unix_socket_directories": "", "max_connections": "200"}
    command = [str(binaries / "postgres"), "-D", str(folder / "data")]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    spec = ProcessSpec(
        name="postgresql", command=tuple(on(unprivileged(command))), log=logs / "postgresql.log", environment={}
    )
    url = f"postgresql://{USER}:{password}@{host}:{port}/postgres"

    async def is_ready() -> bool:
        return True  # it may be killed while it starts

    @asynccontextmanager
    async def start() -> AsyncIterator[Process]:
        async with running(spec, is_ready=is_ready) as process:
            yield process

    member = PostgresqlProcess("postgresql", Kind.DATABASE, start)
    try:
        async with member.kept():
            yield url, member
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(
    data: Path, binaries: Path, password: str, clients: str, unprivileged: Callable[[list[str]], list[str]]
) -> None:
    """Durable as in production: what is acknowledged survives a kill."""
    with tempfile.NamedTemporaryFile("w", dir=data.parent) as file:
        file.write(password)
        file.flush()
        Path(file.name).chmod(0o644)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = [str(binaries / "initdb"), *options, f"--username={USER}", f"--pwfile={file.name}", str(data)]
        subprocess.run(unprivileged(command), check=True, capture_output=True, timeout=INIT_TIMEOUT, cwd=data.parent)  # noqa: S603
    with (data / "pg_hba.conf").open("a") as access:
        access.write(f"host all all {clients} scram-sha-256\n")


def _children(parent: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []
