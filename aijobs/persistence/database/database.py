"""Runs work on a database. See `write` for what work may and may not do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from sqlmodel import Session

from aijobs.persistence.database.connection_threads import ConnectionThreads

P = ParamSpec("P")
T = TypeVar("T")

#: A write that reaches the disk and changes nothing.
NOOP_WRITE: Final = "UPDATE alembic_version SET version_num = version_num"


Observe = Callable[[str, float], None]
"""Hears the name of a piece of work, as `module.function`, and how many seconds it took, waiting included."""


class Hints(Protocol):
    """Tells other processes that something was committed."""

    def committed(self) -> None: ...

    async def close(self) -> None: ...


class Listener(Protocol):
    """Hears of commits of any process, sooner or later or never."""

    async def wait(self, seconds: float) -> None:
        """Until something was committed, or for so long."""
        ...

    async def close(self) -> None: ...


class NoHints:
    """For a database that sends none."""

    def committed(self) -> None:
        """Nobody is told."""

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """There is nothing to close."""


class Database:
    """Runs work for coroutines, on threads that own their connections."""

    def __init__(
        self,
        *,
        writers: ConnectionThreads,
        readers: ConnectionThreads,
        snapshots: ConnectionThreads,
        another_reader: Callable[[], ConnectionThreads],
        check_disk: Callable[[], None] | None = None,
        truncate_log: Callable[[], None] | None = None,
        hints: Hints | None = None,
        another_listener: Callable[[], Listener] = NoHints,
    ) -> None:
        self._writers = writers
        self._readers = readers
        self._snapshots = snapshots
        self._another_reader = another_reader
        self._check_disk = check_disk
        self._truncate_log = truncate_log
        self._hints = hints or NoHints()
        self._another_listener = another_listener
        self._observers: tuple[Observe, ...] = ()

    def observe_by(self, observe: Observe) -> None:
        """From now on, `observe` hears, too, of each piece of work, also of one that failed."""
        self._observers += (observe,)

    async def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work(session, …)` in a transaction that is committed before its result is returned.

        The work decides by its arguments and the database alone, since it may be run again. It awaits nothing, calls
        nobody, does not sleep, and keeps no session. What it returns is used outside of the transaction: domain values,
        or rows, which have all their columns. What it raises is raised here, and nothing is written. Raises
        DatabaseUnavailable.
        """
        result = await self._timed(self._writers, work, *args, **kwargs)
        self._hints.committed()
        return result

    async def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, for work that writes nothing. Each of its statements sees what is committed by then."""
        return await self._timed(self._readers, work, *args, **kwargs)

    async def snapshot(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, but all statements see the same, whatever is written meanwhile, and on threads of its own.

        For what compares tables, and for what may take long: statistics, exports, lists. Short reads, among them those
        that check who is calling, never wait behind them.
        """
        return await self._timed(self._snapshots, work, *args, **kwargs)

    @asynccontextmanager
    async def opened_reader(self) -> AsyncIterator[ConnectionThreads]:
        """A thread and a connection for one who reads all the time, until the block ends."""
        reader = self._another_reader()
        try:
            yield reader
        finally:
            await reader.close()

    @asynccontextmanager
    async def opened_listener(self) -> AsyncIterator[Listener]:
        """For one who looks again and again, and wants to know when it is worth while, until the block ends."""
        listener = self._another_listener()
        try:
            yield listener
        finally:
            await listener.close()

    async def _timed(
        self,
        threads: ConnectionThreads,
        work: Callable[Concatenate[Session, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        call = threads.call(_bound(work, *args, **kwargs))
        if not self._observers:
            return await call
        began = time.perf_counter()
        try:
            return await call
        finally:
            name, seconds = _name_of(work), time.perf_counter() - began
            for observe in self._observers:
                observe(name, seconds)

    async def probe(self) -> None:
        """Check that writes work, without changing anything. Raises DatabaseUnavailable."""
        await self.write(_write_nothing)
        if self._check_disk is not None:
            await asyncio.to_thread(self._check_disk)

    async def forget_erased(self) -> None:
        """Let the log of what was written forget it, where that is ours to do: see docs/retention.md."""
        if self._truncate_log is not None:
            await asyncio.to_thread(self._truncate_log)

    async def close(self) -> None:
        """Finish what is queued, and end all threads. Calls from now on raise DatabaseUnavailable."""
        await self._hints.close()
        await asyncio.gather(*(threads.close() for threads in (self._writers, self._readers, self._snapshots)))


def _name_of(work: Callable[..., Any]) -> str:
    """As `module.function`; of a function within another one, that other one's."""
    while isinstance(work, partial):
        work = work.func
    module, name = getattr(work, "__module__", ""), getattr(work, "__qualname__", type(work).__name__)
    return f"{module.rpartition('.')[2]}.{name.partition('.<locals>')[0].lstrip('_')}"


def _bound(work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> Callable[[Session], T]:
    return lambda session: work(session, *args, **kwargs)


def _write_nothing(session: Session) -> None:
    session.connection().exec_driver_sql(NOOP_WRITE)
