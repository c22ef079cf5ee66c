"""The real app over a real socket, with a real database, store and Temporal. No worker: a test moves its jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from aijobs.bootstrap import open_adapters
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.process_settings import ApiSettings
from aijobs.providers.replicate import ReplicateSettings
from aijobs.settings import GivenSettings
from api.app import dependencies_over
from api.dependencies import ApiDependencies
from cli.embedded.temporal_server import temporal_server
from tests.api.installation import SECRET, WEBHOOK_SECRET, ApiUnderTest, opened_installation
from tests.databases import Databases, database_url
from tests.patience import PATIENCE
from workflows.client import TemporalJobEngine
from workflows.data_converter import DATA_CONVERTER

NOBODY_THERE = "127.0.0.1:1"

SMALL = ApiSettings(max_body_bytes=16 * 1024, max_upload_bytes=256 * 1024)


@asynccontextmanager
async def opened_dependencies(
    folder: Path, engine: JobEngine, *, url: str = "http://aijobs.test", **sections: Any
) -> AsyncIterator[ApiDependencies]:
    """The dependencies of an API whose data is in this folder. `sections` are sections of the settings."""
    replicate = ReplicateSettings(token=SecretStr("r8_test"), webhook_secret=SecretStr(WEBHOOK_SECRET))
    here = {"data_dir": folder, "secret": SECRET.decode(), "public_url": url, "database_url": database_url(folder)}
    settings = GivenSettings(**{**here, "replicate": replicate, "api": SMALL, **sections})
    async with open_adapters(settings) as adapters:
        yield dependencies_over(adapters, engine)


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    async with temporal_server(data_dir=None) as server:
        yield await Client.connect(server.address, data_converter=DATA_CONVERTER)


@pytest.fixture(scope="session")
def engine(temporal: Client) -> TemporalJobEngine:
    async def connected() -> Client:
        return temporal

    return TemporalJobEngine(connected)


async def started_run(temporal: Client, code: str) -> WorkflowExecutionDescription:
    """A job's workflow, which is started soon after the acceptance."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await temporal.get_workflow_handle(code).describe()
            except RPCError:
                await asyncio.sleep(0.02)


@pytest.fixture
async def dependencies(database_kind: str, tmp_path: Path) -> AsyncIterator[ApiDependencies]:
    """All dependencies, with Temporal unreachable."""
    async with opened_dependencies(tmp_path, TemporalJobEngine(lambda: Client.connect(NOBODY_THERE))) as dependencies:
        yield dependencies


@pytest.fixture
async def key(dependencies: ApiDependencies, tmp_path: Path) -> str:
    """A service key with every scope."""
    return await ensure_first_key(dependencies.database, dependencies.secret, tmp_path)


@pytest.fixture
async def without_temporal(dependencies: ApiDependencies, key: str) -> AsyncIterator[ApiUnderTest]:
    async with opened_installation(dependencies, key) as installation:
        yield installation


@pytest.fixture
async def api(dependencies: ApiDependencies, key: str, engine: TemporalJobEngine) -> AsyncIterator[ApiUnderTest]:
    async with opened_installation(replace(dependencies, engine=engine), key) as installation:
        yield installation


@pytest.fixture(scope="session")
async def shared_api(
    databases: Databases, database_kind: str, tmp_path_factory: pytest.TempPathFactory, engine: TemporalJobEngine
) -> AsyncIterator[ApiUnderTest]:
    """One API for all tests that do not depend on the absence of other jobs."""
    folder = tmp_path_factory.mktemp("shared_api")
    database = databases.url(folder, database_kind)
    async with opened_dependencies(folder, engine, database_url=database) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, folder)
        async with opened_installation(dependencies, key) as shared_api:
            yield shared_api


@pytest.fixture
async def photo_api(dependencies: ApiDependencies, key: str, engine: TemporalJobEngine) -> AsyncIterator[ApiUnderTest]:
    """An API without a chat model: photos are only measured."""
    async with opened_installation(replace(dependencies, engine=engine), key) as installation:
        yield installation
