"""Prints the peak memory in MiB after uploads of the given sizes in MiB: `memory_probe ENDPOINT SIZE…`.

`4x60` are four of 60 MiB at once.

Runs in its own process, since a peak never decreases.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator

from aijobs.adapters.storage.s3 import S3Store
from aijobs.adapters.storage.settings import StoreSettings
from tests.adapters.storage.swift_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY

CHUNK_BYTES = 64 * 1024


async def _zeros(mebibytes: int) -> AsyncIterator[bytes]:
    for _ in range(mebibytes * 1024 * 1024 // CHUNK_BYTES):
        yield bytes(CHUNK_BYTES)


async def _measure(endpoint: str, uploads: list[str]) -> None:
    settings = StoreSettings.model_validate(
        {
            "url": f"s3://{BUCKET}/memory",
            "endpoint": endpoint,
            "region": REGION,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "addressing": "path",
        }
    )
    async with S3Store.opened(settings) as store:
        for upload in uploads:
            count, _, size = upload.rpartition("x")
            async with asyncio.TaskGroup() as group:
                for number in range(int(count or 1)):
                    put = store.put(f"zeros{number}", _zeros(int(size)), media_type="application/octet-stream")
                    group.create_task(put)
            sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")


if __name__ == "__main__":
    asyncio.run(_measure(sys.argv[1], sys.argv[2:]))
