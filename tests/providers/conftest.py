"""A scripted vendor on a socket, whose behaviour is set for each connection, and recorded responses."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.jobs.submissions import ProviderRequest, Submission
from aijobs.domain.ports.providers import Provider
from aijobs.providers.replicate import ReplicateSettings, opened
from aijobs.providers.ttapi import TtapiSettings
from aijobs.providers.ttapi import opened as opened_ttapi
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.providers.scene import PARTS, Scene, opened_scene

TOKEN = "r8_a_key_that_must_stay_secret"
TTAPI_KEY = "tt_a_key_that_must_stay_secret"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENT = Timeouts(connect=timedelta(seconds=20), silence=timedelta(seconds=20), whole=timedelta(seconds=40))
SHORT = Timeouts(connect=timedelta(seconds=0.3), silence=timedelta(seconds=0.3), whole=timedelta(seconds=0.8))

Behaviour = Callable[["Connection"], Awaitable[None]]


@dataclass(frozen=True)
class RecordedRequest:
    """A request, as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedVendor:
    """A server on a socket. The first connection gets the first behaviour, and so on; the last one stays."""

    behaviours: tuple[Behaviour, ...]
    url: str = ""
    connections: int = 0
    received: list[RecordedRequest] = field(default_factory=list)
    has_received: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours[min(self.connections, len(self.behaviours) - 1)]
        self.connections += 1
        try:
            await behaviour(Connection(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()


@dataclass(frozen=True)
class Connection:
    """One accepted connection."""

    vendor: ScriptedVendor
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> None:
        """Read one request to its end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        self.vendor.received.append(RecordedRequest(method, path, headers, body))
        self.vendor.has_received.set()

    async def until_the_client_leaves(self) -> None:
        await self.reader.read()


def encoded(status: int, body: Any, headers: dict[str, str]) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


class Behaviours:
    """The behaviours of a scripted server."""

    @staticmethod
    def answers(status: int, body: Any = b"", **headers: str) -> Behaviour:
        """A valid response; `retry_after="3"` is the header Retry-After."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Behaviours.says(encoded(status, body, {"Connection": "close", **named}))

    @staticmethod
    def says(raw: bytes) -> Behaviour:
        """Reads a request, sends these bytes, and closes."""

        async def behaviour(client: Connection) -> None:
            await client.receive()
            client.writer.write(raw)
            await client.writer.drain()

        return behaviour

    @staticmethod
    async def drops_at_once(_: Connection) -> None:
        """Closes the connection without reading."""

    @staticmethod
    async def never_shakes_hands(client: Connection) -> None:
        """Reads and never answers, so that no TLS handshake completes."""
        await client.until_the_client_leaves()

    @staticmethod
    async def drops_after_hearing(client: Connection) -> None:
        await client.receive()

    @staticmethod
    async def resets(client: Connection) -> None:
        """Reads a request, then resets the connection."""
        await client.receive()
        linger_not_at_all = struct.pack("ii", 1, 0)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)

    @staticmethod
    async def hangs(client: Connection) -> None:
        await client.receive()
        await client.until_the_client_leaves()

    @staticmethod
    async def trickles(client: Connection) -> None:
        """Sends an endless response, one byte at a time, without long pauses."""
        await client.receive()
        client.writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n")
        while not client.writer.is_closing():
            client.writer.write(b" ")
            await client.writer.drain()
            await asyncio.sleep(0.05)


@pytest.fixture
def server() -> type[Behaviours]:
    return Behaviours


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened_things:
        yield opened_things


@pytest.fixture
def vendor_that(stack: AsyncExitStack) -> Callable[..., Awaitable[ScriptedVendor]]:
    """Start a server: `await vendor_that(server.answers(200), server.hangs)`."""

    async def start(*behaviours: Behaviour) -> ScriptedVendor:
        vendor = ScriptedVendor(behaviours)
        listening = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
        stack.callback(listening.close)
        vendor.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        return vendor

    return start


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with opened_http("The vendor", timeouts=SHORT) as client:
        yield client


@pytest.fixture
def replicate_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    """Open the adapter on a base URL: `await replicate_at(vendor.url)`."""

    async def open_it(base_url: str, **settings: Any) -> Provider:
        chosen = {"token": SecretStr(TOKEN), "webhook_secret": SecretStr(WEBHOOK_SECRET), **settings}
        return await stack.enter_async_context(opened(ReplicateSettings(base_url=base_url, **chosen), timeouts=SHORT))

    return open_it


@pytest.fixture
async def replicate(replicate_at: Callable[..., Awaitable[Provider]]) -> Provider:
    """For tests without a server."""
    return await replicate_at("https://api.replicate.com")


@pytest.fixture
def ttapi_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    """Open the adapter on a base URL: `await ttapi_at(vendor.url)`."""

    async def open_it(base_url: str, *, timeouts: Timeouts = SHORT) -> Provider:
        settings = TtapiSettings(base_url=base_url, token=SecretStr(TTAPI_KEY))
        return await stack.enter_async_context(opened_ttapi(settings, timeouts=timeouts))

    return open_it


@pytest.fixture
async def ttapi(ttapi_at: Callable[..., Awaitable[Provider]]) -> Provider:
    """For tests without a server."""
    return await ttapi_at("https://api.ttapi.io")


@pytest.fixture
def refused_url() -> str:
    """A URL where no server listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.parse((Path(__file__).parents[2] / "aijobs" / "domain" / "catalogue.toml").read_text())


@pytest.fixture(scope="session")
def upscale(catalogue: Catalogue) -> Model:
    return catalogue.model("replicate_imageupscale_v1")


@pytest.fixture(scope="session")
def midjourney(catalogue: Catalogue) -> Model:
    return catalogue.model("ttapi_midjourney_v7")


@pytest.fixture
def recorded() -> Callable[[str], dict[str, Any]]:
    """An answer of Replicate as it was recorded (some values shortened)."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((Path(__file__).parent / "recordings" / f"{name}.json").read_text())
        return document

    return read


@pytest.fixture
def lost() -> Callable[..., Submission]:
    """A submission whose outcome is unknown: `lost(body={"input": …}, age=timedelta(minutes=5))`."""

    def make(*, body: dict[str, Any], age: timedelta = timedelta(seconds=10), token: str = "sub_0042") -> Submission:
        request = ProviderRequest("POST", "https://api.replicate.com/v1/models/o/n/predictions", body)
        never = Submission(
            id=1,
            job_code="job_1",
            number=1,
            token=token,
            request=request,
            intent_at=datetime.now(UTC),
            outcome=None,
            ref=None,
        )
        return replace(never, intent_at=never.intent_at - age)

    return make


@pytest.fixture(scope="session")
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0, shortest_deadline=timedelta(seconds=1))) as simulated:
        yield simulated


@pytest.fixture
async def replicate_scene(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("replicate", sandbox, catalogue.model(PARTS["replicate"].model_id)) as opened_one:
        yield opened_one


@pytest.fixture
async def ttapi_scene(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    async with opened_scene("ttapi", sandbox, catalogue.model(PARTS["ttapi"].model_id)) as opened_one:
        yield opened_one


@pytest.fixture(params=sorted(PARTS))
async def scene(request: pytest.FixtureRequest, sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    """Every provider in turn, on the sandbox."""
    model = catalogue.model(PARTS[request.param].model_id)
    async with opened_scene(request.param, sandbox, model) as opened_one:
        yield opened_one
