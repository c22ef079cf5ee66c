"""Jobs of which something is due: what their owners have deleted, and what has outlived its time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.jobs.retention import EVERYTHING, LetGo, RetentionPolicy
from aijobs.domain.lifecycle import ENDS, UNFINISHED
from aijobs.domain.points import EntryKind
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import first_id_since
from aijobs.persistence.retention.holds import held_now
from aijobs.persistence.tables import PointsEntryRow
from aijobs.persistence.tables.locked_jobs import JOBS

AT_ONCE: Final = 50
"""Jobs that are erased in one transaction: some milliseconds, in which nobody else writes on SQLite."""

SEEN_AT_ONCE: Final = 5_000
"""Jobs that are looked at between two notes of how far the walk has come."""

_ENTRIES: Final = PointsEntryRow.__table__  # type: ignore[attr-defined]
_ENDED_AT: Final = func.coalesce(JOBS.c.resp_time, JOBS.c.update_time)
_SEEN: Final = (
    JOBS.c.id, JOBS.c.code, JOBS.c.model_id, JOBS.c.user_id, JOBS.c.let_go, JOBS.c.photo_review_analysis_code,
    _ENDED_AT.label("ended_at"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DueJobs:
    """Jobs of which the same parts are due. `since`: when the last of them ended; `reviews`: codes that they name."""

    codes: tuple[str, ...]
    parts: LetGo
    since: datetime
    reviews: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What was found, and how far the walk has come; None at its end."""

    due: list[DueJobs]
    position: int | None


def deleted_jobs(session: Session, *, before: datetime) -> DueJobs | None:
    """Some that were deleted so long ago, and that neither a hold nor a job that runs needs."""
    held = held_now(session)
    query = (
        select(*_SEEN)
        .where(
            JOBS.c.deleted_at <= before, JOBS.c.user_id.not_in(held.users), JOBS.c.code.not_in(held.jobs),
            JOBS.c.deleted_at.is_not(None),
        )
        .order_by(JOBS.c.deleted_at)
        .limit(AT_ONCE)
    )  # fmt: skip
    rows = _without_needed(session, connection_of(session).execute(query).all())
    return _due(rows, EVERYTHING) if rows else None


def jobs_of_user(session: Session, user_id: str) -> DueJobs | None:
    """Some of a user, whatever their age. Those that have not ended are left out, and those on hold."""
    query = select(*_SEEN).where(
        JOBS.c.user_id == user_id, JOBS.c.job_status.in_(ENDS), JOBS.c.code.not_in(held_now(session).jobs)
    )
    rows = connection_of(session).execute(query.order_by(JOBS.c.id).limit(AT_ONCE)).all()
    settled = _without_undecided(session, rows)
    return _due(settled, EVERYTHING) if settled else None


def walk_on(session: Session, policy: RetentionPolicy, position: int) -> Walked:
    """The next jobs behind the position, of those that are old enough for anything to be due."""
    youngest = policy.shortest
    if youngest is None:
        return Walked(due=[], position=None)
    horizon = first_id_since(session, now() - youngest, exactly=True)
    conditions: list[ColumnElement[bool]] = [JOBS.c.id > position, JOBS.c.job_status.in_(ENDS)]
    if horizon is not None:
        conditions.append(JOBS.c.id < horizon)
    query = select(*_SEEN).where(*conditions).order_by(JOBS.c.id).limit(SEEN_AT_ONCE)
    rows = connection_of(session).execute(query).all()
    last = rows[-1].id if len(rows) == SEEN_AT_ONCE else None
    return Walked(due=list(_portions(session, policy, rows)), position=last)


def still_due(session: Session, due: DueJobs) -> DueJobs | None:
    """Those of which it is due still, some minutes after they were seen: a hold may have begun, or a job that needs
    one of them. None when it is none."""
    held = held_now(session)
    query = select(*_SEEN).where(
        JOBS.c.code.in_(due.codes), JOBS.c.user_id.not_in(held.users), JOBS.c.code.not_in(held.jobs)
    )
    rows: Sequence[Any] = connection_of(session).execute(query).all()
    if LetGo.JOB in due.parts:
        rows = _without_needed(session, rows)
    return _due(rows, due.parts) if rows else None


def _portions(session: Session, policy: RetentionPolicy, rows: Sequence[Any]) -> Iterator[DueJobs]:
    held, at = held_now(session), now()
    by_parts: dict[LetGo, list[Any]] = defaultdict(list)
    for row in rows:
        parts = policy.due(at - row.ended_at, model_id=row.model_id, user_id=row.user_id) & ~LetGo(row.let_go)
        if parts and not held.keeps(row.user_id, row.code):
            by_parts[LetGo(parts)].append(row)
    for parts, found in by_parts.items():
        for first in range(0, len(found), AT_ONCE):
            some = _without_undecided(session, found[first : first + AT_ONCE])
            if LetGo.JOB in parts:
                some = _without_needed(session, some)
            if some:
                yield _due(some, EVERYTHING if LetGo.JOB in parts else parts)


def _without_needed(session: Session, rows: Sequence[Any]) -> Sequence[Any]:
    """Without those that a job which has not ended acts on, or moves again, or whose review it is about."""
    if not rows:
        return rows
    codes = [row.code for row in rows]
    reviews = {row.photo_review_analysis_code for row in rows} - {None}
    runs = JOBS.c.job_status.in_(UNFINISHED)
    moved = JOBS.c.rerun_of.in_(codes) & (JOBS.c.rerun_from == RerunFrom.MIGRATION)
    needed: set[str] = set()
    for column, condition in (
        (JOBS.c.origin, JOBS.c.origin.in_(codes)),
        (JOBS.c.rerun_of, moved),
        (JOBS.c.photo_review_analysis_code, JOBS.c.photo_review_analysis_code.in_(reviews)),
    ):
        needed.update(connection_of(session).execute(select(column).where(condition, runs)).scalars())
    return [row for row in rows if needed.isdisjoint((row.code, row.photo_review_analysis_code))]


def _without_undecided(session: Session, rows: Sequence[Any]) -> Sequence[Any]:
    """Without those whose points are held."""
    codes = [row.code for row in rows]
    kinds: dict[str, set[str]] = defaultdict(set)
    for code, kind in connection_of(session).execute(
        select(_ENTRIES.c.job_code, _ENTRIES.c.kind).where(_ENTRIES.c.job_code.in_(codes), _ENTRIES.c.points > 0)
    ):
        kinds[code].add(kind)
    undecided = {code for code, known in kinds.items() if known == {EntryKind.RESERVE, EntryKind.HOLD}}
    return [row for row in rows if row.code not in undecided]


def _due(rows: Sequence[Any], parts: LetGo) -> DueJobs:
    return DueJobs(
        codes=tuple(row.code for row in rows),
        parts=parts,
        since=max(row.ended_at for row in rows),
        reviews=tuple(row.photo_review_analysis_code for row in rows if row.photo_review_analysis_code),
    )


def is_old(since: datetime, histories_kept: timedelta) -> bool:
    """Whether Temporal has no history any more of what ended then."""
    return now() - since > histories_kept
