"""Threads that own a connection each, and run what is handed to them through one queue."""

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlmodel import Session

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database.calls import Call, deliver
from aijobs.persistence.database.errors import translated
from aijobs.persistence.database.transactions import Run

CLOSE_SECONDS: Final = 10.0  #: for what is queued and under way when the threads are closed

T = TypeVar("T")
log = structlog.get_logger()
_here = threading.local()


class ConnectionThreads:
    """`threads` threads with one queue. Each takes up to `at_once` calls, and has `run` run them on its connection."""

    def __init__(self, name: str, engine: Engine, run: Run, *, threads: int = 1, at_once: int = 1) -> None:
        self._engine, self._run, self._at_once = engine, run, at_once
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
                _run_on(connection, self._run, taken)
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

    def get(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def _run_on(held: _HeldConnection, run: Run, calls: list[Call[Any]]) -> None:
    try:
        connection = held.get()
    except Exception as error:  # noqa: BLE001 (it is the callers')
        for call in calls:
            call.fail(translated(error))
        return
    run(connection, calls)
    if connection.invalidated or connection.in_transaction():
        held.close()
