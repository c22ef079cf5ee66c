"""Limits of streams: their number, slow readers, and the end with invalid credentials."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session
from websockets.exceptions import InvalidStatus

from aijobs.domain.errors import TooBusy, TooManyStreams
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.keys import list_keys, revoke_key
from aijobs.persistence.jobs.event_log import EventFilter
from aijobs.persistence.jobs.gate import locked_job, record
from api.app import build_app
from api.auth.credentials import Credentials
from api.connections.deadlines import ClientLimits
from api.dependencies import ApiDependencies
from api.server import serving
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStreams
from api.streaming.subscriptions import StreamEnd, Subscription, Subscriptions
from tests.api.installation import ApiUnderTest
from tests.api.streaming import reading, socket
from tests.patience import PATIENCE, http_client


@asynccontextmanager
async def limited(
    dependencies: ApiDependencies, key: str, *, write_timeout: timedelta = timedelta(seconds=20), **settings: Any
) -> AsyncIterator[ApiUnderTest]:
    """An installation with these settings, and this timeout for clients that do not read."""
    dependencies = replace(dependencies, settings=dependencies.settings.model_copy(update=settings))
    async with (
        serving(
            build_app(dependencies),
            dependencies.live,
            host="127.0.0.1",
            port=0,
            clients=ClientLimits(write=write_timeout),
        ) as url,
        http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        yield ApiUnderTest(url, dependencies, http)


async def shout(api: ApiUnderTest, code: str, count: int) -> None:
    """Write events of ten thousand characters each."""

    def work(session: Session) -> None:
        job = locked_job(session, code)
        for _ in range(count):
            record(session, job, EventKind.NOTE, {"text": "x" * 10_000})

    await api.dependencies.database.write(work)


async def nobody_left(api: ApiUnderTest) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(api.dependencies.streams):
            await asyncio.sleep(0.02)


async def test_a_key_has_so_many_streams_of_any_kind_and_no_more(dependencies: ApiDependencies, key: str) -> None:
    async with limited(dependencies, key, streams_per_key=4) as api, AsyncExitStack() as opened:
        code = await api.job("ada")
        for path in ("/api/events", f"/api/jobs/{code}/events", f"/api/progress/track/{code}"):
            await opened.enter_async_context(reading(api, path))
        await opened.enter_async_context(socket(api, "?after=0"))
        answer = await api.http.get("/api/events")
        with pytest.raises(InvalidStatus) as refused:
            await opened.enter_async_context(socket(api))
        other = await opened.enter_async_context(reading(api, "/api/events", headers=dict(await api.key_for("ada"))))
        await other.wait_for_id()
        await opened.aclose()
        await nobody_left(api)
        async with reading(api, "/api/events") as again:
            await again.wait_for_id()

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (429, "too_many_streams", 429)
    assert int(answer.headers["Retry-After"]) > 0
    websocket = refused.value.response
    assert (websocket.status_code, websocket.headers["Retry-After"]) == (429, answer.headers["Retry-After"])


async def test_a_process_has_so_many_streams_and_goes_on_with_everything_else(
    dependencies: ApiDependencies, key: str
) -> None:
    async with limited(dependencies, key, streams=2) as api, AsyncExitStack() as opened:
        for _ in range(2):
            await opened.enter_async_context(reading(api, "/api/events"))
        answer = await api.http.get("/api/events")

        assert (answer.status_code, answer.json()["code"]) == (503, "too_busy")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await api.http.get("/api/jobs")).status_code == 200


def test_what_is_closed_makes_room() -> None:
    streams, proof = OpenStreams(), Credentials(key_id="a")
    with streams.admitted(proof, per_user=1, per_key=1, in_all=2):
        with pytest.raises(TooManyStreams), streams.admitted(proof, per_user=1, per_key=1, in_all=2):
            pass
        both = streams.admitted(Credentials(key_id="b"), per_user=1, per_key=1, in_all=2)
        with both, pytest.raises(TooBusy), streams.admitted(Credentials(key_id="c"), per_user=1, per_key=1, in_all=2):
            pass
    with streams.admitted(proof, per_user=1, per_key=1, in_all=1):
        assert len(streams) == 1


def test_a_key_alone_is_no_user_and_a_user_of_another_key_is_another() -> None:
    streams, ada = OpenStreams(), Credentials(key_id="a", user_id="ada")
    others = (
        Credentials(key_id="a", user_id="bob"),
        Credentials(key_id="b", user_id="ada"),
        Credentials(key_id="a"),
        Credentials(key_id="a"),
    )
    with ExitStack() as opened:
        for proof in (ada, *others):
            opened.enter_context(streams.admitted(proof, per_user=1, per_key=9, in_all=9))
        with pytest.raises(TooManyStreams), streams.admitted(ada, per_user=1, per_key=9, in_all=9):
            pass
    with streams.admitted(ada, per_user=1, per_key=1, in_all=1):
        assert len(streams) == 1


async def test_an_end_user_shuts_nobody_else_out_by_token_ticket_and_session_together(
    dependencies: ApiDependencies, key: str
) -> None:
    async with limited(dependencies, key, streams_per_user=3) as api, AsyncExitStack() as opened:
        token = (await api.http.post("/api/tokens", json={"user_id": "ada"})).json()["token"]
        ticket = (await api.http.post("/api/tickets", json={"user_id": "ada"})).json()["ticket"]
        signed_in = await api.http.post("/api/sessions", json={"key": key, "user_id": "ada"})
        api.http.cookies.clear()
        by_token = {"Authorization": f"Bearer {token}"}
        await opened.enter_async_context(reading(api, "/api/events", headers=by_token))
        await opened.enter_async_context(socket(api, f"?after=0&ticket={ticket}", headers={}))
        secret = signed_in.cookies["aijobs_session"]
        cookie = {"Cookie": f"aijobs_session={secret}", "Sec-Fetch-Site": "same-origin"}
        await opened.enter_async_context(socket(api, "?after=0", headers=cookie))
        answers = [
            await api.http.get("/api/events", headers=by_token),
            await api.http.get(f"/api/events?ticket={ticket}", headers={"Authorization": ""}),
        ]
        for headers in (cookie, by_token):
            with pytest.raises(InvalidStatus) as refused:
                await opened.enter_async_context(socket(api, headers=headers))
            assert (refused.value.response.status_code, "Retry-After" in refused.value.response.headers) == (429, True)
        his = (await api.http.post("/api/tokens", json={"user_id": "bob"})).json()["token"]
        for headers in ({"Authorization": f"Bearer {his}"}, {}, {"Aijobs-User": "ada"}):
            stream = await opened.enter_async_context(reading(api, "/api/events", headers=headers))
            await stream.wait_for_id()

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(429, "too_many_streams")] * 2
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


async def test_one_who_reads_slowly_gets_everything_in_the_end(dependencies: ApiDependencies, key: str) -> None:
    async with limited(dependencies, key) as api:
        code = await api.job("ada")
        numbers: list[int] = []
        last, wrote = "0", 0
        while len(numbers) < 1001:
            async with reading(api, f"/api/events?code={code}", last_id=last) as stream:
                if wrote < 2:
                    await stream.wait_for_id()
                    await shout(api, code, 500)
                    wrote += 1
                    await asyncio.sleep(0.3)
                try:
                    while len(numbers) < 1 + 500 * wrote:
                        numbers.append((await stream.next()).data["seq"])
                except StopAsyncIteration:
                    pass
            last = stream.last_id

    assert numbers == list(range(1, 1002))


@pytest.mark.parametrize("path", ["/api/events?after=0", "/api/jobs/{code}/events", "/api/ws?after=0"])
async def test_one_who_never_reads_is_given_up(dependencies: ApiDependencies, key: str, path: str) -> None:
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    async with limited(dependencies, key, write_timeout=timedelta(seconds=0.3)) as api:
        code = await api.job("ada")
        await shout(api, code, 2000)
        host, port = api.url.removeprefix("http://").split(":")
        with sockets.create_connection((host, int(port))) as deaf:
            deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            request = f"GET {path.format(code=code)} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            deaf.sendall((request + (upgrade if "/ws" in path else "") + "\r\n").encode())
            async with asyncio.timeout(PATIENCE):
                while not len(api.dependencies.streams):
                    await asyncio.sleep(0.01)
            await nobody_left(api)


async def test_one_who_reads_slowly_but_reads_is_not_given_up(dependencies: ApiDependencies, key: str) -> None:
    async with limited(dependencies, key, write_timeout=timedelta(seconds=0.5)) as api:
        code = await api.job("ada")
        await shout(api, code, 400)
        await api.push(code, JobStatus.CANCELED)
        host, port = api.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
        writer.write(
            f"GET /api/jobs/{code}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        received = b""
        while b"CANCELED" not in received[-20_000:]:
            received += await reader.read(200_000)
            await asyncio.sleep(0.02)
        writer.close()

    assert received.count(b"\ndata: ") == 402


async def test_streams_end_soon_after_their_key_is_revoked(dependencies: ApiDependencies, key: str) -> None:
    async with limited(dependencies, key) as api:
        ada, bob = dict(await api.key_for("ada")), dict(await api.key_for("bob"))
        (revoked,) = [found for found in await list_keys(api.dependencies.database) if found.user_id == "ada"]
        async with (
            reading(api, "/api/events", headers=ada) as hers,
            reading(api, "/api/events", headers=bob) as his,
            socket(api, "?after=0", headers=ada) as connection,
        ):
            await hers.wait_for_id()
            await his.wait_for_id()
            await revoke_key(api.dependencies.database, revoked.key_id)
            assert await hers.rest() == []
            async with asyncio.timeout(PATIENCE):
                await connection.wait_closed()
            await api.job("bob")
            assert (await his.next()).data["seq"] == 1

    assert connection.close_code == 4401


async def test_streams_end_with_the_token_or_the_session_that_opened_them(
    dependencies: ApiDependencies, key: str
) -> None:
    async with limited(dependencies, key) as api:
        token = (await api.http.post("/api/tokens", json={"user_id": "ada", "ttl": 2})).json()["token"]
        signed_in = await api.http.post("/api/sessions", json={"key": key})
        cookie = {"Authorization": "", "Cookie": f"aijobs_session={signed_in.cookies['aijobs_session']}"}
        bearer = {"Authorization": f"Bearer {token}"}
        api.http.cookies.clear()
        del cookie["Authorization"]
        anonymous = http_client(base_url=api.url)
        async with anonymous, reading(api, "/api/events", headers=bearer) as by_token:
            browser = ApiUnderTest(api.url, api.dependencies, anonymous)
            async with reading(browser, "/api/events", headers=cookie) as by_cookie:
                await by_cookie.wait_for_id()
                signing_out = await anonymous.delete(
                    "/api/sessions", headers={**cookie, "Sec-Fetch-Site": "same-origin"}
                )
                assert (await by_cookie.rest(), await by_token.rest()) == ([], [])

    assert signing_out.status_code == 204


async def test_a_quiet_stream_gives_signs_of_life(dependencies: ApiDependencies, key: str) -> None:
    dependencies = replace(dependencies, live=EventHub(dependencies.database, heartbeat=timedelta(seconds=0.2)))
    async with limited(dependencies, key) as api:
        code = await api.job("ada")
        async with api.http.stream("GET", f"/api/jobs/{code}/events") as answer, asyncio.timeout(PATIENCE):
            lines = answer.aiter_lines()
            assert [line async for line in take(lines, ": still here", 3)] == [": still here"] * 3


async def take(lines: AsyncIterator[str], text: str, count: int) -> AsyncIterator[str]:
    async for line in lines:
        if line == text:
            yield line
            count -= 1
        if not count:
            return


async def test_one_who_is_ended_before_listening_hears_it_then() -> None:
    streams = OpenStreams()
    with streams.admitted(Credentials(key_id="a"), per_user=1, per_key=1, in_all=1) as stream:
        stream.end(StreamEnd.CREDENTIALS_INVALID)
        subscription = Subscription(EventFilter())
        with Subscriptions().joined(subscription):
            stream.attach(subscription)
            assert await subscription.take() == []

    assert subscription.ending is stream.ending is StreamEnd.CREDENTIALS_INVALID


async def test_one_who_hangs_up_in_the_middle_of_a_body_is_no_error_of_ours(
    dependencies: ApiDependencies, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with limited(dependencies, key) as api:
        host, port = api.url.removeprefix("http://").split(":")
        for path in ("/api/jobs", "/api/files"):
            _, writer = await asyncio.open_connection(host, int(port))
            kind = "application/json" if path == "/api/jobs" else "multipart/form-data; boundary=x"
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nAijobs-User: ada\r\n"
                f"Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n--x\r\n".encode()
            )
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()
        await asyncio.sleep(0.3)

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
