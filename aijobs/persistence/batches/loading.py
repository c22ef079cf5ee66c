"""Writing a batch: its items, a chunk in each transaction, and then it appears, with its points reserved, in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, insert
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BatchIsFinal
from aijobs.domain.jobs.batches.batch import BatchRequest, BatchStatus, Reserve
from aijobs.domain.values.ids import new_id
from aijobs.persistence.batches.ends import ITEMS
from aijobs.persistence.batches.reservations import reserve_whole
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import BatchRow

_BATCHES: Final[Table] = BatchRow.__table__  # type: ignore[attr-defined]
_INSERT: Final = insert(ITEMS)
_LOADING: Final = (
    select_columns(_BATCHES.c.id)
    .where(_BATCHES.c.id == bindparam("of_batch"), _BATCHES.c.batch_status == BatchStatus.LOADING)
    .with_for_update()
)


@dataclass(frozen=True, kw_only=True)
class CheckedItem:
    """A row whose parameters are the model's own, defaults included."""

    user_id: str
    params: dict[str, Any]
    metadata: dict[str, str]


def begin(session: Session, request: BatchRequest, model: Model, *, user_id: str | None, created_by: str) -> BatchRow:
    """The row of a batch that nobody sees yet."""
    batch = BatchRow(
        code=new_id("batch"),
        user_id=user_id,
        model_id=model.model_id,
        batch_status=BatchStatus.LOADING,
        output_count=request.output_count,
        unit_points=model.price(request.output_count),
        concurrency=request.concurrency,
        reserve=request.reserve,
        start_at=request.start_at,
        expires_at=request.expires_at,
        callback_url=request.callback_url,
        item_callback_url=request.item_callback_url,
        extra=request.metadata,
        create_by=created_by,
    )
    session.add(batch)
    session.flush()
    return batch


def add_items(session: Session, batch_id: int, first: int, items: Sequence[CheckedItem]) -> None:
    """Write a chunk of items; `first` is the number of the first one."""
    rows = [
        {
            "batch_id": batch_id,
            "number": number,
            "user_id": item.user_id,
            "params": item.params,
            "metadata": item.metadata,
            "charged": 0,
        }
        for number, item in enumerate(items, first)
    ]
    connection_of(session).execute(_INSERT, rows)


def publish(session: Session, batch_id: int, items_of: Mapping[str, int], *, daily_limit: int) -> BatchRow:
    """Show a batch whose items are written, and reserve its points. `items_of`: how many each user has.

    Raises PointsExhausted, and BatchIsFinal when it took so long that the batch was discarded.
    """
    batch = session.get(BatchRow, batch_id, with_for_update=True)
    if batch is None:
        raise BatchIsFinal("It took too long to write the rows of the batch. Send fewer at once.")
    if batch.reserve == Reserve.WHOLE:
        points_of = {user: count * batch.unit_points for user, count in items_of.items()}
        reserve_whole(session, batch_id, points_of, daily_limit=daily_limit)
    batch.total = sum(items_of.values())
    batch.batch_status = BatchStatus.RUNNING
    batch.create_time = batch.update_time = batch.running_since = now()
    return batch


def discard(session: Session, batch_id: int) -> None:
    """Delete a batch that never appeared. One that has appeared after all stays whole."""
    connection = connection_of(session)
    if connection.execute(_LOADING, {"of_batch": batch_id}).first() is None:
        return
    connection.execute(delete(ITEMS).where(ITEMS.c.batch_id == batch_id))
    connection.execute(delete(_BATCHES).where(_BATCHES.c.id == batch_id))


def unloaded(session: Session, *, older_than: timedelta) -> list[int]:
    """The ids of batches whose process has died while it wrote them."""
    query = select(BatchRow.id).where(
        col(BatchRow.ended_at).is_(None),
        col(BatchRow.batch_status) == BatchStatus.LOADING,
        col(BatchRow.create_time) < now() - older_than,
    )
    return [batch_id for batch_id in session.exec(query) if batch_id is not None]
