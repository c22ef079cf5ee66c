"""The audit of the points ledger: checks every invariant over the whole database."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchPointsRow, JobRow, PointsDayRow, PointsEntryRow

R, S, B, H = EntryKind.RESERVE, EntryKind.SETTLE, EntryKind.REFUND, EntryKind.HOLD

#: The entries that a job may have, in this order.
RUNNING = ((R,),)
ENDED = ((R, S), (R, B), (R, H), (R, H, S), (R, H, B))


#: A job's code, status and price.
AuditedJob = tuple[str, int, int]


class AuditedEntry(NamedTuple):
    """What is checked of an entry: there may be millions."""

    job_code: str
    user_id: str
    day: date
    kind: str
    points: int


def violations(snapshot: Session) -> list[str]:
    """Each broken invariant in one sentence that names it; empty when all hold.

    `snapshot` is Database.snapshot(): on a running system, separate reads would not be consistent.
    """
    jobs = list(snapshot.exec(select(JobRow.code, JobRow.job_status, JobRow.points)))
    columns = (col(getattr(PointsEntryRow, name)) for name in AuditedEntry._fields)
    found = connection_of(snapshot).execute(select_columns(*columns).order_by(col(PointsEntryRow.id)))
    entries = [AuditedEntry(*row) for row in found]
    days = list(snapshot.exec(select(PointsDayRow)))
    reserved = list(snapshot.exec(select(BatchPointsRow)))
    return [
        *_of_jobs(jobs, entries),
        *_of_days(days, entries, reserved),
        *_of_limits(days),
    ]


def _of_limits(days: Sequence[PointsDayRow]) -> Iterator[str]:
    """Against the limit of that day: today's may be lower."""
    for day in days:
        if day.daily_limit is not None and day.used > day.daily_limit:
            yield f"{day.user_id} used {day.used} points on {day.day}, more than {day.daily_limit}."


def _of_jobs(jobs: Sequence[AuditedJob], entries: Sequence[AuditedEntry]) -> Iterator[str]:
    kinds: dict[str, list[EntryKind]] = defaultdict(list)
    for entry in entries:
        kinds[entry.job_code].append(EntryKind(entry.kind))
    for code, number, _ in jobs:
        status = JobStatus(number)
        legal = ENDED if status.is_final else RUNNING
        if tuple(kinds[code]) not in legal:
            made = ", ".join(kinds[code]) or "none"
            yield f"{code} is {status.name}, but its entries are: {made}."
    amounts = {code: points for code, _, points in jobs}
    for entry in entries:
        if amounts.get(entry.job_code) != entry.points:
            yield f"The {entry.kind} of {entry.job_code} is {entry.points} points, not {amounts.get(entry.job_code)}."


def _of_days(
    days: Sequence[PointsDayRow], entries: Sequence[AuditedEntry], reserved: Sequence[BatchPointsRow]
) -> Iterator[str]:
    used: dict[tuple[str, date], int] = defaultdict(int)
    held: dict[tuple[str, date], int] = defaultdict(int)
    closed = {entry.job_code for entry in entries if entry.kind in (S, B)}
    for entry in entries:
        key = (entry.user_id, entry.day)
        used[key] += {R: entry.points, B: -entry.points}.get(EntryKind(entry.kind), 0)
        held[key] += entry.points if entry.kind == H and entry.job_code not in closed else 0
    for batch in reserved:
        used[batch.user_id, batch.day] += batch.points
    known = {(day.user_id, day.day): day for day in days}
    for user_id, day in known.keys() | used.keys():
        row = known.get((user_id, day)) or PointsDayRow(user_id=user_id, day=day)
        if (row.used, row.held) != (used[user_id, day], held[user_id, day]):
            yield (
                f"{user_id} on {day}: the day says used {row.used} and held {row.held}, "
                f"its entries and batches {used[user_id, day]} and {held[user_id, day]}."
            )
