"""Connections above the limits: which are accepted, and which are evicted."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta

from api.dependencies import ApiDependencies
from tests.api.raw import head, idle_connections, raw_connection, request_once, served
from tests.api.streaming import reading, socket
from tests.patience import PATIENCE

SHORT = timedelta(milliseconds=200)

HEALTH = head("GET", "/healthz")


async def status_of_health(url: str) -> int:
    return (await request_once(url, HEALTH)).status


async def test_idle_connections_make_room(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key, connections={"in_all": 20}) as api, AsyncExitStack() as opened:
        crowd = await idle_connections(opened, api.url, 60)
        for connection in crowd:
            await connection.send("GET /")
        models = await api.http.get("/api/models")

        assert models.status_code == 200
        assert await status_of_health(api.url) == 200
        open_now = [await connection.is_open(after=0.01) for connection in crowd]
        assert sum(open_now) <= 20
        assert open_now[-1]


async def test_half_bodies_make_room_and_are_told_so(dependencies: ApiDependencies, key: str) -> None:
    half = head("POST", "/api/sessions", Content_Type="application/json", Content_Length="100")
    async with served(dependencies, key, connections={"in_all": 20}) as api, AsyncExitStack() as opened:
        crowd = []
        for _ in range(30):
            crowd += await idle_connections(opened, api.url, 1)
            await crowd[-1].send(half)
            assert await crowd[-1].is_open(after=0.01)
        models = await api.http.get("/api/models")
        first = await crowd[0].answer()

    assert models.status_code == 200
    assert (first.status, first.problem["code"]) == (503, "too_busy")
    assert int(first.headers["retry-after"]) > 0


async def test_when_all_places_work_others_are_told_to_come_back_and_health_checks_are_answered(
    dependencies: ApiDependencies, key: str
) -> None:
    limits = {"in_all": 4, "reserved": 2}
    async with served(dependencies, key, connections=limits) as api, AsyncExitStack() as opened:
        for _ in range(3):
            await opened.enter_async_context(reading(api, "/api/events"))
        await opened.enter_async_context(socket(api))
        for _ in range(3):
            full = await request_once(api.url, head("GET", "/api/models", Authorization=f"Bearer {key}"))
            assert (full.status, full.problem["code"]) == (503, "too_busy")
            assert int(full.headers["retry-after"]) > 0
            assert await status_of_health(api.url) == 200
        upgrade = head("GET", "/api/ws", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13")
        assert (await request_once(api.url, upgrade)).status == 503

        await idle_connections(opened, api.url, 20)
        assert await status_of_health(api.url) == 200

        await opened.aclose()
        async with asyncio.timeout(PATIENCE):
            while (await request_once(api.url, head("GET", "/login"))).status == 503:
                await asyncio.sleep(0.05)


async def test_an_address_has_so_many_connections_unless_it_is_a_proxy(dependencies: ApiDependencies, key: str) -> None:
    for proxies, left in (((), 5), (("127.0.0.0/8",), 12)):
        limits = {"per_address": 5, "proxies": proxies}
        async with served(dependencies, key, connections=limits) as api, AsyncExitStack() as opened:
            crowd = await idle_connections(opened, api.url, 12)
            await crowd[-1].send(HEALTH)
            answer = await crowd[-1].answer()
            stay = [await connection.is_open(after=0.01) for connection in crowd]

        assert answer.status == 200
        assert sum(stay) == left


async def test_streams_and_websockets_are_not_touched(dependencies: ApiDependencies, key: str) -> None:
    short = {"first_byte": SHORT, "header": SHORT, "keep_alive": SHORT, "unread_body": SHORT}
    async with (
        served(dependencies, key, connections={"in_all": 10}, **short) as api,
        reading(api, "/api/events") as stream,
        socket(api, "?after=0") as websocket,
        AsyncExitStack() as opened,
    ):
        await stream.wait_for_id()
        await idle_connections(opened, api.url, 30)
        await asyncio.sleep(1)
        code = await api.job("ada")

        assert (await stream.next()).data["code"] == code
        assert code in str(await websocket.recv())


FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
from api.server import allowed_connections
print(allowed_connections(4000, reserved=100))
print(allowed_connections(50, reserved=100))
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


async def test_there_are_no_more_places_than_files_may_be_open() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", FEW_FILES, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()

    few, enough, files = [line for line in printed.decode().splitlines() if "[warning" not in line]
    assert (few, enough, files) == ("268", "50", "(600, 600)")


async def test_a_stream_ends_with_its_connection_also_when_something_waits_behind_it(
    dependencies: ApiDependencies, key: str
) -> None:
    stream = head("GET", "/api/events", Authorization=f"Bearer {key}")
    async with served(dependencies, key) as api:
        async with raw_connection(api.url) as connection:
            await connection.send(stream + HEALTH * 3)
            async with asyncio.timeout(PATIENCE):
                while not len(api.dependencies.streams):
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE):
            while len(api.dependencies.streams):
                await asyncio.sleep(0.01)
