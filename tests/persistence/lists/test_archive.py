"""What is looked up among many jobs takes no more work than among few: indexes have it in its order, on both databases.

Work is counted, not timed: the instructions of SQLite's machine, and the rows that PostgreSQL's plans went through.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import pytest
from psycopg import sql
from sqlalchemy import Connection, event
from sqlmodel import Session

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import BAD_ENDS, JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.jobs import event_log, search, statistics
from aijobs.persistence.jobs.event_log import EventFilter, log_after
from aijobs.persistence.jobs.search import JobFilter, count_jobs, count_newer, jobs_page
from aijobs.persistence.jobs.throughput import throughput
from aijobs.persistence.points.ledger import entries_page
from bench.scale.archive_requests import Contents, contents
from bench.scale.archive_rows import LARGEST_USER, RARE_MODEL, fill
from tests.databases import POSTGRESQL, Databases

FEW: Final = 600
MANY: Final = 3_600
SEARCHED: Final = 20
MOST_GROWTH: Final = 2.0
"""An index with another level, and a page that is full only among many."""

LARGE: Final = frozenset({"job", "job_event", "submission", "output", "points_entry", "points_day"})

Look = Callable[[Session, Contents], object]


@dataclass(frozen=True)
class Archive:
    """A database with so many jobs, and what is in it."""

    kind: str
    url: str
    known: Contents


def jobs(**fields: Any) -> Look:
    """A page of the list."""
    return lambda session, _: jobs_page(session, JobFilter(**fields), limit=20)


def jobs_behind(**fields: Any) -> Look:
    """A page from the middle."""
    return lambda session, known: jobs_page(session, JobFilter(cursor=_middle(known), **fields), limit=20)


def log(**fields: Any) -> Look:
    """A page of the log of events."""
    return lambda session, known: log_after(session, EventFilter(**fields), known.newest_position // 2, at_most=20)


def _middle(known: Contents) -> str:
    return sorted(known.codes)[len(known.codes) // 2]


def _newer(session: Session, known: Contents) -> int:
    criteria = JobFilter(statuses=frozenset(BAD_ENDS), model_id=RARE_MODEL)
    return count_newer(session, criteria, _middle(known), at_most=20)


def _by_time(session: Session, _: Contents) -> object:
    until = now() - timedelta(days=10)
    criteria = JobFilter(created_after=until - timedelta(days=1), created_before=until)
    return jobs_page(session, criteria, limit=10), jobs_page(
        session, replace(criteria, statuses=frozenset({JobStatus.FAILED})), limit=10
    )


FAILED: Final = frozenset({JobStatus.FAILED})
LOOKS: Final[Mapping[str, Look]] = {
    "the newest jobs": jobs(),
    "jobs behind one": jobs_behind(),
    "of a user": jobs(user_id=LARGEST_USER),
    "of a user, in a status": jobs(user_id=LARGEST_USER, statuses=frozenset({JobStatus.SUCCESS})),
    "of a user, that failed": jobs(user_id=LARGEST_USER, statuses=FAILED),
    "of a user and a rare model": jobs(user_id=LARGEST_USER, model_id=RARE_MODEL),
    "of a user and a model, that ended badly": jobs(
        user_id=LARGEST_USER, model_id=RARE_MODEL, statuses=frozenset(BAD_ENDS)
    ),
    "in a status": jobs_behind(statuses=frozenset({JobStatus.SUCCESS})),
    "in a status that no job has": jobs(statuses=frozenset({JobStatus.QUEUED})),
    "in several statuses": jobs(statuses=frozenset({JobStatus.SUCCESS, JobStatus.FAILED})),
    "of a model": jobs_behind(model_id="ttapi_midjourney_v7"),
    "of an unknown model": jobs(model_id="no such model"),
    "of a rare model, in a status": jobs(model_id=RARE_MODEL, statuses=FAILED),
    "of some days ago": _by_time,
    "newer ones": _newer,
    "by the beginning of the code": lambda session, known: jobs_page(
        session, JobFilter(text=_middle(known)[:16]), limit=10
    ),
    "by a beginning that no code has": jobs(text="job_zz"),
    "by the provider's id": lambda session, known: jobs_page(session, JobFilter(text=known.provider_ids[0]), limit=10),
    "by metadata that nothing has": jobs(text="nowhere"),
    "by metadata of a user's": jobs(text="nowhere", user_id=LARGEST_USER),
    "by the end of a code": lambda session, known: jobs_page(session, JobFilter(text=_middle(known)[-8:]), limit=10),
    "by a word, of a model in a status": jobs(text="nowhere", model_id="ttapi_midjourney_v7", statuses=FAILED),
    "by an error that no job has": jobs(error="no_such_error"),
    "by an error, of a user and a model": jobs(error="provider_rejected", user_id=LARGEST_USER, model_id=RARE_MODEL),
    "by a value of the metadata": jobs(metadata={"order": "nowhere"}),
    "by the provider's id alone": lambda session, known: jobs_page(
        session, JobFilter(out_id=known.provider_ids[0], user_id=LARGEST_USER), limit=10
    ),
    "the oldest jobs": jobs_behind(oldest_first=True),
    "the oldest of a user, in a status": jobs(user_id=LARGEST_USER, statuses=FAILED, oldest_first=True),
    "how many there are": lambda session, _: count_jobs(session, JobFilter()),
    "how many a user has": lambda session, _: count_jobs(session, JobFilter(user_id=LARGEST_USER)),
    "how many of a model failed": lambda session, _: count_jobs(
        session, JobFilter(model_id="ttapi_midjourney_v7", statuses=FAILED)
    ),
    "how many have a value in their metadata": lambda session, _: count_jobs(
        session, JobFilter(metadata={"order": "nowhere"})
    ),
    "the ledger": lambda session, known: entries_page(session, user_id=None, before=known.newest_entry // 2, limit=20),
    "a user's ledger": lambda session, _: entries_page(session, user_id=LARGEST_USER, before=None, limit=20),
    "the log": log(),
    "a user's log": log(user_id=LARGEST_USER),
    "the log of a kind": log(kinds=frozenset({EventKind.NOTE})),
    "the log of a status": log(statuses=FAILED),
    "a user's log of a model": log(user_id=LARGEST_USER, model_ids=frozenset({RARE_MODEL})),
}


@pytest.fixture(scope="module")
def few_and_many(
    database_kind: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Archive, Archive]]:
    folder = tmp_path_factory.mktemp("archives")
    few, many = (
        Archive(database_kind, url, asyncio.run(filled(url, size)))
        for size in (FEW, MANY)
        for url in [databases.url(folder / str(size), database_kind)]
    )
    if database_kind == POSTGRESQL:
        for archive in (few, many):
            databases.server.execute(sql.SQL("VACUUM ANALYZE"), archive.url.rpartition("/")[2])
    yield few, many
    databases.drop_below(folder)


async def filled(url: str, size: int) -> Contents:
    async with opened_database(url) as database:
        await fill(database, url, size)
        return await database.read(contents, size)


@pytest.mark.parametrize("name", LOOKS)
async def test_it_takes_no_more_work_among_many_jobs(
    few_and_many: tuple[Archive, Archive], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (search, event_log):
        monkeypatch.setattr(module, "SEARCHED_AT_ONCE", SEARCHED)
    monkeypatch.setattr(search, "MAX_COUNTED", SEARCHED)

    among_few, among_many = [await work_of(archive, LOOKS[name]) for archive in few_and_many]

    assert among_many <= MOST_GROWTH * max(among_few, LEAST_WORK[few_and_many[0].kind])


#: A page of twenty, whatever it is of.
LEAST_WORK: Final = {"sqlite": 2_000, POSTGRESQL: 500}


async def work_of(archive: Archive, look: Look) -> int:
    async with opened_database(archive.url) as database:
        return await (rows_read if archive.kind == POSTGRESQL else instructions)(database, archive.known, look)


async def instructions(database: Database, known: Contents, look: Look) -> int:
    """Hundreds of instructions that SQLite's machine has executed."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 100

    def work(session: Session) -> None:
        connection: Any = session.connection().connection.dbapi_connection
        look(session, known)  # its statements are compiled once
        connection.set_progress_handler(count, 100)
        try:
            look(session, known)
        finally:
            connection.set_progress_handler(None, 0)

    await database.read(work)
    return counted


