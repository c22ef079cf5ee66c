"""With a data folder, a killed sandbox loses no accepted prediction."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.config import Pace, SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.patience import PATIENCE
from tests.sandbox.caller import SandboxCaller, a_photo
from tests.sandbox.conftest import plain_client
from tests.sandbox.customer import RawReplicateClient

PROGRAM = """
import sys
from pathlib import Path
from sandbox.config import Pace, SandboxConfig
from sandbox.server import serve

pace = Pace(queue_seconds=0.02, work_seconds=0.2)
serve(SandboxConfig(port=0, pace=pace, data_dir=Path(sys.argv[1])), announce=lambda url: print(url, flush=True))
"""


def kept_in(folder: Path) -> SandboxConfig:
    return SandboxConfig(port=0, pace=Pace(queue_seconds=0.02, work_seconds=0.2), data_dir=folder)


@asynccontextmanager
async def a_customer(url: str, caller: SandboxCaller) -> AsyncIterator[RawReplicateClient]:
    async with plain_client(url) as http:
        yield RawReplicateClient(http, photo=caller.photo)


@asynccontextmanager
async def a_process(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        url = (await process.stdout.readline()).decode().strip()
    try:
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_predictions_files_and_secrets_survive(tmp_path: Path, caller: SandboxCaller) -> None:
    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        uploaded = await customer.http.post("/v1/files", files={"content": ("cat.png", a_photo())})
        done = await customer.finished()
        failing = await customer.create(fault="failed=as foretold,work_seconds=9")
        secret = sandbox.webhook_secret

    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        sandbox.pace(queue_seconds=0, work_seconds=0)
        stored = await customer.get(done["id"])
        picture = await customer.http.get(stored["output"])
        file = await customer.http.get(f"/v1/files/{uploaded.json()['id']}")
        listed = await customer.listed()
        assert sandbox.webhook_secret == secret

    assert stored["completed_at"] == done["completed_at"]
    assert picture.status_code == file.status_code == 200
    assert listed == [failing["id"], done["id"]]


async def test_unfinished_work_goes_on_after_the_restart(tmp_path: Path, caller: SandboxCaller) -> None:
    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        prediction = await customer.create(fault="output_as=list", body={"webhook": caller.hook})
        before = await customer.until(prediction["id"], "processing")

    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        after = await customer.until(prediction["id"])
        rows = sandbox.ledger()
        await caller.received(1)

    assert before["status"] == "processing"
    assert after["status"] == "succeeded"
    assert isinstance(after["output"], list)
    assert [(row.id, row.charge) for row in rows] == [(prediction["id"], "charged")]


async def test_a_webhook_that_did_not_arrive_is_sent_after_the_restart(tmp_path: Path, caller: SandboxCaller) -> None:
    caller.answers += [500] * 3
    request_options = {"webhook": caller.hook, "webhook_events_filter": ["completed"]}
    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        await customer.finished(body=request_options)
        await caller.received(2)
    caller.answers.clear()

    async with running(kept_in(tmp_path)):
        webhooks = await caller.received(3)

    assert len({webhook.id for webhook in webhooks}) == 1


async def test_a_killed_process_loses_nothing(tmp_path: Path, caller: SandboxCaller) -> None:
    async with a_process(tmp_path) as (process, url), a_customer(url, caller) as customer:
        prediction = await customer.create()
        process.kill()
        await process.wait()

    async with running(kept_in(tmp_path)) as sandbox, a_customer(sandbox.url, caller) as customer:
        assert (await customer.until(prediction["id"]))["status"] == "succeeded"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly(tmp_path: Path, caller: SandboxCaller, end: signal.Signals) -> None:
    async with a_process(tmp_path) as (process, url), a_customer(url, caller) as customer:
        await customer.create(fault="never_finishes")
        process.send_signal(end)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0


async def test_a_hanging_call_does_not_hold_up_the_end(tmp_path: Path, caller: SandboxCaller) -> None:
    async def ask(url: str) -> int:
        async with a_customer(url, caller) as customer:
            return (await customer.post(fault="hang=60")).status_code

    async with running(kept_in(tmp_path)) as sandbox:
        hanging = asyncio.create_task(ask(sandbox.url))
        await _until_accepted(sandbox)
    async with asyncio.timeout(PATIENCE):
        assert await hanging == 201


async def _until_accepted(sandbox: RunningSandbox) -> None:
    for _ in range(100):
        if sandbox.ledger():
            return
        await asyncio.sleep(0.02)
