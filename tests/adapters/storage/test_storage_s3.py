"""Tests of the S3 store only: credentials, checksums, orphans, and memory."""

import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from aijobs.adapters.storage.digest import Digest
from aijobs.adapters.storage.multipart import PART_BYTES, PARTS_IN_FLIGHT, in_parts, part_size
from aijobs.adapters.storage.open_store import opened_store
from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import StoreUnavailable
from tests.adapters.storage.conftest import chunks_of, content_of, s3_settings
from tests.adapters.storage.hostile_server import HostileServer
from tests.adapters.storage.swift_server import SwiftServer

MIB = 1024 * 1024


async def refusal_by(settings: StoreSettings) -> str:
    async with S3Store.opened(settings) as store:
        with pytest.raises(StoreUnavailable) as refused:
            await store.probe()
        with pytest.raises(StoreUnavailable):
            await store.put("a.txt", chunks_of(b"hello"), media_type="text/plain")
        with pytest.raises(StoreUnavailable):
            await store.put("a.bin", chunks_of(bytes(PART_BYTES + 1)), media_type="video/mp4")
        with pytest.raises(StoreUnavailable):
            await content_of(store, "a.txt")
    return str(refused.value)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_wrong_secret_is_named_as_the_reason(swift: SwiftServer, *, tls: bool) -> None:
    reason = await refusal_by(s3_settings(swift, tls=tls, secret_key="wrong"))

    assert "SignatureDoesNotMatch" in reason
    assert "wrong" not in reason


async def test_a_missing_bucket_is_named_as_the_reason(swift: SwiftServer) -> None:
    assert "NoSuchBucket" in await refusal_by(s3_settings(swift, url="s3://not-there"))


async def test_a_server_that_cannot_be_reached_is_named_as_the_reason(swift: SwiftServer) -> None:
    settings = s3_settings(swift, endpoint="http://127.0.0.1:1")
    async with S3Store.opened(settings) as store:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
            await store.probe()


async def test_a_certificate_that_nobody_vouches_for_is_refused(swift: SwiftServer) -> None:
    async with S3Store.opened(s3_settings(swift, tls=True, ca_bundle=None)) as store:
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            await store.probe()


async def test_the_settings_open_an_s3_store(swift: SwiftServer, tmp_path: Path, key: str) -> None:
    signer = LinkSigner(b"a secret only for these tests", "https://jobs.example")

    async with opened_store(s3_settings(swift), data_dir=tmp_path, signer=signer) as store:
        await store.put(key, chunks_of(b"hello"), media_type="text/plain")

    with swift.client() as client:
        stored = client.get_object(Bucket=swift.bucket, Key=f"some/prefix/{key}")
        assert (stored["Body"].read(), stored["ContentType"]) == (b"hello", "text/plain")


@pytest.mark.parametrize("size", [5, PART_BYTES + 5])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_server_without_checksums_can_be_used_too(
    swift: SwiftServer, key: str, size: int, *, tls: bool
) -> None:
    async with S3Store.opened(s3_settings(swift, tls=tls, checksums="when_required")) as store:
        await store.put(key, chunks_of(bytes(size)), media_type="video/mp4")

        assert await content_of(store, key) == bytes(size)


@pytest.fixture
async def bystander(tmp_path: Path) -> AsyncIterator[tuple[HostileServer, StoreSettings]]:
    """A TLS server that accepts and records everything, and the settings for it."""
    authority, served = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with HostileServer().running(tls=served) as server:
        yield (
            server,
            StoreSettings.model_validate(
                {
                    "url": "s3://bucket",
                    "endpoint": f"https://127.0.0.1:{server.port}",
                    "access_key": "a",
                    "secret_key": "b",
                    "addressing": "path",
                    "ca_bundle": tmp_path / "ca.pem",
                }
            ),
        )


