"""Both clients, over the real API and over servers that fail."""

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from aijobs_client import AsyncClient, Client
from pydantic import SecretStr
from temporalio.client import Client as TemporalClient

from aijobs.adapters.chat import ChatSettings
from aijobs.persistence.access.first_key import ensure_first_key
from api.app import build_app
from api.server import serving
from cli.embedded.ports import free_port
from tests.api.conftest import NOBODY_THERE, opened_dependencies
from tests.api.installation import ApiUnderTest
from tests.patience import http_client
from workflows.client import TemporalJobEngine

KEY = "aijobs_service_0000000000000000_nothing"


@dataclass(frozen=True)
class AnyClient:
    """A Client or an AsyncClient, called in the same way: every method is awaited, and iterators become lists."""

    client: Client | AsyncClient

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.client, Client):
            return await asyncio.to_thread(_call_to_the_end, getattr(self.client, method), *args, **kwargs)
        result = getattr(self.client, method)(*args, **kwargs)
        return [item async for item in result] if inspect.isasyncgen(result) else await result

    def for_user(self, user: str) -> "AnyClient":
        return AnyClient(self.client.for_user(user))


def _call_to_the_end(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = method(*args, **kwargs)
    return list(result) if inspect.isgenerator(result) else result


OpenClient = Callable[..., Awaitable[AnyClient]]


@pytest.fixture(params=[Client, AsyncClient], ids=["Client", "AsyncClient"])
async def open_client(request: pytest.FixtureRequest) -> AsyncIterator[OpenClient]:
    """Opens clients; the test runs once for each kind."""
    async with AsyncExitStack() as stack:

        async def client(**kwargs: Any) -> AnyClient:
            client = request.param(**{"key": KEY, **kwargs})
            if isinstance(client, Client):
                stack.callback(client.close)
            else:
                stack.push_async_callback(client.close)
            return AnyClient(client)

        yield client


@pytest.fixture(scope="session")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiUnderTest]:
    """The real API, whose links can be followed. Temporal is down: a test moves the jobs."""
    folder, port = tmp_path_factory.mktemp("clients"), free_port()
    engine = TemporalJobEngine(lambda: TemporalClient.connect(NOBODY_THERE))
    chat = ChatSettings(token=SecretStr("test"), base_url="http://127.0.0.1:1/v1")
    async with opened_dependencies(folder, engine, url=f"http://127.0.0.1:{port}", chat=chat) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, folder)
        async with (
            serving(build_app(dependencies), dependencies.live, host="127.0.0.1", port=port) as url,
            http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
        ):
            yield ApiUnderTest(url, dependencies, http)


@pytest.fixture
def user() -> str:
    """A new user id."""
    return f"ada-{uuid.uuid4().hex}"


@pytest.fixture
async def ada(api: ApiUnderTest, open_client: OpenClient, user: str) -> AnyClient:
    """A client with the service's key, for this user."""
    key = str(api.http.headers["Authorization"]).removeprefix("Bearer ")
    return await open_client(url=api.url, key=key, user=user)
