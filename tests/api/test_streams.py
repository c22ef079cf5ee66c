"""The stream of all jobs: each event once, in order, and only the caller's."""

import asyncio
from typing import Any

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.api.installation import ApiUnderTest
from tests.api.streaming import SseFrame, reading

GOOD_END = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)


def event_ids(frames: list[SseFrame]) -> list[tuple[str, int]]:
    return [(frame.data["code"], frame.data["seq"]) for frame in frames]


async def test_a_service_hears_everybody_from_now_on(api: ApiUnderTest) -> None:
    before = await api.job("ada")
    async with reading(api, "/api/events") as stream:
        await stream.wait_for_id()
        hers, his = await api.job("ada"), await api.job("bob")
        await api.push(before, JobStatus.CANCELED)
        frames = await stream.take(3)

    assert event_ids(frames) == [(hers, 1), (his, 1), (before, 2)]
    assert [frame.event for frame in frames] == ["status"] * 3
    assert frames[2].data == {
        "seq": 2,
        "code": before,
        "at": frames[2].data["at"],
        "kind": "status",
        "job_status": 9,
        "job_status_name": "CANCELED",
        "job_status_desc": "取消",
        "unit_progress": None,
        "overall_progress": 0.0,
        "detail": frames[2].data["detail"],
    }


async def test_a_user_hears_its_own_jobs_only(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    as_ada = {"Aijobs-User": "ada"}
    async with reading(api, "/api/events", headers=dict(ada)) as own, reading(api, "/api/events", headers=as_ada) as of:
        await own.wait_for_id()
        await of.wait_for_id()
        await api.job("bob")
        hers = await api.job("ada")

        assert event_ids([await own.next(), await of.next()]) == [(hers, 1)] * 2


async def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(api: ApiUnderTest) -> None:
    codes = [await api.job("ada") for _ in range(3)]
    async with reading(api, "/api/events?after=0") as stream:
        first = await stream.take(2)
    for code in codes:
        await api.push(code, *GOOD_END)
    async with reading(api, "/api/events?after=0", last_id=first[-1].id) as stream:
        second = await stream.take(10)
        third = await stream.take(6)

    assert sorted(event_ids(first + second + third)) == sorted((code, seq) for code in codes for seq in range(1, 7))
    positions = [int(frame.id) for frame in first + second + third]
    assert positions == sorted(set(positions))


async def test_who_leaves_before_the_first_event_knows_where_to_come_back_to(api: ApiUnderTest) -> None:
    await api.job("ada")
    async with reading(api, "/api/events") as stream:
        await stream.wait_for_id()
    code = await api.job("ada")
    async with reading(api, "/api/events", last_id=stream.last_id) as stream:
        assert event_ids([await stream.next()]) == [(code, 1)]


@pytest.mark.parametrize("garbage", ["latest", "-1", "1.5", "9" * 400, str(2**63), "999999999", "0"])
async def test_what_is_no_place_in_the_log_means_from_the_start(shared_api: ApiUnderTest, garbage: str) -> None:
    code = await shared_api.job("garbage")
    as_user = {"Aijobs-User": "garbage"}
    first = f"/api/events?code={code}"

    async with reading(shared_api, first, headers=as_user, last_id=garbage) as stream:
        assert event_ids([await stream.next()]) == [(code, 1)]
    if garbage in {"999999999", "0"}:  # other parameters than numbers are refused: see test_parameters
        async with reading(shared_api, f"{first}&after={garbage}", headers=as_user) as stream:
            assert event_ids([await stream.next()]) == [(code, 1)]


async def test_filters_hold_for_what_was_and_for_what_happens(api: ApiUnderTest) -> None:
    one, other = await api.job("ada"), await api.job("ada")
    paths = {
        f"?code={one}": [(one, 1), (one, 2), (one, 3)],
        f"?code={one}&code={other}&job_status=SUBMITTED": [(one, 2), (other, 2)],
        "?job_status=1&job_status=PROCESSING": [(one, 2), (other, 2), (one, 3)],
        "?model_id=replicate_imageupscale_v1&kind=status": [(one, 1), (other, 1), (one, 2), (other, 2), (one, 3)],
    }
    await api.push(one, JobStatus.SUBMITTED)

    async def hear(query: str, count: int) -> list[SseFrame]:
        async with reading(api, f"/api/events{query}&after=0") as stream:
            return await stream.take(count)

    hearing = [asyncio.create_task(hear(query, len(expected))) for query, expected in paths.items()]
    nothing = asyncio.create_task(hear("?model_id=another&kind=note", 1))
    await asyncio.sleep(0.3)
    await api.push(other, JobStatus.SUBMITTED)
    await api.push(one, JobStatus.PROCESSING)

    for frames, expected in zip(await asyncio.gather(*hearing), paths.values(), strict=True):
        assert sorted(event_ids(frames)) == sorted(expected)
    nothing.cancel()
    assert isinstance((await asyncio.gather(nothing, return_exceptions=True))[0], asyncio.CancelledError)


async def test_somebody_elses_job_and_what_is_no_filter_are_refused_before_the_first_byte(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    his = await api.job("bob")
    refused: dict[str, Any] = {
        f"/api/events?code={his}": 404,
        f"/api/jobs/{his}/events": 404,
        f"/api/progress/track/{his}": 404,
        "/api/events?job_status=DONE": 422,
        "/api/events?job_status=10": 422,
        "/api/events?kind=news": 422,
        "/api/events?user_id=bob": 422,
    }

    for path, status in refused.items():
        answer = await api.http.get(path, headers=ada)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), path


async def test_the_log_is_pages_for_those_who_want_json(api: ApiUnderTest) -> None:
    as_json = {"Accept": "application/json"}
    code = await api.job("ada")
    await api.push(code, JobStatus.SUBMITTED)
    page = (await api.http.get("/api/events", headers=as_json)).json()
    nothing_yet = (await api.http.get(f"/api/events?after={page['next_cursor']}", headers=as_json)).json()
    await api.push(code, JobStatus.CANCELED)
    newer = (await api.http.get(f"/api/events?after={nothing_yet['next_cursor']}", headers=as_json)).json()

    assert [event["seq"] for event in page["data"]] == [1, 2]
    assert (nothing_yet["data"], nothing_yet["has_more"]) == ([], False)
    assert [event["seq"] for event in newer["data"]] == [3]


async def test_what_a_job_says_cannot_break_out_of_its_frame(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    evil = "end\n\nid: 99\nevent: status\ndata: {}\r\r\u2028data: x"
    await api.dependencies.records.gate.note(code, {evil: evil})
    await api.push(code, JobStatus.CANCELED)

    for path in (f"/api/jobs/{code}/events", f"/api/events?after=0&code={code}"):
        async with reading(api, path) as stream:
            frames = await stream.take(3)
        assert frames[1].data["detail"] == {evil: evil}
        assert [frame.data["seq"] for frame in frames] == [1, 2, 3]
