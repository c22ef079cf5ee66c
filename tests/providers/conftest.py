"""Providers that are open on a scripted vendor or on the sandbox, and recorded responses."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aijobs.adapters.network.http_client import HttpClient, Timeouts, opened_http
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.jobs.submissions import ProviderRequest, Submission
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Task
from aijobs.providers.declared import declared_package
from aijobs.providers.fal import FalSettings
from aijobs.providers.fal import opened as opened_fal
from aijobs.providers.replicate import ReplicateSettings, opened
from aijobs.providers.ttapi import TtapiSettings
from aijobs.providers.ttapi import opened as opened_ttapi
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.providers.acme_vendor import ACME, KEY, Vendor
from tests.providers.parts import PARTS
from tests.providers.scene import Scene, opened_scene
from tests.providers.scripted_vendor import Behaviour, Behaviours, ScriptedVendor

TOKEN = "r8_a_key_that_must_stay_secret"
FAL_KEY = "key-id:a_secret_that_must_stay_secret"
TTAPI_KEY = "tt_a_key_that_must_stay_secret"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENT = Timeouts(connect=timedelta(seconds=20), silence=timedelta(seconds=20), whole=timedelta(seconds=40))
SHORT = Timeouts(connect=timedelta(seconds=1), silence=timedelta(seconds=0.5), whole=timedelta(seconds=1.5))


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
def fal_at(stack: AsyncExitStack) -> Callable[..., Awaitable[Provider]]:
    """Open the adapter on a URL that answers for all of fal's: `await fal_at(vendor.url)`."""

    async def open_it(url: str) -> Provider:
        settings = FalSettings(
            token=SecretStr(FAL_KEY), base_url=url, rest_url=url, platform_url=url, schema_url=f"{url}/openapi.json"
        )
        return await stack.enter_async_context(opened_fal(settings, timeouts=SHORT))

    return open_it


@pytest.fixture
def acme(stack: AsyncExitStack, vendor_that: Any) -> Vendor:
    async def open_it(*behaviours: Any, toml: str = ACME) -> tuple[Provider, ScriptedVendor]:
        vendor = await vendor_that(*(behaviours or (Behaviours.answers(500),)))
        package = declared_package(toml)
        settings = package.settings(token=KEY, base_url=f"{vendor.url}/v2")
        return await stack.enter_async_context(package.opened(settings, timeouts=SHORT)), vendor

    return open_it


@pytest.fixture
def task(upscale: Model) -> Task:
    return Task(
        job_code="job_1",
        model=upscale.model_copy(update={"model": "acme/small one"}),
        params={"prompt": "a cat", "steps": None},
        output_count=2,
        token="token-1",
        webhook_url="https://us.example/hooks/token-1",
    )


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
    model_id = PARTS[request.param].model_id
    model = catalogue.model(model_id) if model_id else None
    async with opened_scene(request.param, sandbox, model) as opened_one:
        yield opened_one
