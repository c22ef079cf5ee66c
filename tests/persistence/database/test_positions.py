"""The log of all events loses nothing and keeps its order, however writers overlap between insert and commit."""

import asyncio
import random
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlmodel import Session, col, select, update

from aijobs.domain.jobs.events import EventKind
from aijobs.persistence.database import Database, prepared_database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.event_log import (
    EventFilter,
    EventTail,
    LogEntry,
    is_in_log,
    log_after,
    newest_position,
    opened_tail,
)
from aijobs.persistence.tables import JobEventRow
from tests.databases import database_url
from tests.persistence.conftest import AcceptJob

WRITERS: Final = 12
SECONDS: Final = 3.0
PAUSE_AFTER_LOOK: Final = 0.005
TIMEOUT: Final = 20.0


def note(session: Session, code: str, number: int, *, pause: float = 0.0) -> None:
    """Insert an event, and stop for a while before the commit."""
    gate.record(session, gate.locked_job(session, code), EventKind.NOTE, {"number": number})
    session.flush()
    time.sleep(pause)


def some_pause(number: int) -> float:
    """Now and then a writer is stopped for long, as by a busy interpreter or a slow disk."""
    return 0.2 if number % 20 == 0 else random.uniform(0, 0.005)


async def follow(tail: EventTail, seen: list[LogEntry], until: asyncio.Event) -> None:
    """Look until told otherwise, and once more after that."""
    is_over = False
    while not is_over:
        is_over = until.is_set()
        while entries := await tail.new_entries():
            seen.extend(entries)
        await asyncio.sleep(PAUSE_AFTER_LOOK)


@asynccontextmanager
async def followed(database: Database) -> AsyncIterator[list[LogEntry]]:
    """What a tail sees of the events that are written within the block; complete after it."""
    seen: list[LogEntry] = []
    over = asyncio.Event()
    async with opened_tail(database) as tail:
        await tail.skip()
        following = asyncio.create_task(follow(tail, seen, over))
        try:
            yield seen
        finally:
            over.set()
            await following


def numbers(entries: Sequence[LogEntry]) -> dict[str, list[int]]:
    """The numbers of the seen events, by job."""
    found: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        found[entry.event.code].append(entry.event.seq)
    return found


async def test_a_tail_sees_every_event_once_and_each_job_in_order(database: Database, accept_job: AcceptJob) -> None:
    codes = [await accept_job() for _ in range(WRITERS)]
    written: dict[str, int] = dict.fromkeys(codes, 1)
    ends_at = time.monotonic() + SECONDS

    async def write(code: str) -> None:
        while time.monotonic() < ends_at:
            written[code] += 1
            await database.write(note, code, written[code], pause=some_pause(written[code]))

    async with followed(database) as seen:
        await asyncio.gather(*map(write, codes))

    assert numbers(seen) == {code: list(range(2, last + 1)) for code, last in written.items()}
    assert [entry.position for entry in seen] == sorted({entry.position for entry in seen})


async def test_an_event_that_is_committed_last_comes_last_although_it_was_inserted_first(
    database: Database, accept_job: AcceptJob, database_kind: str
) -> None:
    if database_kind == "sqlite":
        pytest.skip("It has one writer: nothing is inserted while another is stopped.")
    first, second = await accept_job(), await accept_job()
    inserted, may_commit = threading.Event(), threading.Event()

    def stopped(session: Session) -> None:
        note(session, first, 2)
        inserted.set()
        assert may_commit.wait(TIMEOUT)

    async with followed(database) as seen:
        writing = asyncio.create_task(database.write(stopped))
        assert await asyncio.to_thread(inserted.wait, TIMEOUT)
        await database.write(note, second, 2)  # nobody waits for the one that is stopped
        while not seen:
            await asyncio.sleep(PAUSE_AFTER_LOOK)
        reached = await database.read(newest_position)
        may_commit.set()
        await writing

    assert [entry.event.code for entry in seen] == [second, first]
    later = (await database.read(log_after, EventFilter(), reached)).entries
    assert [entry.event.code for entry in later] == [first]


async def test_what_is_committed_before_a_lower_position_is_seen_after_it(
    database: Database, accept_job: AcceptJob, database_kind: str
) -> None:
    """A commit that has its position, and takes long, stops the readers and no writer."""
    if database_kind == "sqlite":
        pytest.skip("It has one writer.")
    first, second = await accept_job(), await accept_job()
    numbered, may_commit = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        note(session, first, 2)
        note(session, first, 3)
        session.connection().exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")  # the positions are given now
        numbered.set()
        assert may_commit.wait(TIMEOUT)

    async with followed(database) as seen:
        before = await database.read(newest_position)
        writing = asyncio.create_task(database.write(slow))
        assert await asyncio.to_thread(numbered.wait, TIMEOUT)
        await database.write(note, second, 2)
        held = await database.read(newest_position), await database.read(log_after, EventFilter(), before)
        given = await database.read(is_in_log, before + 3)
        await asyncio.sleep(4 * PAUSE_AFTER_LOOK)
        assert seen == []
        may_commit.set()
        await writing
        whole = await database.read(log_after, EventFilter(), before)

    assert (held[0], held[1].entries, held[1].reached) == (before, [], before)
    assert given
    assert numbers(seen) == numbers(whole.entries) == {first: [2, 3], second: [2]}
    assert [entry.event.code for entry in whole.entries] == [first, first, second]


async def test_what_is_rolled_back_has_no_place_in_the_log(database: Database, accept_job: AcceptJob) -> None:
    code = await accept_job()

    def failing(session: Session) -> None:
        note(session, code, 2)
        raise LookupError

    async with followed(database) as seen:
        with pytest.raises(LookupError):
            await database.write(failing)
        await database.write(note, code, 2)

    assert numbers(seen) == {code: [2]}


async def test_positions_that_a_restore_has_not_given_are_given_later(
    database: Database, accept_job: AcceptJob, database_kind: str, tmp_path: Path
) -> None:
    if database_kind == "sqlite":
        pytest.skip("Its positions are the ids.")
    codes = [await accept_job() for _ in range(3)]

    def forget(session: Session) -> None:
        session.exec(update(JobEventRow).values(position=None))

    await database.write(forget)
    assert not (await database.read(log_after, EventFilter(), 0)).entries

    await prepared_database(database_url(tmp_path))

    found = (await database.read(log_after, EventFilter(), 0)).entries
    assert [entry.event.code for entry in found] == codes
    assert found[-1].position == await database.read(newest_position)


async def test_events_are_numbered_on_postgresql_only(database: Database, accept_job: AcceptJob) -> None:
    await accept_job()

    def positions(session: Session) -> list[int | None]:
        return list(session.exec(select(col(JobEventRow.position))))

    found = await database.read(positions)
    assert found == ([None] if await database.read(is_sqlite) else [1])


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
