"""Temporal is older than the database, or empty: the database knows what was sent, and nothing is sent again."""

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database.sqlite import copy_file
from cli.embedded.temporal_server import DATABASE, temporal_server
from sandbox.config import Pace
from tests.stories.stack import PHOTO, StoryStack, running_stack
from tests.stories.test_settling import entries_of

SLOWLY = Pace(queue_seconds=0.4, work_seconds=20)


async def replace_temporal(stack: StoryStack, folder: Path, older: Path | None, running: AsyncExitStack) -> None:
    """Everything ends at once, and goes on with an older Temporal, or a new one."""
    for name in ("worker", "api"):
        await stack.kill(name)
    os.killpg(stack.temporal.process.pid, signal.SIGKILL)
    await stack.temporal.process.ended()
    folder.mkdir()
    if older is not None:
        copy_file(older, folder / DATABASE)
    stack.temporal = await running.enter_async_context(temporal_server(data_dir=folder))
    stack.environment["TEMPORAL_ADDRESS"] = stack.temporal.address
    for name in ("api", "worker"):
        await stack.start(name)


@pytest.mark.parametrize("is_empty", [False, True])
async def test_a_job_at_its_provider_goes_on_and_one_that_has_ended_stays(tmp_path: Path, *, is_empty: bool) -> None:
    async with (
        AsyncExitStack() as running,
        temporal_server(data_dir=tmp_path / "temporal") as temporal,
        running_stack(tmp_path, temporal=temporal, pace=SLOWLY) as stack,
    ):
        image = await stack.upload(PHOTO.read_bytes())
        await stack.kill("worker")
        ended, code = [await stack.submit(params={"image": image}) for _ in range(2)]
        older = tmp_path / "older.db"
        copy_file(tmp_path / "temporal" / DATABASE, older)
        await stack.start("worker")
        await stack.until(code, JobStatus.PROCESSING)
        await stack.api.post(f"/api/jobs/{ended}/cancel", json={}, headers={"Aijobs-User": "ada"})
        assert (await stack.statuses(ended))[-1] == "CANCELED"
        paid = stack.paid_submits()

        await replace_temporal(stack, tmp_path / "again", None if is_empty else older, running)

        assert (await stack.statuses(code))[-1] == "SUCCESS"
        assert (await stack.job(ended))["job_status_name"] == "CANCELED"
        assert stack.paid_submits() == paid
        assert (await entries_of(stack, "ada")).count("settle") >= 1
        for name in ("worker", "api"):
            await stack.kill(name)
