"""Totals over all jobs of an installation, for metrics and health checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import exists, func, literal_column, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.domain.lifecycle import UNFINISHED, JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import JobRow, PointsDayRow, PointsEntryRow, SlotRow, SubmissionRow

#: How long a job may wait for a worker.
MAX_WAIT_FOR_WORKER: Final = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """`jobs` by model and status, deleted ones too: of jobs that have ended there are never fewer than before."""

    jobs: Mapping[tuple[str, JobStatus], int]
    points_held: int
    unknown_submissions: int
    waiting: Mapping[str, int]  #: by what is stored that jobs wait for
    slots: Mapping[tuple[str, str], int]  #: by credential and state


def totals(snapshot: Session) -> Totals:
    counted = snapshot.exec(
        select(JobRow.job_status, JobRow.model_id, func.count()).group_by(col(JobRow.job_status), col(JobRow.model_id))
    )
    held = snapshot.exec(
        select(func.coalesce(func.sum(PointsDayRow.held), 0)).where(col(PointsDayRow.held) > literal_column("0"))
    )
    return Totals(
        jobs={(model_id, JobStatus(status)): count for status, model_id, count in counted},
        points_held=held.one(),
        unknown_submissions=_unknown_submissions(snapshot),
        waiting=_waiting(snapshot),
        slots=_slots(snapshot),
    )


def waiting_too_long(session: Session) -> timedelta | None:
    """How long the oldest DRAFT that no worker has touched waits since its time has come.

    None when that is at most MAX_WAIT_FOR_WORKER.
    """
    waits = oldest_wait(session)
    return waits if waits is not None and waits > MAX_WAIT_FOR_WORKER else None


def oldest_wait(session: Session) -> timedelta | None:
    """The same, however short: None when there is none. What waits in a line, or because of a pause, was touched."""
    touched = exists().where(col(SubmissionRow.job_code) == col(JobRow.code))
    waits_for = col(JobRow.waiting)["for"].as_string()
    is_untouched = or_(col(JobRow.waiting).is_(None), waits_for == WaitFor.SCHEDULE)
    found = session.exec(
        select(func.min(func.coalesce(JobRow.start_at, JobRow.create_time))).where(
            col(JobRow.job_status) == JobStatus.DRAFT, col(JobRow.deleted).is_(False), is_untouched, ~touched
        )
    )
    oldest = found.one()
    return None if oldest is None or oldest > now() else now() - oldest


def _waiting(snapshot: Session) -> dict[str, int]:
    waits_for = col(JobRow.waiting)["for"].as_string()
    counted = snapshot.exec(
        select(waits_for, func.count())
        .where(col(JobRow.job_status).in_(UNFINISHED), col(JobRow.waiting).is_not(None))
        .group_by(waits_for)
    )
    return dict(counted.all())


def _slots(snapshot: Session) -> dict[tuple[str, str], int]:
    counted = snapshot.exec(
        select(SlotRow.credential, SlotRow.state, func.count()).group_by(col(SlotRow.credential), col(SlotRow.state))
    )
    return {(credential, state): count for credential, state, count in counted}


def _unknown_submissions(session: Session) -> int:
    """Unknown submissions whose job runs, or whose points are held."""
    hold, later = aliased(PointsEntryRow), aliased(PointsEntryRow)
    decided = exists().where(
        col(later.job_code) == col(hold.job_code), col(later.kind).in_([EntryKind.SETTLE, EntryKind.REFUND])
    )
    waits = exists().where(col(hold.job_code) == col(JobRow.code), col(hold.kind) == EntryKind.HOLD, ~decided)
    counted = session.exec(
        select(func.count())
        .select_from(SubmissionRow)
        .join(JobRow, col(JobRow.code) == col(SubmissionRow.job_code))
        .where(
            col(SubmissionRow.outcome) == literal_column(f"'{Outcome.UNKNOWN}'"),  # as the index says it
            or_(col(JobRow.job_status).in_(UNFINISHED), waits),
        )
    )
    return counted.one()
