"""Alerts when half of a user's day, four fifths or all of it is spent."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

from sqlmodel import Session, col, select, update

from aijobs.domain.errors import PointsExhausted
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import alerts_due
from aijobs.domain.webhooks import EventType
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.points.ledger import heavy_spenders
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import PointsDayRow, WebhookDeliveryRow
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.persistence.webhooks.endpoints import create_endpoint
from aijobs.persistence.webhooks.log import delivery_of
from aijobs.persistence.webhooks.replays import replay
from tests.persistence.conftest import AcceptJob
from tests.persistence.test_gate import day_of


async def endpoint(database: Database, *events: EventType, user_id: str | None) -> str:
    row = await database.write(
        create_endpoint, user_id=user_id, url="https://example.com", events=events, created_by="test"
    )
    return row.code


async def told(database: Database) -> list[tuple[str | None, int]]:
    """The endpoint and the percent of each alert on its way."""

    def work(session: Session) -> list[WebhookDeliveryRow]:
        found = select(WebhookDeliveryRow).where(col(WebhookDeliveryRow.topic) == EventType.ALERT)
        return list(session.exec(found.order_by(col(WebhookDeliveryRow.id))))

    return [(row.endpoint_code, row.payload["percent"]) for row in await database.read(work) if row.payload]


async def test_each_part_of_a_day_is_told_once_though_points_come_back(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    mine, everybodys = [await endpoint(database, EventType.ALERT, user_id=user) for user in ("ada", None)]
    await endpoint(database, EventType.ALERT, user_id="bell")
    await endpoint(database, EventType.SUCCESS, user_id="ada")

    codes = [await accept_job("ada", daily_limit=10) for _ in range(4)]
    await records.gate.advance(codes[0], JobStatus.CANCELED)
    await accept_job("ada", daily_limit=10)
    await accept_job("ada", daily_limit=10)

    assert sorted(await told(database)) == sorted((one, each) for one in (mine, everybodys) for each in (50, 80, 100))
    assert (await day_of(database, "ada")).alerted == 100


async def test_jobs_at_the_same_time_tell_each_part_once(database: Database, accept_job: AcceptJob) -> None:
    await endpoint(database, EventType.ALERT, user_id="ada")

    tries = await asyncio.gather(*(accept_job("ada", daily_limit=20) for _ in range(16)), return_exceptions=True)

    assert sum(isinstance(one, PointsExhausted) for one in tries) == 6
    assert Counter(percent for _, percent in await told(database)) == {50: 1, 80: 1, 100: 1}


async def test_a_job_that_is_refused_tells_nothing(database: Database, accept_job: AcceptJob) -> None:
    await endpoint(database, EventType.ALERT, user_id="ada")

    refused = await asyncio.gather(accept_job("ada", daily_limit=1), return_exceptions=True)

    assert isinstance(refused[0], PointsExhausted)
    assert await told(database) == []


async def test_an_alert_says_of_whom_it_is_and_is_replayed_as_it_was(database: Database, accept_job: AcceptJob) -> None:
    await endpoint(database, EventType.ALERT, user_id=None)
    await accept_job("ada", daily_limit=4)
    deliveries = DatabaseDeliveries(database, disable_after=timedelta(days=5))

    def again(session: Session) -> tuple[str, str]:
        first = session.exec(select(WebhookDeliveryRow)).one()
        return first.code, replay(session, delivery_of(session, first.code, user_id=None)).code

    first = await deliveries.message_to_send(await database.read(_only_code))
    _, second = await database.write(again)
    replayed = await deliveries.message_to_send(second)

    assert first is not None
    assert replayed is not None
    assert first.body == replayed.body
    message = json.loads(first.body)
    assert (message["type"], message["timestamp"]) == ("points.alert", message["data"].pop("at"))
    today = now().date()
    assert message["data"] == {"user_id": "ada", "day": today.isoformat(), "used": 2, "limit": 4, "percent": 50}
    assert await database.read(heavy_spenders, today, percent=50, user_id=None) == 1
    assert await database.read(heavy_spenders, today, percent=80, user_id="ada") == 0

    await database.write(_give_back, 1)
    assert await database.read(heavy_spenders, today, percent=50, user_id=None) == 0


def _give_back(session: Session, points: int) -> None:
    session.exec(update(PointsDayRow).values(used=col(PointsDayRow.used) - points))


def _only_code(session: Session) -> str:
    return session.exec(select(WebhookDeliveryRow.code)).one()


def test_a_lowered_limit_tells_what_was_jumped_over() -> None:
    assert alerts_due(used=9, limit=10, alerted=0) == [50, 80]
    assert alerts_due(used=12, limit=10, alerted=50) == [80, 100]
    assert alerts_due(used=10, limit=10, alerted=100) == []
    assert alerts_due(used=1, limit=0, alerted=0) == [50, 80, 100]
    assert alerts_due(used=0, limit=0, alerted=0) == [], "a job that costs nothing spends nothing"
