"""A real PgBouncer in transaction mode before a PostgreSQL server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.persistence.database.postgresql_server import HOST, UNPRIVILEGED, PostgresqlServer, free_port

BINARY: Final = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SECONDS: Final = 10.0

CONFIGURATION: Final = """\
[databases]
* = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
"""


@contextmanager
def pgbouncer(server: PostgresqlServer, *, user: str, pool_size: int) -> Iterator[int]:
    """Its port. At most `pool_size` connections lead to each database, whose sessions are shared by all clients."""
    assert BINARY is not None, "whoever uses it has looked whether it is installed"
    folder, port = Path(tempfile.mkdtemp(prefix="aijobs-pgbouncer-")), free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(host=HOST, server_port=server.port, user=user, port=port, pool_size=pool_size)
    )
    as_user = ["-u", UNPRIVILEGED] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, UNPRIVILEGED)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([BINARY, *as_user, str(configuration)], stdout=log, stderr=log)
    try:
        _wait_until_it_listens(port, process, folder / "log")
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        if time.monotonic() > deadline or process.poll() is not None:
            raise TimeoutError(f"PgBouncer does not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
