"""The commands of `temporal` that the doctor gives do what it says."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from aijobs.bootstrap import open_adapters
from aijobs.persistence.access.installation import installation_id
from aijobs.settings import GivenSettings
from cli.embedded.ports import HOST, free_port
from cli.embedded.processes import ProcessSpec, running
from cli.embedded.temporal_client import is_healthy
from cli.embedded.temporal_server import temporal_binary, temporal_server
from tests.cli.command import aijobs_process
from workflows.namespace.health import missing_attributes
from workflows.namespace.schedules import SCHEDULE_ID, schedule_problem, schedule_repair


async def remedies(folder: Path, part: str, **settings: str) -> list[str]:
    """The commands for this part."""
    result = await aijobs_process("doctor", "--json", folder=folder, **settings)
    found: list[dict[str, Any]] = [one for one in result.document["findings"] if one["part"] == part]
    return [line for one in found for line in one["mend"] if line.startswith("temporal ")]


async def run(command: str, address: str) -> None:
    """As an operator does in a shell of their own, which has the address alone."""
    path = f"{temporal_binary().parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-eu", "-c", command),
        env={"PATH": path, "HOME": "/nonexistent", "TEMPORAL_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


async def test_a_paused_repair_goes_on(tmp_path: Path) -> None:
    async with open_adapters(GivenSettings(data_dir=tmp_path)) as adapters:
        await adapters.database.write(installation_id)
    async with temporal_server(data_dir=None) as temporal:
        client = await Client.connect(temporal.address)
        await schedule_repair(client, every=timedelta(hours=1))
        await client.get_schedule_handle(SCHEDULE_ID).pause()

        (command,) = await remedies(tmp_path, "Repair", TEMPORAL_ADDRESS=temporal.address)
        await run(command, temporal.address)

        assert await schedule_problem(client, SCHEDULE_ID) is None


async def test_missing_search_attributes_are_added_to_the_namespace_that_lacks_them(tmp_path: Path) -> None:
    address = f"{HOST}:{free_port()}"
    command = (str(temporal_binary()), "server", "start-dev", "--headless", "--ip", HOST, "--log-level", "error")
    options = ("--port", address.rpartition(":")[2], "--namespace", "jobs-of-ours")

    async def is_ready() -> bool:
        try:
            return await is_healthy(await Client.connect(address))
        except RuntimeError:
            return False

    async with running(ProcessSpec(name="Temporal", command=(*command, *options)), is_ready=is_ready):
        there = {"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "jobs-of-ours"}
        client = await Client.connect(address, namespace="jobs-of-ours")
        assert await missing_attributes(client)

        for one in await remedies(tmp_path, "Temporal", **there):
            await run(one, address)

        async with asyncio.timeout(60):
            while await missing_attributes(client):
                await asyncio.sleep(0.2)
