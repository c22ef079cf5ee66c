"""What an operator may do to a job with the `temporal` command: what is then sent, and paid, and what the job says.

What is sent is read in the sandbox's ledger, what it costs in the user's points.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.service import RPCError

from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import opened_database
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.queries import brief_of as brief_of_row
from aijobs.settings import Settings
from tests.patience import PATIENCE
from tests.stories.stack import TIMEOUT, UPSCALE, StoryStack, running_stack
from tests.stories.test_operations import temporal
from tests.stories.test_settling import entries_of
from workflows.task_queues import WORKFLOWS

S = JobStatus
Act = Callable[[StoryStack, str], Awaitable[Any]]

WHY: Final = ("--reason", "test")
FIRST: Final = ("--type", "FirstWorkflowTask", *WHY)
SUBMIT_STEP: Final = "1"
A_TRY: Final = 1.5
"""Seconds in which a job is tried for the first time, and refused."""

NOTHING_MORE: Final = 2.5
"""Seconds after which what would be sent has been."""


@pytest.fixture(scope="module")
async def operated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("operated")) as stack:
        yield stack


@pytest.fixture
async def stack(operated: StoryStack) -> StoryStack:
    operated.sandbox.behave()
    await operated.mend_credentials()
    return operated


def act(*words: str) -> Act:
    """A command about a job; `JOB` stands for its code."""

    async def perform(stack: StoryStack, code: str) -> None:
        await temporal(stack, *(word.replace("JOB", code) for word in words))

    return perform


async def start_by_hand(stack: StoryStack, code: str, *, workflow: str) -> None:
    """With the input that the job's own workflow had."""
    brief = (await brief_of(stack, code)).model_copy(update={"job_status": S.DRAFT}).model_dump_json()
    words = ("workflow", "start", "--type", "AiJob", "--task-queue", WORKFLOWS, "-w", workflow, "--input", brief)
    await temporal(stack, *words, "--id-reuse-policy", "AllowDuplicate")


async def brief_of(stack: StoryStack, code: str) -> JobBrief:
    catalogue = Settings(catalogue=Path(stack.environment["AIJOBS_CATALOGUE"])).load_catalogue()
    async with opened_database(f"sqlite:///{stack.environment['AIJOBS_DATA_DIR']}/aijobs.db") as database:
        return brief_of_row(await database.read(locked_job, code), catalogue)


async def delete_and_start(stack: StoryStack, code: str) -> None:
    await asyncio.sleep(A_TRY)  # what has just been closed is deleted only after a while
    await act("workflow", "delete", "-w", "JOB", "-y")(stack, code)
    await until_gone(stack, code)
    await start_by_hand(stack, code, workflow=code)


async def until_gone(stack: StoryStack, workflow: str) -> None:
    client = await stack.temporal_client()
    async with asyncio.timeout(TIMEOUT):
        with contextlib.suppress(RPCError):
            while True:
                await client.get_workflow_handle(workflow).describe()
                await asyncio.sleep(0.1)


async def closed_as(stack: StoryStack, workflow: str) -> str:
    """How the newest run of a workflow has closed."""
    async with asyncio.timeout(PATIENCE):
        while True:
            described = json.loads(await temporal(stack, "workflow", "describe", "-w", workflow, "-o", "json"))
            status: str = described["workflowExecutionInfo"]["status"].rpartition("STATUS_")[2]
            if status != "RUNNING":
                return status
            await asyncio.sleep(0.2)


async def says(stack: StoryStack, code: str, user: str) -> tuple[str, list[str]]:
    return (await stack.job(code, user=user))["job_status_name"], await entries_of(stack, user)


#: To a job that has ended and closed.
TO_THE_ENDED: Final[dict[str, Act]] = {
    "reset to the first task": act("workflow", "reset", "-w", "JOB", *FIRST),
    "reset to the last task": act("workflow", "reset", "-w", "JOB", "--type", "LastWorkflowTask", *WHY),
    "reset to an event": act("workflow", "reset", "-w", "JOB", "--event-id", "4", *WHY),
    "reset without signals": act("workflow", "reset", "-w", "JOB", *FIRST, "--reapply-exclude", "All"),
    "batch reset": act("workflow", "reset", "--query", 'WorkflowId="JOB"', "-y", *FIRST),
    "delete, then start by hand": delete_and_start,
    "start by hand": lambda stack, code: start_by_hand(stack, code, workflow=code),
    "start by hand beside it": lambda stack, code: start_by_hand(stack, code, workflow=f"{code}_too"),
}

