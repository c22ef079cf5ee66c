"""Feeding batches: each row becomes one job, no more at a time than the batch may have, and points follow."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.batches.batch import BatchPhase, BatchRequest
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches import loading, steering
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.batches.loading import CheckedItem
from aijobs.persistence.batches.queries import batch_and_progress, batch_of, failures_of
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.points.audit import violations
from aijobs.persistence.points.ledger import set_limit, today
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow, WebhookDeliveryRow

PRICE = 2
MODEL = "replicate_imageupscale_v1"
LOST = JobError(code="lost", message="Nobody knows.", stage=Stage.SUBMIT)


async def loaded(database: Database, catalogue: Catalogue, users: Sequence[str], **more: Any) -> str:
    """The code of a new batch with a row for each of these users."""
    request = BatchRequest(model_id=MODEL, **more)

    def work(session: Session) -> str:
        batch = loading.begin(session, request, catalogue.model(MODEL), user_id="ada", created_by="test")
        assert batch.id is not None
        items = [
            CheckedItem(user_id=user, params={"image": f"https://example.com/{number}.jpg"}, metadata={})
            for number, user in enumerate(users)
        ]
        loading.add_items(session, batch.id, 0, items)
        return loading.publish(session, batch.id, Counter(users), daily_limit=100).code

    return await database.write(work)


def feed_of(database: Database, catalogue: Catalogue) -> DatabaseBatchFeed:
    return DatabaseBatchFeed(database, catalogue, daily_limit=100)


async def accepted(feed: DatabaseBatchFeed, code: str) -> list[str]:
    return [brief.code for brief in (await feed.step(code)).accepted]


async def end(records: DatabaseRecords, codes: Sequence[str], to: JobStatus = JobStatus.CANCELED) -> None:
    error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)
    for code in codes:
        await records.gate.advance(code, to, error=error)


async def used(database: Database, user: str = "ada") -> int:
    return (await database.read(today, user, now().date())).used


async def jobs_of(database: Database, code: str) -> list[JobRow]:
    def work(session: Session) -> list[JobRow]:
        return list(session.exec(select(JobRow).where(col(JobRow.batch_code) == code).order_by(col(JobRow.id))))

    return await database.read(work)


async def test_rows_become_jobs_as_places_are_free(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 5, concurrency=2)
    feed = feed_of(database, catalogue)

    first = await accepted(feed, code)
    none = await accepted(feed, code)
    await end(records, first[:1])
    third = await accepted(feed, code)

    assert (len(first), none, len(third), await used(database)) == (2, [], 1, 4 * PRICE)
    batch, progress = await database.read(batch_and_progress, code, user_id="ada")
    assert progress.counts == {JobStatus.DRAFT: 4, JobStatus.CANCELED: 1}
    assert (progress.waiting, progress.charged, batch.ended_at) == (2, 0, None)
    assert await database.snapshot(violations) == []


async def test_a_batch_ends_with_its_last_job_and_tells_so_once(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 3, callback_url="https://example.com/hook")
    feed = feed_of(database, catalogue)
    await end(records, await accepted(feed, code), JobStatus.FAILED)

    looks = [(await feed.step(code)).look.phase for _ in range(2)]

    assert looks == [BatchPhase.OVER, BatchPhase.OVER]
    batch = await database.read(batch_of, code, user_id="ada")
    assert batch.batch_status == "DONE"
    deliveries = await database.read(lambda session: list(session.exec(select(WebhookDeliveryRow))))
    (delivery,) = deliveries
    assert (delivery.topic, delivery.url) == ("batch.done", "https://example.com/hook")
    told = delivery.payload or {}
    assert (told["code"], told["counts"], told["points"], told["charged"]) == (code, {"FAILED": 3}, 3 * PRICE, 0)
    assert await database.read(failures_of, batch, at_most=5) == [("test", "As the test wants it.", 3)]


async def test_two_feeders_at_the_same_time_take_each_row_once(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 12, concurrency=4)
    feeds = [feed_of(database, catalogue) for _ in range(4)]

    while (await feeds[0].step(code)).look.phase is not BatchPhase.OVER:
        await asyncio.gather(*(feed.step(code) for feed in feeds))
        running = [job.code for job in await jobs_of(database, code) if not job.job_status.is_final]
        assert len(running) <= 4
        await end(records, running)

    images = [job.params["image"] for job in await jobs_of(database, code)]
    assert images == [f"https://example.com/{number}.jpg" for number in range(12)]
    assert await database.snapshot(violations) == []


async def test_without_points_a_batch_pauses_and_goes_on_when_it_is_resumed(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    await database.write(set_limit, "ada", 3 * PRICE)
    code = await loaded(database, catalogue, ["ada"] * 5, reserve="by_row", concurrency=10)
    feed = feed_of(database, catalogue)

    first = await accepted(feed, code)
    paused = await database.read(batch_of, code, user_id="ada")
    await end(records, first)
    resting = (await feed.step(code)).look.phase
    await database.write(lambda session: steering.resume(batch_of(session, code, user_id="ada", locked=True)))
    rest = await accepted(feed, code)

    assert (len(first), paused.batch_status, paused.pause_reason) == (3, "PAUSED", "points_exhausted")
    assert (resting, len(rest)) == (BatchPhase.RESTING, 2)
    assert await database.snapshot(violations) == []


async def test_an_account_that_must_be_mended_pauses_the_batch_and_keeps_the_other_rows(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 5, concurrency=2)
    feed = feed_of(database, catalogue)
    first, second = await accepted(feed, code)
    no_credit = JobError(code="provider_blocked", message="No credit.", stage=Stage.SUBMIT)
    await records.gate.advance(first, JobStatus.FAILED, error=no_credit)
    nothing = await accepted(feed, code)
    batch, progress = await database.read(batch_and_progress, code, user_id="ada")
    await end(records, [second], JobStatus.FAILED)
    await database.write(lambda session: steering.resume(batch_of(session, code, user_id="ada", locked=True)))
    resumed = await accepted(feed, code)

    assert (nothing, batch.batch_status, batch.pause_reason) == ([], "PAUSED", "provider_blocked")
    assert (progress.waiting, len(resumed)) == (3, 2)


async def test_a_whole_reservation_pays_though_the_limit_was_lowered(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada", "bob", "ada"])
    await database.write(set_limit, "ada", 1)

    jobs = await accepted(feed_of(database, catalogue), code)

    assert (len(jobs), await used(database, "ada"), await used(database, "bob")) == (3, 2 * PRICE, PRICE)
    assert await database.snapshot(violations) == []


async def test_what_is_canceled_is_canceled_at_the_jobs_too(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 5, concurrency=2)
    feed = feed_of(database, catalogue)
    running = await accepted(feed, code)

    def cancel(session: Session) -> None:
        steering.cancel(session, batch_of(session, code, user_id=None, locked=True))

    await database.write(cancel)
    to_cancel = (await feed.step(code)).to_cancel
    asked = [await feed.request_cancel(job) for job in to_cancel]
    await end(records, running)

    assert (sorted(to_cancel), asked) == (sorted(running), [True, True])
    assert (await feed.step(code)).look.phase is BatchPhase.OVER
    batch, progress = await database.read(batch_and_progress, code, user_id=None)
    assert (batch.batch_status, progress.counts, await used(database)) == ("CANCELED", {JobStatus.CANCELED: 5}, 0)


async def test_a_rerun_is_of_what_failed_alone(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 3)
    feed = feed_of(database, catalogue)
    jobs = await accepted(feed, code)
    await end(records, jobs[:1], JobStatus.FAILED)
    for status in (JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS):
        for job in jobs[1:]:
            await records.gate.advance(job, status)
    assert (await feed.step(code)).look.phase is BatchPhase.OVER

    def rerun(session: Session) -> int:
        batch = batch_of(session, code, user_id=None, locked=True)
        return steering.rerun_failed(session, batch, daily_limit=100)

    count = await database.write(rerun)
    again = await accepted(feed, code)

    assert (count, len(again)) == (1, 1)
    new = (await jobs_of(database, code))[-1]
    assert (new.code, new.rerun_of, new.params["image"]) == (again[0], jobs[0], "https://example.com/0.jpg")
    batch, progress = await database.read(batch_and_progress, code, user_id=None)
    assert (batch.batch_status, progress.counts) == ("RUNNING", {JobStatus.DRAFT: 1, JobStatus.SUCCESS: 2})
    assert await database.snapshot(violations) == []


async def test_held_points_that_are_given_back_later_are_not_charged(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 3, concurrency=3)
    feed = feed_of(database, catalogue)
    jobs = await accepted(feed, code)
    for job in jobs:
        await records.gate.advance(job, JobStatus.TIMEOUT, error=LOST, provider_may_charge=True)
    await feed.step(code)

    async def charged() -> int:
        return (await database.read(batch_and_progress, code, user_id=None))[1].charged

    held = await charged()
    await records.late_outcomes.record(jobs[0], JobStatus.FAILED, {})
    await records.late_outcomes.record(jobs[1], JobStatus.GENERATED, {})
    decided = await charged()
    await database.write(_rerun, code)
    await records.late_outcomes.record(jobs[2], JobStatus.FAILED, {})  # while its row waits for another job

    assert (held, decided, await charged()) == (3 * PRICE, 2 * PRICE, PRICE)
    again = await accepted(feed, code)
    await end(records, again)
    assert await charged() == await used(database) == PRICE
    assert await database.snapshot(violations) == []


def _rerun(session: Session, code: str) -> None:
    steering.rerun_failed(session, batch_of(session, code, user_id=None, locked=True), daily_limit=100)


async def test_nothing_starts_before_its_time_and_what_expired_is_canceled(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    code = await loaded(database, catalogue, ["ada"] * 3, start_at=now() + timedelta(minutes=1), concurrency=1)
    feed = feed_of(database, catalogue)

    early = await feed.step(code)
    await _change(database, code, start_at=now())
    (job,) = await accepted(feed, code)
    await _change(database, code, expires_at=now())
    late = await feed.step(code)
    await end(records, [job], JobStatus.FAILED)
    last = await feed.step(code)

    assert early.look.phase is BatchPhase.RESTING
    assert timedelta(0) < early.look.look_after <= timedelta(minutes=1)
    assert (late.accepted, last.look.phase, await used(database)) == ([], BatchPhase.OVER, 0)
    _, progress = await database.read(batch_and_progress, code, user_id=None)
    assert progress.counts == {JobStatus.FAILED: 1, JobStatus.CANCELED: 2}
    assert await database.snapshot(violations) == []


async def _change(database: Database, code: str, **values: Any) -> None:
    def work(session: Session) -> None:
        batch = batch_of(session, code, user_id=None, locked=True)
        for name, value in values.items():
            setattr(batch, name, value)

    await database.write(work)
