"""What an operator does with vendors, keys, workers, the store and Temporal itself."""

import asyncio
import base64
import json
import re
import shutil
from pathlib import Path

from cli.embedded.processes import running
from tests.cli.command import aijobs_process
from tests.operations.conftest import submit_endless
from tests.operations.page import act, sections
from tests.stories.stack import TIMEOUT, StoryStack, running_stack, spec_for
from tests.stories.test_operations import temporal
from workflows.data_converter import ENCRYPTED
from workflows.task_queues import ALL_QUEUES


def key_of(stack: StoryStack) -> str:
    return str(stack.api.headers["Authorization"]).removeprefix("Bearer ")


async def test_pause_a_vendor(stack: StoryStack) -> None:
    with act(stack, "Send nothing more to a vendor") as pause:
        paused = await pause.run()
        code = await stack.submit(user="patient")
        async with asyncio.timeout(TIMEOUT):
            while ((await stack.job(code, user="patient"))["waiting"] or {}).get("for") != "provider_paused":
                await asyncio.sleep(0.2)
        await pause.run(PAUSE=paused.out.split()[0])

    assert "Their status page is red." in paused.out
    assert (await stack.statuses(code, user="patient"))[-1] == "SUCCESS"


async def test_repair(stack: StoryStack) -> None:
    with act(stack, "Repair now") as repair:
        described = await repair.run()

    assert "aijobs-repair" in described.out
    assert await temporal(stack, "workflow", "list", "--query", "WorkflowType='Repair'", "--limit", "1")


async def test_replay(stack: StoryStack, tmp_path: Path) -> None:
    code = await stack.submit(user="replayed")
    assert (await stack.statuses(code, user="replayed"))[-1] == "SUCCESS"

    with act(stack, "Replay a job with other code") as replay:
        answer = await replay.run(CODE=code, DIRECTORY=str(tmp_path))

    assert "✓" in answer.out


async def test_the_queue_grows(stack: StoryStack) -> None:
    with act(stack, "The queue grows") as grows:
        answer = await grows.run()

    assert "Pollers:" in answer.out
    assert "ApproximateBacklogCount" in answer.out
    assert "Nothing is paused" in answer.out


async def test_progress_is_not_seen(stack: StoryStack) -> None:
    code = await stack.submit(user="blind")
    assert (await stack.statuses(code, user="blind"))[-1] == "SUCCESS"

    with act(stack, "A user cannot see progress") as blind:
        answer = await blind.run(CODE=code, USER_ID="blind", KEY=key_of(stack), URL=str(stack.api.base_url).rstrip("/"))

    watched, streamed = answer.out.split("event:", 1) if "event:" in answer.out else answer.out.split("id:", 1)
    assert '"SUCCESS"' in watched
    assert '"SUCCESS"' in streamed


async def test_replace_a_key(stack: StoryStack) -> None:
    with act(stack, "Replace AIJOBS_SECRET") as section:  # its second block makes a key
        await section.run()
        old = json.loads((await section.run()).out)["key"]

    with act(stack, "Replace a key") as replace:
        rotated = await replace.run(OLD_KEY_ID=old.split("_")[2])
        both = [await status_with(stack, key) for key in (old, json.loads(rotated.out.splitlines()[0])["key"])]
        await replace.run(OLD_KEY_ID=old.split("_")[2])

    assert both == [200, 200]
    assert await status_with(stack, old) == 401


