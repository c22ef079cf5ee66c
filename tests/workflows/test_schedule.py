"""Jobs that start later, and jobs whose time to start is over, with a real worker and its relays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of, job_of
from aijobs.persistence.jobs.starts import note_start
from aijobs.persistence.points.ledger import entries_of
from aijobs.persistence.tables import JobRow
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import Echo, StepProvider
from workflows.client import start_job
from workflows.outbox_relay import expiry_relay, start_relay

S = JobStatus


async def ordered(bench: Workbench, **times: Any) -> JobRow:
    model = bench.catalogue.model("local_v1")
    request = JobRequest(model_id=model.model_id, params={"prompt": "hello"}, **times)
    order = Acceptance(
        user_id="ada", request=request, model=model, params=request.params, created_by="test", daily_limit=10_000
    )

    def work(session: Session) -> JobRow:
        job = accept(session, order)
        note_start(session, job.code, at=job.start_at)
        return job

    return await bench.database.write(work)


@asynccontextmanager
async def with_relays(client: Client, bench: Workbench) -> AsyncIterator[None]:
    async with start_relay(client, bench.records.starts), expiry_relay(client, bench.records.expiries):
        yield


async def row(bench: Workbench, code: str) -> JobRow:
    return await bench.database.read(job_of, code)


async def until_final(bench: Workbench, code: str) -> JobRow:
    async with asyncio.timeout(30):
        while not (job := await row(bench, code)).job_status.is_final:
            await asyncio.sleep(0.05)
    return job


async def kinds(bench: Workbench, code: str) -> list[str]:
    def work(session: Session) -> list[str]:
        return [entry.kind for entry in entries_of(session, code)]

    return await bench.database.read(work)


async def test_a_job_is_sent_at_its_time_and_not_before(temporal_client: Client, tmp_path: Path) -> None:
    provider = StepProvider([S.GENERATED])
    async with (
        running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench,
        with_relays(temporal_client, bench),
    ):
        start_at = datetime.now(UTC) + timedelta(seconds=3)
        job = await ordered(bench, start_at=start_at)
        final = await until_final(bench, job.code)
        events = await bench.history(job.code)

    assert final.job_status is S.SUCCESS
    assert [event.at >= start_at for event in events] == [False, *[True] * (len(events) - 1)]


async def test_a_job_that_waits_for_its_next_try_ends_when_its_time_is_over(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = StepProvider([S.GENERATED], refusals=1000)
    async with (
        running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench,
        with_relays(temporal_client, bench),
    ):
        job = await ordered(bench, expires_at=datetime.now(UTC) + timedelta(seconds=3))
        final = await until_final(bench, job.code)
        workflow = temporal_client.get_workflow_handle(job.code)
        with suppress(WorkflowFailureError):
            await asyncio.wait_for(workflow.result(), 15)
        status = (await workflow.describe()).status
        points = await kinds(bench, job.code)

    assert provider.requests >= 1
    assert (final.job_status, final.error and final.error["code"]) == (S.CANCELED, "expired")
    assert status is WorkflowExecutionStatus.CANCELED
    assert points == ["reserve", "refund"]


async def test_what_is_started_too_late_is_not_worked_on(temporal_client: Client, tmp_path: Path) -> None:
    async def no_pause() -> None: ...

    ways: list[tuple[str, dict[str, Any]]] = [
        ("asynchronous", {"providers": {"local": StepProvider([S.GENERATED])}}),
        ("synchronous", {"generators": {"local": Echo(no_pause)}, "overlay": "[models.local_v1]\nasyn = false"}),
    ]
    for name, adapters in ways:
        async with running_workbench(temporal_client, tmp_path / name, **adapters) as bench:
            job = await ordered(bench, expires_at=datetime.now(UTC) + timedelta(milliseconds=1))
            await start_job(temporal_client, brief_of(job, bench.catalogue))
            final = await until_final(bench, job.code)
            workflow = temporal_client.get_workflow_handle(job.code)
            with suppress(WorkflowFailureError):
                await asyncio.wait_for(workflow.result(), 15)

        assert (final.job_status, final.error and final.error["code"]) == (S.CANCELED, "expired"), name
        assert (await workflow.describe()).status is WorkflowExecutionStatus.CANCELED, name
