"""Writing batches: what was not written to the end is forgotten, and what has appeared stays whole."""

from datetime import timedelta

from sqlmodel import Session, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.batches.batch import BatchRequest
from aijobs.persistence.batches import loading
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.batches.queries import batch_of
from aijobs.persistence.database import Database
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import BatchRow
from tests.persistence.test_batch_feed import MODEL, accepted, feed_of, loaded


async def test_what_was_never_written_to_the_end_is_forgotten(database: Database, catalogue: Catalogue) -> None:
    request = BatchRequest(model_id=MODEL)

    def work(session: Session) -> None:
        batch = loading.begin(session, request, catalogue.model(MODEL), user_id="ada", created_by="test")
        assert batch.id is not None
        loading.add_items(session, batch.id, 0, [CheckedItem(user_id="ada", params={}, metadata={})])

    await database.write(work)
    feed = feed_of(database, catalogue)

    assert await feed.unfinished(after="", at_most=10) == []
    assert [await feed.forget_unloaded(older_than=timedelta(0)) for _ in range(2)] == [1, 0]
    assert await database.read(lambda session: session.exec(select(BatchRow.code)).all()) == []


async def test_a_batch_that_has_appeared_is_not_taken_apart(database: Database, catalogue: Catalogue) -> None:
    """Whoever wrote it may not have heard that it was published, or was called slow by somebody else."""
    code = await loaded(database, catalogue, ["ada"] * 3)
    batch = await database.read(batch_of, code, user_id="ada")
    assert batch.id is not None

    await database.write(loading.discard, batch.id)

    assert len(await accepted(feed_of(database, catalogue), code)) == 3
    assert await database.snapshot(violations) == []
