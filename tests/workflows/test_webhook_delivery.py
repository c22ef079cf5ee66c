"""Webhook deliveries: attempts, delays and final states."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select, update
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowFailureError

from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import DeliveryState, EventType, endpoint_secret_ref, secret_of
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow
from aijobs.persistence.webhooks.endpoints import change_endpoint, create_endpoint, endpoint_of
from aijobs.persistence.webhooks.log import delivery_of
from aijobs.persistence.webhooks.replays import replay
from tests.adapters.webhooks.receiver import TIMEOUT, Receiver, answers, hangs, resets
from tests.workflows.conftest import SECRET, Workbench, running_workbench
from tests.workflows.local import StepProvider
from workflows.client import start_delivery
from workflows.outbox_relay import outbox_relay

BROKEN = answers("500 Internal Server Error")
QUICK = (timedelta(milliseconds=100),) * 4


class DeliveryDesk:
    """One endpoint, jobs with the requested end, and their deliveries."""

    def __init__(self, bench: Workbench, receiver: Receiver, endpoint: str) -> None:
        self.bench = bench
        self.receiver = receiver
        self.endpoint = endpoint

    async def finished_job(self) -> str:
        handle = await self.bench.start()
        await handle.result()
        return handle.id

    async def delivery(self, job_code: str) -> WebhookDeliveryRow:
        """The last delivery of a job, once it has ended."""
        async with asyncio.timeout(TIMEOUT):
            while (row := await self._last(job_code)).state == DeliveryState.PENDING:
                await asyncio.sleep(0.05)
        return row

    async def waiting(self, job_code: str) -> WebhookDeliveryRow:
        """The same, once a first attempt was recorded."""
        async with asyncio.timeout(TIMEOUT):
            while not (row := await self._last(job_code)).tries:
                await asyncio.sleep(0.05)
        return row

    async def is_overdue(self, row: WebhookDeliveryRow) -> None:
        """Set the time of its next attempt to the past."""
        past = datetime.now(UTC) - timedelta(hours=1)

        def work(session: Session) -> None:
            due = update(WebhookDeliveryRow).where(col(WebhookDeliveryRow.code) == row.code)
            session.exec(due.values(next_try_at=past, look_at=past))

        await self.bench.database.write(work)

    async def pending_activity(self, code: str) -> PendingActivityInfo:
        """The pending activity of a delivery's workflow, once it waits for a retry."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                described = await self.bench.client.get_workflow_handle(code).describe()
                for pending in described.raw_description.pending_activities:
                    if pending.HasField("last_failure"):
                        return pending
                await asyncio.sleep(0.05)

    async def look_at_endpoint(self) -> WebhookEndpointRow:
        return await self.bench.database.read(endpoint_of, self.endpoint, user_id=None)

    async def _last(self, job_code: str) -> WebhookDeliveryRow:
        newest = (
            select(WebhookDeliveryRow)
            .where(col(WebhookDeliveryRow.job_code) == job_code)
            .order_by(col(WebhookDeliveryRow.id).desc())
            .limit(1)
        )

        def work(session: Session) -> WebhookDeliveryRow:
            return session.exec(newest).one()

        return await self.bench.database.read(work)


@pytest.fixture
async def desk(temporal_client: Client, tmp_path: Path) -> AsyncIterator[DeliveryDesk]:
    async with Receiver().running() as receiver:
        settings = WebhookSettings(allow_hosts=(receiver.host,), pauses=QUICK, timeout=timedelta(seconds=1))
        providers = {"local": StepProvider([JobStatus.GENERATED])}
        async with running_workbench(temporal_client, tmp_path, providers=providers, webhooks=settings) as bench:
            row = await bench.database.write(
                create_endpoint, user_id="ada", url=receiver.url, events=[EventType.SUCCESS], created_by="test"
            )
            async with outbox_relay(temporal_client, bench.adapters.deliveries):
                yield DeliveryDesk(bench, receiver, row.code)


async def test_a_finished_job_is_told_once_and_signed(desk: DeliveryDesk) -> None:
    code = await desk.finished_job()

    [message] = await desk.receiver.messages(1)
    delivery = await desk.delivery(code)
    payload = message.verified(secret_of(SECRET.encode(), endpoint_secret_ref(desk.endpoint, 1)))
    assert (payload["type"], payload["data"]["code"], payload["data"]["job_status_name"]) == (
        "job.success",
        code,
        "SUCCESS",
    )
    assert (delivery.state, [tried["status"] for tried in delivery.tries]) == (DeliveryState.DELIVERED, [204])
    assert len(desk.receiver.received) == 1


