"""Fills a database with finished jobs: some real ones, taken through the gate, and many copies of them.

A copy has its own code, user, model and time in all of the job's rows, and the same sizes. Copies are made in the
order of their times, by the database itself.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Date, Engine, create_engine, make_url, text
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobBrief, JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.ids import CROCKFORD, first_code_since
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobEventRow, JobRow, OutputRow, PointsEntryRow, SubmissionRow
from aijobs.settings import SHIPPED_CATALOGUE
from bench.rig.happy_job import HappyJobs
from bench.rig.workspace import POINTS_ENOUGH

DAYS: Final = 30
USERS: Final = 10_000
LARGEST_USER: Final = "acme"
LARGEST_SHARE: Final = 0.1
RARE_MODEL: Final = "photoReview_analysis_v1"

#: Models, and how many of a thousand jobs are theirs.
MODELS: Final = {
    "replicate_imageupscale_v1": 700,
    "ttapi_midjourney_v7": 199,
    "document_extract_v1": 100,
    RARE_MODEL: 1,
}

#: How jobs end, and how many of a thousand do so. A `HELD` one waits for a decision about its points.
SUCCEEDED, FAILED, TIMED_OUT, CANCELED, HELD = "succeeded", "failed", "timed out", "canceled", "held"
ENDS: Final = {SUCCEEDED: 960.0, FAILED: 20.0, TIMED_OUT: 9.5, CANCELED: 10.0, HELD: 0.5}

#: Rows are inserted in this order, and deleted in the other.
TABLES: Final[Sequence[type[SQLModel]]] = (JobRow, JobEventRow, SubmissionRow, OutputRow, PointsEntryRow)
COPIED_AT_ONCE: Final = 20_000

#: In the metadata of the originals; each copy has its number there.
ORDER: Final = "order-0"
ANSWER: Final = {
    "id": "",
    "model": "topazlabs/image-upscale",
    "version": "hidden",
    "status": "succeeded",
    "logs": "Enhancing 1024x768 to 4096x3072 with Standard V2 …\n" * 6,
    "metrics": {"predict_time": 11.42, "total_time": 12.93},
    "urls": {"get": "https://api.example.com/v1/predictions/", "cancel": "https://api.example.com/v1/predictions/"},
}

#: Texts that name the job or its submission. JSON may as well.
NAMING: Final = frozenset({"out_id", "ref_id", "key", "original_url"})

NEW_PLAN: Final = """
CREATE TABLE bench_copy (n integer PRIMARY KEY, original text, its_token text, code text, token text, user_id text,
    model_id text, day date, later double precision)
"""
PLANNED: Final = text(
    "INSERT INTO bench_copy VALUES (:n, :original, :its_token, :code, :token, :user_id, :model_id, :day, :later)"
)
DAYS_OF_POINTS: Final = text("""
INSERT INTO points_day (user_id, day, used, held, daily_limit)
SELECT user_id, day, sum(CASE kind WHEN 'reserve' THEN points WHEN 'refund' THEN -points ELSE 0 END),
    sum(CASE kind WHEN 'hold' THEN points ELSE 0 END), :daily_limit
FROM points_entry GROUP BY user_id, day
""")


@dataclass(frozen=True)
class Original:
    """A real job: its code, the token of its submission, and when it was accepted."""

    code: str
    token: str
    accepted_at: datetime


async def fill(database: Database, url: str, jobs: int) -> None:
    """Put so many finished jobs of the last DAYS days into an empty database, which nobody else may use meanwhile."""
    originals = {end: await _original(database, end) for end in ENDS}
    engine = _unchecked(url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(NEW_PLAN)
        for first in range(0, jobs, COPIED_AT_ONCE):
            copies = range(first, min(first + COPIED_AT_ONCE, jobs))
            with engine.begin() as connection:
                connection.execute(PLANNED, list(_planned(copies, jobs, originals)))
                for table in TABLES:
                    connection.exec_driver_sql(_copying(connection, table, copies))
        with engine.begin() as connection:
            _drop_originals(connection, originals)
    finally:
        engine.dispose()


def _unchecked(url: str) -> Engine:
    """Without foreign keys: what is copied is whole. SQLite does not write a journal meanwhile."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA cache_size = -500000")
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
        return engine
    options = "-c session_replication_role=replica -c synchronous_commit=off -c TimeZone=UTC"
    return create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args={"options": options})


async def _original(database: Database, end: str) -> Original:
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))
    jobs, records = HappyJobs(database), DatabaseRecords(database, catalogue)
    brief = await jobs.accept()
    if end == SUCCEEDED:
        await jobs.run(brief)
    else:
        await _end_badly(records, brief, end)

    def work(session: Session) -> Original:
        row = session.exec(select(JobRow).where(col(JobRow.code) == brief.code)).one()
        row.extra = {"album": "holidays", "order": ORDER}
        if end == SUCCEEDED:
            row.resp_json = ANSWER | {"id": row.out_id, "input": row.params}
        token = session.exec(select(SubmissionRow.token).where(col(SubmissionRow.job_code) == brief.code)).one_or_none()
        return Original(brief.code, token or "no token", row.create_time)

    return await database.write(work)


