"""However they overlap: a batch and a job of its user share the last points, and one that appears has its rows."""

import itertools
from collections import Counter
from functools import partial
from typing import Final

from sqlmodel import Session, col, func, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import BatchIsFinal, PointsExhausted
from aijobs.domain.jobs.batches.batch import BatchRequest, BatchStatus, BatchStep, PauseReason, Reserve
from aijobs.persistence.batches import loading
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.batches.queries import batch_of
from aijobs.persistence.database import Database
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import BatchItemRow, BatchRow
from tests.persistence.conftest import accept_into
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction

MODEL: Final = "replicate_imageupscale_v1"
PRICE: Final = 2
NUMBERS: Final = itertools.count()


def written(session: Session, catalogue: Catalogue, user: str) -> int:
    """The id of a batch of one row that has not appeared yet."""
    request = BatchRequest(model_id=MODEL, reserve=Reserve.BY_ROW)
    batch = loading.begin(session, request, catalogue.model(MODEL), user_id=user, created_by="test")
    assert batch.id is not None
    item = CheckedItem(user_id=user, params={"image": "https://example.com/photo.jpg"}, metadata={})
    loading.add_items(session, batch.id, 0, [item])
    return batch.id


async def test_a_batch_pauses_when_another_takes_the_points(
    database: Database, catalogue: Catalogue, overlapping: Overlaps
) -> None:
    feed = DatabaseBatchFeed(database, catalogue, daily_limit=PRICE)
    batches: list[str] = []

    def load(session: Session, user: str) -> str:
        batch_id = written(session, catalogue, user)
        return loading.publish(session, batch_id, Counter([user]), daily_limit=PRICE).code

    async def make() -> tuple[Transaction, Transaction]:
        user = f"user-{next(NUMBERS)}"
        batches.append(await database.write(load, user))
        step = partial(feed.step, batches[-1])
        return step, partial(accept_into, database, catalogue, user_id=user, daily_limit=PRICE)

    async for step, job in overlapping(make):
        assert isinstance(step, BatchStep), step
        assert bool(step.accepted) is isinstance(job, PointsExhausted), (step, job)
        batch = await database.read(batch_of, batches[-1], user_id=None)
        paused = (BatchStatus.PAUSED, PauseReason.POINTS)
        assert ((batch.batch_status, batch.pause_reason) == paused) is not bool(step.accepted)
        assert await database.snapshot(violations) == []


async def test_a_batch_that_was_taken_for_dead_appears_with_its_rows_or_not_at_all(
    database: Database, catalogue: Catalogue, overlapping: Overlaps
) -> None:
    batches: list[int] = []

    def rows(session: Session) -> int:
        of_batch = select(func.count()).where(col(BatchItemRow.batch_id) == batches[-1])
        return session.exec(of_batch).one()

    async def make() -> tuple[Transaction, Transaction]:
        batches.append(await database.write(written, catalogue, "ada"))
        publish = partial(database.write, loading.publish, batches[-1], Counter(["ada"]), daily_limit=PRICE)
        return partial(database.write, loading.discard, batches[-1]), publish

    async for _, appeared in overlapping(make):
        assert isinstance(appeared, BatchRow | BatchIsFinal)
        assert await database.read(rows) == isinstance(appeared, BatchRow)
