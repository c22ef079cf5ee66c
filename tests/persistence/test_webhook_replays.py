"""All webhooks that have failed since a time are sent again, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.errors import EndpointDisabled, NotFound
from aijobs.domain.webhooks import DeliveryState, WebhookReply
from aijobs.persistence.database import Database
from aijobs.persistence.tables import WebhookDeliveryRow
from aijobs.persistence.webhooks import replays
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.persistence.webhooks.endpoints import change_endpoint, create_endpoint, locked_endpoint
from aijobs.persistence.webhooks.replays import ReplayFilter, replay_failed, replay_of
from aijobs.usecases.keep_webhooks import send_test

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def endpoint(database: Database, user_id: str | None = None) -> str:
    made = await database.write(
        create_endpoint, user_id=user_id, url="https://example.com", events=["job.failed"], created_by="test"
    )
    return made.code


async def failed(database: Database, endpoint_code: str, *, for_good: bool = True) -> str:
    """The code of a delivery whose receiver has answered 500."""
    sent = await send_test(database, endpoint_code, user_id=None)
    next_try_at = None if for_good else datetime.now(UTC) + timedelta(hours=1)
    outbox = DatabaseDeliveries(database, disable_after=timedelta(days=5))
    await outbox.note_try(sent.code, WebhookReply(status=500), next_try_at=next_try_at)
    return sent.code


async def replayed(database: Database, **criteria: Any) -> tuple[int, bool]:
    return await database.write(replay_failed, ReplayFilter(**{"since": LONG_AGO, **criteria}))


async def rows(database: Database) -> list[WebhookDeliveryRow]:
    def work(session: Session) -> list[WebhookDeliveryRow]:
        return list(session.exec(select(WebhookDeliveryRow).order_by(col(WebhookDeliveryRow.id))))

    return await database.read(work)


async def test_each_is_sent_again_once_under_its_message_id(database: Database) -> None:
    hook = await endpoint(database)
    first, second = await failed(database, hook), await failed(database, hook)

    assert await replayed(database) == (2, False)
    assert await replayed(database) == (0, False)

    *old, one, two = await rows(database)
    assert [(row.message_id, row.replay_of, row.state) for row in (one, two)] == [
        (first, first, DeliveryState.PENDING),
        (second, second, DeliveryState.PENDING),
    ]
    assert {row.state for row in old} == {DeliveryState.FAILED}
    newest = await database.read(replay_of, first)
    assert newest is not None
    assert newest.code == one.code


async def test_a_replay_that_fails_is_sent_again_in_its_turn(database: Database) -> None:
    hook = await endpoint(database)
    await failed(database, hook)
    await replayed(database)
    *_, newer = await rows(database)
    outbox = DatabaseDeliveries(database, disable_after=timedelta(days=5))
    await outbox.note_try(newer.code, WebhookReply(status=500), next_try_at=None)

    assert await replayed(database) == (1, False)
    assert [row.replay_of for row in await rows(database)][-1] == newer.code


async def test_what_waits_for_its_next_try_is_replaced_only_when_asked_for(database: Database) -> None:
    hook = await endpoint(database)
    waiting = await failed(database, hook, for_good=False)
    untried = (await send_test(database, hook, user_id=None)).code

    assert await replayed(database) == (0, False)
    assert await replayed(database, include_waiting=True) == (1, False)

    states = {row.code: row.state for row in await rows(database)}
    assert (states[waiting], states[untried]) == (DeliveryState.REPLACED, DeliveryState.PENDING)


async def test_times_endpoints_and_users_choose(database: Database) -> None:
    everybodys, adas = await endpoint(database), await endpoint(database, "ada")
    await failed(database, everybodys)
    between = datetime.now(UTC)
    await failed(database, adas)

    assert await replayed(database, until=LONG_AGO) == (0, False)
    assert await replayed(database, since=datetime.now(UTC)) == (0, False)
    assert await replayed(database, user_id="bell") == (0, False)
    assert await replayed(database, endpoint_code=adas, until=between) == (0, False)
    assert await replayed(database, endpoint_code=adas, user_id="ada") == (1, False)
    assert await replayed(database, until=between) == (1, False)
    with pytest.raises(NotFound):
        await replayed(database, endpoint_code=everybodys, user_id="ada")


async def test_what_goes_to_a_disabled_endpoint_stays_until_it_is_enabled(database: Database) -> None:
    hook, closed = await endpoint(database), await endpoint(database)
    await failed(database, hook)
    await failed(database, closed)

    def close(session: Session) -> None:
        row = locked_endpoint(session, closed, user_id=None)
        change_endpoint(session, row, url=None, events=None, enabled=False)

    await database.write(close)

    assert await replayed(database) == (1, False)
    with pytest.raises(EndpointDisabled):
        await replayed(database, endpoint_code=closed)


async def test_very_many_are_sent_in_portions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "AT_ONCE", 2)
    hook = await endpoint(database)
    for _ in range(3):
        await failed(database, hook)

    assert await replayed(database) == (2, True)
    assert await replayed(database) == (1, False)


async def test_two_who_ask_at_the_same_time_send_each_once(database: Database) -> None:
    hook = await endpoint(database)
    for _ in range(3):
        await failed(database, hook)

    counts = await asyncio.gather(*(replayed(database) for _ in range(4)))

    assert sum(count for count, _ in counts) == 3
