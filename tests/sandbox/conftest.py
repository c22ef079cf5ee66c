"""One fast sandbox and one caller for all tests, both emptied before each."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from replicate.client import Client

from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.patience import http_client
from tests.sandbox.caller import SandboxCaller, a_caller
from tests.sandbox.customer import RawReplicateClient

FAST = Pace(queue_seconds=0.02, work_seconds=0.06)
TOKEN = "r8_any_token"


@pytest.fixture(scope="session")
async def the_sandbox() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0, pace=FAST)) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(the_sandbox: RunningSandbox) -> RunningSandbox:
    await the_sandbox.reset()
    return the_sandbox


def plain_client(url: str) -> httpx.AsyncClient:
    """A plain HTTP client with a token; unlike the vendors' clients it never retries."""
    return http_client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, verify=False)


@pytest.fixture(scope="session")
async def http(the_sandbox: RunningSandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client(the_sandbox.url) as client:
        yield client


@pytest.fixture
async def customer(sandbox: RunningSandbox, http: httpx.AsyncClient, caller: SandboxCaller) -> RawReplicateClient:
    return RawReplicateClient(http, photo=caller.photo)


@pytest.fixture(scope="session")
async def the_client(the_sandbox: RunningSandbox) -> AsyncIterator[Any]:
    """The official client, with a shorter polling interval."""
    official = Client(TOKEN, base_url=the_sandbox.url)
    official.poll_interval = 0.03
    yield official
    await official._async_client.aclose()
    official._client.close()


@pytest.fixture
def client(the_client: Any, sandbox: RunningSandbox) -> Any:
    return the_client


@pytest.fixture(scope="session")
async def the_caller() -> AsyncIterator[SandboxCaller]:
    async with a_caller() as caller:
        yield caller


@pytest.fixture
def caller(the_caller: SandboxCaller) -> SandboxCaller:
    the_caller.webhooks.clear()
    the_caller.answers.clear()
    return the_caller
