"""The event hub without HTTP: slow subscribers are ended, and the database is not read without subscribers."""

import asyncio
from datetime import timedelta

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.event_log import EventFilter
from api.auth.credentials import Credentials
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.replay import follow
from api.streaming.sse import JobHistory
from api.streaming.subscriptions import MAX_QUEUED, StreamEnd
from tests.api.installation import ApiUnderTest
from tests.patience import PATIENCE


def only(code: str) -> EventFilter:
    return EventFilter(codes=frozenset({code}))


async def test_who_cannot_keep_up_gets_the_beginning_and_then_the_end(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")
    records = without_temporal.dependencies.records
    await without_temporal.push(code, JobStatus.PROCESSING)

    async with without_temporal.dependencies.live.subscribed(only(code)) as slow:
        for step in range(MAX_QUEUED + 5):
            await records.gate.note(code, {"step": step})
        async with asyncio.timeout(PATIENCE):
            while not slow.is_over:
                await asyncio.sleep(0.05)
        taken = await slow.take()

    assert [live.event.seq for live in taken] == list(range(3, 3 + MAX_QUEUED))
    assert await slow.take() == []
    assert slow.ending is StreamEnd.BEHIND


async def test_a_subscription_begins_where_the_database_ends(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")

    for status in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING):
        async with asyncio.timeout(PATIENCE), without_temporal.dependencies.live.subscribed(only(code)) as subscription:
            await without_temporal.push(code, status)
            assert [live.event.job_status for live in await subscription.take()] == [status]


async def test_a_closed_one_ends_every_subscription_at_once(without_temporal: ApiUnderTest) -> None:
    live = EventHub(without_temporal.dependencies.database)
    async with live.running():
        live.close()
        async with live.subscribed(EventFilter()) as subscription:
            assert subscription.is_over


async def test_who_began_before_the_events_flow_comes_back_rather_than_miss_one(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")
    live = EventHub(without_temporal.dependencies.database, flow_timeout=timedelta(0))
    early, again = OpenStream(Credentials(key_id="a")), OpenStream(Credentials(key_id="a"))
    batches = follow(live, JobHistory(code), 0, early)
    received = [event.event.seq for event in await anext(batches)]

    await without_temporal.push(code, JobStatus.SUBMITTED)
    # One more subscriber, so that events flow on while nobody else is there: the tail rests without any.
    async with live.running(), live.subscribed(EventFilter()), asyncio.timeout(60):
        received += [event.event.seq async for batch in batches for event in batch]
        assert (received, early.ending) == ([1], StreamEnd.DATABASE_ERROR)
        following = follow(live, JobHistory(code), received[-1], again)
        later = [event.event.seq for event in await anext(following)]  # it begins while the events still flow
        await without_temporal.push(code, JobStatus.QUEUED, JobStatus.CANCELED)
        later += [event.event.seq async for batch in following for event in batch]

    assert (later, again.ending) == ([2, 3, 4], None)


async def test_who_waits_until_the_events_flow_is_not_sent_away(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job("ada")
    live = EventHub(without_temporal.dependencies.database)

    async def received_numbers() -> list[int]:
        batches = follow(live, JobHistory(code), 0, OpenStream(Credentials(key_id="a")))
        return [event.event.seq async for batch in batches for event in batch]

    reading = asyncio.create_task(received_numbers())
    await asyncio.sleep(0)
    await without_temporal.push(code, JobStatus.SUBMITTED)
    async with live.running(), asyncio.timeout(PATIENCE):
        await without_temporal.push(code, JobStatus.QUEUED, JobStatus.CANCELED)
        assert await reading == [1, 2, 3, 4]
