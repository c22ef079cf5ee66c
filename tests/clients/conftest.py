"""Both clients, over the real API and over servers that do not behave."""

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aijobs_client import AsyncClient, Client
from temporalio.client import Client as TemporalClient

from aijobs.persistence.access.first_key import ensure_first_key
from api.app import build_app
from api.server import serving
from cli.embedded.ports import free_port
from tests.api.conftest import NOBODY_THERE, opened_parts
from tests.api.installation import ApiUnderTest
from workflows.client import TemporalJobEngine

KEY = "aijobs_service_0000000000000000_nothing"


@dataclass(frozen=True)
class Hands:
    """A client of either kind, used in the same way: every method is awaited, and iterators become lists."""

    client: Client | AsyncClient

    async def __call__(self, method: str, *given: Any, **named: Any) -> Any:
        if isinstance(self.client, Client):
            return await asyncio.to_thread(_whole, getattr(self.client, method), *given, **named)
        said = getattr(self.client, method)(*given, **named)
        return [part async for part in said] if inspect.isasyncgen(said) else await said

    def for_user(self, user: str) -> "Hands":
        return Hands(self.client.for_user(user))


def _whole(method: Callable[..., Any], *given: Any, **named: Any) -> Any:
    said = method(*given, **named)
    return list(said) if inspect.isgenerator(said) else said


Opened = Callable[..., Awaitable[Hands]]


@pytest.fixture(params=[Client, AsyncClient], ids=["Client", "AsyncClient"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """Makes clients of both kinds, one after the other."""
    async with AsyncExitStack() as stack:

        async def client(**named: Any) -> Hands:
            client = request.param(**{"key": KEY, **named})
            if isinstance(client, Client):
                stack.callback(client.close)
            else:
                stack.push_async_callback(client.close)
            return Hands(client)

        yield client


@pytest.fixture(scope="session")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiUnderTest]:
    """The real API, whose links can be followed. Temporal is down: a test moves the jobs."""
    folder, port = tmp_path_factory.mktemp("clients"), free_port()
    nobody = TemporalJobEngine(lambda: TemporalClient.connect(NOBODY_THERE))
    async with opened_parts(folder, nobody, url=f"http://127.0.0.1:{port}") as parts:
        key = await ensure_first_key(parts.database, parts.secret, folder)
        async with (
            serving(build_app(parts), parts.live, host="127.0.0.1", port=port) as url,
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
        ):
            yield ApiUnderTest(url, parts, http)


@pytest.fixture
def user() -> str:
    """Somebody new."""
    return f"ada-{uuid.uuid4().hex}"


@pytest.fixture
async def ada(api: ApiUnderTest, opened: Opened, user: str) -> Hands:
    """A client with the service's key, for this user."""
    key = str(api.http.headers["Authorization"]).removeprefix("Bearer ")
    return await opened(url=api.url, key=key, user=user)
