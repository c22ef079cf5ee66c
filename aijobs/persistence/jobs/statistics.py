"""The dashboard's statistics over all jobs: counts, durations, failures and points."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles
from typing import Any, Final

from sqlalchemy import ColumnElement, String, cast, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import BAD_ENDS, UNFINISHED, JobStatus
from aijobs.domain.points import EntryKind
from aijobs.domain.values.ids import first_code_since
from aijobs.persistence.tables import JobEventRow, JobRow, PointsDayRow, PointsEntryRow, SubmissionRow

SAMPLE: Final = 2000
"""The newest jobs of the period that are read: enough for a median."""

STAGE_SAMPLE: Final = 100
"""Jobs of one model whose events are read."""

HOUR_LENGTH: Final = len("2026-11-21 10")


@dataclass(frozen=True, kw_only=True)
class HourlyCounts:
    """The jobs that were accepted in one hour (UTC), by how they stand now."""

    start: datetime
    succeeded: int = 0
    ended_badly: int = 0
    under_way: int = 0

    @property
    def accepted(self) -> int:
        return self.succeeded + self.ended_badly + self.under_way


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


def throughput(session: Session, *, until: datetime, hours: int, user_id: str | None) -> list[HourlyCounts]:
    """Every one of the last hours, the oldest first; the last one is not over yet."""
    first = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
    hour = func.substr(cast(col(JobRow.create_time), String), 1, HOUR_LENGTH)
    counted = session.exec(
        select(hour, JobRow.job_status, func.count())
        .where(col(JobRow.code) >= first_code_since(first), *_visible(user_id))
        .group_by(hour, col(JobRow.job_status))
    )
    by_hour: dict[str, dict[JobStatus, int]] = defaultdict(dict)
    for name, status, count in counted:
        by_hour[name][JobStatus(status)] = count
    starts = [first + timedelta(hours=number) for number in range(hours)]
    return [_hour(start, by_hour[f"{start:%Y-%m-%d %H}"]) for start in starts]


def failures(session: Session, *, since: datetime, user_id: str | None) -> list[FailureCount]:
    """Bad ends of the jobs accepted since then, the most frequent first."""
    code = JobRow.error["code"].as_string()  # type: ignore[index]
    count = func.count()
    counted = session.exec(
        select(JobRow.job_status, code, count)
        .where(col(JobRow.code) >= first_code_since(since), col(JobRow.job_status).in_(BAD_ENDS), *_visible(user_id))
        .group_by(col(JobRow.job_status), code)
        .order_by(count.desc())
    )
    return [FailureCount(JobStatus(status), reason, number) for status, reason, number in counted]


def health(session: Session, model_id: str, *, since: datetime, user_id: str | None) -> ModelStatistics:
    """Statistics of a model's newest jobs since then."""
    first = _first_id(session, since)
    if first is None:
        return ModelStatistics(stages={})
    found = session.exec(
        select(JobRow.code, JobRow.job_status, JobRow.cost_time)
        .where(col(JobRow.model_id) == model_id, col(JobRow.id) >= first, *_visible(user_id))
        .order_by(col(JobRow.id).desc())
        .limit(SAMPLE)
    )
    rows = found.all()
    done = [code for code, status, _ in rows if status is JobStatus.SUCCESS]
    failed = sum(status in {JobStatus.FAILED, JobStatus.TIMEOUT} for _, status, _ in rows)
    times = sorted(seconds for _, status, seconds in rows if status is JobStatus.SUCCESS and seconds is not None)
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
    counted = session.exec(
        select(SubmissionRow.provider, func.count())
        .where(
            col(SubmissionRow.job_code) >= first_code_since(since),
            col(SubmissionRow.outcome) == Outcome.REJECTED,
            col(SubmissionRow.cause).startswith("provider_throttled"),
        )
        .group_by(col(SubmissionRow.provider))
    )
    return dict(counted.all())


def held_jobs(
    session: Session, *, user_id: str | None, at_most: int, ended_since: datetime | None = None
) -> list[JobRow]:
    """Jobs whose points wait for a decision, the oldest first."""
    later = aliased(PointsEntryRow)
    decided = select(later.id).where(
        col(later.job_code) == PointsEntryRow.job_code, col(later.kind).in_([EntryKind.SETTLE, EntryKind.REFUND])
    )
    query = (
        select(JobRow)
        .join(PointsEntryRow, col(PointsEntryRow.job_code) == JobRow.code)
        .where(
            col(JobRow.job_status).in_(BAD_ENDS),
            col(PointsEntryRow.kind) == EntryKind.HOLD,
            ~decided.exists(),
            *_visible(user_id),
        )
        .order_by(col(JobRow.id))
        .limit(at_most)
    )
    if ended_since is not None:
        query = query.where(col(JobRow.resp_time) >= ended_since)
    return list(session.exec(query))


def spenders(session: Session, day: date, *, user_id: str | None, at_most: int) -> list[PointsDayRow]:
    """The users with points used on a day, the highest use first."""
    query = select(PointsDayRow).where(col(PointsDayRow.day) == day)
    if user_id is not None:
        query = query.where(col(PointsDayRow.user_id) == user_id)
    return list(session.exec(query.order_by(col(PointsDayRow.used).desc(), "user_id").limit(at_most)))


def submissions_of(session: Session, job_code: str) -> list[SubmissionRow]:
    """The job's own attempts, in their order."""
    found = session.exec(
        select(SubmissionRow).where(col(SubmissionRow.job_code) == job_code).order_by(col(SubmissionRow.number))
    )
    return list(found)


def _visible(user_id: str | None) -> list[ColumnElement[bool]]:
    visible: list[ColumnElement[bool]] = [col(JobRow.deleted).is_(False)]
    return visible if user_id is None else [*visible, col(JobRow.user_id) == user_id]


def _first_id(session: Session, since: datetime) -> int | None:
    """Of the first job since then: the index of a model's jobs is in the order of their ids, not of their codes."""
    found = session.exec(
        select(JobRow.id).where(col(JobRow.code) >= first_code_since(since)).order_by(col(JobRow.code)).limit(1)
    )
    return found.one_or_none()


def _hour(start: datetime, counts: Mapping[JobStatus, int]) -> HourlyCounts:
    return HourlyCounts(
        start=start,
        succeeded=counts.get(JobStatus.SUCCESS, 0),
        ended_badly=sum(counts.get(status, 0) for status in BAD_ENDS),
        under_way=sum(counts.get(status, 0) for status in UNFINISHED),
    )


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
