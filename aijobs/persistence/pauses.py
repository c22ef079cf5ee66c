"""Pauses in the database: begun, ended, and found in the transaction that is about to send a job.

A pause holds for every intent whose transaction begins after it was committed. One that is being written at that moment
may still leave.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, text
from sqlalchemy import delete as delete_rows
from sqlalchemy import select as select_columns
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from aijobs.domain.errors import AlreadyPaused, DatabaseUnavailable, NotFound
from aijobs.domain.jobs.waiting import PausedThing
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of, lock_name
from aijobs.persistence.tables.locked_jobs import JOBS
from aijobs.persistence.tables.pauses import HeldJobRow, PauseRow

LOOK_EVERY: Final = timedelta(milliseconds=500)
AT_ONCE: Final = 25
"""Jobs that one process tells at each look that their pause has ended: fifty a second, and not all at once."""

MOST_ENDED: Final = 100  #: of the ended ones, so many are listed

PAUSES: Final = PauseRow.metadata.tables["pause"]
HELD: Final = HeldJobRow.metadata.tables["held_job"]


def _is(kind: PausedThing, name: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(PAUSES.c.kind == kind, PAUSES.c.name == name)


#: The pause that holds a job back, to be put into a query of the job's row; with `of_provider` and `of_credential`.
HELD_BY: Final = (
    select_columns(PAUSES.c.code)
    .where(
        PAUSES.c.ended_at.is_(None),
        or_(
            _is(PausedThing.PROVIDER, bindparam("of_provider")),
            _is(PausedThing.CREDENTIAL, bindparam("of_credential")),
            _is(PausedThing.MODEL, JOBS.c.model_id),
            _is(PausedThing.USER, JOBS.c.user_id),
        ),
    )
    .order_by(PAUSES.c.id)
    .limit(1)
    .correlate(JOBS)
    .scalar_subquery()
)
#: Whether anything at all is paused.
ANY_PAUSE: Final = select_columns(exists().where(PAUSES.c.ended_at.is_(None))).scalar_subquery()
_HELD_BY: Final = select_columns(HELD_BY).where(JOBS.c.code == bindparam("of_job"))

#: In SQL that SQLite and PostgreSQL share.
_HOLD: Final = text(
    "INSERT INTO held_job (job_code, pause_code) VALUES (:job_code, :pause_code) "
    "ON CONFLICT (job_code) DO UPDATE SET pause_code = excluded.pause_code"
)
_RELEASED: Final = (
    select_columns(HELD.c.job_code)
    .join(PAUSES, PAUSES.c.code == HELD.c.pause_code)
    .where(PAUSES.c.ended_at.is_not(None))
    .order_by(PAUSES.c.id, HELD.c.job_code)
)
_FORGET: Final = delete_rows(HELD).where(HELD.c.job_code.in_(bindparam("codes", expanding=True)))

log = structlog.get_logger()


def begin_pause(session: Session, kind: PausedThing, name: str, *, reason: str, by: str) -> PauseRow:
    """Raises AlreadyPaused."""
    lock_name(session, f"pause {kind} {name}")
    running = col(PauseRow.kind) == kind, col(PauseRow.name) == name, col(PauseRow.ended_at).is_(None)
    if session.exec(select(PauseRow).where(*running)).first() is not None:
        raise AlreadyPaused(f"The {kind} {name} is paused already.")
    row = PauseRow(code=new_id("pause"), kind=kind, name=name, reason=reason, create_by=by)
    session.add(row)
    session.flush()
    record(session, Act(kind=ActKind.PAUSE_BEGUN, target=row.code, user_id=_user_of(row), after=_told(row)))
    return row


def end_pause(session: Session, code: str, *, by: str) -> PauseRow:
    """A second call changes nothing. Raises NotFound."""
    row = session.exec(select(PauseRow).where(col(PauseRow.code) == code).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("There is no such pause.")
    if row.ended_at is None:
        row.ended_at, row.ended_by = now(), by
        record(session, Act(kind=ActKind.PAUSE_ENDED, target=code, user_id=_user_of(row), before=_told(row)))
    return row


def _told(row: PauseRow) -> dict[str, str]:
    return {row.kind: row.name, "reason": row.reason}


def _user_of(row: PauseRow) -> str | None:
    return row.name if row.kind == PausedThing.USER else None


def running_pauses(session: Session) -> list[PauseRow]:
    """In the order in which they were begun."""
    return list(session.exec(select(PauseRow).where(col(PauseRow.ended_at).is_(None)).order_by(col(PauseRow.id))))


def paused_credentials(session: Session) -> set[str]:
    return {pause.name for pause in running_pauses(session) if pause.kind == PausedThing.CREDENTIAL}


def ended_pauses(session: Session) -> list[PauseRow]:
    """The last ones, newest first."""
    ended = select(PauseRow).where(col(PauseRow.ended_at).is_not(None)).order_by(col(PauseRow.id).desc())
    return list(session.exec(ended.limit(MOST_ENDED)))


def held_counts(session: Session) -> dict[str, int]:
    """How many jobs each pause has held back so far, by its code; those that have ended since are among them."""
    counted = select_columns(HELD.c.pause_code, func.count()).group_by(HELD.c.pause_code)
    return {str(code): int(count) for code, count in connection_of(session).execute(counted)}


def pause_of(session: Session, code: str) -> PauseRow:
    return session.exec(select(PauseRow).where(col(PauseRow.code) == code)).one()


def pause_that_holds(session: Session, job_code: str, *, provider: str) -> PauseRow | None:
    """The pause that holds a job back now; None when nothing does."""
    of = {"of_job": job_code, "of_provider": provider, "of_credential": provider}
    code = connection_of(session).execute(_HELD_BY, of).scalar_one_or_none()
    return None if code is None else pause_of(session, code)


def hold_back(session: Session, job_code: str, pause: PauseRow) -> None:
    """Note that the job is to be told when this pause ends."""
    connection_of(session).execute(_HOLD, {"job_code": job_code, "pause_code": pause.code})


class DatabaseReleases:
    """Implements Releases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def released(self) -> AsyncIterator[list[str]]:
        while True:
            try:
                if await self._database.read(_next_released) and (codes := await self._database.write(_release)):
                    yield codes
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("releases_interrupted", error=str(error))
            await asyncio.sleep(LOOK_EVERY.total_seconds())


def _next_released(session: Session) -> Sequence[str]:
    return connection_of(session).execute(_RELEASED.limit(1)).scalars().all()


def _release(session: Session) -> list[str]:
    """Those that are told now: whoever is not reached tries by itself a little later."""
    found = _RELEASED.limit(AT_ONCE).with_for_update(of=HELD, skip_locked=True)
    codes = list(connection_of(session).execute(found).scalars())
    connection_of(session).execute(_FORGET, {"codes": codes})
    return codes
