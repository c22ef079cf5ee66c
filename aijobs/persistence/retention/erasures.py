"""Erasures of users: requested, what they wait for, and how they end."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import String, cast, or_
from sqlalchemy import case as when
from sqlalchemy import update as update_rows
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from aijobs.domain.errors import NotFound, OnLegalHold
from aijobs.domain.jobs.batches.batch import BatchStatus
from aijobs.domain.lifecycle import UNFINISHED
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of, lock_name
from aijobs.persistence.jobs.file_uses import has_unfinished_batch
from aijobs.persistence.retention.holds import held_now
from aijobs.persistence.retention.pseudonyms import KEYS, forget_user, shut_out
from aijobs.persistence.tables import BatchRow, ErasureRow, FileRow, JobRow, PointsDayRow

AT_ONCE: Final = 50  #: jobs that are asked to end, and batches

ACTS: Final = SQLModel.metadata.tables["audit_log"]


class WaitsFor(StrEnum):
    """Why the erasure of a user cannot go on yet."""

    LEGAL_HOLD = "legal_hold"
    UNFINISHED_JOBS = "unfinished_jobs"  #: which are being canceled
    UNFINISHED_BATCHES = "unfinished_batches"
    HELD_POINTS = "held_points"  #: until it is known, or decided, whether a provider has charged


def request_erasure(session: Session, user_id: str, *, by: str) -> ErasureRow:
    """The running one, if there is one. The user's keys are void from now on. Raises OnLegalHold."""
    lock_name(session, f"erasure {user_id}")
    if user_id in held_now(session).users:
        raise OnLegalHold("There is a legal hold on this user: end it first.")
    running = select(ErasureRow).where(col(ErasureRow.user_id) == user_id, col(ErasureRow.ended_at).is_(None))
    if (row := session.exec(running).first()) is not None:
        return row
    row = ErasureRow(code=new_id("erasure"), user_id=user_id, pseudonym=new_id("erased"), create_by=by)
    session.add(row)
    session.flush()
    record(session, Act(kind=ActKind.ERASURE_REQUESTED, target=row.code, user_id=user_id))
    _forget_addresses(session, user_id)
    shut_out(session, user_id)
    return row


def erasure_of(session: Session, code: str) -> ErasureRow:
    """Raises NotFound."""
    row = session.exec(select(ErasureRow).where(col(ErasureRow.code) == code)).one_or_none()
    if row is None:
        raise NotFound("There is no such erasure.")
    return row


def erasures_page(session: Session, *, at_most: int) -> list[ErasureRow]:
    """The newest first."""
    return list(session.exec(select(ErasureRow).order_by(col(ErasureRow.id).desc()).limit(at_most)))


def unfinished_erasures(session: Session) -> list[ErasureRow]:
    return list(session.exec(select(ErasureRow).where(col(ErasureRow.ended_at).is_(None)).order_by(col(ErasureRow.id))))


def what_it_waits_for(session: Session, user_id: str) -> WaitsFor | None:
    """None when everything can be erased."""
    if user_id in held_now(session).users or _has_held_job(session, user_id):
        return WaitsFor.LEGAL_HOLD
    if unfinished_jobs(session, user_id):
        return WaitsFor.UNFINISHED_JOBS
    if has_unfinished_batch(session, user_id):
        return WaitsFor.UNFINISHED_BATCHES
    held = select(PointsDayRow.user_id).where(col(PointsDayRow.user_id) == user_id, col(PointsDayRow.held) > 0)
    return WaitsFor.HELD_POINTS if session.exec(held.limit(1)).first() else None


def _has_held_job(session: Session, user_id: str) -> bool:
    held = select(JobRow.code).where(col(JobRow.user_id) == user_id, col(JobRow.code).in_(held_now(session).jobs))
    return session.exec(held.limit(1)).first() is not None


def unfinished_jobs(session: Session, user_id: str) -> Sequence[str]:
    """Some of them."""
    unfinished = select(JobRow.code).where(col(JobRow.user_id) == user_id, col(JobRow.job_status).in_(UNFINISHED))
    return session.exec(unfinished.limit(AT_ONCE)).all()


def unfinished_batches(session: Session, user_id: str) -> list[BatchRow]:
    """The user's own that have appeared, locked. One that is being written is waited for."""
    own = select(BatchRow).where(
        col(BatchRow.user_id) == user_id,
        col(BatchRow.ended_at).is_(None),
        col(BatchRow.batch_status) != BatchStatus.LOADING,
    )
    return list(session.exec(own.limit(AT_ONCE).with_for_update()))


def note_progress(session: Session, code: str, *, waits_for: WaitsFor | None, done: dict[str, int]) -> None:
    row = session.exec(select(ErasureRow).where(col(ErasureRow.code) == code).with_for_update()).one()
    row.waits_for = waits_for
    row.counts = {**row.counts, **{what: row.counts.get(what, 0) + count for what, count in done.items()}}
    session.add(row)


def finish(session: Session, code: str) -> bool:
    """The end of it, when nothing of the user is left. False: something was added meanwhile."""
    row = session.exec(select(ErasureRow).where(col(ErasureRow.code) == code).with_for_update()).one()
    if row.user_id is None:
        return True
    if any(session.exec(query.limit(1)).first() is not None for query in _still_there(row.user_id)):
        return False
    forget_user(session, row.user_id, row.pseudonym)
    record(session, Act(kind=ActKind.ERASURE_DONE, target=code, user_id=row.pseudonym, after=dict(row.counts)))
    row.waits_for = None
    session.flush()
    _rename_in_acts(session, row.user_id, row.pseudonym)
    row.user_id, row.ended_at = None, now()
    return True


def _still_there(user_id: str) -> list[SelectOfScalar[Any]]:
    return [
        select(JobRow.code).where(col(JobRow.user_id) == user_id),
        select(FileRow.code).where(col(FileRow.user_id) == user_id),
        select(BatchRow.code).where(col(BatchRow.user_id) == user_id),
    ]


def _forget_addresses(session: Session, user_id: str) -> None:
    """Of what the user did by a key of their own."""
    own = KEYS.select().with_only_columns(KEYS.c.key_id).where(KEYS.c.user_id == user_id)
    connection_of(session).execute(update_rows(ACTS).where(ACTS.c.key_id.in_(own)).values(address=None))


def _rename_in_acts(session: Session, user_id: str, pseudonym: str) -> None:
    """What was done, when and by whom stays; for whom is a pseudonym, and what was changed of it is not said."""
    named = or_(ACTS.c.user_id == user_id, ACTS.c.target == user_id, ACTS.c.actor == user_id)
    quoted = _quoted(user_id)
    told = or_(*(cast(ACTS.c[name], String).contains(quoted, autoescape=True) for name in ("before", "after")))
    values: dict[str, Any] = {
        name: when((ACTS.c[name] == user_id, pseudonym), else_=ACTS.c[name]) for name in ("user_id", "target", "actor")
    }
    renamed = update_rows(ACTS).where(or_(named, told)).values(**values, before=None, after=None)
    connection_of(session).execute(renamed)


def _quoted(user_id: str) -> str:
    """As JSON has it, without its quotation marks: a text may name the user among other things."""
    return json.dumps(user_id)[1:-1]