#: How a job ended: its model, the faults, its status and its entries, and how its workflow closes.
ENDED: Final[dict[str, tuple[str, str, JobStatus, list[str], str]]] = {
    "refused": (UPSCALE, "reject_402", S.FAILED, ["reserve", "refund"], "FAILED"),
    "timed out": ("hasty_submit", "throttled=1", S.TIMEOUT, ["reserve", "refund"], "FAILED"),
    "succeeded": (UPSCALE, "work_seconds=1", S.SUCCESS, ["reserve", "settle"], "COMPLETED"),
}


@pytest.mark.parametrize("what", TO_THE_ENDED)
@pytest.mark.parametrize("end", ENDED)
async def test_a_job_that_has_ended_is_never_sent_again(stack: StoryStack, end: str, what: str) -> None:
    model, fault, status, entries, closes = ENDED[end]
    user = f"{end} {what}"
    name, _, arg = fault.partition("=")
    stack.sandbox.misbehave(name, arg=arg or None, times=0 if name == "throttled" else 1)
    code = await stack.submit(model=model, user=user)
    await stack.events(code, user=user)
    assert await closed_as(stack, code) == closes
    assert await says(stack, code, user) == (status.name, entries)
    sent = stack.paid_submits()
    stack.sandbox.behave()

    await TO_THE_ENDED[what](stack, code)

    await asyncio.sleep(NOTHING_MORE)
    assert await closed_as(stack, f"{code}_too" if "beside" in what else code) == closes
    assert stack.paid_submits() == sent
    assert await says(stack, code, user) == (status.name, entries)


async def paused_then_resumed(stack: StoryStack, code: str) -> None:
    await act("activity", "pause", "-w", "JOB", "-a", SUBMIT_STEP)(stack, code)
    stack.sandbox.behave()
    await asyncio.sleep(A_TRY)
    await act("activity", "unpause", "-w", "JOB", "-a", SUBMIT_STEP)(stack, code)


async def canceled_while_paused(stack: StoryStack, code: str) -> None:
    await act("activity", "pause", "-w", "JOB", "-a", SUBMIT_STEP)(stack, code)
    await act("workflow", "cancel", "-w", "JOB")(stack, code)


async def canceled_while_the_workflow_is_paused(stack: StoryStack, code: str) -> None:
    """The wish is in the database; the workflow hears of it only later."""
    await act("workflow", "pause", "-w", "JOB", *WHY)(stack, code)
    await cancel_by_api(stack, code)
    stack.sandbox.behave()
    await asyncio.sleep(NOTHING_MORE)
    await act("workflow", "unpause", "-w", "JOB", *WHY)(stack, code)


async def cancel_by_api(stack: StoryStack, code: str) -> None:
    answer = await stack.api.post(f"/api/jobs/{code}/cancel", json={})
    assert answer.status_code == 202, answer.text


SENT_ONCE: Final = (1, S.SUCCESS, ["reserve", "settle"])
NEVER_SENT: Final = (0, S.CANCELED, ["reserve", "refund"])
FAIL_THE_STEP: Final = act("activity", "fail", "-w", "JOB", "-a", SUBMIT_STEP, "--reason", "an operator's")

