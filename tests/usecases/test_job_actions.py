"""Cancelling, rerunning and resolving a job."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select
from temporalio.client import Client

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import (
    CannotRerun,
    JobIsFinal,
    ModelNotConfigured,
    ModelRetired,
    NotFound,
    NothingHeld,
    TemporalUnavailable,
    UnknownModel,
)
from aijobs.domain.jobs.job import JobError, JobRequest, RerunFrom, Stage
from aijobs.domain.jobs.submissions import Outcome, ProviderRequest, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Actor, Owner
from aijobs.domain.values.audit import ActorKind, Origin, acting_from
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.resolutions import Resolution
from aijobs.persistence.tables import JobEventRow
from aijobs.settings import SHIPPED_CATALOGUE
from aijobs.usecases.bulk_jobs import BulkJobs
from api.dependencies import ApiDependencies
from tests.api.installation import PHOTO_URL, UPSCALE
from tests.usecases.conftest import started_run

A_PHOTO = JobRequest(model_id=UPSCALE, params={"image": PHOTO_URL})
ADA = Actor(key_id="key_of_a_test", user_id="ada")
BOB = Actor(key_id="key_of_a_test", user_id="bob")


async def failed_job(app: ApiDependencies, ada: Owner) -> str:
    code = (await app.accept_job(A_PHOTO, ada)).code
    error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)
    await app.records.gate.advance(code, JobStatus.FAILED, error=error)
    return code


async def notes_of(app: ApiDependencies, code: str) -> list[Mapping[str, Any]]:
    def work(session: Session) -> list[Mapping[str, Any]]:
        found = session.exec(select(JobEventRow.detail).where(col(JobEventRow.job_code) == code))
        return [detail for detail in found if detail]

    return await app.database.read(work)


async def test_a_final_job_cannot_be_canceled(app: ApiDependencies, ada: Owner) -> None:
    code = await failed_job(app, ada)

    with pytest.raises(JobIsFinal):
        await app.cancel_job(code, ADA)


async def test_a_wish_to_cancel_is_noted_once_with_its_reason(app: ApiDependencies, ada: Owner) -> None:
    code = (await app.accept_job(A_PHOTO, ada)).code
    for _ in range(2):
        await app.cancel_job(code, ADA, reason="changed my mind")

    assert await notes_of(app, code) == [{"cancel": "requested", "reason": "changed my mind", "by": ADA.key_id}]


async def test_a_job_whose_run_has_ended_meanwhile_can_be_canceled(
    app: ApiDependencies, ada: Owner, temporal: Client
) -> None:
    code = (await app.accept_job(A_PHOTO, ada)).code
    await started_run(temporal, code)
    await temporal.get_workflow_handle(code).terminate()

    job = await app.cancel_job(code, ADA)

    assert job.code == code
    assert await notes_of(app, code) == [{"cancel": "requested", "reason": "Canceled by its owner.", "by": ADA.key_id}]


async def test_nobody_is_told_that_the_owner_has_canceled_what_somebody_else_has(
    app: ApiDependencies, ada: Owner, operator: Actor
) -> None:
    code = (await app.accept_job(A_PHOTO, ada)).code

    with acting_from(Origin(kind=ActorKind.KEY, actor=operator.key_id)):
        await app.cancel_job(code, operator)

    assert [note["reason"] for note in await notes_of(app, code)] == ["No reason was given."]


async def test_without_temporal_a_cancel_says_that_it_must_be_asked_for_again(
    dependencies: ApiDependencies, ada: Owner
) -> None:
    code = (await dependencies.accept_job(A_PHOTO, ada)).code

    with pytest.raises(TemporalUnavailable):
        await dependencies.cancel_job(code, ADA)


async def test_somebody_elses_job_is_not_there(app: ApiDependencies, ada: Owner) -> None:
    code = await failed_job(app, ada)

    with pytest.raises(NotFound):
        await app.cancel_job(code, BOB)
    with pytest.raises(NotFound):
        await app.rerun_job(code, RerunFrom.START, BOB)
    with pytest.raises(NotFound):
        await app.resolve_job.settle_points(code, Resolution.REFUND, BOB, why="mine")


async def test_a_rerun_is_its_owners_whoever_asks_for_it(app: ApiDependencies, ada: Owner, operator: Actor) -> None:
    code = await failed_job(app, ada)
    receipt = await app.rerun_job(code, RerunFrom.START, operator, idempotency_key="again")
    once_more = await app.rerun_job(code, RerunFrom.START, operator, idempotency_key="again")

    assert receipt == once_more
    assert receipt.code != code
    assert receipt.answer["body"]["user_id"] == "ada"


async def test_what_runs_or_was_never_made_cannot_be_run_again(app: ApiDependencies, ada: Owner) -> None:
    running = (await app.accept_job(A_PHOTO, ada)).code

    with pytest.raises(CannotRerun):
        await app.rerun_job(running, RerunFrom.START, ADA)
    with pytest.raises(CannotRerun):
        await app.rerun_job(await failed_job(app, ada), RerunFrom.MIGRATION, ADA)


async def test_a_model_without_its_providers_key_is_refused_in_the_same_words_everywhere(
    app: ApiDependencies, ada: Owner
) -> None:
    with pytest.raises(ModelNotConfigured) as refused:
        await app.accept_job(JobRequest(model_id="ttapi_midjourney_v7", params={"prompt": "a lighthouse"}), ada)

    assert "is not configured here: no key is set for ttapi." in str(refused.value)


async def test_a_model_past_its_sunset_takes_no_new_job_and_names_its_successor(
    app: ApiDependencies, ada: Owner
) -> None:
    code = await failed_job(app, ada)
    yesterday = now().date() - timedelta(days=1)
    over = f'[models.{UPSCALE}]\nsunset = {yesterday}\nuse_instead = "ttapi_midjourney_v7"'
    retired = replace(app, catalogue=Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), over))

    with pytest.raises(ModelRetired, match="ttapi_midjourney_v7") as refused:
        await retired.accept_job(A_PHOTO, ada)
    with pytest.raises(ModelRetired):
        await retired.rerun_job(code, RerunFrom.START, ADA)

    assert [field.pointer for field in refused.value.fields] == ["/model_id"]


async def test_points_that_nobody_holds_cannot_be_decided_about(
    app: ApiDependencies, ada: Owner, operator: Actor
) -> None:
    code = await failed_job(app, ada)

    with pytest.raises(NothingHeld):
        await app.resolve_job.settle_points(code, Resolution.REFUND, operator, why="why not")


async def test_nothing_is_attached_where_the_model_is_not_known_any_more(
    app: ApiDependencies, ada: Owner, operator: Actor
) -> None:
    code = (await app.accept_job(A_PHOTO, ada)).code
    submissions = app.records.submissions
    request = ProviderRequest("POST", "https://api.replicate.com/v1/predictions", {})
    lost = await submissions.intend(code, provider="replicate", token="sub_1", request=request)
    await submissions.conclude(lost, Unknown("reset"))

    with pytest.raises(UnknownModel):
        await replace(app, catalogue=Catalogue({})).resolve_job.attach(code, "made", operator, why="It was found.")

    last = await submissions.last_submission(code)
    assert last is not None
    assert last.outcome is Outcome.UNKNOWN


async def test_of_many_jobs_each_that_cannot_run_again_is_named(app: ApiDependencies, ada: Owner) -> None:
    code, foreign = await failed_job(app, ada), "job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"
    bulk = BulkJobs(database=app.database, models=app.models, cancel_job=app.cancel_job, rerun_job=app.rerun_job)

    result = await bulk.rerun([code, foreign, code], ADA, points=2, key="once")

    assert result.done == [code]
    assert [(refused, error.code) for refused, error in result.refused] == [(foreign, "not_found")]
