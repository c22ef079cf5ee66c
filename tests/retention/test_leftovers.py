"""Webhooks that have ended, ids of vendors' webhooks and acts go when their time is over, and not before."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, SQLModel, col, select

from aijobs.domain.jobs.retention import HoldKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.audit import ActKind
from aijobs.persistence.column_types import now
from aijobs.persistence.retention.holds import begin_hold, end_hold
from aijobs.persistence.tables import AuditRow, WebhookDeliveryRow, WebhookReceiptRow
from aijobs.persistence.webhooks.inbound import take_receipt
from tests.api.installation import ApiUnderTest
from tests.retention.conftest import AT_ONCE, Retaining

DAY = timedelta(days=1)


async def read(api: ApiUnderTest, of: type[SQLModel]) -> list[Any]:
    def rows(session: Session) -> list[Any]:
        return list(session.exec(select(of)))

    return await api.dependencies.database.read(rows)


async def ended_deliveries(api: ApiUnderTest, user: str) -> str:
    """A job that has told a receiver of its end. Returns its code."""
    code = await api.job(user, callback_url="https://receiver.example.com/hook")
    await api.push(code, JobStatus.FAILED)

    def end(session: Session) -> None:
        for row in session.exec(select(WebhookDeliveryRow).where(col(WebhookDeliveryRow.job_code) == code)):
            row.state, row.ended_at, row.look_at = "delivered", now() - DAY, None

    await api.dependencies.database.write(end)
    return code


async def test_ended_webhooks_go_and_those_that_are_under_way_stay(api: ApiUnderTest, retain: Retaining) -> None:
    await ended_deliveries(api, "ada")
    waiting = await api.job("ada", callback_url="https://receiver.example.com/hook")
    await api.push(waiting, JobStatus.FAILED)
    before = await read(api, WebhookDeliveryRow)

    assert await retain(webhook_deliveries=2 * DAY) == 0
    assert await retain() == 0
    await retain(webhook_deliveries=DAY)

    assert {row.job_code for row in await read(api, WebhookDeliveryRow)} == {waiting}
    assert len(before) > 1


@pytest.mark.parametrize("kind", HoldKind)
async def test_a_hold_keeps_webhooks(api: ApiUnderTest, retain: Retaining, kind: HoldKind) -> None:
    code = await ended_deliveries(api, "ada")
    name = code if kind is HoldKind.JOB else "ada"
    hold = await api.dependencies.database.write(begin_hold, kind, name, reason="Case 17", by="test")

    assert await retain(webhook_deliveries=DAY) == 0
    await api.dependencies.database.write(end_hold, hold.code, by="test")
    assert await retain(webhook_deliveries=DAY) > 0

    assert await read(api, WebhookDeliveryRow) == []


async def test_a_vendors_webhook_is_known_as_long_as_is_set(api: ApiUnderTest, retain: Retaining) -> None:
    def receive(session: Session) -> bool:
        return take_receipt(session, provider="replicate", delivery_id="msg_1")

    write = api.dependencies.database.write
    assert await write(receive)

    assert await retain(incoming_webhooks=DAY) == 0
    assert not await write(receive)
    assert await retain(incoming_webhooks=AT_ONCE) == 1

    assert await read(api, WebhookReceiptRow) == []
    assert await write(receive)


async def test_the_oldest_acts_go_and_one_says_so(api: ApiUnderTest, retain: Retaining) -> None:
    hold = (await api.http.post("/api/holds", json={"user": "ada", "reason": "Case 17"})).json()
    await api.http.delete(f"/api/holds/{hold['id']}")
    begun = await read(api, AuditRow)

    assert await retain(audit_log=DAY) == 0
    assert await retain() == 0
    trimmed = await retain(audit_log=AT_ONCE)

    (left,) = await read(api, AuditRow)
    assert trimmed == len(begun) >= 2
    assert (left.act, left.after["acts"]) == (ActKind.AUDIT_TRIMMED, trimmed)
