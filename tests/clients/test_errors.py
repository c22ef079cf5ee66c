"""Both clients over servers that close connections, send errors, and recover."""

from itertools import pairwise
from pathlib import Path

import pytest
from aijobs_client import ApiError, DownloadBroken, Unreachable, WaitTimeout

from tests.clients.conftest import KEY, OpenClient
from tests.clients.scripted_server import (
    HANG_UP,
    STREAM_HEAD,
    EndlessResponse,
    event,
    job,
    raw_response,
    response,
    scripted_server,
)

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


async def test_a_submit_is_repeated_under_one_key_until_it_is_answered(open_client: OpenClient) -> None:
    in_flight = response(409, {**PROBLEM, "code": "idempotency_in_flight"})
    async with scripted_server(HANG_UP, response(503, PROBLEM, headers=NOW), in_flight, response(202, job())) as server:
        client = await open_client(url=server.url)

        assert (await client("submit", "m", {})).code == "job_1"

    keys = server.header("Idempotency-Key")
    assert len(keys) == 4
    assert keys[0]
    assert all(one == other for one, other in pairwise(keys))


async def test_what_must_not_be_repeated_is_not(open_client: OpenClient) -> None:
    async with scripted_server(HANG_UP, response(503, PROBLEM, headers=NOW)) as server:
        client = await open_client(url=server.url)

        with pytest.raises(Unreachable) as lost:
            await client("cancel", "job_1")
        with pytest.raises(ApiError, match="Missing: temporal"):
            await client("cancel", "job_1")

    assert lost.value.was_sent
    assert len(server.requests) == 2


@pytest.mark.parametrize("elsewhere", ["https://example.com/api/jobs", "//example.com/api/jobs", "api/jobs"])
async def test_the_key_goes_nowhere_else(open_client: OpenClient, elsewhere: str) -> None:
    client = await open_client(url="http://127.0.0.1:1")

    with pytest.raises(ValueError, match="no path of the API"):
        await client("request", "GET", elsewhere)


async def test_a_gateway_that_answers_for_the_api_is_waited_out(open_client: OpenClient) -> None:
    async with scripted_server(raw_response(502, b"<html>", length=6), response(200, {"data": []})) as server:
        client = await open_client(url=server.url)

        assert await client("models") == []


async def test_a_list_goes_on_where_its_page_ended(open_client: OpenClient) -> None:
    first = {"data": [job(code="job_2")], "has_more": True, "next_cursor": "job_2"}
    second = {"data": [job(code="job_1")], "has_more": False, "next_cursor": None}
    async with scripted_server(response(200, first), HANG_UP, response(200, second)) as server:
        client = await open_client(url=server.url)

        listed = await client("jobs", model="m")

    assert [found.code for found in listed] == ["job_2", "job_1"]
    assert "cursor" not in server.requests[0].splitlines()[0]
    assert all("model=m&cursor=job_2&" in request.splitlines()[0] for request in server.requests[1:])


async def test_a_refusal_that_lasts_too_long_is_raised_at_once(open_client: OpenClient) -> None:
    async with scripted_server(response(429, PROBLEM, headers={"Retry-After": "3000"})) as server:
        client = await open_client(url=server.url)

        with pytest.raises(ApiError) as refused:
            await client("points")

    assert (refused.value.retry_after, refused.value.request_id) == (3000, "req_1")


async def test_a_stream_is_taken_up_where_it_broke_and_nothing_comes_twice(open_client: OpenClient) -> None:
    half = STREAM_HEAD + event(1) + event(2) + event(3)[:40]
    rest = STREAM_HEAD + event(2) + event(3, kind="progress") + event(4, status=6)
    async with scripted_server(half, HANG_UP, response(503, PROBLEM, headers=NOW), rest) as server:
        client = await open_client(url=server.url)
        interruptions: list[Exception] = []

        events = await client("events", "job_1", on_lost=interruptions.append)

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert server.header("Last-Event-ID") == ["0", "2", "2", "2"]
    assert [type(error) for error in interruptions] == [Unreachable, ApiError]


