"""A job's stream: each event once, in order, also after a late start or a reconnect."""

import asyncio
from typing import Any

import httpx

from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest

TO_THE_END = (
    JobStatus.SUBMITTED,
    JobStatus.PROCESSING,
    JobStatus.GENERATED,
    JobStatus.MIGRATING,
    JobStatus.SUCCESS,
)


async def stream_events(api: ApiUnderTest, code: str, after: int | str | None = None) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        return [event async for event in api.events(code, after=after)]


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


async def test_a_listener_hears_what_was_and_what_happens_until_the_end(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.SUBMITTED)
    streaming = asyncio.create_task(stream_events(shared_api, code))
    await asyncio.sleep(0.2)
    await shared_api.push(code, *TO_THE_END)
    events = await streaming

    assert numbers(events) == [1, 2, 3, 4, 5, 6]
    assert [event["job_status_name"] for event in events][-2:] == ["MIGRATING", "SUCCESS"]
    assert events[0] == {
        "seq": 1,
        "code": code,
        "at": events[0]["at"],
        "kind": "status",
        "job_status": 0,
        "job_status_name": "DRAFT",
        "job_status_desc": "草稿",
        "unit_progress": None,
        "overall_progress": 0.0,
        "detail": {},
    }


async def test_frames_carry_number_and_kind_and_forbid_buffering(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.CANCELED)
    answer = await shared_api.http.get(f"/api/jobs/{code}/events")

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "id: 2\nevent: status\ndata: {" in answer.text


async def test_many_listeners_of_many_jobs_hear_their_own_job_only(shared_api: ApiUnderTest) -> None:
    codes = [await shared_api.job("ada") for _ in range(3)]
    streaming = [asyncio.create_task(stream_events(shared_api, code)) for code in codes * 4]
    await asyncio.sleep(0.2)
    await asyncio.gather(*(shared_api.push(code, *TO_THE_END) for code in codes))

    for code, events in zip(codes * 4, await asyncio.gather(*streaming), strict=True):
        assert numbers(events) == [1, 2, 3, 4, 5, 6]
        assert {event["code"] for event in events} == {code}


async def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, *TO_THE_END)

    assert numbers(await stream_events(shared_api, code, after=3)) == [4, 5, 6]
    answer = await shared_api.http.get(f"/api/jobs/{code}/events?after=5")
    assert answer.text.count("data: ") == 1


async def test_an_id_that_is_none_means_from_the_start(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.CANCELED)

    for garbage in ("", "latest", "-1", "1.5", "1" * 400, "٣"):
        headers = httpx.Headers({"Last-Event-ID": garbage}, encoding="utf-8")
        answer = await shared_api.http.get(f"/api/jobs/{code}/events", headers=headers)
        assert (answer.status_code, answer.text.count("data: ")) == (200, 2)


async def test_whoever_has_heard_the_end_is_told_to_stay_away(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.CANCELED)

    assert (await shared_api.http.get(f"/api/jobs/{code}/events", headers={"Last-Event-ID": "2"})).status_code == 204


async def test_the_history_is_a_list_for_those_who_want_json(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.SUBMITTED)
    page = (await shared_api.http.get(f"/api/jobs/{code}/events", headers={"Accept": "application/json"})).json()
    rest = await shared_api.http.get(f"/api/jobs/{code}/events?after=1", headers={"Accept": "application/json"})

    assert numbers(page["data"]) == [1, 2]
    assert page["has_more"] is False
    assert numbers(rest.json()["data"]) == [2]


async def test_a_stream_ends_when_the_api_stops_and_can_be_taken_up_again(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    received: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        async for event in api.events(code):
            received.append(event)
            api.dependencies.live.close()

    assert numbers(received) == [1]
