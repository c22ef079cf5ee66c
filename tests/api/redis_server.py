"""A real Redis server for tests, from Debian's package."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from cli.embedded.ports import HOST, free_port
from tests.debian_packages import install

PROGRAM = "redis-server"


@contextmanager
def running_redis(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """The server's address. Nothing of it is kept."""
    if shutil.which(PROGRAM) is None and not install(PROGRAM):
        pytest.skip("there is no redis-server, and it cannot be installed here")
    port = port or free_port()
    options = ("--port", str(port), "--bind", HOST, "--dir", str(folder), "--save", "", "--appendonly", "no")
    with subprocess.Popen((PROGRAM, *options), stdout=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield f"redis://{HOST}:{port}/0"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    client = redis.Redis(host=HOST, port=port)
    for _ in range(200):
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            client.close()
            return
    raise AssertionError("Redis did not start.")