async def _end_badly(records: DatabaseRecords, brief: JobBrief, end: str) -> None:
    status = {FAILED: JobStatus.FAILED, CANCELED: JobStatus.CANCELED}.get(end, JobStatus.TIMEOUT)
    error = JobError(code=f"bench_{status.name.lower()}", message="It was not meant to be.", stage=Stage.PROCESSING)
    for step in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING):
        await records.gate.advance(brief.code, step)
    await records.gate.advance(brief.code, status, error=error, provider_may_charge=end == HELD)


def _planned(copies: range, jobs: int, originals: dict[str, Original]) -> Iterator[dict[str, Any]]:
    """What sets each copy apart. `later` is in seconds, from its original."""
    chance, ends_at = random.Random(copies.start), now()
    ends = chance.choices(list(ENDS), list(ENDS.values()), k=len(copies))
    models = chance.choices(list(MODELS), list(MODELS.values()), k=len(copies))
    for n, end, model in zip(copies, ends, models, strict=True):
        original, at = originals[end], ends_at - timedelta(days=DAYS) * ((jobs - n) / jobs)
        code = first_code_since(at)[:14] + "".join(chance.choices(CROCKFORD, k=16))
        yield {
            "n": n,
            "original": original.code,
            "its_token": original.token,
            "code": code,
            "token": f"{original.token[:-12]}{n:012}",
            "user_id": _user(chance),
            "model_id": model,
            "day": f"{at:%Y-%m-%d}",
            "later": (at - original.accepted_at).total_seconds(),
        }


def _user(chance: random.Random) -> str:
    """One has a tenth of all jobs; of the others, some have many and most have few."""
    return LARGEST_USER if chance.random() < LARGEST_SHARE else f"user{int(USERS * chance.random() ** 2)}"


def _copying(connection: Connection, table: type[SQLModel], copies: range) -> str:
    """The statement that copies the rows of a table."""
    is_sqlite = connection.dialect.name == "sqlite"
    columns: Sequence[Column[Any]] = [one for one in table.__table__.columns if one.name != "id"]  # type: ignore[attr-defined]
    names = ", ".join(f'"{one.name}"' for one in columns)
    values = ", ".join(_value(one, is_sqlite=is_sqlite) for one in columns)
    job_code = "code" if table is JobRow else "job_code"
    return (
        f"INSERT INTO {table.__tablename__} ({names}) SELECT {values} "  # noqa: S608 - names of ours
        f"FROM bench_copy AS c JOIN {table.__tablename__} AS o ON o.{job_code} = c.original "
        f"WHERE c.n >= {copies.start} AND c.n < {copies.stop} ORDER BY c.n, o.id"
    )


def _value(column: Column[Any], *, is_sqlite: bool) -> str:
    """A column of a copy, from `c`, what sets it apart, and `o`, the original's row."""
    its = f'o."{column.name}"'
    if column.name in {"code", "job_code"}:
        return "c.code"
    if column.name in {"user_id", "model_id", "token"}:
        return f"c.{column.name}"
    if column.name == "position":
        return "NULL" if is_sqlite else "nextval('job_event_position')"
    if isinstance(column.type, Date):
        return "c.day"
    if isinstance(column.type, UTCDateTime):
        moved = f"strftime('%Y-%m-%d %H:%M:%f', {its}, c.later || ' seconds') || '000'"
        return moved if is_sqlite else f"{its} + c.later * interval '1 second'"
    if isinstance(column.type, JSON) or column.name in NAMING:
        named = f"replace(replace(CAST({its} AS text), c.original, c.code), c.its_token, c.token)"
        if column.name == "metadata":
            named = f"replace({named}, '{ORDER}', 'order-' || c.n)"
        return f"CAST({named} AS json)" if isinstance(column.type, JSON) and not is_sqlite else named
    return its


def _drop_originals(connection: Connection, originals: dict[str, Original]) -> None:
    """Their rows come before all others, although they are younger."""
    codes = ", ".join(f"'{original.code}'" for original in originals.values())
    for table in reversed(TABLES):
        job_code = "code" if table is JobRow else "job_code"
        connection.exec_driver_sql(f"DELETE FROM {table.__tablename__} WHERE {job_code} IN ({codes})")  # noqa: S608
    connection.exec_driver_sql("DELETE FROM points_day")
    connection.execute(DAYS_OF_POINTS, {"daily_limit": POINTS_ENOUGH})
    connection.exec_driver_sql("DROP TABLE bench_copy")
