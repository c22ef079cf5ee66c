"""Moves files from a web server to S3 in a process of its own: `python -m bench.rig.transfer {ours|bare} ERRAND`."""

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
from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.domain.jobs.outputs import OutputKind, OutputSource, StoredOutput
from bench.rig.resource_usage import cpu_seconds, peak_memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_BYTES: Final = 64 * 1024


class TransferRequest(BaseModel):
    """What to move where: `times` files of `size` bytes, one after the other."""

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
    """How it went. `seconds` and `cpu` are for all files, without the start; `peak` in bytes."""

    seconds: float
    cpu: float
    peak: int


async def by_us(errand: TransferRequest) -> TransferResult:
    settings = StoreSettings(
        url=f"s3://{errand.bucket}",
        endpoint=errand.endpoint,
        region=errand.region,
        access_key=SecretStr(errand.access_key),
        secret_key=SecretStr(errand.secret_key),
        addressing="path",
    )
    trusted = DownloadSettings(allow_hosts=(errand.source,))
    async with S3Store.opened(settings) as store, SafeDownloader(trusted) as downloader:
        transfer = OutputTransfer(_Unrecorded(), downloader, store)
        source = OutputSource(kind=OutputKind.OTHER, url=errand.url)

        async def move() -> None:
            await transfer.keep("ours", 0, source, expect=OutputKind.OTHER, hosts=(), report=_silent)

        return await _timed(move, errand.times)


async def by_bare_parts(errand: TransferRequest) -> TransferResult:
    """httpx in a thread, wrapped as a file, into `upload_fileobj` as boto3 has it out of the box."""
    client = boto3.client(
        "s3",
        endpoint_url=errand.endpoint,
        region_name=errand.region,
        aws_access_key_id=errand.access_key,
        aws_secret_access_key=errand.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )

    async def move() -> None:
        await asyncio.to_thread(_upload, client, errand)

    return await _timed(move, errand.times)


def _upload(client: "S3Client", errand: TransferRequest) -> None:
    with httpx.stream("GET", errand.url, trust_env=False) as response:
        client.upload_fileobj(io.BufferedReader(_Body(response.iter_raw(READ_BYTES))), errand.bucket, "bare")


class _Body(io.RawIOBase):
    """The chunks of an answer as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._rest or next(self._chunks, b"")
        taken = min(len(chunk), len(buffer))
        buffer[:taken], self._rest = chunk[:taken], chunk[taken:]
        return taken


async def _timed(move: Callable[[], Awaitable[None]], times: int) -> TransferResult:
    me = os.getpid()
    began, spent = time.monotonic(), cpu_seconds(me)
    for _ in range(times):
        await move()
    return TransferResult(seconds=time.monotonic() - began, cpu=cpu_seconds(me) - spent, peak=peak_memory(me))


async def _silent(_percent: float) -> None: ...


class _Unrecorded:
    """Implements OutputLog. Only the move itself is measured."""

    async def of_job(self, _code: str) -> list[StoredOutput]:
        return []

    async def begin_write(self, _key: str, *, job_code: str) -> None: ...

    async def add(self, _code: str, *_outputs: StoredOutput) -> None: ...

    async def drop(self, _code: str) -> list[str]:
        return []


MOVERS: Final[Mapping[str, Callable[[TransferRequest], Awaitable[TransferResult]]]] = {
    "ours": by_us,
    "bare": by_bare_parts,
}


async def main(kind: str, written: str) -> None:
    print((await MOVERS[kind](TransferRequest.model_validate_json(written))).model_dump_json())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
