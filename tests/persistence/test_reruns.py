"""A job's fields are declared once, and a rerun takes over all that was ordered."""

import inspect

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.outputs import OutputContent, OutputDetails, StoredOutput
from aijobs.domain.jobs.record import JobOrder, JobProgress, JobRecord
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.reruns import rerun_from_start
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow, OutputRow
from aijobs.persistence.tables.jobs import OrderDetails
from api.schemas.jobs import Job, Output

STORED_IN_ITS_OWN_WAY = {"code", "user_id", "job_status", "needs_review", "priority", "overall_progress"}
SHOWN_IN_ITS_OWN_WAY = {"error", "origin", "waiting", "points"}


def declared_by(model: type) -> set[str]:
    return set(inspect.get_annotations(model))


def test_the_row_and_the_api_share_the_declaration_of_a_jobs_fields() -> None:
    shared = JobRecord.model_fields.keys() | JobProgress.model_fields.keys()

    assert declared_by(JobRow) & Job.model_fields.keys() - SHOWN_IN_ITS_OWN_WAY == STORED_IN_ITS_OWN_WAY
    assert declared_by(Job) & JobRow.model_fields.keys() == SHOWN_IN_ITS_OWN_WAY
    assert shared <= JobRow.model_fields.keys() & Job.model_fields.keys()


def test_the_row_the_store_and_the_api_share_the_declaration_of_an_outputs_fields() -> None:
    shared = OutputContent.model_fields.keys() | OutputDetails.model_fields.keys()

    for model in (OutputRow, StoredOutput, Output):
        assert shared <= model.model_fields.keys()
        assert declared_by(model) & shared <= {"size", "media"}  # stored as JSON, and shown where there is something


async def test_a_rerun_takes_over_all_that_was_ordered(
    database: Database, records: DatabaseRecords, catalogue: Catalogue
) -> None:
    request = JobRequest(
        model_id="replicate_imageupscale_v1",
        type="mine",
        action="upscale",
        params={"image": "https://example.com/photo.jpg"},
        output_count=2,
        photo_review_analysis_code="review_1",
        metadata={"a": "b"},
        callback_url="https://example.com/hook",
    )
    order = Acceptance(
        user_id="ada",
        request=request,
        model=catalogue.model(request.model_id),
        params=request.params,
        created_by="test",
        daily_limit=100,
    )
    old = await database.write(accept, order)
    await records.gate.advance(old.code, JobStatus.FAILED)

    def work(session: Session) -> JobRow:
        return rerun_from_start(session, locked_job(session, old.code), points_due=3, daily_limit=100, by="me")

    new = await database.write(work)

    ordered = {*JobOrder.model_fields, *OrderDetails.model_fields} - {"code"}
    assert new.model_dump(include=ordered) == old.model_dump(include=ordered)
    assert (new.callback_url, new.extra, new.output_count) == ("https://example.com/hook", {"a": "b"}, 2)
    assert (new.code != old.code, new.job_status, new.rerun_of, new.points) == (True, JobStatus.DRAFT, old.code, 3)
