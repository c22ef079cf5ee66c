"""The dashboard's statistics over all jobs: counts, durations, failures and points."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from statistics import median, quantiles
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import BAD_ENDS, UNFINISHED, JobStatus
from aijobs.domain.points import EntryKind
from aijobs.domain.values.ids import first_code_since
from aijobs.persistence.paging import first_id_since, newest_ids
from aijobs.persistence.tables import JobEventRow, JobRow, PointsDayRow, PointsEntryRow, SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS

SAMPLE: Final = 1000
"""The newest jobs of the period that are read: enough for a median."""

#: The ends that a rate of success is of; nobody failed where somebody canceled.
COUNTED_ENDS: Final = (JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.TIMEOUT)

STAGE_SAMPLE: Final = 100
"""Jobs of one model whose events are read."""


@dataclass(frozen=True)
class FailureCount:
    """How many jobs ended with this status and error code; `code` is None for a cancellation."""

    status: JobStatus
    code: str | None
    count: int


@dataclass(frozen=True, kw_only=True)
class ModelStatistics:
    """How a model did lately. Durations are seconds; nothing where nothing is known.

    `stages` are medians of the time spent in each status. `lag` is the median time from the provider's own end of the
    work to our noticing it, known only where the provider tells when it ended.
    """

    succeeded: int = 0
    failed: int = 0
    typical: float | None = None
    slow: float | None = None
    stages: Mapping[JobStatus, float]
    lag: float | None = None

    @property
    def success_rate(self) -> float | None:
        """Of the jobs that ended; those that were canceled do not count."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


def in_flight(session: Session, *, user_id: str | None) -> Mapping[JobStatus, int]:
    """How many jobs are in each status that is not final."""
    counted = session.exec(
        select(JobRow.job_status, func.count())
        .where(col(JobRow.job_status).in_(UNFINISHED), *_visible(user_id))
        .group_by(col(JobRow.job_status))
    )
    found: dict[int, int] = dict(counted.all())
    return {status: found.get(status, 0) for status in UNFINISHED}


def failures(session: Session, *, since: datetime, user_id: str | None) -> list[FailureCount]:
    """Bad ends of the jobs accepted since then, the most frequent first."""
    first = first_id_since(session, since)
    if first is None:
        return []
    code = JobRow.error["code"].as_string()  # type: ignore[index]
    count = func.count()
    counted = session.exec(
        select(JobRow.job_status, code, count)
        .where(
            col(JobRow.id) >= first,
            col(JobRow.code) >= first_code_since(since),
            col(JobRow.job_status).in_(BAD_ENDS),
            *_visible(user_id),
        )
        .group_by(col(JobRow.job_status), code)
        .order_by(count.desc())
    )
    return [FailureCount(JobStatus(status), reason, number) for status, reason, number in counted]


def health(session: Session, model_id: str, *, since: datetime, user_id: str | None) -> ModelStatistics:
    """Statistics of a model's newest jobs since then."""
    first = first_id_since(session, since, exactly=True)
    if first is None:
        return ModelStatistics(stages={})
    of_model = [JOBS.c.model_id == model_id, JOBS.c.id >= first, *_visible(user_id)]
    ids = newest_ids(
        (select_columns(JOBS.c.id).where(*of_model, JOBS.c.job_status == status) for status in COUNTED_ENDS),
        at_most=SAMPLE,
    )
    found = session.exec(
        select(JobRow.id, JobRow.code, JobRow.job_status, JobRow.cost_time).where(col(JobRow.id).in_(ids))
    )
    rows = sorted(found.all(), reverse=True)
    if not rows:
        return ModelStatistics(stages={})
    done = [code for _, code, status, _ in rows if status is JobStatus.SUCCESS]
    failed = len(rows) - len(done)
    times = sorted(seconds for _, _, status, seconds in rows if status is JobStatus.SUCCESS and seconds is not None)
    events = _entered(session, done[:STAGE_SAMPLE])
    return ModelStatistics(
        succeeded=len(done),
        failed=failed,
        typical=median(times) if times else None,
        slow=quantiles(times, n=10)[-1] if len(times) > 1 else None,
        stages=_stage_medians(events),
        lag=_lag(session, events),
    )


def throttled(session: Session, *, since: datetime) -> Mapping[str, int]:
    """How often each provider has refused a request because there were too many, by the provider's key."""
    # Counted here: a planner without statistics would rather go through all submissions, to have them by provider.
    refused = session.exec(
        select(SubmissionRow.provider).where(
            col(SubmissionRow.job_code) >= first_code_since(since),
            col(SubmissionRow.outcome) == literal_column(f"'{Outcome.REJECTED}'"),  # as the index says it
            col(SubmissionRow.cause).startswith("provider_throttled"),
        )
    )
    return Counter(refused)


