"""The start of an accepted job: right after the answer, several at once, and left to a worker without Temporal."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest
from sqlmodel import Session, select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from aijobs.domain.jobs.job import JobBrief, JobError, JobRequest, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Actor, Owner
from aijobs.persistence.tables import JobStartRow
from aijobs.usecases.start_jobs import AT_ONCE
from api.dependencies import ApiDependencies
from tests.patience import PATIENCE
from tests.usecases.conftest import started_run
from workflows.client import TemporalJobEngine

A_PHOTO: Final = JobRequest(
    model_id="replicate_imageupscale_v1", params={"image": "https://example.com/photo.jpg", "upscale_factor": 2}
)


async def starts_noted(app: ApiDependencies) -> set[str]:
    def work(session: Session) -> set[str]:
        return set(session.exec(select(JobStartRow.job_code)))

    return await app.database.read(work)


async def forgotten_by(app: ApiDependencies) -> list[JobBrief]:
    """What a worker would start next."""
    async with asyncio.timeout(PATIENCE):
        return await anext(app.records.starts.forgotten())


async def test_a_start_is_noted_with_the_job_and_forgotten_when_temporal_has_it(
    dependencies: ApiDependencies, ada: Owner, temporal: Client
) -> None:
    reachable = asyncio.Event()

    async def reached() -> Client:
        await reachable.wait()
        return temporal

    app = replace(dependencies, engine=TemporalJobEngine(reached))
    code = (await app.accept_job(A_PHOTO, ada)).code
    assert await starts_noted(app) == {code}

    reachable.set()
    await started_run(temporal, code)
    async with asyncio.timeout(PATIENCE):
        while await starts_noted(app):
            await asyncio.sleep(0.02)


async def test_a_repetition_starts_nothing(app: ApiDependencies, ada: Owner) -> None:
    await app.accept_job(A_PHOTO, ada, idempotency_key="once")
    await app.starter.close()
    await app.accept_job(A_PHOTO, ada, idempotency_key="once")

    assert await starts_noted(app) == set()


async def test_without_temporal_a_job_is_accepted_at_once_and_a_worker_finds_it(
    dependencies: ApiDependencies, ada: Owner
) -> None:
    given_up = asyncio.Event()

    async def never() -> Client:
        try:
            await asyncio.sleep(3600)
            raise AssertionError
        finally:
            given_up.set()

    app = replace(dependencies, engine=TemporalJobEngine(never))
    code = (await app.accept_job(A_PHOTO, ada)).code
    assert not given_up.is_set()  # nobody has waited for Temporal
    briefs = await forgotten_by(app)

    assert [brief.code for brief in briefs] == [code]
    await app.records.starts.started([code])
    assert await starts_noted(app) == set()
    await app.starter.close()


async def test_a_claimed_start_comes_again_only_when_nobody_finishes_it(
    dependencies: ApiDependencies, ada: Owner
) -> None:
    code = (await dependencies.accept_job(A_PHOTO, ada)).code
    await forgotten_by(dependencies)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(dependencies.records.starts.forgotten())
    async with asyncio.timeout(PATIENCE):
        assert [brief.code for brief in await anext(dependencies.records.starts.forgotten())] == [code]


async def test_a_job_that_has_ended_is_not_started(dependencies: ApiDependencies, ada: Owner) -> None:
    ended = (await dependencies.accept_job(A_PHOTO, ada)).code
    error = JobError(code="it", message="ended before", stage=Stage.SUBMIT)
    await dependencies.records.gate.advance(ended, JobStatus.FAILED, error=error)
    kept = (await dependencies.accept_job(A_PHOTO, ada)).code

    assert [brief.code for brief in await forgotten_by(dependencies)] == [kept]
    assert await starts_noted(dependencies) == {kept}


async def test_a_cancel_may_come_before_the_start(
    app: ApiDependencies, dependencies: ApiDependencies, ada: Owner, temporal: Client
) -> None:
    """The process that accepted the job has died; another one cancels it."""
    code = (await dependencies.accept_job(A_PHOTO, ada)).code

    await app.cancel_job(code, Actor(key_id="key_of_a_test", user_id="ada"), reason="changed my mind")

    handle = temporal.get_workflow_handle(code)
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in kinds


async def test_many_jobs_are_all_started(app: ApiDependencies, ada: Owner, temporal: Client) -> None:
    owners = [replace(ada, user_id=f"user {number}") for number in range(2 * AT_ONCE + 1)]
    receipts = await asyncio.gather(*(app.accept_job(A_PHOTO, owner) for owner in owners))
    async with asyncio.timeout(PATIENCE):
        while await starts_noted(app):
            await asyncio.sleep(0.05)

    for receipt in receipts:
        assert (await started_run(temporal, receipt.code)).id == receipt.code
