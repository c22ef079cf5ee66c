"""Operations with Temporal's command line."""

import asyncio
import json
from typing import Any

from aijobs.domain.jobs.running_step import WATCH
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.workflow_control import WorkflowStatus
from cli.embedded.temporal_server import temporal_binary
from tests.patience import PATIENCE
from tests.stories.stack import StoryStack
from workflows.client import CALL_TIMEOUT
from workflows.job.running_step import running_step
from workflows.workflow_states import TemporalJobWorkflows


async def temporal(stack: StoryStack, *words: str) -> str:
    """The output of the real `temporal` command."""
    process = await asyncio.create_subprocess_exec(
        str(temporal_binary()),
        *words,
        env={**stack.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def listed_ids(stack: StoryStack, query: str) -> list[str]:
    found: list[dict[str, Any]] = json.loads(await temporal(stack, "workflow", "list", "--query", query, "-o", "json"))
    return [execution["execution"]["workflowId"] for execution in found]


async def test_jobs_are_found_by_status_user_and_model(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user="franklin")
    await stack.until(code, JobStatus.PROCESSING, user="franklin")

    queries = [
        'JobStatus="PROCESSING" AND JobUser="franklin"',
        'JobUser="franklin"',
        'JobModel="replicate_imageupscale_v1" AND JobUser="franklin"',
        'JobProvider="replicate" AND JobProgress >= 50 AND JobUser="franklin"',
    ]
    async with asyncio.timeout(PATIENCE):
        while not all([code in await listed_ids(stack, query) for query in queries]):
            await asyncio.sleep(0.1)
    await temporal(stack, "workflow", "cancel", "-w", code)
    assert (await stack.statuses(code, user="franklin"))[-1] == "CANCELED"


async def test_progress_and_state_are_queried(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user="noether")
    await stack.until(code, JobStatus.PROCESSING, user="noether")

    progress = await temporal(stack, "workflow", "query", "-w", code, "--type", "progress", "-o", "json")
    state = await temporal(stack, "workflow", "query", "-w", code, "--type", "state", "-o", "json")

    assert "PROCESSING" in progress
    assert code in state
    await temporal(stack, "workflow", "signal", "-w", code, "--name", "cancel", "--input", '"enough"')
    assert (await stack.statuses(code, user="noether"))[-1] == "CANCELED"
    assert (await stack.job(code, user="noether"))["error"]["message"] == "enough"


async def test_the_web_ui_can_show_a_jobs_story(stack: StoryStack) -> None:
    code = await stack.submit(user="meitner")
    await stack.events(code, user="meitner")

    described = json.loads(await temporal(stack, "workflow", "describe", "-w", code, "-o", "json"))

    assert "COMPLETED" in json.dumps(described)
    metadata = await temporal(stack, "workflow", "metadata", "-w", code)
    assert "SUCCESS" in metadata


async def test_a_paused_workflow_runs_for_repair_and_for_the_page_of_its_job(stack: StoryStack) -> None:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user="hopper")
    await stack.until(code, JobStatus.PROCESSING, user="hopper")
    client = await stack.temporal_client()

    await temporal(stack, "workflow", "pause", "-w", code, "--reason", "a look at it")

    assert await TemporalJobWorkflows(client).status_of(code) is WorkflowStatus.RUNNING
    step = await running_step(client, code, timeout=CALL_TIMEOUT)
    assert step is None or step.name == WATCH  # between two steps there is none
    await temporal(stack, "workflow", "unpause", "-w", code, "--reason", "looked")
    await temporal(stack, "workflow", "cancel", "-w", code)
    assert (await stack.statuses(code, user="hopper"))[-1] == "CANCELED"
