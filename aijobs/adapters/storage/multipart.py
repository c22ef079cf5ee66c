"""A multipart upload to S3, with a few parts in parallel; the object appears only when it is complete."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from aijobs.adapters.storage.digest import Digest, crc32_of
from aijobs.adapters.storage.s3_calls import S3Calls
from aijobs.domain.errors import NotFound, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CreateMultipartUploadOutputTypeDef

PART_BYTES: Final = 8 * 1024 * 1024
GROW_EVERY: Final = 1000  #: parts; S3 takes no more than 10,000 of them, so they double for huge objects
PARTS_IN_FLIGHT: Final = 3


def part_size(number: int) -> int:
    """Bytes of part `number`, counted from 0."""
    return PART_BYTES << number // GROW_EVERY


async def in_parts(chunks: AsyncIterator[bytes], digest: Digest) -> AsyncGenerator[bytearray, None]:
    """The stream in parts of equal size except the last, as some stores require. An empty stream is one empty part."""
    number, part = 0, bytearray()
    async for chunk in chunks:
        digest.update(chunk)
        part += chunk
        while len(part) >= part_size(number):
            rest = part[part_size(number) :]
            del part[part_size(number) :]
            yield part
            number, part = number + 1, rest
    if part or number == 0:
        yield part


class MultipartUpload:
    """Add parts in order, then call `complete`; or call `abandon` at any point."""

    def __init__(
        self, client: "S3Client", calls: S3Calls, *, target: Mapping[str, Any], media_type: str, checksums: bool
    ) -> None:
        self._client = client
        self._calls = calls
        self._target = target
        self._checksums = checksums
        self._media_type = media_type
        self._creation: asyncio.Future[CreateMultipartUploadOutputTypeDef] | None = None
        self._sent: list[asyncio.Future[CompletedPartTypeDef]] = []

    @property
    def begun(self) -> bool:
        return self._creation is not None

    async def add(self, part: bytearray) -> None:
        """Returns when the part's upload has started. Raises the error of an earlier part."""
        self._creation = self._creation or self._calls.start(self._create)
        upload = await self._upload_id(self._creation)
        if len(self._sent) >= PARTS_IN_FLIGHT:
            await asyncio.shield(self._sent[-PARTS_IN_FLIGHT])
        self._sent.append(self._calls.start(self._send, upload=upload, number=len(self._sent) + 1, part=part))

    async def complete(self, digest: Digest) -> None:
        """With checksums, S3 verifies each part and the whole object."""
        if self._creation is None:
            return
        parts = [await asyncio.shield(sent) for sent in self._sent]
        whole: dict[str, Any] = {}
        if self._checksums:
            whole = {"ChecksumCRC32": digest.crc32, "ChecksumType": "FULL_OBJECT", "MpuObjectSize": digest.size}
        await self._calls.run(
            self._client.complete_multipart_upload,
            **self._target,
            UploadId=await self._upload_id(self._creation),
            MultipartUpload={"Parts": parts},
            **whole,
        )

    async def abandon(self) -> None:
        """Abort the upload. Waits for running parts first: a part that arrives after the abort would stay."""
        if self._creation is None:
            return
        await asyncio.gather(self._creation, *self._sent, return_exceptions=True)
        if self._creation.exception() is None:
            upload = await self._upload_id(self._creation)
            with suppress(NotFound, StoreUnavailable):  # what cannot be aborted now is removed later by `tidy`
                await self._calls.run(self._client.abort_multipart_upload, **self._target, UploadId=upload)

    async def _upload_id(self, creation: "asyncio.Future[CreateMultipartUploadOutputTypeDef]") -> str:
        return (await asyncio.shield(creation))["UploadId"]

    def _create(self) -> "CreateMultipartUploadOutputTypeDef":
        whole: dict[str, Any] = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
        return self._client.create_multipart_upload(
            **self._target, ContentType=self._media_type, **(whole if self._checksums else {})
        )

    def _send(self, *, upload: str, number: int, part: bytearray) -> "CompletedPartTypeDef":
        # With the checksum as a header boto3 sends the body plain; by default it would send aws-chunked trailers
        # over TLS, which several S3 servers refuse.
        checksum = {"ChecksumCRC32": crc32_of(part)} if self._checksums else {}
        body: dict[str, Any] = {"Body": part, **checksum}
        response = self._client.upload_part(**self._target, UploadId=upload, PartNumber=number, **body)
        # MinIO and others accept a part in `complete` only with its checksum.
        return cast("CompletedPartTypeDef", {"PartNumber": number, "ETag": response["ETag"], **checksum})
