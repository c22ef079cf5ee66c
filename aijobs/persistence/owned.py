"""Reads a row by its code. Raises NotFound for deleted rows and those of other users."""

from typing import Final, TypeVar

from sqlmodel import Session, SQLModel, col, select

from aijobs.domain.errors import BadInput, NotFound
from aijobs.persistence.tables import (
    BaseFields,
    BatchRow,
    FileRow,
    JobRow,
    PhotoReviewRow,
    WebhookDeliveryRow,
    WebhookEndpointRow,
)

Owned = TypeVar("Owned", JobRow, BatchRow, FileRow, PhotoReviewRow, WebhookEndpointRow, WebhookDeliveryRow)

#: What a row is called when it is not there.
NAME_OF: Final[dict[type[SQLModel], str]] = {
    JobRow: "job",
    BatchRow: "batch",
    FileRow: "file",
    PhotoReviewRow: "photo review",
    WebhookEndpointRow: "webhook endpoint",
    WebhookDeliveryRow: "webhook delivery",
}


def owned(session: Session, table: type[Owned], code: str, *, user_id: str | None, locked: bool = False) -> Owned:
    """The row; the user's where one is named. `locked` until a writing session ends. Raises NotFound."""
    query = select(table).where(col(table.code) == code)
    if issubclass(table, BaseFields):
        query = query.where(col(table.deleted).is_(False))
    if user_id is not None:
        query = query.where(col(table.user_id) == user_id)
    row = session.exec(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise NotFound(f"There is no {NAME_OF[table]} {code}.")
    return row


def id_behind(session: Session, table: type[Owned], cursor: str, *, user_id: str | None) -> int:
    """The id of the row whose code is the cursor of a page. Raises BadInput when there is none."""
    try:
        row = owned(session, table, cursor, user_id=user_id)
    except NotFound as unknown:
        raise BadInput("This cursor is none of ours.") from unknown
    assert row.id is not None, "what was read has a number"
    return row.id
