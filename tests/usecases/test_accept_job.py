"""Accepting a job: once for each key, in one transaction, and without waiting for Temporal."""

import asyncio

import pytest
from sqlmodel import Session, col, func, select
from temporalio.client import Client

from aijobs.domain.errors import IdempotencyMismatch, InvalidParameters, NotAllowed, UnknownModel
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Owner
from aijobs.persistence.column_types import now
from aijobs.persistence.points.ledger import today
from aijobs.persistence.tables import IdempotencyRow, JobRow
from api.dependencies import ApiDependencies
from tests.api.installation import PHOTO_URL, UPSCALE
from tests.usecases.conftest import started_run

A_PHOTO = JobRequest(model_id=UPSCALE, params={"image": PHOTO_URL})


async def jobs_in(app: ApiDependencies) -> int:
    def work(session: Session) -> int:
        return session.exec(select(func.count()).select_from(JobRow)).one()

    return await app.database.read(work)


async def points_used(app: ApiDependencies, user_id: str) -> int:
    return (await app.database.read(today, user_id, now().date())).used


async def test_a_repetition_gets_the_first_receipt_although_the_job_is_further(
    app: ApiDependencies, ada: Owner
) -> None:
    first = await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")
    await app.records.gate.advance(first.code, JobStatus.SUBMITTED)
    again = await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")

    assert again == first
    assert again.answer["body"]["job_status_name"] == "DRAFT"
    assert await jobs_in(app) == 1


async def test_of_many_at_once_one_makes_the_job(app: ApiDependencies, ada: Owner) -> None:
    receipts = await asyncio.gather(*(app.accept_job(A_PHOTO, ada, idempotency_key="order-1") for _ in range(8)))

    assert len({receipt.code for receipt in receipts}) == 1
    assert await jobs_in(app) == 1


async def test_without_a_key_each_request_makes_a_job(app: ApiDependencies, ada: Owner) -> None:
    first, second = await app.accept_job(A_PHOTO, ada), await app.accept_job(A_PHOTO, ada)

    assert first.code != second.code


async def test_a_key_stands_for_one_request(app: ApiDependencies, ada: Owner) -> None:
    await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")

    with pytest.raises(IdempotencyMismatch):
        await app.accept_job(A_PHOTO.model_copy(update={"output_count": 2}), ada, idempotency_key="order-1")


async def test_an_answer_that_an_earlier_version_has_kept_is_given_again(app: ApiDependencies, ada: Owner) -> None:
    receipt = await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")
    kept = {"status": 202, "location": "/api/jobs/job_of_old", "body": {"code": "job_of_old", "no_longer": "a field"}}

    def work(session: Session) -> None:
        row = session.exec(select(IdempotencyRow).where(col(IdempotencyRow.key) == "order-1")).one()
        assert row.answer == receipt.answer
        assert row.answer.keys() == kept.keys()
        row.answer = kept

    await app.database.write(work)

    again = await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")

    assert (again.code, again.answer) == ("job_of_old", kept)


async def test_what_is_written_with_the_job_stands_or_falls_with_it(app: ApiDependencies, ada: Owner) -> None:
    def refuse(_session: Session, _job: JobRow) -> None:
        raise NotAllowed("Not today.")

    with pytest.raises(NotAllowed):
        await app.accept_job(A_PHOTO, ada, idempotency_key="order-1", in_transaction=refuse)

    assert (await jobs_in(app), await points_used(app, "ada")) == (0, 0)
    assert (await app.accept_job(A_PHOTO, ada, idempotency_key="order-1")).code
    assert await points_used(app, "ada") > 0


async def test_a_job_is_accepted_without_temporal_and_left_to_the_sweep(
    dependencies: ApiDependencies, ada: Owner
) -> None:
    receipt = await dependencies.accept_job(A_PHOTO, ada)

    assert receipt.code.startswith("job_")
    assert await jobs_in(dependencies) == 1


async def test_an_accepted_job_runs(app: ApiDependencies, ada: Owner, temporal: Client) -> None:
    receipt = await app.accept_job(A_PHOTO, ada)

    assert (await started_run(temporal, receipt.code)).workflow_type == "AiJob"


async def test_nothing_is_reserved_for_what_is_refused(app: ApiDependencies, ada: Owner) -> None:
    with pytest.raises(UnknownModel) as unknown:
        await app.accept_job(JobRequest(model_id="nobodys_v1", params={}), ada)
    nobodys = {"image": "file_00000000000000000000000000"}
    with pytest.raises(InvalidParameters) as foreign:
        await app.accept_job(JobRequest(model_id=UPSCALE, params=nobodys), ada)

    assert [field.pointer for field in unknown.value.fields] == ["/model_id"]
    assert [field.pointer for field in foreign.value.fields] == ["/params/image"]
    assert (await jobs_in(app), await points_used(app, "ada")) == (0, 0)
