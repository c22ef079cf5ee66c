"""How many jobs were accepted in each step of some time, by how they stand now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from aijobs.domain.lifecycle import BAD_ENDS, UNFINISHED, JobStatus
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import first_id_since
from aijobs.persistence.tables.locked_jobs import JOBS

HOUR: Final = timedelta(hours=1)
MAX_ID: Final = 2**63 - 1

#: By status, of the jobs from one id to another: built once, since the overview counts each of its hours.
_COUNTED: Final = (
    select(JOBS.c.job_status, func.count())
    .where(
        JOBS.c.job_status.in_(list(JobStatus)),
        JOBS.c["del"].in_([False, True]),  # as the index says it
        JOBS.c.id >= bindparam("first"),
        JOBS.c.id < bindparam("behind"),
    )
    .group_by(JOBS.c.job_status)
)
_COUNTED_OF_USER: Final = _COUNTED.where(JOBS.c.user_id == bindparam("of_user"))


@dataclass(frozen=True, kw_only=True)
class AcceptedCounts:
    """The jobs that were accepted from one moment (UTC) to the next, by how they stand now."""

    start: datetime
    succeeded: int = 0
    ended_badly: int = 0
    under_way: int = 0

    @property
    def accepted(self) -> int:
        return self.succeeded + self.ended_badly + self.under_way


def throughput(
    session: Session, *, until: datetime, count: int, step: timedelta = HOUR, user_id: str | None
) -> list[AcceptedCounts]:
    """Every one of the last `count` steps, the oldest first; the last one is not over yet. A step divides a day."""
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + (until - midnight) // step * step - step * (count - 1)
    starts = [first + step * number for number in range(count)]
    return [_accepted(start, counts) for start, counts in zip(starts, _counted(session, starts, user_id), strict=True)]


def accepted_since(session: Session, start: datetime, *, user_id: str | None) -> AcceptedCounts:
    """All jobs since then together."""
    return _accepted(start, next(_counted(session, [start], user_id)))


def _counted(session: Session, starts: Sequence[datetime], user_id: str | None) -> Iterator[Mapping[JobStatus, int]]:
    """The jobs accepted from each of these moments to the next, by status; nothing but an index is read.

    Ids are in the order of the codes but for moments, so a job may count with the hour beside its own.
    """
    firsts = [first_id_since(session, start, exactly=True) for start in starts]
    query = _COUNTED if user_id is None else _COUNTED_OF_USER
    for first, behind in zip(firsts, [*firsts[1:], None], strict=True):
        between = {"first": first, "behind": MAX_ID if behind is None else behind, "of_user": user_id}
        found = [] if first is None else connection_of(session).execute(query, between).all()
        yield {JobStatus(status): count for status, count in found}


def _accepted(start: datetime, counts: Mapping[JobStatus, int]) -> AcceptedCounts:
    return AcceptedCounts(
        start=start,
        succeeded=counts.get(JobStatus.SUCCESS, 0),
        ended_badly=sum(counts.get(status, 0) for status in BAD_ENDS),
        under_way=sum(counts.get(status, 0) for status in UNFINISHED),
    )
