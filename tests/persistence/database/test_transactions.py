"""Transactions on threads: groups, errors, cancellation, shutdown, and what work must not do."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import ConnectionThreads, Database, opened_database
from aijobs.persistence.postgresql_settings import PostgresqlSettings
from aijobs.persistence.tables import PointsLimitRow
from tests.databases import POSTGRESQL

WAIT = 10  #: seconds, for what another thread is about to do


class RefusedError(Exception):
    """What work raises on purpose."""


def add(session: Session, user_id: str, *, refused: bool = False) -> str:
    session.add(PointsLimitRow(user_id=user_id, daily_limit=1))
    session.flush()
    if refused:
        raise RefusedError(user_id)
    return user_id


def users(session: Session) -> list[str]:
    return list(session.exec(select(PointsLimitRow.user_id).order_by(col(PointsLimitRow.user_id))))


class HeldThread:
    """Keeps the writing thread busy, so that what is called meanwhile waits in its queue, and is then one group."""

    def __init__(self, database: Database) -> None:
        self._begun, self._free = threading.Event(), threading.Event()
        self._held = asyncio.create_task(database.write(self._hold))

    def _hold(self, _session: Session) -> None:
        self._begun.set()
        assert self._free.wait(WAIT)

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, WAIT)

    async def free(self) -> None:
        self._free.set()
        await self._held


async def as_one_group(database: Database, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """The results and errors of calls that the writing thread finds in its queue at once."""
    held = HeldThread(database)
    await held.begun()
    tasks = [asyncio.ensure_future(call()) for call in calls]
    await asyncio.sleep(0)
    await held.free()
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def at_commits(act: Callable[[Any], None]) -> Iterator[None]:
    """Calls `act` with the connection before each commit."""
    event.listen(Engine, "commit", act)
    try:
        yield
    finally:
        event.remove(Engine, "commit", act)


def adding(database: Database, user_id: str, *, refused: bool = False) -> Callable[[], Awaitable[str]]:
    return lambda: database.write(add, user_id, refused=refused)


@pytest.fixture
def grouping(database_kind: str) -> None:
    if database_kind == POSTGRESQL:
        pytest.skip("PostgreSQL groups its own waits for the disk.")


@pytest.mark.usefixtures("grouping")
async def test_what_one_of_a_group_raises_undoes_that_one_alone(database: Database) -> None:
    commits: list[object] = []
    calls = [adding(database, f"{number}", refused=number % 2 == 1) for number in range(6)]

    with at_commits(lambda connection: commits.append(connection)):
        results = await as_one_group(database, *calls)

    assert [result for result in results if isinstance(result, str)] == ["0", "2", "4"]
    assert [type(result) for result in results if not isinstance(result, str)] == [RefusedError] * 3
    assert await database.read(users) == ["0", "2", "4"]
    assert len(commits) == 1


async def test_a_failed_statement_in_a_group_undoes_that_call_alone(database: Database) -> None:
    await database.write(add, "ada")

    results = await as_one_group(database, *(adding(database, name) for name in ("bo", "ada", "cy")))

    assert results[0] == "bo"
    assert type(results[1]).__name__ == "IntegrityError"
    assert results[2] == "cy"
    assert await database.read(users) == ["ada", "bo", "cy"]


@pytest.mark.usefixtures("grouping")
async def test_a_group_whose_commit_fails_is_run_one_by_one(database: Database) -> None:
    sizes: list[int] = []

    def refuse_the_group(connection: Any) -> None:
        sizes.append(connection.exec_driver_sql("SELECT count(*) FROM points_limit").scalar_one())
        if sizes == [3]:
            raise OperationalError("COMMIT", {}, OSError("the disk is away"))

    with at_commits(refuse_the_group):
        results = await as_one_group(database, *(adding(database, name) for name in ("ada", "bo", "cy")))

    assert results == ["ada", "bo", "cy"]
    assert sizes == [3, 1, 2, 3]
    assert await database.read(users) == ["ada", "bo", "cy"]


async def test_a_group_that_cannot_be_committed_fails_and_has_written_nothing(database: Database) -> None:
    def refuse(_connection: Any) -> None:
        raise OperationalError("COMMIT", {}, OSError("the disk is away"))

    with at_commits(refuse):
        results = await as_one_group(database, *(adding(database, name) for name in ("ada", "bo")))

    assert [type(result) for result in results] == [OperationalError] * 2
    assert await database.read(users) == []
    assert await database.write(add, "cy") == "cy"


@pytest.mark.usefixtures("grouping")
async def test_a_full_disk_fails_whom_it_hits_and_says_so(database: Database) -> None:
    """SQLite rolls the whole group back by itself then."""

    def fill(session: Session) -> None:
        connection = session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("CREATE TABLE filler AS SELECT randomblob(1000000) AS content")

    def make_room(session: Session) -> None:
        session.connection().exec_driver_sql("PRAGMA max_page_count = 1000000")

    results = await as_one_group(
        database, adding(database, "ada"), lambda: database.write(fill), adding(database, "bo")
    )
    await database.write(make_room)

    assert (results[0], results[2]) == ("ada", "bo")
    assert isinstance(results[1], DatabaseUnavailable)
    assert await database.read(users) == ["ada", "bo"]


async def test_a_call_that_is_canceled_in_the_queue_is_never_run(database: Database, database_kind: str) -> None:
    writers = PostgresqlSettings().writers if database_kind == POSTGRESQL else 1
    held = [HeldThread(database) for _ in range(writers)]
    for thread in held:
        await thread.begun()
    tasks = [asyncio.create_task(database.write(add, f"{number}")) for number in range(200)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks[::2], return_exceptions=True)
    for thread in held:
        await thread.free()

    await asyncio.gather(*tasks[1::2])

    assert await database.read(users) == sorted(f"{number}" for number in range(1, 200, 2))


async def test_closing_finishes_what_is_queued_and_refuses_what_comes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/aijobs.db"
    before = set(threading.enumerate())  # other tests' databases of this process among them
    async with opened_database(url) as database:
        waiting = [asyncio.create_task(database.write(add, f"{number}")) for number in range(100)]
        await asyncio.sleep(0)
    written = await asyncio.gather(*waiting)

    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.write(add, "late")
    async with opened_database(url) as again:
        assert await again.read(users) == sorted(written)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("database-")]


async def test_work_must_not_wait_for_other_work(database: Database) -> None:
    def nested(_session: Session) -> list[str]:
        return asyncio.run(database.read(users))

    with pytest.raises(RuntimeError, match="must not wait"):
        await database.write(nested)


async def test_a_coroutine_function_is_no_work(database: Database) -> None:
    async def forgotten(session: Session) -> None:
        session.add(PointsLimitRow(user_id="ada", daily_limit=1))

    with pytest.raises(TypeError, match="plain function"):
        await database.write(forgotten)  # type: ignore[unused-coroutine]


async def test_work_runs_in_the_context_of_its_caller(database: Database) -> None:
    request: ContextVar[str] = ContextVar("request")
    request.set("req_1")

    def log_fields(_session: Session) -> str:
        return request.get()

    assert await database.read(log_fields) == await database.write(log_fields) == "req_1"


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        await database.read(add, "ada")


async def test_a_snapshot_does_not_see_what_is_written_meanwhile(database: Database) -> None:
    begun, written = threading.Event(), threading.Event()

    def twice(session: Session) -> tuple[list[str], list[str]]:
        before = users(session)
        begun.set()
        assert written.wait(WAIT)
        return before, users(session)

    looking = asyncio.create_task(database.snapshot(twice))
    await asyncio.to_thread(begun.wait, WAIT)
    await database.write(add, "ada")
    written.set()

    assert await looking == ([], [])
    assert await database.read(users) == ["ada"]


async def test_a_thread_that_dies_fails_what_it_had_and_what_waits(tmp_path: Path) -> None:
    class OutOfOrderError(BaseException):
        """Nothing that work raises: it comes from the layer itself."""

    may_run = threading.Event()

    def out_of_order(*_: object) -> None:
        assert may_run.wait(WAIT)
        raise OutOfOrderError

    threads = ConnectionThreads("broken", create_engine(f"sqlite:///{tmp_path}/new.db"), out_of_order, at_once=3)
    waiting = [asyncio.create_task(threads.call(users)) for _ in range(100)]
    await asyncio.sleep(0)
    may_run.set()

    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(result) for result in results] == ["A database thread has died."] * 100
    with pytest.raises(DatabaseUnavailable, match="died"):
        await threads.call(users)
    await threads.close()
