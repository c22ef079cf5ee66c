"""Idle, slow and oversized clients are disconnected."""

import asyncio
import logging
import socket
from datetime import timedelta

import pytest

from api.dependencies import ApiDependencies
from tests.api.installation import ApiUnderTest
from tests.api.raw import head, raw_connection, request_once, served

SHORT = timedelta(milliseconds=200)
LONG = timedelta(seconds=30)

HEALTH = head("GET", "/healthz")


async def test_who_sends_nothing_is_closed(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, first_byte=SHORT) as api, raw_connection(api.url) as connection:
        assert await connection.closed() == b""


async def test_empty_lines_are_no_beginning(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, first_byte=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        for _ in range(30):
            await connection.send("\r\n")
            await asyncio.sleep(0.05)

        assert await connection.closed(within=1) == b""


async def test_half_a_header_is_answered_408(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, header=SHORT) as api, raw_connection(api.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        answer = await connection.answer()

    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.problem["request_id"]


async def test_a_header_that_drips_is_not_given_more_time(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, header=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\n")
        for number in range(30):
            await connection.send(f"X-{number}: a\r\n")
            await asyncio.sleep(0.05)
        answer = await connection.answer()

    assert answer.status == 408


async def test_a_body_that_does_not_come_is_answered_408(dependencies: ApiDependencies, key: str) -> None:
    bearer = f"Bearer {key}"
    multipart = {"Content_Type": "multipart/form-data; boundary=b", "Authorization": bearer}
    for request in (
        head("POST", "/api/jobs", Authorization=bearer, Content_Type="application/json", Content_Length="100") + '{"a',
        head("POST", "/api/files", **multipart, Content_Length="1000") + "--b\r\n",
        head("POST", "/api/files", **multipart, Transfer_Encoding="chunked") + "5\r\n--b\r\n",
        head("POST", "/api/sessions", Content_Type="application/json", Content_Length="100"),
    ):
        async with served(dependencies, key, body_idle=SHORT) as api, raw_connection(api.url) as connection:
            await connection.send(request)
            answer = await connection.answer()
            await connection.closed()

        assert (answer.status, answer.problem["code"]) == (408, "request_timeout"), request


async def test_a_body_must_come_at_a_rate(dependencies: ApiDependencies, key: str) -> None:
    unfinished = head("POST", "/api/sessions", Content_Type="application/json", Content_Length="4000")
    async with served(dependencies, key, body=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        await connection.send(unfinished)
        for _ in range(40):
            await connection.send(" ")
            await asyncio.sleep(0.05)
        answer = await connection.answer()

    assert answer.status == 408


async def test_a_body_that_nobody_reads_is_not_waited_for(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, unread_body=SHORT) as api, raw_connection(api.url) as connection:
        await connection.send(head("POST", "/api/jobs", Content_Type="application/json", Content_Length="100000"))
        answer = await connection.answer()
        rest = await connection.closed()

    assert (answer.status, rest) == (401, b"")


async def test_a_connection_that_is_not_used_again_is_closed(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, keep_alive=SHORT) as api, raw_connection(api.url) as connection:
        await connection.send(HEALTH)
        assert (await connection.answer()).status == 200
        await connection.send("\r\n")

        assert await connection.closed() == b""


@pytest.mark.parametrize(
    "header",
    [
        "X-Long: " + "a" * 40_000,
        "Cookie: " + "a" * 33_000,
        *["".join(f"X-{number}: a\r\n" for number in range(101))],
    ],
    ids=["one", "cookie", "many"],
)
async def test_a_large_header_is_answered_431(shared_api: ApiUnderTest, header: str) -> None:
    answer = await request_once(shared_api.url, f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{header.strip()}\r\n\r\n")

    assert (answer.status, answer.problem["code"]) == (431, "header_too_large")
    assert answer.problem["errors_total"] == 0


async def test_a_header_without_an_end_is_answered_431_before_it_is_taken_in(shared_api: ApiUnderTest) -> None:
    async with raw_connection(shared_api.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\nX-Endless: ")
        for _ in range(64):
            await connection.send(b"a" * 16_384)
            if not await connection.is_open(after=0.001):
                break
        else:
            pytest.fail("a megabyte of one header was taken")


async def test_a_long_address_is_answered_431(shared_api: ApiUnderTest) -> None:
    assert (await request_once(shared_api.url, head("GET", "/" + "a" * 33_000))).status == 431


async def test_an_ordinary_header_is_taken(shared_api: ApiUnderTest) -> None:
    assert (await request_once(shared_api.url, head("GET", "/healthz", Cookie="a" * 8000))).status == 200


async def test_chunks_may_not_be_all_wrapping(dependencies: ApiDependencies, key: str) -> None:
    unfinished = head("POST", "/api/sessions", Content_Type="application/json", Transfer_Encoding="chunked")
    async with served(dependencies, key) as api, raw_connection(api.url) as connection:
        await connection.send(unfinished, "1;")
        for _ in range(64):
            await connection.send(b"a" * 16_384)
        heard = await connection.closed()

    assert b"HTTP/1.1 2" not in heard


async def test_requests_do_not_wait_behind_one_another_without_end(shared_api: ApiUnderTest) -> None:
    async with raw_connection(shared_api.url) as connection:
        await connection.send(head("GET", "/api/models") * 5000)
        heard = await connection.closed()

    assert heard.count(b"HTTP/1.1 ") <= 10


async def test_a_few_requests_in_a_row_are_answered(shared_api: ApiUnderTest) -> None:
    async with raw_connection(shared_api.url) as connection:
        await connection.send(HEALTH * 5)

        assert [(await connection.answer()).status for _ in range(5)] == [200] * 5


async def test_what_is_no_http_is_answered_400(shared_api: ApiUnderTest) -> None:
    answer = await request_once(shared_api.url, "\x16\x03\x01 this is no HTTP\r\n\r\n")

    assert (answer.status, answer.problem["code"]) == (400, "bad_request")


async def test_who_is_gone_before_a_refusal_ends_leaves_no_traceback(
    shared_api: ApiUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = shared_api.url.removeprefix("http://").split(":")
    refused = f"GET http://elsewhere.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    def reset_after_a_byte() -> None:
        """Closing with unread bytes resets the connection."""
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(refused)
            connection.recv(1)

    with caplog.at_level(logging.ERROR):
        for _ in range(10):
            await asyncio.gather(*(asyncio.to_thread(reset_after_a_byte) for _ in range(20)))

    assert [record.getMessage() for record in caplog.records] == []
