"""Two transactions of PostgreSQL that overlap in every possible way.

One is stopped after its first, second, … statement, and behind its last, before it commits. Each time the other one
runs meanwhile: to its end, or until it waits for a lock of the one that is stopped. SQLite, with its one writer, never
lets transactions overlap.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import psycopg
from sqlalchemy import Engine, event

TIMEOUT: Final = 20.0
LOOK_EVERY: Final = 0.01
MOST_STOPS: Final = 40  #: more statements than any transaction here has

_WAITING: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""

Transaction = Callable[[], Awaitable[Any]]
"""Writes to the database, once."""

Make = Callable[[], Awaitable[tuple[Transaction, Transaction]]]
"""Prepares two that will overlap; the first is the one that is stopped."""


class Overlap(NamedTuple):
    """What each of the two returned, or raised."""

    stopped: Any
    other: Any


@dataclass
class _Stop:
    """Stops a transaction once, after so many statements, until it may go on."""

    statements: int
    threads: set[int] = field(default_factory=set)
    reached: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def count(self) -> None:
        self.threads.add(threading.get_ident())
        if self.reached.is_set() or self.may_go_on.is_set():
            return
        self.statements -= 1
        if self.statements == 0:
            self.reached.set()
            assert self.may_go_on.wait(TIMEOUT), "the other transaction never came to an end"


_stop_of_caller: ContextVar[_Stop | None] = ContextVar("stop_of_caller", default=None)


@contextmanager
def _counted(stop: _Stop) -> Iterator[None]:
    """Statements of work are known by the caller's context; those that a commit writes, by the thread that worked."""

    def executed(*_: object) -> None:
        if _stop_of_caller.get() is stop or threading.get_ident() in stop.threads:
            stop.count()

    event.listen(Engine, "after_cursor_execute", executed)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", executed)


Overlaps = Callable[[Make], AsyncIterator[Overlap]]


async def overlaps(url: str, make: Make) -> AsyncIterator[Overlap]:
    """Each way in which two transactions in the database at `url` can overlap. `make` is called for each."""
    with psycopg.connect(url, autocommit=True) as observer:
        for statements in range(1, MOST_STOPS):
            one, other = await make()
            stop = _Stop(statements)
            with _counted(stop):
                overlap = await _overlap(stop, one, other, observer)
            yield overlap
            if not stop.reached.is_set():
                assert statements > 1, "it has no statement to be stopped at"
                return
    raise AssertionError("a transaction has more statements than were thought of")


async def _overlap(stop: _Stop, one: Transaction, other: Transaction, observer: psycopg.Connection[Any]) -> Overlap:
    stopped = asyncio.create_task(_counting(stop, one))
    while not stop.reached.is_set() and not stopped.done():
        await asyncio.sleep(LOOK_EVERY / 10)
    if not stop.reached.is_set():
        stop.may_go_on.set()
    running = asyncio.ensure_future(other())
    try:
        async with asyncio.timeout(TIMEOUT):
            while not running.done() and not _someone_waits(observer):
                await asyncio.sleep(LOOK_EVERY)
    finally:
        stop.may_go_on.set()
    results = await asyncio.gather(stopped, running, return_exceptions=True)
    return Overlap(*results)


async def _counting(stop: _Stop, transaction: Transaction) -> Any:
    _stop_of_caller.set(stop)
    return await transaction()


def _someone_waits(observer: psycopg.Connection[Any]) -> bool:
    found = observer.execute(_WAITING).fetchone()
    return found is not None and found[0] > 0
