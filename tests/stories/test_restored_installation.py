"""Last night's backup meets the vendors of today: what was paid since is found there, and nothing is paid twice."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aijobs.domain.lifecycle import JobStatus
from cli.embedded.temporal_server import temporal_server
from tests.cli.command import CommandResult, aijobs_process
from tests.stories.stack import PHOTO, StoryStack, running_stack
from tests.stories.test_settling import entries_of, wait_for_note


@asynccontextmanager
async def stack_with_backup(folder: Path, *, public: bool = False) -> AsyncIterator[StoryStack]:
    """A stack whose data directory holds Temporal's database too, as that of `aijobs up` does."""
    async with (
        temporal_server(data_dir=folder / "first") as temporal,
        running_stack(folder / "first", temporal=temporal, public=public) as stack,
    ):
        yield stack


async def command(stack: StoryStack, *arguments: str, folder: Path) -> CommandResult:
    result = await aijobs_process(*arguments, folder=folder)
    assert (result.code, result.err) == (0, ""), result
    return result


async def unsent_job(stack: StoryStack, **fields: Any) -> str:
    """A job that is accepted, and of which no worker has heard."""
    image = await stack.upload(PHOTO.read_bytes())
    await stack.kill("worker")
    return await stack.submit(params={"image": image}, **fields)


@asynccontextmanager
async def restored(stack: StoryStack, backup: Path, folder: Path, *options: str) -> AsyncIterator[str]:
    """The stack goes on with an installation made of a backup, and its own vendors. What the restore has said."""
    for name in ("worker", "api"):
        if not stack.processes[name].has_ended:
            await stack.kill(name)
    os.killpg(stack.temporal.process.pid, signal.SIGKILL)
    await stack.temporal.process.ended()
    said = await command(stack, "restore", str(backup), *options, folder=folder)
    async with AsyncExitStack() as running:
        stack.temporal = await running.enter_async_context(temporal_server(data_dir=folder))
        stack.environment |= {"AIJOBS_DATA_DIR": str(folder), "TEMPORAL_ADDRESS": stack.temporal.address}
        for name in ("api", "worker"):
            await stack.start(name)
        yield said.out
        for name in ("api", "worker"):
            await stack.kill(name)


async def test_what_was_sent_after_the_backup_is_found_and_not_sent_again(tmp_path: Path) -> None:
    async with stack_with_backup(tmp_path, public=True) as stack:
        earlier = await stack.submit()
        assert (await stack.statuses(earlier))[-1] == "SUCCESS"
        code = await unsent_job(stack)
        await command(stack, "backup", str(tmp_path / "copy.tar"), folder=tmp_path / "first")
        await stack.start("worker")
        assert (await stack.statuses(code))[-1] == "SUCCESS"
        paid = stack.paid_submits()

        async with restored(stack, tmp_path / "copy.tar", tmp_path / "second") as said:
            assert "1 jobs may have been sent" in said
            assert (await stack.statuses(code))[-1] == "SUCCESS"
            (output,) = (await stack.job(code))["outputs"]
            assert (await stack.api.get(output["url"])).status_code == 200
            assert (await stack.job(earlier))["job_status_name"] == "SUCCESS"
            assert stack.paid_submits() == paid == 2
            assert await entries_of(stack, "ada") == ["reserve", "settle", "reserve", "settle"]

            later = await stack.submit()
            assert (await stack.statuses(later))[-1] == "SUCCESS"
            assert stack.paid_submits() == paid + 1


async def test_what_is_not_found_is_not_sent_and_holds_its_points(tmp_path: Path) -> None:
    """Without a public URL nothing that the vendor lists names this job: its photo was handed over twice."""
    async with stack_with_backup(tmp_path) as stack:
        code = await unsent_job(stack, model="hasty_queue")
        await command(stack, "backup", str(tmp_path / "copy"), folder=tmp_path / "first")
        await stack.start("worker")
        await stack.until(code, JobStatus.SUBMITTED)
        assert stack.paid_submits() == 1

        async with restored(stack, tmp_path / "copy", tmp_path / "second"):
            assert (await stack.statuses(code))[-1] == "TIMEOUT"
            assert await entries_of(stack, "ada") == ["reserve", "hold"]
            assert stack.paid_submits() == 1
            decided = await stack.api.post(f"/api/jobs/{code}/resolve", json={"decision": "refund", "why": "its list"})
            assert decided.status_code == 200, decided.text
            await wait_for_note(stack, code, "ada", "resolved")


async def test_where_the_original_was_stopped_before_everything_goes_on(tmp_path: Path) -> None:
    async with stack_with_backup(tmp_path) as stack:
        code = await unsent_job(stack)
        await stack.kill("api")
        await command(stack, "backup", str(tmp_path / "copy"), folder=tmp_path / "first")

        async with restored(stack, tmp_path / "copy", tmp_path / "second", "--unchanged") as said:
            assert "may have been sent" not in said
            assert (await stack.statuses(code))[-1] == "SUCCESS"
            assert stack.paid_submits() == 1


async def test_a_job_that_was_at_its_provider_goes_on_from_a_backup_made_meanwhile(tmp_path: Path) -> None:
    async with stack_with_backup(tmp_path) as stack:
        code = await stack.submit()
        await stack.until(code, JobStatus.QUEUED, JobStatus.PROCESSING)
        await command(stack, "backup", str(tmp_path / "copy"), folder=tmp_path / "first")
        await stack.statuses(code)

        async with restored(stack, tmp_path / "copy", tmp_path / "second"):
            assert (await stack.statuses(code))[-1] == "SUCCESS"
            assert stack.paid_submits() == 1
