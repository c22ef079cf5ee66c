"""A user's points of a day as a response document."""

from sqlmodel import Session

from aijobs.persistence.column_types import now
from aijobs.persistence.points.ledger import limit_of, today
from aijobs.persistence.tables import PointsDayRow
from api.schemas.jobs import Points


def points_of_today(session: Session, user_id: str, *, daily_limit: int) -> Points:
    return points_response(session, today(session, user_id, now().date()), daily_limit=daily_limit)


def points_response(session: Session, row: PointsDayRow, *, daily_limit: int) -> Points:
    """`daily_limit` applies to users without a limit of their own."""
    limit = limit_of(session, row.user_id, default=daily_limit)
    remaining = max(limit - row.used, 0)
    return Points(**row.model_dump(exclude={"daily_limit"}), limit=limit, remaining=remaining)
