"""`/api/documents/{code}`: a person's review of the table that a document's job has made, and who changed what."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from sqlmodel import Session

from aijobs.domain.documents.review import ChangeKind, DocumentReview
from aijobs.domain.jobs.events import Moment
from aijobs.persistence.documents.reviews import changes_page
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import TableChangeRow
from aijobs.usecases.delete import DOCUMENT
from api.auth.caller import Reader, Writer
from api.dependencies import Db, Deleting, Jobs, ReviewTable
from api.problems import problem_responses
from api.requests.paths import JobCode, RowCursor
from api.requests.strict_json import StrictRoute
from api.schemas.jobs import Job, Page, Shape

router = APIRouter(prefix="/api/documents", tags=["documents"], route_class=StrictRoute)

CORRECTION = {"rows": [{"row": 1, "values": {"Amount": 1250.5}}], "accept": True}


class ReviewChange(Shape):
    """What a person did: `by` is the id of a key, `user_id` the end user that it acted for."""

    at: Moment
    by: str
    user_id: str | None
    kind: ChangeKind
    row_number: int | None
    before: dict[str, Any]
    after: dict[str, Any]


@router.post(
    "/{code}/review",
    summary="Correct and accept an extracted table",
    responses=problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def review_document(
    body: Annotated[DocumentReview, Body(examples=[CORRECTION])],
    caller: Writer,
    code: JobCode,
    review: ReviewTable,
    jobs: Jobs,
) -> Job:
    """All corrections are kept, or none. The Excel file and the JSON are made again, under the same paths."""
    return await jobs.one(await review(code, body, caller.actor))


@router.delete("/{code}", status_code=204, summary="Delete a document", responses=problem_responses(401, 403, 404, 409))
async def delete_document(caller: Writer, code: JobCode, delete: Deleting) -> None:
    """Its job and its table, and the upload, unless another job needs that. 409 while the job has not ended."""
    await delete(DOCUMENT, code, caller.actor)


@router.get("/{code}/changes", summary="Who changed what of a table", responses=problem_responses(401, 403, 404))
async def list_changes(
    caller: Reader,
    code: JobCode,
    database: Db,
    cursor: Annotated[RowCursor, Query()] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[ReviewChange]:
    """The oldest first."""

    def work(session: Session) -> tuple[list[TableChangeRow], bool]:
        job_of(session, code, user_id=caller.visible_user)
        return changes_page(session, code, after=cursor, limit=limit)

    changes, has_more = await database.read(work)
    return Page(
        data=[ReviewChange.model_validate(change, from_attributes=True) for change in changes],
        has_more=has_more,
        next_cursor=str(changes[-1].id) if has_more else None,
    )
