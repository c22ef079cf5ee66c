"""Live events without HTTP: who is behind is cut off, and nothing is looked for while nobody listens."""

import asyncio

from api.audience import MAX_WAITING, Ending
from api.live import LiveEvents
from domain.lifecycle import JobStatus
from persistence.history import EventFilter
from tests.api.installation import Installation


def only(code: str) -> EventFilter:
    return EventFilter(codes=frozenset({code}))


async def test_who_cannot_keep_up_gets_the_beginning_and_then_the_end(without_temporal: Installation) -> None:
    code = await without_temporal.job("ada")
    records = without_temporal.parts.records
    await without_temporal.push(code, JobStatus.PROCESSING)

    async with without_temporal.parts.live.subscribed(only(code)) as slow:
        for step in range(MAX_WAITING + 5):
            await records.note(code, {"step": step})
        async with asyncio.timeout(10):
            while not slow.is_over:
                await asyncio.sleep(0.05)
        taken = await slow.take()

    assert [live.event.seq for live in taken] == list(range(3, 3 + MAX_WAITING))
    assert await slow.take() == []
    assert slow.ending is Ending.BEHIND


async def test_a_subscription_begins_where_the_database_ends(without_temporal: Installation) -> None:
    code = await without_temporal.job("ada")

    for status in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING):
        async with asyncio.timeout(5), without_temporal.parts.live.subscribed(only(code)) as subscription:
            await without_temporal.push(code, status)
            assert [live.event.job_status for live in await subscription.take()] == [status]


async def test_a_closed_one_ends_every_subscription_at_once(without_temporal: Installation) -> None:
    live = LiveEvents(without_temporal.parts.database)
    async with live.running():
        live.close()
        async with live.subscribed(EventFilter()) as subscription:
            assert subscription.is_over
