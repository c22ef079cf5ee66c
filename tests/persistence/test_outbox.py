"""The outbox: in the transaction of the event, for those who want to hear, and emptied by one of many."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.errors import NotFound, TooManyEndpoints
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.retention import LetGo
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Actor
from aijobs.domain.webhooks import FINAL_TYPES, DeliveryState, DisabledReason, EventType, WebhookReply
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.gate import advance, locked_job
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.retention.deletions import delete_job
from aijobs.persistence.retention.job_parts import erase_parts
from aijobs.persistence.tables import JobRow, WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.deliveries import ERASED, DatabaseDeliveries, body_of, claim
from aijobs.persistence.webhooks.endpoints import (
    MAX_ENDPOINTS,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    endpoint_of,
)
from aijobs.persistence.webhooks.log import delivery_of
from aijobs.persistence.webhooks.replays import replay
from tests.persistence.conftest import AcceptJob

BROKEN = JobError(code="provider_failed", message="no faces found", stage=Stage.PROCESSING)
FIVE_DAYS = timedelta(days=5)
TO_SUCCESS = (JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)


async def endpoint(database: Database, *events: EventType, user_id: str | None = "ada") -> str:
    row = await database.write(
        create_endpoint, user_id=user_id, url="https://example.com", events=events or FINAL_TYPES, created_by="test"
    )
    return row.code


async def deliveries(database: Database) -> list[WebhookDeliveryRow]:
    def work(session: Session) -> list[WebhookDeliveryRow]:
        return list(session.exec(select(WebhookDeliveryRow).order_by(col(WebhookDeliveryRow.id))))

    return await database.read(work)


async def look_at(database: Database, code: str) -> WebhookEndpointRow:
    return await database.read(endpoint_of, code, user_id=None)


@pytest.fixture
async def pending(database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> str:
    """The code of a delivery to ada's endpoint."""
    await endpoint(database)
    await records.gate.advance(await accept_job("ada"), JobStatus.FAILED, error=BROKEN)
    return (await deliveries(database))[0].code


