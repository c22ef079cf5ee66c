"""Prints the peak memory in MiB after uploads of the given sizes in MiB: `memory_probe ENDPOINT SIZE…`.

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


async def _measure(endpoint: str, sizes: list[int]) -> None:
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
        for size in sizes:
            await store.put("zeros", _zeros(size), media_type="application/octet-stream")
            sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")


if __name__ == "__main__":
    asyncio.run(_measure(sys.argv[1], [int(size) for size in sys.argv[2:]]))
