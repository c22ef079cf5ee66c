"""The real app over a real socket, with a real database, store and Temporal. No worker: a test moves its jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.catalogue import Catalogue
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.database import opened_database
from aijobs.providers.replicate import ReplicateSettings
from aijobs.providers.replicate import opened as opened_replicate
from aijobs.settings import SHIPPED_CATALOGUE, ApiSettings
from api.dependencies import Parts
from api.engine import JobWorkflows
from api.streaming.hub import EventHub
from cli.embedded.temporal_server import temporal_server
from tests.api.installation import SECRET, WEBHOOK_SECRET, ApiUnderTest, opened_installation

NOBODY_THERE = "127.0.0.1:1"

SMALL = ApiSettings(max_body_bytes=16 * 1024, max_upload_bytes=256 * 1024)


@asynccontextmanager
async def opened_parts(folder: Path, engine: JobWorkflows) -> AsyncIterator[Parts]:
    signer = LinkSigner(SECRET, "http://aijobs.test")
    replicate = ReplicateSettings(token=SecretStr("r8_test"), webhook_secret=SecretStr(WEBHOOK_SECRET))
    async with (
        opened_database(f"sqlite:///{folder}/aijobs.db") as database,
        opened_replicate(replicate) as provider,
        DirectoryStore.opened(folder / "store", signer) as store,
        PictureReader.opened(PictureSettings()) as pictures,
    ):
        yield Parts(
            database=database,
            catalogue=Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8")),
            providers={"replicate": provider},
            store=store,
            pictures=pictures,
            signer=signer,
            engine=engine,
            live=EventHub(database),
            secret=SECRET,
            base_url="http://aijobs.test",
            daily_limit=100,
            settings=SMALL,
        )


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    async with temporal_server(data_dir=None) as server:
        yield await Client.connect(server.address, data_converter=pydantic_data_converter)


@pytest.fixture(scope="session")
def engine(temporal: Client) -> JobWorkflows:
    async def connected() -> Client:
        return temporal

    return JobWorkflows(connected)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """Everything but Temporal, which is down."""
    async with opened_parts(tmp_path, JobWorkflows(lambda: Client.connect(NOBODY_THERE))) as parts:
        yield parts


@pytest.fixture
async def key(parts: Parts, tmp_path: Path) -> str:
    """Of a service, with every scope."""
    return await ensure_first_key(parts.database, parts.secret, tmp_path)


@pytest.fixture
async def without_temporal(parts: Parts, key: str) -> AsyncIterator[ApiUnderTest]:
    async with opened_installation(parts, key) as installation:
        yield installation


@pytest.fixture
async def api(parts: Parts, key: str, engine: JobWorkflows) -> AsyncIterator[ApiUnderTest]:
    async with opened_installation(replace(parts, engine=engine), key) as installation:
        yield installation


@pytest.fixture(scope="session")
async def standing(tmp_path_factory: pytest.TempPathFactory, engine: JobWorkflows) -> AsyncIterator[ApiUnderTest]:
    """One for all tests that mind no neighbours."""
    folder = tmp_path_factory.mktemp("standing")
    async with opened_parts(folder, engine) as parts:
        key = await ensure_first_key(parts.database, parts.secret, folder)
        async with opened_installation(parts, key) as standing:
            yield standing
