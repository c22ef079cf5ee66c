"""An S3 bucket as object store, over boto3."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.digest import Digest, crc32_of
from aijobs.adapters.storage.key_check import checked_key
from aijobs.adapters.storage.multipart import MultipartUpload, in_parts, part_size
from aijobs.adapters.storage.s3_calls import S3Calls
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.outputs import StoredObject
from aijobs.domain.values.shielded import shielded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS: Final = 8
ATTEMPTS: Final = 3  #: of boto3, per call; a repeated part or object replaces itself
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 30
READ_BYTES: Final = 256 * 1024
MAX_LINK_LIFETIME: Final = timedelta(days=7)  #: the most that Signature Version 4 allows

_PROBE = "aijobs-probe"


class S3Store:
    """Objects in one bucket, below one prefix."""

    def __init__(self, client: "S3Client", calls: S3Calls, settings: StoreSettings) -> None:
        self._client = client
        self._calls = calls
        self._checksums = settings.checksums == "when_supported"
        self._bucket, self._prefix = settings.bucket_and_prefix

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: StoreSettings) -> AsyncIterator["S3Store"]:
        """Makes no network call; `probe` checks whether the store can be used."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="s3") as pool:
            calls = S3Calls(pool)
            client = await calls.run(s3_client, settings=settings)
            try:
                yield cls(client, calls, settings)
            finally:
                await calls.run(client.close)

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        """After a cancellation the object may be stored, and is complete then."""
        target, digest = self._target(key), Digest()
        async with aclosing(in_parts(chunks, digest)) as parts, self._upload(target, media_type) as upload:
            async for part in parts:
                if len(part) < part_size(0) and not upload.begun:
                    await self._put_small(target, part, media_type)
                else:
                    await upload.add(part)
                del part  # released before the next part is filled, to bound memory
            await upload.complete(digest)
        return StoredObject(key=key, size=digest.size, sha256=digest.sha256)

    @asynccontextmanager
    async def _upload(self, target: dict[str, Any], media_type: str) -> AsyncIterator[MultipartUpload]:
        upload = MultipartUpload(
            self._client, self._calls, target=target, media_type=media_type, checksums=self._checksums
        )
        try:
            yield upload
        except BaseException:
            await shielded(upload.abandon())
            raise

    async def _put_small(self, target: dict[str, Any], body: bytearray, media_type: str) -> None:
        checksum = {"ChecksumCRC32": crc32_of(body)} if self._checksums else {}
        await self._calls.run(self._client.put_object, **target, Body=body, ContentType=media_type, **checksum)

    async def read(self, key: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        span = {} if (start, stop) == (0, None) else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        response = await self._calls.run(self._client.get_object, **self._target(key), **span)
        body = response["Body"]
        try:
            while chunk := await self._calls.run(body.read, amt=READ_BYTES):
                yield chunk
        finally:
            body.close()

    async def delete(self, key: str) -> None:
        await self._calls.run(self._client.delete_object, **self._target(key))

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        """Valid for at most seven days, the limit of S3's signatures."""
        parameters = self._target(key) | {
            "ResponseContentType": media_type,
            "ResponseContentDisposition": content_disposition(filename, media_type),
        }
        seconds = int(min(lifetime, MAX_LINK_LIFETIME).total_seconds())
        return await self._calls.run(
            self._client.generate_presigned_url, ClientMethod="get_object", Params=parameters, ExpiresIn=seconds
        )

    async def probe(self) -> None:
        """Write and delete a small object. Needs no permission to list or read the bucket."""
        target = self._target(_PROBE)
        await self._put_small(target, bytearray(b"probe"), "text/plain")
        await self._calls.run(self._client.delete_object, **target)

    async def tidy(self, *, older_than: timedelta) -> int:
        orphans = await self._calls.run(self._uploads_since, latest=datetime.now(UTC) - older_than)
        removed = 0
        for orphan in orphans:
            with suppress(NotFound):  # another process was faster
                await self._calls.run(self._client.abort_multipart_upload, Bucket=self._bucket, **orphan)
                removed += 1
        return removed

    def _uploads_since(self, *, latest: datetime) -> list[dict[str, str]]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._prefix)
        uploads = [upload for page in pages for upload in page.get("Uploads", [])]
        return [
            {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            for upload in uploads
            if upload["Initiated"] <= latest
        ]

    def _target(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}


def s3_client(*, settings: StoreSettings) -> "S3Client":
    """Makes no network call."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": settings.addressing},
        request_checksum_calculation=settings.checksums,
        response_checksum_validation=settings.checksums,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=THREADS,
    )
    keys: dict[str, Any] = {}
    if settings.access_key and settings.secret_key:
        keys["aws_access_key_id"] = settings.access_key.get_secret_value()
        keys["aws_secret_access_key"] = settings.secret_key.get_secret_value()
    return boto3.session.Session(**keys).client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        verify=str(settings.ca_bundle) if settings.ca_bundle else None,
        config=config,
    )
