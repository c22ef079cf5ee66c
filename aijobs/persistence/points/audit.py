"""Does the ledger balance? Every invariant of points, over the whole database."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.points import EntryKind
from aijobs.persistence.tables import JobRow, PointsDayRow, PointsEntryRow, PointsLimitRow

R, S, B, H = EntryKind.RESERVE, EntryKind.SETTLE, EntryKind.REFUND, EntryKind.HOLD

#: The entries that a job may have, in this order.
RUNNING = ((R,),)
ENDED = ((R, S), (R, B), (R, H), (R, H, S), (R, H, B))


async def violations(session: AsyncSession, *, daily_limit: int) -> list[str]:
    """Each broken invariant in one sentence that names it; nothing when all is well."""
    jobs = list(await session.exec(select(JobRow)))
    entries = list(await session.exec(select(PointsEntryRow).order_by(col(PointsEntryRow.id))))
    days = list(await session.exec(select(PointsDayRow)))
    limits = {row.user_id: row.daily_limit for row in await session.exec(select(PointsLimitRow))}
    return [
        *_of_jobs(jobs, entries),
        *_of_days(days, entries),
        *(
            f"{day.user_id} used {day.used} points on {day.day}, more than {limits.get(day.user_id, daily_limit)}."
            for day in days
            if day.used > limits.get(day.user_id, daily_limit)
        ),
    ]


def _of_jobs(jobs: Sequence[JobRow], entries: Sequence[PointsEntryRow]) -> Iterator[str]:
    kinds: dict[str, list[EntryKind]] = defaultdict(list)
    for entry in entries:
        kinds[entry.job_code].append(EntryKind(entry.kind))
    for job in jobs:
        legal = ENDED if job.job_status.is_final else RUNNING
        if tuple(kinds[job.code]) not in legal:
            made = ", ".join(kinds[job.code]) or "none"
            yield f"{job.code} is {job.job_status.name}, but its entries are: {made}."
    amounts = {job.code: job.points for job in jobs}
    for entry in entries:
        if amounts.get(entry.job_code) != entry.points:
            yield f"The {entry.kind} of {entry.job_code} is {entry.points} points, not {amounts.get(entry.job_code)}."


def _of_days(days: Sequence[PointsDayRow], entries: Sequence[PointsEntryRow]) -> Iterator[str]:
    used: dict[tuple[str, date], int] = defaultdict(int)
    held: dict[tuple[str, date], int] = defaultdict(int)
    closed = {entry.job_code for entry in entries if entry.kind in (S, B)}
    for entry in entries:
        key = (entry.user_id, entry.day)
        used[key] += {R: entry.points, B: -entry.points}.get(EntryKind(entry.kind), 0)
        held[key] += entry.points if entry.kind == H and entry.job_code not in closed else 0
    known = {(day.user_id, day.day): day for day in days}
    for user_id, day in known.keys() | used.keys():
        row = known.get((user_id, day)) or PointsDayRow(user_id=user_id, day=day)
        if (row.used, row.held) != (used[user_id, day], held[user_id, day]):
            yield (
                f"{user_id} on {day}: the day says used {row.used} and held {row.held}, "
                f"its entries {used[user_id, day]} and {held[user_id, day]}."
            )
