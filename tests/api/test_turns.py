"""Requests of unknown senders take turns; those of known senders do not wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.connections.middleware import HEALTH_PATHS
from api.connections.turns import AT_ONCE, SENDER, Sender, Turns, mark_known
from api.dependencies import ApiDependencies
from tests.api.raw import head, raw_connection, served
from tests.patience import PATIENCE


class Crowd:
    """Requests to an app that waits until `go`; `begun` are the paths of those that the app has."""

    def __init__(self, longest: timedelta = timedelta(seconds=30)) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self.app = Turns(self._respond, exempt=HEALTH_PATHS, at_once=2, longest=longest)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append(scope["path"])
        if scope["path"] == "/identified":
            mark_known(scope)
        if scope["path"] == "/reads":
            await receive()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    @asynccontextmanager
    async def of(self, *paths: str, sender: Sender | None = None) -> AsyncIterator[None]:
        """Request the paths in this order."""
        async with asyncio.TaskGroup() as group:
            for path in paths:
                state = {SENDER: sender or Sender()}
                scope = {"type": "http", "path": path, "raw_path": path.encode(), "state": state}
                group.create_task(self.app(scope, _never, _nowhere))
            await _settled()
            try:
                yield
            finally:
                self.go.set()


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _nowhere(_message: Message) -> None:
    """Sends nothing."""


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_so_many_strangers_are_begun_at_once() -> None:
    crowd = Crowd()
    async with crowd.of("/1", "/2", "/3", "/4"):
        assert crowd.begun == ["/1", "/2"]
    assert crowd.begun == ["/1", "/2", "/3", "/4"]


async def test_a_known_sender_and_a_health_check_do_not_wait() -> None:
    crowd = Crowd()
    async with crowd.of("/1", "/2", "/3"), crowd.of("/known", sender=Sender(is_known=True)), crowd.of("/healthz"):
        assert crowd.begun == ["/1", "/2", "/known", "/healthz"]


async def test_a_turn_is_over_when_the_caller_is_identified() -> None:
    crowd = Crowd()
    async with crowd.of("/identified", "/identified", "/3"):
        assert crowd.begun == ["/identified", "/identified", "/3"]


async def test_a_body_that_does_not_come_keeps_no_turn() -> None:
    crowd = Crowd()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), crowd.of("/reads", "/reads", "/3"):
            assert crowd.begun == ["/reads", "/reads", "/3"]


async def test_a_turn_is_over_after_a_while() -> None:
    crowd = Crowd(longest=timedelta(milliseconds=20))
    async with crowd.of("/1", "/2", "/3"):
        async with asyncio.timeout(PATIENCE):
            while len(crowd.begun) < 3:
                await asyncio.sleep(0.01)


async def test_a_sender_stays_known_only_as_long_as_its_callers_are_identified() -> None:
    crowd, sender = Crowd(), Sender()
    crowd.go.set()
    async with crowd.of("/identified", sender=sender):
        pass
    assert sender.is_known
    async with crowd.of("/anonymous", sender=sender):
        pass
    assert not sender.is_known


async def test_a_request_that_fails_keeps_no_turn(dependencies: ApiDependencies, key: str) -> None:
    async with served(dependencies, key) as api:
        for _ in range(4 * AT_ONCE):
            async with raw_connection(api.url) as connection:
                await connection.send(head("GET", "/api/jobs", Authorization="Bearer aijobs_service_a_b"))
                assert (await connection.answer()).status in {401, 429}
        async with raw_connection(api.url) as connection:
            await connection.send(head("GET", "/api/jobs", Authorization=f"Bearer {key}"))
            assert (await connection.answer()).status == 200
