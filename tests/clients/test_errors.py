"""Both clients over servers that break off, refuse, and come back."""

from itertools import pairwise
from pathlib import Path

import pytest
from aijobs_client import ApiError, DownloadBroken, Unreachable, WaitTimeout

from tests.clients.conftest import KEY, Opened
from tests.clients.rude_server import HANG_UP, OPENED, Dripping, answer, event, job, raw_answer, rude_server

PROBLEM = {"code": "not_ready", "detail": "Missing: temporal.", "request_id": "req_1", "errors": []}
NOW = {"Retry-After": "0"}
OUTPUT = {
    "index": 0,
    "kind": "image",
    "media_type": "image/png",
    "size": 3,
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "url": "https://store.example.com/outputs/job_1/0.png",
    "create_time": "2026-11-21T10:00:00.123Z",
}


async def test_a_submit_is_repeated_under_one_key_until_it_is_answered(opened: Opened) -> None:
    in_flight = answer(409, {**PROBLEM, "code": "idempotency_in_flight"})
    async with rude_server(HANG_UP, answer(503, PROBLEM, headers=NOW), in_flight, answer(202, job())) as rude:
        client = await opened(url=rude.url)

        assert (await client("submit", "m", {})).code == "job_1"

    keys = rude.header("Idempotency-Key")
    assert len(keys) == 4
    assert keys[0]
    assert all(one == other for one, other in pairwise(keys))


async def test_what_must_not_be_repeated_is_not(opened: Opened) -> None:
    async with rude_server(HANG_UP, answer(503, PROBLEM, headers=NOW)) as rude:
        client = await opened(url=rude.url)

        with pytest.raises(Unreachable) as lost:
            await client("cancel", "job_1")
        with pytest.raises(ApiError, match="Missing: temporal"):
            await client("cancel", "job_1")

    assert lost.value.was_sent
    assert len(rude.requests) == 2


@pytest.mark.parametrize("elsewhere", ["https://example.com/api/jobs", "//example.com/api/jobs", "api/jobs"])
async def test_the_key_goes_nowhere_else(opened: Opened, elsewhere: str) -> None:
    client = await opened(url="http://127.0.0.1:1")

    with pytest.raises(ValueError, match="no path of the API"):
        await client("request", "GET", elsewhere)


async def test_a_gateway_that_answers_for_the_api_is_waited_out(opened: Opened) -> None:
    async with rude_server(raw_answer(502, b"<html>", length=6), answer(200, {"data": []})) as rude:
        client = await opened(url=rude.url)

        assert await client("models") == []


async def test_a_list_goes_on_where_its_page_ended(opened: Opened) -> None:
    first = {"data": [job(code="job_2")], "has_more": True, "next_cursor": "job_2"}
    second = {"data": [job(code="job_1")], "has_more": False, "next_cursor": None}
    async with rude_server(answer(200, first), HANG_UP, answer(200, second)) as rude:
        client = await opened(url=rude.url)

        listed = await client("jobs", model="m")

    assert [found.code for found in listed] == ["job_2", "job_1"]
    assert "cursor" not in rude.requests[0].splitlines()[0]
    assert all("model=m&cursor=job_2&" in request.splitlines()[0] for request in rude.requests[1:])


async def test_a_refusal_that_lasts_too_long_is_raised_at_once(opened: Opened) -> None:
    async with rude_server(answer(429, PROBLEM, headers={"Retry-After": "3000"})) as rude:
        client = await opened(url=rude.url)

        with pytest.raises(ApiError) as refused:
            await client("points")

    assert (refused.value.retry_after, refused.value.request_id) == (3000, "req_1")


async def test_a_stream_is_taken_up_where_it_broke_and_nothing_comes_twice(opened: Opened) -> None:
    half = OPENED + event(1) + event(2) + event(3)[:40]
    rest = OPENED + event(2) + event(3, kind="progress") + event(4, status=6)
    async with rude_server(half, HANG_UP, answer(503, PROBLEM, headers=NOW), rest) as rude:
        client = await opened(url=rude.url)
        interruptions: list[Exception] = []

        events = await client("events", "job_1", on_lost=interruptions.append)

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert rude.header("Last-Event-ID") == ["0", "2", "2", "2"]
    assert [type(trouble) for trouble in interruptions] == [Unreachable, ApiError]


async def test_a_stream_that_ends_early_is_opened_again(opened: Opened) -> None:
    hurry = b"retry: 1\n\n"
    async with rude_server(OPENED + hurry + event(1), OPENED + event(2, status=9)) as rude:
        client = await opened(url=rude.url)

        assert [event.seq for event in await client("events", "job_1")] == [1, 2]


async def test_a_job_that_is_not_there_is_not_waited_for(opened: Opened) -> None:
    async with rude_server(answer(404, {**PROBLEM, "code": "not_found"})) as rude:
        client = await opened(url=rude.url)

        with pytest.raises(ApiError) as refused:
            await client("wait", "job_1")

    assert refused.value.code == "not_found"


async def test_patience_with_a_job_ends_also_while_signs_of_life_come(opened: Opened) -> None:
    async with rude_server(Dripping(OPENED + event(1))) as rude:
        client = await opened(url=rude.url)

        with pytest.raises(WaitTimeout, match=r"job_1 did not end within 0\.3 seconds"):
            await client("wait", "job_1", timeout=0.3)


async def test_patience_with_a_job_ends_also_while_the_api_is_away(opened: Opened) -> None:
    async with rude_server(*[HANG_UP] * 10) as rude:
        client = await opened(url=rude.url)

        with pytest.raises(WaitTimeout):
            await client("wait", "job_1", timeout=1)


async def test_an_api_that_stays_away_is_given_up(opened: Opened) -> None:
    client = await opened(url="http://127.0.0.1:1", reconnect_for=0.6, retry_for=0.6)

    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        await client("wait", "job_1")
    with pytest.raises(Unreachable):
        await client("points")


async def test_a_download_that_breaks_off_is_begun_anew_and_the_store_sees_no_key(
    opened: Opened, tmp_path: Path
) -> None:
    store_says = (raw_answer(200, b"ab", length=3), answer(503), raw_answer(200, b"abc", length=3))
    async with rude_server(*store_says) as store:
        link = {"Location": f"{store.url}/outputs/job_1/0.png?signature=s"}
        async with rude_server(answer(200, job(6, outputs=[OUTPUT])), *[answer(307, headers=link)] * 3) as rude:
            client = await opened(url=rude.url, user="ada")
            files = await client("download", await client("job", "job_1"), tmp_path)

    assert files == [tmp_path / "job_1_0.png"]
    assert files[0].read_bytes() == b"abc"
    assert set(rude.header("Authorization")) == {f"Bearer {KEY}"}
    assert set(store.header("Authorization") + store.header("Aijobs-User")) == {None}


@pytest.mark.parametrize("content", [b"abd", b"ab", b"abcd"])
async def test_what_is_not_the_output_is_not_kept(opened: Opened, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.png").write_bytes(b"as it was")
    async with rude_server(raw_answer(200, content, length=len(content))) as store:
        link = answer(307, headers={"Location": f"{store.url}/0.png"})
        async with rude_server(answer(200, job(6, outputs=[OUTPUT])), link) as rude:
            client = await opened(url=rude.url)
            done = await client("job", "job_1")

            with pytest.raises(DownloadBroken, match="Output 0 of job_1"):
                await client("download", done, tmp_path / "old.png")

    assert [file.name for file in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"as it was"
