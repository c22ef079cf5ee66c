"""End users as operators see them: their points, limits and keys, and their jobs in progress and failed.

Nobody registers users: one is known as soon as a job, a limit, a share or a key names them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, or_, select, union
from sqlmodel import Session, col
from sqlmodel import select as pick

from aijobs.domain.lifecycle import UNFINISHED, JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import first_id_since
from aijobs.persistence.tables import ApiKeyRow, JobRow, PointsDayRow, PointsLimitRow, UserShareRow

#: Where users are known from.
NAMES: Final[Sequence[Any]] = (
    col(PointsDayRow.user_id),
    col(PointsLimitRow.user_id),
    col(UserShareRow.user_id),
    col(ApiKeyRow.user_id),
)

FAILED: Final = (JobStatus.FAILED, JobStatus.TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class UserOverview:
    """One user. `used` and `limit` are points of the day; `held` those of all days that wait for a decision.

    `failed` are jobs of the day. `keys` are the valid ones that act for this user.
    """

    user_id: str
    used: int
    limit: int
    has_own_limit: bool
    held: int
    in_progress: int
    failed: int
    keys: int

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)


def known_users(session: Session, *, beginning: str, after: str, limit: int) -> tuple[list[str], bool]:
    """Up to `limit` users whose names begin so, in their order and behind `after`, and whether there are more.

    Each place that names users is asked for as many, in the order of its index.
    """
    places = [_named(column, beginning=beginning, after=after, limit=limit).subquery() for column in NAMES]
    found = union(*(select(place.c[0].label("user_id")) for place in places)).subquery()
    query = select(found.c.user_id).order_by(found.c.user_id).limit(limit + 1)
    names = list(connection_of(session).execute(query).scalars())
    return names[:limit], len(names) > limit


def _named(column: Any, *, beginning: str, after: str, limit: int) -> Select[Any]:
    query = select(column).where(column.is_not(None)).distinct().order_by(column).limit(limit + 1)
    if beginning:
        query = query.where(column.startswith(beginning, autoescape=True))
    return query.where(column > after) if after else query


def user_overviews(session: Session, user_ids: Sequence[str], day: date, *, daily_limit: int) -> Sequence[UserOverview]:
    """In the order of `user_ids`. `daily_limit` is for users without a limit of their own."""
    points, limits, keys = PointsDayRow, PointsLimitRow, ApiKeyRow
    is_unexpired = or_(col(keys.expires_at).is_(None), col(keys.expires_at) > now())
    is_valid = (col(keys.deleted).is_(False), col(keys.revoked_at).is_(None), is_unexpired)

    def by_user(column: Any, value: Any, *where: Any) -> Mapping[str, int]:
        query = select(column, value).where(column.in_(user_ids), *where).group_by(column)
        return {user_id: int(found) for user_id, found in connection_of(session).execute(query)}

    used = by_user(col(points.user_id), func.sum(col(points.used)), col(points.day) == day)
    own = by_user(col(limits.user_id), func.max(col(limits.daily_limit)))
    held = by_user(col(points.user_id), func.sum(col(points.held)), col(points.held) > 0)
    in_progress = by_user(col(JobRow.user_id), func.count(), *_in(UNFINISHED))
    first = first_id_since(session, datetime.combine(day, time(), UTC))
    of_day = () if first is None else (col(JobRow.id) >= first,)
    failed = by_user(col(JobRow.user_id), func.count(), *_in(FAILED), *of_day, col(JobRow.create_date) == day)
    valid = by_user(col(keys.user_id), func.count(), *is_valid)
    return [
        UserOverview(
            user_id=user_id,
            used=used.get(user_id, 0),
            limit=own.get(user_id, daily_limit),
            has_own_limit=user_id in own,
            held=held.get(user_id, 0),
            in_progress=in_progress.get(user_id, 0),
            failed=failed.get(user_id, 0),
            keys=valid.get(user_id, 0),
        )
        for user_id in user_ids
    ]


def share_of(session: Session, user_id: str) -> UserShareRow | None:
    """The user's own share in the lines of vendors; None where everybody's holds."""
    return session.get(UserShareRow, user_id)


def last_days(session: Session, user_id: str, day: date, *, days: int) -> Sequence[PointsDayRow]:
    """The user's points of the last days on which any were used, the newest first."""
    points = PointsDayRow
    since = day - timedelta(days=days - 1)
    query = pick(points).where(col(points.user_id) == user_id, col(points.day) >= since)
    return list(session.exec(query.order_by(col(points.day).desc())))


def _in(statuses: Sequence[JobStatus]) -> Sequence[Any]:
    """Jobs that were deleted count: they were made, and paid for."""
    return col(JobRow.job_status).in_(statuses), col(JobRow.deleted).in_([False, True])  # as the index says it