async def status_with(stack: StoryStack, key: str) -> int:
    answer = await stack.api.get("/api/jobs", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code


async def test_credentials(stack: StoryStack) -> None:
    with act(stack, "Replace a vendor's credential") as credential:
        answer = await credential.run()

    assert "replicate" in answer.out


async def test_replace_a_webhooks_secret(stack: StoryStack) -> None:
    endpoint = {"url": "https://example.com/aijobs", "events": ["job.success"]}
    made = (await stack.api.post("/api/webhook-endpoints", json=endpoint)).json()
    variables = {"KEY": key_of(stack), "URL": str(stack.api.base_url).rstrip("/"), "ENDPOINT": made["id"]}

    with act(stack, "Replace a webhook's secret") as rotate:
        answer = await rotate.run(**variables)

    assert json.loads(answer.out)["secret"] not in {made["secret"], ""}


async def test_how_long_temporal_keeps_what_has_ended(stack: StoryStack) -> None:
    with act(stack, "How long Temporal keeps what has ended") as retention:
        await retention.run()

    described = await temporal(stack, "operator", "namespace", "describe", "--namespace", "default", "-o", "json")
    assert json.loads(described)["config"]["workflowExecutionRetentionTtl"] == "604800s"


async def test_a_secret_is_replaced_and_ends_every_key(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        old = key_of(stack)
        with act(stack, "Replace AIJOBS_SECRET") as replace:
            stack.environment["AIJOBS_SECRET"] = (await replace.run()).out.strip()
            for name in ("api", "worker"):
                await stack.kill(name)
                await stack.start(name)
            new = json.loads((await replace.run()).out)["key"]

        assert await status_with(stack, old) == 401
        assert await status_with(stack, new) == 200


async def test_the_keys_of_payloads_are_replaced_while_jobs_run(tmp_path: Path) -> None:
    """Each step on a stack of its own would be four starts: the new key is put first at once, with the old one."""
    old, setting = f"old:{'A' * 43}=", "AIJOBS_PAYLOADS__KEYS"
    async with running_stack(tmp_path, settings={setting: old}) as stack:
        code = await submit_endless(stack, "sealed")
        with act(stack, "Replace the keys of Temporal's payloads") as replace:
            new = (await replace.run()).out.strip()
            stack.environment[setting] = f"new:{new},{old}"
            for name in ("api", "worker"):
                await stack.kill(name)
                await stack.start(name)
            shown = await replace.run(CODE=code, KEY=key_of(stack), URL=str(stack.api.base_url).rstrip("/"))
        raw = await temporal(stack, "workflow", "show", "-w", code, "--output", "json")
        await temporal(stack, "workflow", "cancel", "-w", code)

        assert (await stack.statuses(code, user="sealed"))[-1] == "CANCELED"
        (tmp_path / "history.json").write_text(raw)
        replayed = await aijobs_process("replay", str(tmp_path / "history.json"), folder=tmp_path, **{setting: old})

    sealed = base64.b64encode(ENCRYPTED).decode()
    assert sealed in raw
    assert sealed not in shown.out
    assert replayed.code == 0, replayed.err


async def test_back_up_and_restore(tmp_path: Path) -> None:
    data, new = tmp_path / "data", tmp_path / "new"
    async with running_stack(data) as stack:
        assert (await stack.statuses(await stack.submit(user="kept"), user="kept"))[-1] == "SUCCESS"

        with act(stack, "Back up and restore") as restore:
            await restore.run(BACKUP=str(tmp_path / "backup"))
            checked = await restore.run(BACKUP=str(tmp_path / "backup"), NEW_DIRECTORY=str(new))

    assert "balances" in checked.out
    assert (new / "aijobs.db").exists()


async def test_the_store_is_moved_and_links_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "store", tmp_path / "elsewhere"
    new.mkdir()
    async with running_stack(tmp_path) as stack:
        code = await stack.submit(user="moved")
        assert (await stack.statuses(code, user="moved"))[-1] == "SUCCESS"
        link = (await stack.job(code, user="moved"))["outputs"][0]["url"]
        before = (await stack.api.get(link)).content

        with act(stack, "Move the store") as move:
            await move.run(OLD_STORE=str(old), NEW_STORE=str(new))
        stack.environment["AIJOBS_STORE__URL"] = new.as_uri()
        for name in ("api", "worker"):
            await stack.kill(name)
            await stack.start(name)
        shutil.rmtree(old)

        assert before
        assert (await stack.api.get(link)).content == before
        assert (await stack.statuses(await stack.submit(user="moved"), user="moved"))[-1] == "SUCCESS"


async def test_a_worker_is_drained(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack:
        code = await submit_endless(stack, "drained")
        async with running(spec_for("worker", stack.environment), is_ready=ready_at_once):
            pid = stack.processes["worker"].pid
            with act(stack, "Drain a worker") as drain:
                await until_workers(stack, 2)
                seen = await drain.run()
                await drain.run(WORKER_PID=str(pid))
            ended = await stack.processes["worker"].ended()
            await temporal(stack, "workflow", "cancel", "-w", code)
            assert (await stack.statuses(code, user="drained"))[-1] == "CANCELED"

    assert "aijobs" in seen.out
    assert ended == 0


async def ready_at_once() -> bool:
    return True


async def until_workers(stack: StoryStack, count: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while f'aijobs_workers{{queue="{ALL_QUEUES[0]}"}} {count}' not in (await stack.api.get("/metrics")).text:
            await asyncio.sleep(0.3)


async def test_versions(tmp_path: Path) -> None:
    async with running_stack(tmp_path, settings={"AIJOBS_WORKER__VERSION": "build-1"}) as stack:
        with act(stack, "Deploy, and roll back") as deploy:
            answer = await deploy.run(BUILD="build-1")
        code = await stack.submit(user="deployed")
        assert (await stack.statuses(code, user="deployed"))[-1] == "SUCCESS"

    assert "New jobs begin with build-1." in answer.out
    assert re.search(r"CurrentVersionBuildID\s+build-1", answer.out)


def test_every_act_on_the_page_is_tried() -> None:
    """By a test that names its heading."""
    named = set[str]()
    for path in Path(__file__).parent.glob("test_*.py"):
        named |= set(re.findall(r'act\(stack, "([^"]+)"\)', path.read_text()))

    assert named == set(sections())
