"""Our worker with the scripted provider, in its own process:
`python -m bench.rig.our_worker ADDRESS FOLDER [DATABASE_URL]`.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client

from bench.rig.scripted_provider import ScriptedProvider
from bench.rig.workspace import catalogue_with_polls, open_bench_adapters
from worker import build_workers, running_workers
from workflows.data_converter import DATA_CONVERTER

FIRST_PAUSE: Final = timedelta(seconds=1)


async def work(address: str, folder: Path, database_url: str | None = None) -> None:
    """Until the process is ended. Without a URL the database is the folder's own."""
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    async with (
        open_bench_adapters(
            folder, catalogue_with_polls(FIRST_PAUSE), ScriptedProvider(), database_url=database_url
        ) as adapters,
        running_workers(build_workers(client, adapters)),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
