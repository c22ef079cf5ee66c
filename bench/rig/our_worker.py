"""Our worker with the scripted provider, in a process of its own: `python -m bench.rig.our_worker ADDRESS FOLDER`."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.rig.scripted_provider import ScriptedProvider
from bench.rig.workspace import catalogue_that_asks, opened_workbench
from worker import build_workers, running_workers

FIRST_PAUSE: Final = timedelta(seconds=1)


async def work(address: str, folder: Path) -> None:
    """Until the process is ended."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with (
        opened_workbench(folder, catalogue_that_asks(FIRST_PAUSE), ScriptedProvider()) as adapters,
        running_workers(build_workers(client, adapters)),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
