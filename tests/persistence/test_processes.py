"""Processes tell the database that they live, on both databases, whatever their clocks say."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.processes import (
    ALIVE_FOR,
    MAX_CLOCK_DIFFERENCE,
    REMEMBERED_FOR,
    ProcessRole,
    ProcessState,
    known_processes,
    mark_stopped,
    registered,
    see,
    unserved,
)
from tests.patience import PATIENCE


def process_row(process_id: str, *queues: str, role: ProcessRole = ProcessRole.WORKER) -> dict[str, Any]:
    return {
        "id": process_id,
        "role": role,
        "host": f"host-of-{process_id}",
        "pid": 7,
        "version": "1.2",
        "queues": list(queues),
        "started_at": now(),
    }


def grow_old(session: Session, process_id: str, seconds: float) -> None:
    statement = text("UPDATE process SET seen_at = seen_at - :seconds, clock = clock - :seconds WHERE id = :id")
    connection_of(session).execute(statement, {"seconds": seconds, "id": process_id})


async def seen(database: Database) -> dict[str, ProcessState]:
    return {process.host: process for process in await database.read(known_processes)}


async def test_a_process_lives_while_its_block_runs(database: Database) -> None:
    async with registered(database, ProcessRole.WORKER, queues=["a", "b"], build="7"):
        async with asyncio.timeout(PATIENCE):
            while not (known := await database.read(known_processes)):
                await asyncio.sleep(0.01)
    (after,) = await database.read(known_processes)

    assert [(one.role, one.version, one.queues, one.is_alive) for one in known] == [
        (ProcessRole.WORKER, "7", ("a", "b"), True)
    ]
    assert (after.is_alive, after.has_stopped, after.is_lost) == (False, True, False)


async def test_a_process_that_is_not_seen_any_more_is_lost_and_its_queues_are_unserved(database: Database) -> None:
    for name, queues in (("dead", ("a", "b")), ("alive", ("b",))):
        await database.write(see, process_row(name, *queues))
    await database.write(grow_old, "dead", ALIVE_FOR.total_seconds() + 1)

    states = await seen(database)
    assert (states["host-of-dead"].is_lost, states["host-of-alive"].is_alive) == (True, True)
    assert {queue: one.host for queue, one in unserved([*states.values()]).items()} == {"a": "host-of-dead"}

    await database.write(see, process_row("dead", "a", "b"))
    assert unserved([*(await seen(database)).values()]) == {}


async def test_of_a_queue_without_workers_the_last_one_is_named(database: Database) -> None:
    for name, ago in (("first", 300.0), ("last", 100.0)):
        await database.write(see, process_row(name, "a"))
        await database.write(grow_old, name, ago)
    await database.write(mark_stopped, "last")

    (process,) = unserved(await database.read(known_processes)).values()
    assert (process.host, process.has_stopped) == ("host-of-last", True)


async def test_a_host_whose_clock_is_wrong_is_alive_and_found(database: Database) -> None:
    await database.write(see, process_row("ahead", "a"), clock=lambda: time.time() + 60)
    await database.write(see, process_row("right", "a"))

    states = await seen(database)
    assert states["host-of-ahead"].is_alive
    assert abs(states["host-of-ahead"].clock_ahead - timedelta(minutes=1)) < MAX_CLOCK_DIFFERENCE
    assert (states["host-of-ahead"].has_wrong_clock, states["host-of-right"].has_wrong_clock) == (True, False)


async def test_what_has_long_gone_is_forgotten(database: Database) -> None:
    await database.write(see, process_row("old", "a"))
    await database.write(grow_old, "old", REMEMBERED_FOR.total_seconds() + 1)
    await database.write(see, process_row("new"))

    def ids(session: Session) -> list[str]:
        return [one for (one,) in connection_of(session).execute(text("SELECT id FROM process"))]

    assert await database.read(ids) == ["new"]