async def test_a_stream_that_ends_early_is_opened_again(open_client: OpenClient) -> None:
    hurry = b"retry: 1\n\n"
    async with scripted_server(STREAM_HEAD + hurry + event(1), STREAM_HEAD + event(2, status=9)) as server:
        client = await open_client(url=server.url)

        assert [event.seq for event in await client("events", "job_1")] == [1, 2]


async def test_a_job_that_is_not_there_is_not_waited_for(open_client: OpenClient) -> None:
    async with scripted_server(response(404, {**PROBLEM, "code": "not_found"})) as server:
        client = await open_client(url=server.url)

        with pytest.raises(ApiError) as refused:
            await client("wait", "job_1")

    assert refused.value.code == "not_found"


async def test_patience_with_a_job_ends_also_while_signs_of_life_come(open_client: OpenClient) -> None:
    async with scripted_server(EndlessResponse(STREAM_HEAD + event(1))) as server:
        client = await open_client(url=server.url)

        with pytest.raises(WaitTimeout, match=r"job_1 did not end within 0\.3 seconds"):
            await client("wait", "job_1", timeout=0.3)


async def test_patience_with_a_job_ends_also_while_the_api_is_away(open_client: OpenClient) -> None:
    async with scripted_server(*[HANG_UP] * 10) as server:
        client = await open_client(url=server.url)

        with pytest.raises(WaitTimeout):
            await client("wait", "job_1", timeout=1)


async def test_an_api_that_stays_away_is_given_up(open_client: OpenClient) -> None:
    client = await open_client(url="http://127.0.0.1:1", reconnect_for=0.6, retry_for=0.6)

    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        await client("wait", "job_1")
    with pytest.raises(Unreachable):
        await client("points")


async def test_a_download_that_breaks_off_is_begun_anew_and_the_store_sees_no_key(
    open_client: OpenClient, tmp_path: Path
) -> None:
    store_responses = (raw_response(200, b"ab", length=3), response(503), raw_response(200, b"abc", length=3))
    async with scripted_server(*store_responses) as store:
        link = {"Location": f"{store.url}/outputs/job_1/0.png?signature=s"}
        async with scripted_server(
            response(200, job(6, outputs=[OUTPUT])), *[response(307, headers=link)] * 3
        ) as server:
            client = await open_client(url=server.url, user="ada")
            files = await client("download", await client("job", "job_1"), tmp_path)

    assert files == [tmp_path / "job_1_0.png"]
    assert files[0].read_bytes() == b"abc"
    assert set(server.header("Authorization")) == {f"Bearer {KEY}"}
    assert set(store.header("Authorization") + store.header("Aijobs-User")) == {None}


@pytest.mark.parametrize("content", [b"abd", b"ab", b"abcd"])
async def test_what_is_not_the_output_is_not_kept(open_client: OpenClient, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.png").write_bytes(b"as it was")
    async with scripted_server(raw_response(200, content, length=len(content))) as store:
        link = response(307, headers={"Location": f"{store.url}/0.png"})
        async with scripted_server(response(200, job(6, outputs=[OUTPUT])), link) as server:
            client = await open_client(url=server.url)
            done = await client("job", "job_1")

            with pytest.raises(DownloadBroken, match="Output 0 of job_1"):
                await client("download", done, tmp_path / "old.png")

    assert [file.name for file in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"as it was"


async def test_a_file_of_results_is_asked_for_again(open_client: OpenClient, tmp_path: Path) -> None:
    broken = raw_response(200, b"half", length=9)
    async with scripted_server(
        response(503, PROBLEM, headers=NOW), broken, raw_response(200, b"whole", length=5)
    ) as api:
        client = await open_client(url=api.url)

        saved = await client("save_results", "batch_1", tmp_path / "all.zip")

    assert (saved.read_bytes(), list(tmp_path.iterdir())) == (b"whole", [saved])