async def test_a_message_that_is_not_taken_is_tried_again_with_the_same_id(desk: DeliveryDesk) -> None:
    desk.receiver.behaves(BROKEN, resets, hangs, answers("302 Found", "location: /"))

    code = await desk.finished_job()
    delivery = await desk.delivery(code)

    messages = desk.receiver.received
    assert [tried["status"] for tried in delivery.tries] == [500, None, None, 302, 204]
    assert delivery.state == DeliveryState.DELIVERED
    assert {message.id for message in messages} == {delivery.message_id}
    assert len({message.text for message in messages}) == 1
    assert messages[0].headers["webhook-timestamp"] < messages[-1].headers["webhook-timestamp"]


async def test_what_nobody_takes_is_given_up_and_can_be_replayed(desk: DeliveryDesk) -> None:
    desk.receiver.behaves(*[BROKEN] * 5)
    code = await desk.finished_job()
    given_up = await desk.delivery(code)

    def work(session: Session) -> WebhookDeliveryRow:
        return replay(session, delivery_of(session, given_up.code, user_id="ada"))

    again = await desk.bench.database.write(work)
    messages = await desk.receiver.messages(6)

    with pytest.raises(WorkflowFailureError):
        await desk.bench.client.get_workflow_handle(given_up.code).result()
    assert (given_up.state, len(given_up.tries)) == (DeliveryState.FAILED, 5)
    assert (again.replay_of, messages[5].id) == (given_up.code, given_up.message_id)
    assert (await desk.delivery(code)).state == DeliveryState.DELIVERED


async def test_a_receiver_that_is_gone_is_never_called_again(desk: DeliveryDesk) -> None:
    desk.receiver.behaves(answers("410 Gone"))
    code = await desk.finished_job()

    delivery = await desk.delivery(code)
    await desk.finished_job()

    endpoint = await desk.look_at_endpoint()
    assert (delivery.state, len(delivery.tries)) == (DeliveryState.FAILED, 1)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "gone")
    assert len(desk.receiver.received) == 1


async def test_what_is_on_its_way_follows_its_endpoint_elsewhere(desk: DeliveryDesk) -> None:
    desk.receiver.behaves(BROKEN)
    async with Receiver().running() as elsewhere:
        code = await desk.finished_job()
        await desk.receiver.messages(1)

        def work(session: Session) -> None:
            row = endpoint_of(session, desk.endpoint, user_id="ada")
            change_endpoint(session, row, url=elsewhere.url, events=None, enabled=None)

        await desk.bench.database.write(work)

        delivery = await desk.delivery(code)

    assert delivery.state == DeliveryState.FAILED  # the new host is not one that the operator has listed
    assert delivery.url == elsewhere.url
    assert "operator" in delivery.tries[-1]["error"]


async def test_a_disabled_endpoint_gets_nothing_more(desk: DeliveryDesk) -> None:
    desk.receiver.behaves(BROKEN)
    code = await desk.finished_job()
    await desk.receiver.messages(1)

    def work(session: Session) -> None:
        row = endpoint_of(session, desk.endpoint, user_id="ada")
        change_endpoint(session, row, url=None, events=None, enabled=False)

    await desk.bench.database.write(work)

    delivery = await desk.delivery(code)

    assert delivery.state == DeliveryState.FAILED
    assert delivery.tries[-1]["error"] == "The endpoint is disabled."
    assert len(desk.receiver.received) <= 2


async def test_a_delivery_whose_workflow_was_lost_is_started_again(desk: DeliveryDesk, temporal_client: Client) -> None:
    desk.receiver.behaves(answers("503 Service Unavailable", "retry-after: 3600"))
    code = await desk.finished_job()
    await desk.receiver.messages(1)
    waiting = await desk.waiting(code)

    await temporal_client.get_workflow_handle(waiting.code).terminate(reason="by mistake")
    await desk.is_overdue(waiting)

    assert (await desk.delivery(code)).state == DeliveryState.DELIVERED
    assert len(desk.receiver.received) == 2


async def test_a_try_that_comes_too_early_waits_for_its_time(desk: DeliveryDesk, temporal_client: Client) -> None:
    desk.receiver.behaves(answers("503 Service Unavailable", "retry-after: 3600"))
    code = await desk.finished_job()
    await desk.receiver.messages(1)
    waiting = await desk.waiting(code)

    handle = temporal_client.get_workflow_handle(waiting.code)
    await handle.terminate(reason="its worker died behind the try")
    await start_delivery(temporal_client, waiting.code)
    pending = await desk.pending_activity(waiting.code)

    assert "not time" in pending.last_failure.message
    assert len(desk.receiver.received) == 1