async def rows_read(database: Database, known: Contents, look: Look) -> int:
    """Rows that PostgreSQL went through in tables and indexes. It reads whole tables only where it cannot do else."""

    def work(session: Session) -> int:
        connection = session.connection()
        connection.exec_driver_sql("SET enable_seqscan = off")
        statements = recorded(connection, lambda: look(session, known))
        plans = [explained(connection, *statement) for statement in statements]
        assert not any(node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE for node in _nodes(plans))
        return sum(_rows(node) for node in _nodes(plans) if "Scan" in node["Node Type"])

    return await database.read(work)


def recorded(connection: Connection, run: Callable[[], object]) -> list[tuple[str, Any]]:
    """The statements that are executed meanwhile, with their parameters."""
    statements = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", record)
    try:
        run()
    finally:
        event.remove(connection, "before_cursor_execute", record)
    return statements


def explained(connection: Connection, statement: str, parameters: Any) -> dict[str, Any]:
    answer = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    plan: dict[str, Any] = answer[0]["Plan"]
    return plan


def _nodes(plans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for plan in plans:
        yield plan
        yield from _nodes(plan.get("Plans", []))


def _rows(node: dict[str, Any]) -> int:
    """What it found, and what it found in vain."""
    in_vain: int = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    found: float = node["Actual Rows"]  # a mean
    return round((found + in_vain) * int(node["Actual Loops"]))


async def test_a_day_is_counted_from_indexes(few_and_many: tuple[Archive, Archive]) -> None:
    """The overview's figures, in an archive of thirty days: among many jobs they are of a thirtieth."""
    until, since = now(), now() - timedelta(days=1)
    looks: Mapping[str, Look] = {
        "in flight": lambda session, _: statistics.in_flight(session, user_id=None),
        "hours": lambda session, _: throughput(session, until=until, count=24, user_id=None),
        "hours of a user": lambda session, _: throughput(session, until=until, count=24, user_id=LARGEST_USER),
        "failures": lambda session, _: statistics.failures(session, since=since, user_id=None),
        "held": lambda session, _: statistics.held_jobs(session, user_id=None, at_most=50),
        "held of a user": lambda session, _: statistics.held_jobs(session, user_id=LARGEST_USER, at_most=50),
        "throttled": lambda session, _: statistics.throttled(session, since=since),
        "spenders": lambda session, _: statistics.spenders(session, until.date(), user_id=None, at_most=20),
    }
    many = few_and_many[1]

    work = {name: await work_of(many, look) for name, look in looks.items()}

    whole = {"sqlite": 10 * MANY, POSTGRESQL: MANY / 3}[many.kind]
    assert {name: amount for name, amount in work.items() if amount > whole} == {}
