"""Moves files from a web server to S3 in its own process: `python -m bench.rig.transfer {ours|bare} REQUEST`."""

import asyncio
import io
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import boto3
import httpx
from botocore.config import Config
from pydantic import BaseModel, SecretStr

from activities.output_transfer import OutputTransfer
from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.media.audio_video.stored_media import StoredMediaReader
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.outputs import OutputKind, OutputSource, StoredOutput
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.outputs import MigrationStart
from bench.rig.resource_usage import cpu_seconds, peak_memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_BYTES: Final = 64 * 1024


class TransferRequest(BaseModel):
    """The transfer of `times` files of `size` bytes, one after the other."""

    source: str
    size: int
    times: int
    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str

    @property
    def url(self) -> str:
        return f"http://{self.source}/{self.size}"


class TransferResult(BaseModel):
    """`seconds` and `cpu` are for all files, without the process start; `peak` in bytes."""

    seconds: float
    cpu: float
    peak: int


async def with_aijobs(request: TransferRequest) -> TransferResult:
    settings = StoreSettings(
        url=f"s3://{request.bucket}",
        endpoint=request.endpoint,
        region=request.region,
        access_key=SecretStr(request.access_key),
        secret_key=SecretStr(request.secret_key),
        addressing="path",
    )
    settings_ = DownloadSettings(allow_hosts=(request.source,))
    async with S3Store.opened(settings) as store, SafeDownloader(settings_) as downloader:
        media = StoredMediaReader(store, PictureReader(PictureSettings()))
        transfer = OutputTransfer(_Unrecorded(), downloader, store, media, at_once=1)
        source = OutputSource(kind=OutputKind.OTHER, url=request.url)

        async def move() -> None:
            await transfer.keep("ours", 0, source, expect=OutputKind.OTHER, hosts=(), report=_ignore_progress)

        return await _timed(move, request.times)


async def with_libraries(request: TransferRequest) -> TransferResult:
    """httpx in a thread, wrapped as a file, into boto3's `upload_fileobj` with default settings."""
    client = boto3.client(
        "s3",
        endpoint_url=request.endpoint,
        region_name=request.region,
        aws_access_key_id=request.access_key,
        aws_secret_access_key=request.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )

    async def move() -> None:
        await asyncio.to_thread(_upload, client, request)

    return await _timed(move, request.times)


def _upload(client: "S3Client", request: TransferRequest) -> None:
    with httpx.stream("GET", request.url, trust_env=False) as response:
        client.upload_fileobj(io.BufferedReader(_Body(response.iter_raw(READ_BYTES))), request.bucket, "bare")


class _Body(io.RawIOBase):
    """The chunks of a response as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._rest or next(self._chunks, b"")
        size = min(len(chunk), len(buffer))
        buffer[:size], self._rest = chunk[:size], chunk[size:]
        return size


async def _timed(move: Callable[[], Awaitable[None]], times: int) -> TransferResult:
    pid = os.getpid()
    started_at, spent = time.monotonic(), cpu_seconds(pid)
    for _ in range(times):
        await move()
    return TransferResult(seconds=time.monotonic() - started_at, cpu=cpu_seconds(pid) - spent, peak=peak_memory(pid))


async def _ignore_progress(_percent: float) -> None: ...


class _Unrecorded:
    """Implements OutputLog without a database: only the transfer is measured."""

    async def of_job(self, _code: str) -> list[StoredOutput]:
        return []

    async def begin_write(self, _key: str, *, job_code: str) -> None: ...

    async def enter_migration(self, code: str) -> MigrationStart:
        return MigrationStart(state=JobState.of(code, JobStatus.MIGRATING), ref=None, kept=frozenset())

    async def begin_move(self, code: str, index: int, key: str) -> bool:
        return True

    async def add(self, code: str, *_outputs: StoredOutput, complete_at: int | None = None) -> JobState:
        return JobState.of(code, JobStatus.MIGRATING)

    async def drop(self, _code: str) -> list[str]:
        return []


MOVERS: Final[Mapping[str, Callable[[TransferRequest], Awaitable[TransferResult]]]] = {
    "ours": with_aijobs,
    "bare": with_libraries,
}


async def main(kind: str, text: str) -> None:
    print((await MOVERS[kind](TransferRequest.model_validate_json(text))).model_dump_json())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