async def test_each_endpoint_hears_of_what_it_wants_of_its_own_users_jobs(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    ends = await endpoint(database)
    all_statuses = await endpoint(database, EventType.STATUS, user_id=None)
    steps = await endpoint(database, EventType.PROGRESS)
    await endpoint(database, EventType.FAILED)
    await endpoint(database, user_id="bell")

    code = await accept_job("ada")
    for status in TO_SUCCESS:
        await records.gate.advance(code, status)

    rows = [(row.endpoint_code, row.topic, row.seq, row.user_id) for row in await deliveries(database)]
    assert steps not in {endpoint for endpoint, *_ in rows}
    assert sorted(rows) == sorted(
        [(all_statuses, "job.status", seq, None) for seq in (2, 3, 4, 5)] + [(ends, "job.success", 5, "ada")]
    )


async def test_progress_is_told_to_those_who_ask_for_it(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    await endpoint(database, EventType.PROGRESS)
    code = await accept_job("ada")
    await records.gate.advance(code, JobStatus.PROCESSING)

    await records.gate.progress(code, JobStatus.PROCESSING, 100)

    assert [row.topic for row in await deliveries(database)] == ["job.progress"]


async def test_the_end_of_a_job_is_told_to_its_own_callback_url(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job("ada")

    def work(session: Session) -> None:
        job = locked_job(session, code)
        job.callback_url = "https://example.com/back"

    await database.write(work)

    await records.gate.advance(code, JobStatus.SUBMITTED)
    await records.gate.advance(code, JobStatus.FAILED, error=BROKEN)

    [row] = await deliveries(database)
    assert (row.url, row.topic, row.endpoint_code, row.user_id) == (
        "https://example.com/back",
        "job.failed",
        None,
        "ada",
    )


async def test_an_event_that_does_not_happen_is_told_to_nobody(database: Database, accept_job: AcceptJob) -> None:
    await endpoint(database, EventType.STATUS)
    code = await accept_job("ada")

    async def begun_and_broken_off() -> None:
        def work(session: Session) -> None:
            advance(session, locked_job(session, code), JobStatus.SUBMITTED)
            raise RuntimeError

        await database.write(work)

    with pytest.raises(RuntimeError):
        await begun_and_broken_off()

    assert await deliveries(database) == []


async def test_disabled_and_deleted_endpoints_hear_nothing(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    disabled, deleted = await endpoint(database), await endpoint(database)

    def work(session: Session) -> None:
        change_endpoint(session, endpoint_of(session, disabled, user_id="ada"), url=None, events=None, enabled=False)
        delete_endpoint(session, endpoint_of(session, deleted, user_id="ada"))

    await database.write(work)

    await records.gate.advance(await accept_job("ada"), JobStatus.FAILED, error=BROKEN)

    assert await deliveries(database) == []


async def test_of_several_who_empty_the_outbox_one_takes_a_delivery(database: Database, pending: str) -> None:
    claims = await asyncio.gather(*(database.write(claim) for _ in range(4)))

    assert sorted(claims) == [[], [], [], [pending]]


async def test_whoever_follows_the_outbox_is_told_what_is_due(database: Database, pending: str) -> None:
    async for codes in DatabaseDeliveries(database, disable_after=FIVE_DAYS).due():
        assert codes == [pending]
        break

    assert await database.write(claim) == []


async def test_a_try_that_failed_is_noted_with_the_time_of_the_next(database: Database, pending: str) -> None:
    outbox = DatabaseDeliveries(database, disable_after=FIVE_DAYS)
    next_try_at = datetime.now(UTC) + timedelta(minutes=5)

    await outbox.note_try(pending, WebhookReply(status=500), next_try_at=next_try_at)

    [row] = await deliveries(database)
    assert (row.state, row.next_try_at) == (DeliveryState.PENDING, next_try_at)
    assert [(tried["status"], tried["error"]) for tried in row.tries] == [(500, "HTTP 500")]
    assert row.look_at is not None
    assert row.look_at > next_try_at


async def test_what_has_ended_is_not_sent_and_not_noted_again(database: Database, pending: str) -> None:
    outbox = DatabaseDeliveries(database, disable_after=FIVE_DAYS)
    await outbox.note_try(pending, WebhookReply(status=200), next_try_at=None)

    await outbox.note_try(pending, WebhookReply(status=500), next_try_at=None)

    assert await outbox.message_to_send(pending) is None
    assert (await deliveries(database))[0].state == DeliveryState.DELIVERED


async def test_an_endpoint_that_fails_for_days_is_disabled_and_a_success_begins_anew(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await endpoint(database)
    for _ in range(3):
        await records.gate.advance(await accept_job("ada"), JobStatus.FAILED, error=BROKEN)
    first, second, third = [row.code for row in await deliveries(database)]
    patient = DatabaseDeliveries(database, disable_after=FIVE_DAYS)
    impatient = DatabaseDeliveries(database, disable_after=timedelta())
    soon = datetime.now(UTC)

    await patient.note_try(first, WebhookReply(status=500), next_try_at=soon)
    failing = await look_at(database, code)
    await patient.note_try(second, WebhookReply(status=200), next_try_at=None)
    healthy = await look_at(database, code)
    await impatient.note_try(third, WebhookReply(error="No answer."), next_try_at=soon)
    disabled = await look_at(database, code)

    assert (failing.enabled, failing.failing_since is not None) == (True, True)
    assert (healthy.enabled, healthy.failing_since) == (True, None)
    assert (disabled.enabled, disabled.disabled_reason) == (False, DisabledReason.FAILING)
    assert disabled.disabled_at is not None


async def test_a_replay_carries_the_same_message_and_replaces_what_still_waits(
    database: Database, pending: str
) -> None:
    def work(session: Session) -> WebhookDeliveryRow:
        return replay(session, delivery_of(session, pending, user_id="ada"))

    again = await database.write(work)

    old, new = await deliveries(database)
    outbox = DatabaseDeliveries(database, disable_after=FIVE_DAYS)
    message = await outbox.message_to_send(again.code)
    assert (old.state, new.state) == (DeliveryState.REPLACED, DeliveryState.PENDING)
    assert (new.message_id, new.replay_of) == (old.message_id, old.code)
    assert await outbox.message_to_send(pending) is None
    assert message is not None
    assert message.message_id == pending


async def test_endpoints_are_bounded(database: Database) -> None:
    for _ in range(MAX_ENDPOINTS):
        await endpoint(database)

    with pytest.raises(TooManyEndpoints):
        await endpoint(database)

    assert await endpoint(database, user_id="bell")


async def test_the_message_is_the_event_as_the_stream_tells_it(
    database: Database, records: DatabaseRecords, pending: str
) -> None:
    def work(session: Session) -> JobRow:
        return session.exec(select(JobRow)).one()

    job = await database.read(work)

    message = await DatabaseDeliveries(database, disable_after=FIVE_DAYS).message_to_send(pending)

    assert message is not None
    data = json.loads(message.body)["data"]
    assert (data["code"], data["seq"], data["job_status_name"]) == (job.code, 2, "FAILED")
    assert (data["detail"]["error"]["message"], data["metadata"]) == ("no faces found", {})


async def test_a_job_that_its_owner_deletes_is_told_of_all_the_same(database: Database, pending: str) -> None:
    [row] = await deliveries(database)
    await database.write(delete_job, str(row.job_code), Actor(key_id="key", user_id="ada"))

    message = await DatabaseDeliveries(database, disable_after=FIVE_DAYS).message_to_send(pending)

    assert message is not None
    assert json.loads(message.body)["data"]["code"] == row.job_code
    with pytest.raises(NotFound):
        await database.read(body_of, row)


async def test_what_is_erased_is_not_sent_and_no_fault_of_its_receiver(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    receiver, code = await endpoint(database, EventType.STATUS), await accept_job("ada")
    for status in (JobStatus.SUBMITTED, JobStatus.FAILED):
        await records.gate.advance(code, status, error=BROKEN if status.is_final else None)
    first, last = [row.code for row in await deliveries(database)]
    await database.write(erase_parts, [code], LetGo.EVENTS)

    outbox = DatabaseDeliveries(database, disable_after=timedelta())
    erased, kept = await outbox.message_to_send(first), await outbox.message_to_send(last)

    assert (erased, kept is not None) == (None, True)
    row = (await deliveries(database))[0]
    assert (row.state, row.look_at, row.tries[0]["error"]) == (DeliveryState.FAILED, None, ERASED)
    assert (await look_at(database, receiver)).failing_since is None
    with pytest.raises(NotFound, match="erased"):
        await database.read(body_of, row)
