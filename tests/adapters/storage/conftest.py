"""Three stores with the same contract: a directory, S3 over HTTP, and S3 over TLS."""

import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.ports.object_store import ObjectStore
from tests.adapters.storage.site import served, store_app
from tests.adapters.storage.swift_server import SwiftServer, swift_server
from tests.patience import http_client

SECRET = b"a secret only for these tests"

#: for tests without TLS: reading the certificates of the world takes longer than most of them
TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    with swift_server(tmp_path_factory.mktemp("swift")) as server:
        yield server


@dataclass(frozen=True)
class StoreUnderTest:
    """A store, with direct access to what it holds."""

    store: ObjectStore
    leftovers: Callable[[], list[str]]  #: begun and neither finished nor cleared away
    tls: ssl.SSLContext

    async def get(self, link: str) -> httpx.Response:
        async with http_client(verify=self.tls) as browser:
            return await browser.get(link)


def s3_settings(swift: SwiftServer, *, tls: bool = False, **changes: object) -> StoreSettings:
    written: dict[str, object] = {
        "url": f"s3://{swift.bucket}/some/prefix",
        "endpoint": swift.tls_endpoint if tls else swift.endpoint,
        "region": swift.region,
        "access_key": SecretStr(swift.access_key),
        "secret_key": SecretStr(swift.secret_key),
        "addressing": "path",
        "ca_bundle": swift.ca_bundle if tls else None,
    }
    return StoreSettings.model_validate(written | changes)


@asynccontextmanager
async def s3_store_under_test(swift: SwiftServer, *, tls: bool) -> AsyncIterator[StoreUnderTest]:
    trusted = ssl.create_default_context(cafile=swift.ca_bundle)
    with swift.client() as client:

        def leftovers() -> list[str]:
            return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=swift.bucket).get("Uploads", [])]

        async with S3Store.opened(s3_settings(swift, tls=tls)) as store:
            yield StoreUnderTest(store, leftovers, trusted)


@pytest.fixture(scope="session")
async def shelf_over_http(swift: SwiftServer) -> AsyncIterator[StoreUnderTest]:
    async with s3_store_under_test(swift, tls=False) as shelf:
        yield shelf


@pytest.fixture(scope="session")
async def shelf_over_https(swift: SwiftServer) -> AsyncIterator[StoreUnderTest]:
    async with s3_store_under_test(swift, tls=True) as shelf:
        yield shelf


@pytest.fixture(scope="session")
async def shelf_on_disk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoreUnderTest]:
    root = tmp_path_factory.mktemp("directory") / "store"

    def leftovers() -> list[str]:
        return [path.name for path in (root / ".drafts").iterdir()]

    serving = LinkSigner(SECRET, "https://not-used.example")
    async with (
        served(store_app(DirectoryStore(root, serving), serving)) as base_url,
        DirectoryStore.opened(root, LinkSigner(SECRET, base_url)) as store,
    ):
        yield StoreUnderTest(store, leftovers, ssl.create_default_context())


@pytest.fixture(params=["shelf_on_disk", "shelf_over_http", "shelf_over_https"])
def shelf(request: pytest.FixtureRequest) -> StoreUnderTest:
    opened: StoreUnderTest = request.getfixturevalue(request.param)
    return opened


@pytest.fixture
def store(shelf: StoreUnderTest) -> ObjectStore:
    return shelf.store


@pytest.fixture
def key() -> str:
    """A new key for every test: the server is shared."""
    return f"outputs/job_{next(_numbers)}/0.png"


async def chunks_of(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def content_of(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(key)])