def held_jobs(
    session: Session, *, user_id: str | None, at_most: int, ended_since: datetime | None = None
) -> list[JobRow]:
    """Jobs whose points wait for a decision, the oldest first. Days on which points are held lead to them."""
    later = aliased(PointsEntryRow)
    decided = select(later.id).where(
        col(later.job_code) == PointsEntryRow.job_code, col(later.kind).in_([EntryKind.SETTLE, EntryKind.REFUND])
    )
    query = (
        select(JobRow)
        .join(PointsEntryRow, col(PointsEntryRow.job_code) == JobRow.code)
        .join(
            PointsDayRow,
            (col(PointsDayRow.user_id) == PointsEntryRow.user_id) & (col(PointsDayRow.day) == PointsEntryRow.day),
        )
        .where(
            col(PointsDayRow.held) > literal_column("0"),  # as the indexes say it
            col(PointsEntryRow.kind) == literal_column(f"'{EntryKind.HOLD}'"),  # which jobs have that ended badly
            ~decided.exists(),
            col(JobRow.deleted).is_(False),
        )
        .order_by(col(JobRow.id))
        .limit(at_most)
    )
    if user_id is not None:
        query = query.where(col(PointsEntryRow.user_id) == user_id)
    if ended_since is not None:
        query = query.where(col(JobRow.resp_time) >= ended_since)
    return list(session.exec(query))


def spenders(session: Session, day: date, *, user_id: str | None, at_most: int) -> list[PointsDayRow]:
    """The users with points used on a day, the highest use first."""
    query = select(PointsDayRow).where(col(PointsDayRow.day) == day)
    if user_id is not None:
        query = query.where(col(PointsDayRow.user_id) == user_id)
    return list(
        session.exec(query.order_by(col(PointsDayRow.used).desc(), col(PointsDayRow.user_id).desc()).limit(at_most))
    )


def submissions_of(session: Session, job_code: str) -> list[SubmissionRow]:
    """The job's own attempts, in their order."""
    found = session.exec(
        select(SubmissionRow).where(col(SubmissionRow.job_code) == job_code).order_by(col(SubmissionRow.number))
    )
    return list(found)


def _visible(user_id: str | None) -> list[ColumnElement[bool]]:
    """Deleted jobs count: they were made, and paid for."""
    visible: list[ColumnElement[bool]] = [col(JobRow.deleted).in_([False, True])]  # as the index says it
    return visible if user_id is None else [*visible, col(JobRow.user_id) == user_id]


def _entered(session: Session, codes: Sequence[str]) -> Mapping[str, Mapping[JobStatus, datetime]]:
    """When each of the jobs entered each of its statuses."""
    found = session.exec(
        select(JobEventRow.job_code, JobEventRow.job_status, JobEventRow.at)
        .where(col(JobEventRow.job_code).in_(codes), col(JobEventRow.kind) == EventKind.STATUS)
        .order_by(col(JobEventRow.job_code), col(JobEventRow.seq))
    )
    entered: dict[str, dict[JobStatus, datetime]] = defaultdict(dict)
    for code, status, at in found:
        entered[code].setdefault(JobStatus(status), at)
    return entered


def _stage_medians(jobs: Mapping[str, Mapping[JobStatus, datetime]]) -> Mapping[JobStatus, float]:
    spent: dict[JobStatus, list[float]] = defaultdict(list)
    for entered in jobs.values():
        entries = sorted(entered.items())
        for (status, began), (_, ended) in pairwise(entries):
            spent[status].append((ended - began).total_seconds())
    return {status: median(spent[status]) for status in sorted(spent)}


def _lag(session: Session, jobs: Mapping[str, Mapping[JobStatus, datetime]]) -> float | None:
    ended_at = JobRow.resp_json["completed_at"].as_string()  # type: ignore[index]
    rows = session.exec(select(JobRow.code, ended_at).where(col(JobRow.code).in_(list(jobs))))
    lags = [
        (noticed - ended).total_seconds()
        for code, written in rows
        if (ended := _timestamp(written)) and (noticed := jobs[code].get(JobStatus.GENERATED))
    ]
    return median(lags) if lags else None


def _timestamp(written: Any) -> datetime | None:
    """A provider's timestamp; None when it is invalid or has no time zone."""
    try:
        timestamp = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return None
    return timestamp if timestamp.tzinfo else None
