"""Submitting a job: nothing is sent after a cancel request or the end, or twice when the database is an older copy."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlmodel import Session, col, delete, update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from aijobs.domain.errors import CancelRequested, DeadlinePassed, JobIsFinal
from aijobs.domain.jobs.job import JobError, JobState, Stage
from aijobs.domain.jobs.submissions import Outcome, ProviderRequest, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.points.ledger import entries_of
from aijobs.persistence.tables import JobRow, SubmissionRow
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider
from workflows.ai_job import AiJob
from workflows.client import start_job

S = JobStatus
REQUEST: Final = ProviderRequest(method="POST", url="https://example.com", body={})
Job = WorkflowHandle[AiJob, JobState]

WAYS: Final[dict[str, Callable[[Job], Awaitable[None]]]] = {
    "signal": lambda job: job.signal("cancel", "enough"),
    "temporal": lambda job: job.cancel(reason="enough"),
}


class OnTheWire(StepProvider):
    """Answers a submit only when the test lets it. Implements Provider."""

    def __init__(self) -> None:
        super().__init__([S.PROCESSING])
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.canceled: list[Any] = []

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().submit(request)

    async def cancel(self, ref: Any) -> Any:
        self.canceled.append(ref)
        return await super().cancel(ref)


class Forgetful(StepProvider):
    """Restores an older copy of the database while the first request is on the wire. Implements Provider."""

    bench: Workbench

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        outcome = await super().submit(request)

        def work(session: Session) -> None:
            session.exec(delete(SubmissionRow))

        await self.bench.database.write(work)
        return outcome


async def ended(job: Job) -> WorkflowExecutionStatus | None:
    with suppress(WorkflowFailureError):
        await job.result()
    return (await job.describe()).status


def handle_of(bench: Workbench, code: str) -> Job:
    """Of its newest run."""
    return bench.client.get_workflow_handle(code, result_type=JobState)


async def request_cancel(bench: Workbench, code: str, reason: str) -> None:
    """Record a cancel request as the API does."""

    def work(session: Session) -> None:
        gate.note_cancel_request(session, gate.locked_job(session, code), reason=reason)

    await bench.database.write(work)


async def row(bench: Workbench, code: str) -> JobRow:
    return await bench.database.read(job_of, code)


async def entries(bench: Workbench, code: str) -> list[str]:
    def work(session: Session) -> list[str]:
        return [entry.kind for entry in entries_of(session, code)]

    return await bench.database.read(work)


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancel_ends_a_submit_that_waits_for_its_next_try(
    temporal_client: Client, tmp_path: Path, way: str
) -> None:
    provider = StepProvider([S.PROCESSING], refusals=100)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while provider.requests < 3:  # the next try is seconds away
            await asyncio.sleep(0.05)

        async with asyncio.timeout(60):
            await WAYS[way](job)
            status = await ended(job)
        final = await row(bench, job.id)

    assert status is WorkflowExecutionStatus.CANCELED
    assert provider.requests == 3
    assert final.job_status is S.CANCELED
    assert final.error == {"code": "canceled", "message": "enough", "stage": "submit"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_request_on_the_wire_is_let_finish_and_remembered(
    temporal_client: Client, tmp_path: Path, way: str
) -> None:
    provider = OnTheWire()
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        await provider.is_asked.wait()
        await WAYS[way](job)
        await asyncio.sleep(3)  # the step has heard of it with its heartbeat
        provider.may_answer.set()
        status = await ended(job)
        submission = await bench.records.submissions.last_submission(job.id)

    assert status is WorkflowExecutionStatus.CANCELED
    assert provider.requests == 1
    assert submission is not None
    assert submission.outcome is Outcome.ACCEPTED
    assert provider.canceled == [submission.ref]


async def test_a_wish_that_only_the_database_knows_is_heard_before_the_next_send(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.PROCESSING], refusals=1)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while provider.requests < 1:
            await asyncio.sleep(0.02)
        await request_cancel(bench, job.id, "Temporal was away")
        status = await ended(job)
        final = await row(bench, job.id)

    assert status is WorkflowExecutionStatus.CANCELED
    assert provider.requests == 1
    assert final.error == {"code": "canceled", "message": "Temporal was away", "stage": "submit"}


async def test_an_unwanted_an_ended_and_an_overdue_job_have_no_intent(temporal_client: Client, tmp_path: Path) -> None:
    async with running_workbench(temporal_client, tmp_path, providers={}) as bench:
        kept, canceled, failed, overdue = [(await bench.start()).id for _ in range(4)]
        await request_cancel(bench, canceled, "enough")
        error = JobError(code="it", message="failed so", stage=Stage.SUBMIT)
        await bench.records.gate.advance(failed, S.FAILED, error=error)

        def work(session: Session) -> None:
            yesterday = now() - timedelta(hours=25)
            session.exec(update(JobRow).where(col(JobRow.code) == overdue).values(create_time=yesterday))

        await bench.database.write(work)

        await bench.records.submissions.intend(kept, provider="local", token="t0", request=REQUEST)
        for code, refusal in ((canceled, CancelRequested), (failed, JobIsFinal), (overdue, DeadlinePassed)):
            with pytest.raises(refusal):
                await bench.records.submissions.intend(code, provider="local", token=f"t{code}", request=REQUEST)
            assert await bench.records.submissions.last_submission(code) is None


CLOSES: Final = {
    S.SUCCESS: WorkflowExecutionStatus.COMPLETED,
    S.FAILED: WorkflowExecutionStatus.FAILED,
    S.TIMEOUT: WorkflowExecutionStatus.FAILED,
    S.CANCELED: WorkflowExecutionStatus.CANCELED,
}


@pytest.mark.parametrize("final", CLOSES)
async def test_the_run_of_a_job_that_has_ended_sends_nothing_and_closes_as_the_job_stands(
    temporal_client: Client, tmp_path: Path, final: JobStatus
) -> None:
    script = {S.SUCCESS: [S.GENERATED], S.FAILED: [S.FAILED]}.get(final, [S.PROCESSING])
    overlay = 'deadlines = { processing = "1s" }' if final is S.TIMEOUT else ""
    provider = StepProvider(script)
    async with running_workbench(
        temporal_client, tmp_path, providers={"local": provider}, overlay=f"[models.local_v1]\n{overlay}"
    ) as bench:
        job = await bench.start()
        if final is S.CANCELED:
            await job.cancel(reason="enough")
        assert await ended(job) is CLOSES[final]
        sent, before = provider.requests, await row(bench, job.id)

        await reset(bench.client, job)
        status = await ended(handle_of(bench, job.id))
        after = await row(bench, job.id)

    assert status is CLOSES[final]
    assert provider.requests == sent
    assert (after.job_status, after.error, after.event_seq) == (before.job_status, before.error, before.event_seq)


async def reset(client: Client, job: Job) -> None:
    """To its first workflow task, as `temporal workflow reset --type FirstWorkflowTask` does it."""
    request = ResetWorkflowExecutionRequest(
        namespace="default",
        workflow_execution=WorkflowExecution(workflow_id=job.id),
        reason="test",
        workflow_task_finish_event_id=4,
        request_id=f"reset {job.id}",
    )
    await client.workflow_service.reset_workflow_execution(request)


async def test_what_the_database_has_forgotten_is_not_sent_again(temporal_client: Client, tmp_path: Path) -> None:
    provider = Forgetful([S.PROCESSING])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        provider.bench = bench
        job = await bench.start()
        status = await ended(job)
        final = await row(bench, job.id)
        kinds = await entries(bench, job.id)

    assert status is WorkflowExecutionStatus.FAILED
    assert provider.requests == 1
    assert final.job_status is S.TIMEOUT
    assert final.error is not None
    assert final.error["code"] == "submission_forgotten"
    assert kinds == ["reserve", "hold"]


async def test_a_job_that_this_database_does_not_have_sends_nothing_and_says_so(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.PROCESSING])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        brief = brief_of(await row(bench, (await bench.start()).id), bench.catalogue)
        unknown = brief.model_copy(update={"code": f"{brief.code}X"})
        await start_job(bench.client, unknown)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle_of(bench, unknown.code).result()

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message == f"There is no job {unknown.code}."
    assert provider.requests <= 1
