"""What positions that are given at commit cost on PostgreSQL, what they save, and what NOTIFY does to commits."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

import psycopg
from sqlalchemy import make_url

from aijobs.persistence.database.postgresql_hints import CHANNEL, PAUSE
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.jobs.event_log import MAX_POSITION
from bench.report import Aim, Report, milliseconds
from tests.persistence.database.postgresql_server import SAFE, PostgresqlServer, postgresql_server

WRITERS: Final = 50
SECONDS: Final = 8.0
QUICK_SECONDS: Final = 1.5
LOOK_EVERY: Final = 0.02
LONGEST_PAUSE: Final = 0.005  #: of a writer between insert and commit
STOPPED_EVERY: Final = 20
STOPPED_FOR: Final = 0.2

NEW_JOB: Final = """
INSERT INTO job (status, del, sort, create_time, update_time, version, code, user_id, channel, platform, model,
    model_id, model_name, model_version, asyn, output_count, create_date, job_status, overall_progress, event_seq,
    points, metadata, params)
VALUES (1, false, 0, now(), now(), 1, %s, 'ada', '', '', '', '', '', '', true, 1, current_date, 0, 0, 0, 0, '{}', '{}')
"""
LOCK_JOB: Final = "UPDATE job SET event_seq = event_seq + 1 WHERE code = %s RETURNING event_seq"
NEW_EVENT: Final = """
INSERT INTO job_event (job_code, user_id, seq, at, kind, job_status, overall_progress, detail)
VALUES (%s, 'ada', %s, now(), 'note', 0, 0, '{}')
"""
NOTIFY: Final = f"NOTIFY {CHANNEL}"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How the log is written and read."""

    name: str
    order: str  #: the column that orders it
    notifies: bool = False  #: in each transaction
    hints: bool = False  #: one process's, from a connection of its own


VARIANTS: Final = (
    Variant(name="ids, without a lock", order="id"),
    Variant(name="positions at commit", order="position"),
    Variant(name="… and hints, one per 20 ms", order="position", hints=True),
    Variant(name="… and NOTIFY in each transaction", order="position", notifies=True),
)


@dataclass
class Figures:
    """What one variant did. Lags are from the answer to a commit to the tail's reading of its event, in seconds."""

    committed: dict[tuple[str, int], float] = field(default_factory=dict)
    seen: dict[tuple[str, int], float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.committed) / self.seconds

    @property
    def missed(self) -> int:
        return len(self.committed.keys() - self.seen.keys())

    @property
    def lags(self) -> list[float]:
        return [max(self.seen[event] - self.committed[event], 0) for event in self.committed.keys() & self.seen.keys()]


async def measure(*, quick: bool) -> Report:
    found = {}
    with postgresql_server(options=SAFE) as server:
        for held in (True, False):
            for number, variant in enumerate(VARIANTS):
                database = f"bench_{number}_{held}"
                await asyncio.to_thread(upgrade_postgresql, make_url(server.url(database)))
                seconds = QUICK_SECONDS if quick else SECONDS
                found[held, variant] = await _run(server, database, variant, held=held, seconds=seconds)
    return _report(found)


async def _run(server: PostgresqlServer, database: str, variant: Variant, *, held: bool, seconds: float) -> Figures:
    figures, over, hint = Figures(), asyncio.Event(), asyncio.Event()
    url = server.url(database)
    async with _connected(url, WRITERS) as connections, _connected(url, 2) as (reader, hinter):
        for number, connection in enumerate(connections):
            await connection.execute(NEW_JOB, [f"job_{number}"])
            await connection.commit()
        if variant.order == "id":
            await reader.execute("ALTER TABLE job_event DISABLE TRIGGER job_event_number")
            await reader.commit()
        await reader.set_autocommit(True)
        await hinter.set_autocommit(True)
        following = asyncio.create_task(_follow(reader, variant.order, figures, over))
        hinting = asyncio.create_task(_hint(hinter, hint)) if variant.hints else None
        ends_at = (begun := time.monotonic()) + seconds
        writers = (
            _write(connection, f"job_{number}", variant, figures, hint, held=held, ends_at=ends_at)
            for number, connection in enumerate(connections)
        )
        await asyncio.gather(*writers)
        figures.seconds = time.monotonic() - begun
        over.set()
        await following
        if hinting is not None:
            hinting.cancel()
    return figures


