"""Threads that own a connection each, and run what is handed to them through one queue."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database.calls import Call, deliver
from aijobs.persistence.database.recovery import RECONNECT_PAUSE_SECONDS, unavailable_for_now
from aijobs.persistence.database.transactions import Run

CLOSE_SECONDS: Final = 10.0  #: for what is queued and under way when the threads are closed

T = TypeVar("T")
log = structlog.get_logger()
_here = threading.local()


class ConnectionThreads:
    """`threads` threads with one queue. Each takes up to `at_once` calls, and has `run` run them on its connection."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        run: Run,
        *,
        threads: int = 1,
        at_once: int = 1,
        patience: timedelta = timedelta(0),
    ) -> None:
        """`patience` is how old a call may become while there is no connection."""
        self._engine, self._run, self._at_once, self._patience = engine, run, at_once, patience
        self._queue: SimpleQueue[Call[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._refusal: str | None = None
        self._threads = [
            threading.Thread(target=self._serve, name=f"database-{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def call(self, work: Callable[[Session], T]) -> T:
        """Run the work on one of the threads. Raises what it raises, and DatabaseUnavailable.

        A canceled call is not run if it was still queued. If it was under way its outcome is unknown to the caller.
        """
        if getattr(_here, "works", False):
            raise RuntimeError("Work for the database must not wait for other work for the database.")
        call = Call(work)
        with self._lock:
            if self._refusal:
                raise DatabaseUnavailable(self._refusal)
            self._queue.put(call)
        return await call.answer()

    async def close(self) -> None:
        """Refuse new calls, finish those that are queued, and end the threads, each of which closes its connection."""
        self._refuse("The database is being closed.")
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)
            if thread.is_alive():
                log.warning("database_thread_still_works", thread=thread.name)

    def _refuse(self, why: str) -> None:
        with self._lock:
            if self._refusal is None:
                self._refusal = why
                for _ in self._threads:
                    self._queue.put(None)

    def _serve(self) -> None:
        _here.works = True
        connection = _HeldConnection(self._engine)
        taken: list[Call[Any]] = []
        try:
            while taken := self._next():
                _run_on(connection, self._run, taken, self._patience)
                deliver(taken)
                taken = []  # results are not kept alive until the next call
        except BaseException as fatal:
            log.exception("database_thread_died")
            self._abandon(taken, fatal)
        finally:
            connection.close()

    def _next(self) -> list[Call[Any]]:
        """The next calls; empty at the end."""
        while (first := self._queue.get()) is not None:
            calls = [first] if first.take() else []
            while len(calls) < self._at_once and (call := self._queued()) is not None:
                if call.take():
                    calls.append(call)
            if calls:
                return calls
        return []

    def _queued(self) -> Call[Any] | None:
        try:
            call = self._queue.get_nowait()
        except Empty:
            return None
        if call is None:
            self._queue.put(None)  # the end, for after these calls
        return call

    def _abandon(self, taken: list[Call[Any]], fatal: BaseException) -> None:
        """Fail what this thread had taken and what is queued, and refuse what comes."""
        self._refuse("A database thread has died.")
        while (call := self._queued()) is not None:
            if call.take():
                taken.append(call)
        for call in taken:
            error = DatabaseUnavailable("A database thread has died.")
            error.__cause__ = fatal
            call.fail(error)
        deliver(taken)


class _HeldConnection:
    """A thread's connection, opened at its first use, and again after it was lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._failure: Exception | None = None
        self._failed_at = 0.0

    def get(self, *, since: float) -> Connection:
        """Raises what keeps it from being opened. It is not tried when the last try failed after `since`."""
        if self._connection is None:
            if self._failure is not None and self._failed_at > since:
                raise self._failure
            try:
                self._connection = self._engine.connect()
            except Exception as failure:
                self._failure, self._failed_at = failure, time.monotonic()
                raise
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def _run_on(held: _HeldConnection, run: Run, calls: list[Call[Any]], patience: timedelta) -> None:
    connection = _connected(held, calls, patience.total_seconds())
    if connection is None:
        return
    run(connection, calls)
    if connection.invalidated or connection.in_transaction():
        held.close()


def _connected(held: _HeldConnection, calls: list[Call[Any]], patience: float) -> Connection | None:
    """The connection; None, and the calls have failed, when there is none before the oldest call has waited enough.

    What has waited longer than that in the queue shares the fate of the last try: to a host that is cut off each one
    takes seconds.
    """
    oldest = calls[0]
    while True:
        is_late = oldest.age >= patience
        try:
            return held.get(since=oldest.made_at if is_late else math.inf)
        except Exception as error:  # noqa: BLE001 (it is the callers')
            for call in calls:
                call.fail(unavailable_for_now(error))
            if is_late or oldest.age >= patience:
                return None
            time.sleep(RECONNECT_PAUSE_SECONDS)