#: To a job whose provider refuses it for a while: how many requests are paid, how the job ends, its entries.
TO_THE_REFUSED: Final[dict[str, tuple[Act, tuple[int, JobStatus, list[str]]]]] = {
    "cancel by API": (cancel_by_api, NEVER_SENT),
    "cancel": (act("workflow", "cancel", "-w", "JOB"), NEVER_SENT),
    "cancel by signal": (act("workflow", "signal", "-w", "JOB", "--name", "cancel", "--input", '"no"'), NEVER_SENT),
    "batch cancel": (act("workflow", "cancel", "--query", 'WorkflowId="JOB"', "-y", *WHY), NEVER_SENT),
    "pause the step, cancel": (canceled_while_paused, NEVER_SENT),
    "pause the workflow, cancel": (canceled_while_the_workflow_is_paused, NEVER_SENT),
    "terminate": (act("workflow", "terminate", "-w", "JOB", *WHY), NEVER_SENT),
    "batch terminate": (act("workflow", "terminate", "--query", 'WorkflowId="JOB"', "-y", *WHY), NEVER_SENT),
    "batch delete": (act("workflow", "delete", "--query", 'WorkflowId="JOB"', "-y", *WHY), SENT_ONCE),
    "batch signal": (
        act("workflow", "signal", "--query", 'WorkflowId="JOB"', "--name", "cancel", "--input", '"no"', "-y", *WHY),
        NEVER_SENT,
    ),
    "complete the step with something": (
        act("activity", "complete", "-w", "JOB", "-a", SUBMIT_STEP, "--result", "null"),
        (0, S.FAILED, ["reserve", "refund"]),
    ),
    "allow the step one attempt": (
        act("activity", "update-options", "-w", "JOB", "-a", SUBMIT_STEP, "--retry-maximum-attempts", "1"),
        SENT_ONCE,
    ),
    "delete": (act("workflow", "delete", "-w", "JOB", "-y"), SENT_ONCE),
    "reset": (act("workflow", "reset", "-w", "JOB", *FIRST), SENT_ONCE),
    "reset the step": (act("activity", "reset", "-w", "JOB", "-a", SUBMIT_STEP), SENT_ONCE),
    "reset the step and what it remembers": (
        act("activity", "reset", "-w", "JOB", "-a", SUBMIT_STEP, "--clear-heartbeat-details"),
        SENT_ONCE,
    ),
    "pause and resume the step": (paused_then_resumed, SENT_ONCE),
    "start by hand beside it": (TO_THE_ENDED["start by hand beside it"], SENT_ONCE),
}


@pytest.mark.parametrize("what", TO_THE_REFUSED)
async def test_a_job_that_waits_for_its_next_try(stack: StoryStack, what: str) -> None:
    perform, (paid, status, entries) = TO_THE_REFUSED[what]
    user = f"waiting {what}"
    sent = stack.paid_submits()
    stack.sandbox.misbehave("throttled", arg="1", on="create", times=0)
    code = await stack.submit(user=user)
    await asyncio.sleep(A_TRY)

    await perform(stack, code)
    stack.sandbox.behave()

    assert (await stack.statuses(code, user=user))[-1] == status.name
    await asyncio.sleep(NOTHING_MORE)
    assert stack.paid_submits() == sent + paid
    assert await says(stack, code, user) == (status.name, entries)


#: To a job whose request is on the wire for some seconds: how the job ends.
ON_THE_WIRE: Final[dict[str, tuple[Act, JobStatus]]] = {
    "cancel": (act("workflow", "cancel", "-w", "JOB"), S.CANCELED),
    "terminate": (act("workflow", "terminate", "-w", "JOB", *WHY), S.CANCELED),
    "pause and resume the step": (paused_then_resumed, S.SUCCESS),
    "reset the step": (act("activity", "reset", "-w", "JOB", "-a", SUBMIT_STEP), S.SUCCESS),
    "reset the step and what it remembers": (
        act("activity", "reset", "-w", "JOB", "-a", SUBMIT_STEP, "--clear-heartbeat-details"),
        S.SUCCESS,
    ),
    "reset": (act("workflow", "reset", "-w", "JOB", *FIRST), S.SUCCESS),
    "fail the step": (FAIL_THE_STEP, S.FAILED),
    "delete": (act("workflow", "delete", "-w", "JOB", "-y"), S.SUCCESS),
    "start by hand beside it": (TO_THE_ENDED["start by hand beside it"], S.SUCCESS),
}


@pytest.mark.parametrize("what", ON_THE_WIRE)
async def test_a_request_on_the_wire_is_the_only_one(stack: StoryStack, what: str) -> None:
    perform, status = ON_THE_WIRE[what]
    user = f"wire {what}"
    sent = stack.paid_submits()
    stack.sandbox.misbehave("hang", arg="4", on="create")
    code = await stack.submit(user=user)
    await asyncio.sleep(1)

    await perform(stack, code)

    assert (await stack.statuses(code, user=user))[-1] == status.name
    await asyncio.sleep(NOTHING_MORE)
    assert stack.paid_submits() == sent + 1
    assert (await entries_of(stack, user))[0] == "reserve"