@asynccontextmanager
async def _connected(url: str, count: int) -> "AsyncIterator[list[psycopg.AsyncConnection]]":
    async with AsyncExitStack() as stack:
        opened = [await psycopg.AsyncConnection.connect(url) for _ in range(count)]
        for connection in opened:
            await stack.enter_async_context(connection)
        yield opened


async def _write(
    connection: psycopg.AsyncConnection,
    code: str,
    variant: Variant,
    figures: Figures,
    hint: asyncio.Event,
    *,
    held: bool,
    ends_at: float,
) -> None:
    written = 0
    while time.monotonic() < ends_at:
        written += 1
        cursor = await connection.execute(LOCK_JOB, [code])
        row = await cursor.fetchone()
        assert row is not None, "the job is there"
        await connection.execute(NEW_EVENT, [code, row[0]])
        if variant.notifies:
            await connection.execute(NOTIFY)
        if held:
            await asyncio.sleep(STOPPED_FOR if written % STOPPED_EVERY == 0 else random.uniform(0, LONGEST_PAUSE))
        await connection.commit()
        figures.committed[code, row[0]] = time.monotonic()
        hint.set()


async def _hint(connection: psycopg.AsyncConnection, hint: asyncio.Event) -> None:
    await connection.execute("SET synchronous_commit = off")
    while True:
        await hint.wait()
        hint.clear()
        await connection.execute(NOTIFY)
        await asyncio.sleep(PAUSE.total_seconds())


async def _follow(connection: psycopg.AsyncConnection, order: str, figures: Figures, over: asyncio.Event) -> None:
    columns = f"SELECT {order}, job_code, seq FROM job_event"  # noqa: S608
    query = f"{columns} WHERE {order} > %s AND {order} <= %s ORDER BY {order} LIMIT 5000"
    last, horizon, is_over = 0, MAX_POSITION, False
    while not is_over:
        is_over = over.is_set()
        if order == "position":
            found = await (await connection.execute("SELECT job_event_horizon()")).fetchone()
            assert found is not None, "a function has one value"
            horizon = found[0]
        cursor = await connection.execute(query.encode(), [last, horizon])
        for position, code, seq in await cursor.fetchall():
            figures.seen[code, seq], last = time.monotonic(), position
        await asyncio.sleep(LOOK_EVERY)


def _report(found: dict[tuple[bool, Variant], Figures]) -> Report:
    _, chosen, hinted, notified = VARIANTS
    return Report(
        title=f"The log of all events on PostgreSQL, with {WRITERS} writers",
        how=f"Each locks its job, inserts an event and commits; a tail looks every {LOOK_EVERY * 1000:.0f} ms. Held: "
        f"they wait up to {LONGEST_PAUSE * 1000:.0f} ms before the commit, and one time in {STOPPED_EVERY} "
        f"{STOPPED_FOR * 1000:.0f} ms. Lag: from a commit's answer to the tail. fsync is on.",
        columns=("", "missed, held", "tx/s, held", "lag p50 / p99, held", "missed", "tx/s", "lag p50 / p99"),
        rows=[
            (variant.name, *(cell for held in (True, False) for cell in _cells(found[held, variant])))
            for variant in VARIANTS
        ],
        aims=[
            Aim("positions lose nothing", not any(found[held, chosen].missed for held in (True, False))),
            Aim(
                "hints cost less than NOTIFY in each transaction",
                found[False, hinted].rate > found[False, notified].rate,
            ),
        ],
        notes=["Writers, tail and server share the cores: the writers' Python is most of the load."],
    )


def _cells(figures: Figures) -> Iterator[str]:
    yield f"{figures.missed} of {len(figures.committed)}"
    yield f"{figures.rate:,.0f}"
    cuts = quantiles(figures.lags, n=100, method="inclusive")
    yield f"{milliseconds(cuts[49])} / {milliseconds(cuts[98])}"
