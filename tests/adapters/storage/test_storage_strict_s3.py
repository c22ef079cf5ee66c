"""S3 servers that require each part's checksum, as MinIO does."""

import random
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from aijobs.adapters.storage.multipart import PART_BYTES
from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.domain.errors import StoreUnavailable
from aijobs.domain.ports.object_store import ObjectStore
from cli.doctor.store_check import TRIAL_BYTES, try_two_parts
from tests.adapters.storage.conftest import chunks_of, content_of
from tests.adapters.storage.hostile_server import HostileServer
from tests.adapters.storage.strict_s3_server import StrictS3


@pytest.fixture
async def strict() -> AsyncIterator[StrictS3]:
    async with StrictS3().running() as server:
        yield server


def settings(url: str, **changes: object) -> StoreSettings:
    written = {
        "url": "s3://bucket",
        "endpoint": url,
        "region": "us-east-1",
        "access_key": SecretStr("key"),
        "secret_key": SecretStr("secret"),
        "addressing": "path",
    }
    return StoreSettings.model_validate(written | changes)


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
@pytest.mark.parametrize("size", [5, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17])
async def test_every_part_is_completed_with_the_checksum_it_came_with(
    strict: StrictS3, size: int, checksums: str
) -> None:
    content = random.Random(size).randbytes(size)
    async with S3Store.opened(settings(strict.url, checksums=checksums)) as store:
        await store.put("outputs/0.mp4", chunks_of(content), media_type="video/mp4")

        assert await content_of(store, "outputs/0.mp4") == content
    assert strict.uploads == {}


async def test_a_refused_part_names_the_setting() -> None:
    body = b"<Error><Code>InvalidPart</Code><Message>One or more of the parts could not be found</Message></Error>"
    async with HostileServer().running() as server:
        server.answers("/bucket/a.txt", body, status="400 No", headers=f"content-length: {len(body)}\r\n")
        async with S3Store.opened(settings(f"http://127.0.0.1:{server.port}")) as store:
            with pytest.raises(StoreUnavailable, match=r"InvalidPart.*AIJOBS_STORE__CHECKSUMS"):
                await store.put("a.txt", chunks_of(b"hello"), media_type="text/plain")


def test_a_trial_has_two_parts() -> None:
    assert PART_BYTES < TRIAL_BYTES <= 2 * PART_BYTES


async def test_a_trial_leaves_nothing_behind(strict: StrictS3) -> None:
    async with S3Store.opened(settings(strict.url)) as store:
        await try_two_parts(store)

    assert strict.objects == {}


async def test_a_trial_goes_well_on_every_store(store: ObjectStore) -> None:
    await try_two_parts(store)


async def test_a_store_that_gives_back_something_else_fails_the_trial() -> None:
    async with StrictS3(corrupts=True).running() as server, S3Store.opened(settings(server.url)) as store:
        with pytest.raises(StoreUnavailable, match="not the same"):
            await try_two_parts(store)

    assert server.objects == {}
