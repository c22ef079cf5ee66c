"""Nobody holds a connection by doing nothing, or takes more of it than is his."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.app import build_app
from api.connections import ConnectionLimits
from api.deadlines import ClientLimits
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.api.raw import RawConnection, head, raw_connection, said
from tests.api.streaming import reading, socket

SHORT = timedelta(milliseconds=200)
LONG = timedelta(seconds=30)

HEALTH = head("GET", "/healthz")


@asynccontextmanager
async def served(
    parts: ApiDependencies, key: str, *, connections: dict[str, Any] | None = None, **clients: Any
) -> AsyncIterator[ApiUnderTest]:
    """An installation whose connections have these limits."""
    async with (
        serving(
            build_app(parts),
            parts.live,
            host="127.0.0.1",
            port=0,
            connections=ConnectionLimits(**connections or {}),
            clients=ClientLimits(**clients),
        ) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
    ):
        yield ApiUnderTest(url, parts, http)


async def silent(opened: AsyncExitStack, url: str, count: int) -> list[RawConnection]:
    return [await opened.enter_async_context(raw_connection(url)) for _ in range(count)]


async def status_of_health(url: str) -> int:
    return (await said(url, HEALTH)).status


async def test_who_sends_nothing_is_closed(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, first_byte=SHORT) as api, raw_connection(api.url) as connection:
        assert await connection.closed() == b""


async def test_empty_lines_are_no_beginning(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, first_byte=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        for _ in range(30):
            await connection.send("\r\n")
            await asyncio.sleep(0.05)

        assert await connection.closed(within=1) == b""


async def test_half_a_header_is_answered_408(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, header=SHORT) as api, raw_connection(api.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        answer = await connection.answer()

    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.problem["request_id"]


async def test_a_header_that_drips_is_not_given_more_time(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, header=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\n")
        for number in range(30):
            await connection.send(f"X-{number}: a\r\n")
            await asyncio.sleep(0.05)
        answer = await connection.answer()

    assert answer.status == 408


async def test_a_body_that_does_not_come_is_answered_408(parts: ApiDependencies, key: str) -> None:
    bearer = f"Bearer {key}"
    multipart = {"Content_Type": "multipart/form-data; boundary=b", "Authorization": bearer}
    for request in (
        head("POST", "/api/jobs", Authorization=bearer, Content_Type="application/json", Content_Length="100") + '{"a',
        head("POST", "/api/files", **multipart, Content_Length="1000") + "--b\r\n",
        head("POST", "/api/files", **multipart, Transfer_Encoding="chunked") + "5\r\n--b\r\n",
        head("POST", "/api/sessions", Content_Type="application/json", Content_Length="100"),
    ):
        async with served(parts, key, body_idle=SHORT) as api, raw_connection(api.url) as connection:
            await connection.send(request)
            answer = await connection.answer()
            await connection.closed()

        assert (answer.status, answer.problem["code"]) == (408, "request_timeout"), request


async def test_a_body_must_come_at_a_rate(parts: ApiDependencies, key: str) -> None:
    begun = head("POST", "/api/sessions", Content_Type="application/json", Content_Length="4000")
    async with served(parts, key, body=timedelta(seconds=1)) as api, raw_connection(api.url) as connection:
        await connection.send(begun)
        for _ in range(40):
            await connection.send(" ")
            await asyncio.sleep(0.05)
        answer = await connection.answer()

    assert answer.status == 408


async def test_a_body_that_nobody_reads_is_not_waited_for(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, unread_body=SHORT) as api, raw_connection(api.url) as connection:
        await connection.send(head("POST", "/api/jobs", Content_Type="application/json", Content_Length="100000"))
        answer = await connection.answer()
        rest = await connection.closed()

    assert (answer.status, rest) == (401, b"")


async def test_a_connection_that_is_not_used_again_is_closed(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, keep_alive=SHORT) as api, raw_connection(api.url) as connection:
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
async def test_a_large_header_is_answered_431(standing: ApiUnderTest, header: str) -> None:
    answer = await said(standing.url, f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{header.strip()}\r\n\r\n")

    assert (answer.status, answer.problem["code"]) == (431, "header_too_large")
    assert answer.problem["errors_total"] == 0


async def test_a_header_without_an_end_is_answered_431_before_it_is_taken_in(standing: ApiUnderTest) -> None:
    async with raw_connection(standing.url) as connection:
        await connection.send("GET /healthz HTTP/1.1\r\nX-Endless: ")
        for _ in range(64):
            await connection.send(b"a" * 16_384)
            if not await connection.is_open(after=0.001):
                break
        else:
            pytest.fail("a megabyte of one header was taken")


async def test_a_long_address_is_answered_431(standing: ApiUnderTest) -> None:
    assert (await said(standing.url, head("GET", "/" + "a" * 33_000))).status == 431


async def test_an_ordinary_header_is_taken(standing: ApiUnderTest) -> None:
    assert (await said(standing.url, head("GET", "/healthz", Cookie="a" * 8000))).status == 200


async def test_chunks_may_not_be_all_wrapping(parts: ApiDependencies, key: str) -> None:
    begun = head("POST", "/api/sessions", Content_Type="application/json", Transfer_Encoding="chunked")
    async with served(parts, key) as api, raw_connection(api.url) as connection:
        await connection.send(begun, "1;")
        for _ in range(64):
            await connection.send(b"a" * 16_384)
        heard = await connection.closed()

    assert b"HTTP/1.1 2" not in heard


async def test_requests_do_not_wait_behind_one_another_without_end(standing: ApiUnderTest) -> None:
    async with raw_connection(standing.url) as connection:
        await connection.send(head("GET", "/api/models") * 5000)
        heard = await connection.closed()

    assert heard.count(b"HTTP/1.1 ") <= 10


async def test_a_few_requests_in_a_row_are_answered(standing: ApiUnderTest) -> None:
    async with raw_connection(standing.url) as connection:
        await connection.send(HEALTH * 5)

        assert [(await connection.answer()).status for _ in range(5)] == [200] * 5


async def test_what_is_no_http_is_answered_400(standing: ApiUnderTest) -> None:
    answer = await said(standing.url, "\x16\x03\x01 this is no HTTP\r\n\r\n")

    assert (answer.status, answer.problem["code"]) == (400, "bad_request")


async def test_idle_connections_make_room(parts: ApiDependencies, key: str) -> None:
    async with served(parts, key, connections={"in_all": 20}) as api, AsyncExitStack() as opened:
        crowd = await silent(opened, api.url, 60)
        for connection in crowd:
            await connection.send("GET /")
        models = await api.http.get("/api/models")

        assert models.status_code == 200
        assert await status_of_health(api.url) == 200
        open_now = [await connection.is_open(after=0.01) for connection in crowd]
        assert sum(open_now) <= 20
        assert open_now[-1]


async def test_half_bodies_make_room_and_are_told_so(parts: ApiDependencies, key: str) -> None:
    half = head("POST", "/api/sessions", Content_Type="application/json", Content_Length="100")
    async with served(parts, key, connections={"in_all": 20}) as api, AsyncExitStack() as opened:
        crowd = []
        for _ in range(30):
            crowd += await silent(opened, api.url, 1)
            await crowd[-1].send(half)
            assert await crowd[-1].is_open(after=0.01)
        models = await api.http.get("/api/models")
        first = await crowd[0].answer()

    assert models.status_code == 200
    assert (first.status, first.problem["code"]) == (503, "too_busy")
    assert int(first.headers["retry-after"]) > 0


async def test_when_all_places_work_others_are_told_to_come_back_and_health_checks_are_answered(
    parts: ApiDependencies, key: str
) -> None:
    limits = {"in_all": 4, "reserved": 2}
    async with served(parts, key, connections=limits) as api, AsyncExitStack() as opened:
        for _ in range(3):
            await opened.enter_async_context(reading(api, "/api/events"))
        await opened.enter_async_context(socket(api))
        for _ in range(3):
            full = await said(api.url, head("GET", "/api/models", Authorization=f"Bearer {key}"))
            assert (full.status, full.problem["code"]) == (503, "too_busy")
            assert int(full.headers["retry-after"]) > 0
            assert await status_of_health(api.url) == 200
        upgrade = head("GET", "/api/ws", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13")
        assert (await said(api.url, upgrade)).status == 503

        await silent(opened, api.url, 20)
        assert await status_of_health(api.url) == 200

        await opened.aclose()
        async with asyncio.timeout(10):
            while (await said(api.url, head("GET", "/login"))).status == 503:
                await asyncio.sleep(0.05)


async def test_an_address_has_so_many_connections_unless_it_is_a_proxy(parts: ApiDependencies, key: str) -> None:
    for proxies, left in (((), 5), (("127.0.0.0/8",), 12)):
        limits = {"per_address": 5, "proxies": proxies}
        async with served(parts, key, connections=limits) as api, AsyncExitStack() as opened:
            crowd = await silent(opened, api.url, 12)
            await crowd[-1].send(HEALTH)
            answer = await crowd[-1].answer()
            stay = [await connection.is_open(after=0.01) for connection in crowd]

        assert answer.status == 200
        assert sum(stay) == left


async def test_streams_and_websockets_are_not_touched(parts: ApiDependencies, key: str) -> None:
    short = {"first_byte": SHORT, "header": SHORT, "keep_alive": SHORT, "unread_body": SHORT}
    async with (
        served(parts, key, connections={"in_all": 10}, **short) as api,
        reading(api, "/api/events") as stream,
        socket(api, "?after=0") as websocket,
        AsyncExitStack() as opened,
    ):
        await stream.begun()
        await silent(opened, api.url, 30)
        await asyncio.sleep(1)
        code = await api.job("ada")

        assert (await stream.next()).data["code"] == code
        assert code in str(await websocket.recv())
