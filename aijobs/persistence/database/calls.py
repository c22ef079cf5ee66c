"""Calls: pieces of work that wait for a database thread, and their answers."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm.session import JoinTransactionMode
from sqlmodel import Session

T = TypeVar("T")


class Call(Generic[T]):
    """One piece of work, made on an event loop and run by a database thread in the caller's context.

    Either the thread takes it, and then runs it to its end, or its canceled caller does, and then it is never run.
    """

    def __init__(self, work: Callable[[Session], T]) -> None:
        self._work = work
        self._context = copy_context()
        self._claim = threading.Lock()
        self._result: T | None = None
        self._error: BaseException | None = None
        self.made_at = time.monotonic()
        self.loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[T] = self.loop.create_future()

    @property
    def age(self) -> float:
        """In seconds."""
        return time.monotonic() - self.made_at

    async def answer(self) -> T:
        """What the work returns, or raises. A caller that is canceled takes back what was not begun."""
        try:
            return await self._answer
        finally:
            self.take()

    def take(self) -> bool:
        """Whether this was the first to take the call."""
        return self._claim.acquire(blocking=False)

    def run(self, session: Session) -> T:
        """Do the work. May be repeated. Raises what the work raises."""
        result = self._context.run(self._work, session)
        if isinstance(result, Coroutine):
            result.close()
            raise TypeError("Work for the database is a plain function, not a coroutine.")
        return result

    def succeed(self, result: T) -> None:
        self._result, self._error = result, None

    def fail(self, error: BaseException) -> None:
        self._error = error

    def settle(self) -> None:
        """Wake the caller. To be called on its loop."""
        if self._answer.done():  # canceled meanwhile
            return
        if self._error is None:
            self._answer.set_result(self._result)  # type: ignore[arg-type]
        elif isinstance(self._error, StopIteration):  # which a future does not take
            self._answer.set_exception(RuntimeError("The work raised StopIteration."))
        else:
            self._answer.set_exception(self._error)


def session_on(connection: Connection, join: JoinTransactionMode = "control_fully") -> Session:
    """A Session for one piece of work. It costs little until the work uses it, and takes part in the transaction as
    `join` says."""
    return Session(connection, expire_on_commit=False, join_transaction_mode=join)


def connection_of(session: Session) -> Connection:
    """The connection of a piece of work, for Core statements. They cost a fraction of what the Session's cost.

    The Session does not notice them: what was added to it is not written before them, and what it has read stays.
    """
    bind = session.bind
    assert isinstance(bind, Connection), "a database thread binds its Sessions to its connection"
    return bind


def deliver(calls: Iterable[Call[Any]]) -> None:
    """Wake the callers, each loop once. Callers whose loop is closed wait no longer."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Call[Any]]] = defaultdict(list)
    for call in calls:
        by_loop[call.loop].append(call)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, waiting)


def _settle(calls: Iterable[Call[Any]]) -> None:
    for call in calls:
        call.settle()
