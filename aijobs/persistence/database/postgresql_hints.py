"""Hints between processes that something was committed, so that live events come sooner than at the next look.

A hint is no more than that: whoever misses one looks a little later by itself. NOTIFY takes a lock of the whole server
until its transaction is committed. So it is never part of a job's transaction: it has a connection of its own, which
does not wait for the disk, and a process sends at most one each `PAUSE`.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog
from psycopg import Connection as DriverConnection
from psycopg import Error as DriverError
from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import postgresql
from aijobs.persistence.database.connection_threads import ConnectionThreads

CHANNEL: Final = "aijobs_commits"
PAUSE: Final = timedelta(milliseconds=20)
RECONNECT_SECONDS: Final = 1.0
LOOK_FOR_END_SECONDS: Final = 0.5  #: how often a listening thread looks whether it is to end

log = structlog.get_logger()


class CommitHints:
    """Sends hints for the commits of this process. Errors are ignored."""

    def __init__(self, threads: ConnectionThreads) -> None:
        self._threads = threads
        self._sending: asyncio.Task[None] | None = None
        self._again = False

    def committed(self) -> None:
        """To be called after a commit, on the event loop."""
        self._again = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        await self._threads.close()

    async def _send(self) -> None:
        while self._again:
            self._again = False
            with suppress(DatabaseUnavailable, SQLAlchemyError):
                await self._threads.call(_notify)
            await asyncio.sleep(PAUSE.total_seconds())


def _notify(session: Session) -> None:
    session.connection().exec_driver_sql(f"NOTIFY {CHANNEL}")


class CommitListener:
    """Wakes whoever waits when a process has committed. A thread listens, on a connection of its own."""

    def __init__(self, url: URL) -> None:
        self._engine = postgresql.administrator(url, isolation_level="AUTOCOMMIT")
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-listener", daemon=True)
        self._thread.start()

    async def wait(self, seconds: float) -> None:
        """Until a hint comes, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        self._heard.clear()

    async def close(self) -> None:
        self._is_over.set()
        await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                _listen(self._engine, self._is_over, self._wake)
            except (SQLAlchemyError, DriverError) as error:
                log.info("commit_hints_interrupted", error=type(error).__name__)
                self._is_over.wait(RECONNECT_SECONDS)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._heard.set)


def _listen(engine: Engine, is_over: threading.Event, wake: Callable[[], None]) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        driver = connection.connection.driver_connection
        assert isinstance(driver, DriverConnection), "the engine is psycopg's"
        while not is_over.is_set():
            if list(driver.notifies(timeout=LOOK_FOR_END_SECONDS, stop_after=1)):
                wake()