@pytest.mark.parametrize(("checksums", "sent"), [("when_supported", "NhCmhg=="), ("when_required", None)])
async def test_over_tls_the_checksum_goes_in_a_header_and_the_body_plain(
    bystander: tuple[HostileServer, StoreSettings], checksums: str, sent: str | None
) -> None:
    server, settings = bystander
    server.answers("/bucket/a.txt", headers="content-length: 0\r\n")

    async with S3Store.opened(settings.model_copy(update={"checksums": checksums})) as store:
        await store.put("a.txt", chunks_of(b"hello"), media_type="text/plain")

    put = server.received[0]
    assert (put.method, put.body) == ("PUT", b"hello")
    assert put.headers.get("x-amz-checksum-crc32") == sent
    assert "content-encoding" not in put.headers


async def test_a_server_that_knows_no_checksums_is_told_apart(
    bystander: tuple[HostileServer, StoreSettings],
) -> None:
    server, settings = bystander
    body = b"<Error><Code>NotImplemented</Code><Message>A header you provided is not known</Message></Error>"
    server.answers("/bucket/a.txt", body, status="501 No", headers=f"content-length: {len(body)}\r\n")

    async with S3Store.opened(settings) as store:
        with pytest.raises(StoreUnavailable, match="set them to when_required"):
            await store.put("a.txt", chunks_of(b"hello"), media_type="text/plain")


async def test_uploads_of_killed_processes_are_cleared_away(swift: SwiftServer, key: str) -> None:
    with swift.client() as client:
        for prefix in ("some/prefix/", "another/prefix/"):
            client.create_multipart_upload(Bucket=swift.bucket, Key=prefix + key)
        async with S3Store.opened(s3_settings(swift)) as store:
            assert await store.tidy(older_than=timedelta(hours=1)) == 0
            assert await store.tidy(older_than=timedelta(seconds=-5)) == 1

        left = client.list_multipart_uploads(Bucket=swift.bucket)["Uploads"]
        assert [upload["Key"] for upload in left] == ["another/prefix/" + key]
        client.abort_multipart_upload(Bucket=swift.bucket, Key=left[0]["Key"], UploadId=left[0]["UploadId"])


async def test_an_upload_that_another_process_has_cleared_away_is_no_error(
    bystander: tuple[HostileServer, StoreSettings],
) -> None:
    server, settings = bystander
    listed = (
        b"<ListMultipartUploadsResult><Bucket>bucket</Bucket><Upload><Key>a.mp4</Key><UploadId>1</UploadId>"
        b"<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"
    )
    gone = b"<Error><Code>NoSuchUpload</Code><Message>The upload does not exist.</Message></Error>"
    server.answers("/bucket", listed, headers=f"content-length: {len(listed)}\r\n")
    server.answers("/bucket/a.mp4", gone, status="404 No", headers=f"content-length: {len(gone)}\r\n")

    async with S3Store.opened(settings) as store:
        assert await store.tidy(older_than=timedelta(hours=1)) == 0

    assert [request.method for request in server.received] == ["GET", "DELETE"]


async def test_a_link_lives_at_most_seven_days(swift: SwiftServer) -> None:
    async with S3Store.opened(s3_settings(swift)) as store:
        link = await store.link("a.png", lifetime=timedelta(days=30), filename="a.png", media_type="image/png")

    assert "X-Amz-Expires=604800" in link


def test_ten_thousand_parts_hold_the_largest_object_of_s3() -> None:
    assert sum(part_size(number) for number in range(10_000)) > 5 * 1024**4
    assert part_size(9_999) <= 5 * 1024**3
    assert part_size(255) == PART_BYTES


@pytest.mark.parametrize("chunk", [3 * MIB, 20 * MIB])
async def test_all_parts_are_equal_but_the_last(chunk: int) -> None:
    digest = Digest()

    parts = [len(part) async for part in in_parts(chunks_of(bytes(20 * MIB), size=chunk), digest)]

    assert parts == [PART_BYTES, PART_BYTES, 4 * MIB]
    assert digest.size == 20 * MIB


def test_memory_stays_flat(swift: SwiftServer) -> None:
    measured = subprocess.run(
        [sys.executable, "-m", "tests.adapters.storage.memory_probe", swift.endpoint, "10", "200", "4x75"],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )

    small, large, several = map(int, measured.stdout.split())
    assert large - small < 40
    assert several - large < 4 * (PARTS_IN_FLIGHT + 1) * PART_BYTES / MIB  # of 300
