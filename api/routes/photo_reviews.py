"""`/api/photo-reviews`: photos are reviewed, and beautified."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import ValidationError
from sqlmodel import Session
from starlette.exceptions import HTTPException

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.json_pointer import pointer
from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.database import Database
from aijobs.persistence.photo_reviews import beautified_of, jobs_of, review_of, reviews_page
from aijobs.persistence.tables import JobRow, OutputRow, PhotoBeautifyRow, PhotoReviewRow
from aijobs.process_settings import ApiSettings
from aijobs.usecases.beautify_photo import BeautifyRequest
from aijobs.usecases.delete import REVIEW
from aijobs.usecases.review_photo import ReviewRequest
from api.auth.caller import Caller, Reader, Submitter, Writer
from api.checked_route import CheckedRoute
from api.dependencies import Beautify, Db, Deleting, Jobs, Links, Review, Settings
from api.problems import problem_responses
from api.requests.paths import CodeCursor, ReviewCode, RowCursor
from api.requests.strict_json import StrictRoute, check_json
from api.requests.uploads import upload_form
from api.schemas.jobs import Job, Page
from api.schemas.links import SignedLinks
from api.schemas.photos import (
    PHOTO,
    REVIEW_BODY,
    BeautifiedPhoto,
    PhotoReview,
    PhotoReviewWithJobs,
    beautified_responses,
    review_responses,
)
from api.schemas.stored_responses import IdempotencyKey, receipt_response

MAX_PAGE: Final = 100

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]

router = APIRouter(prefix="/api/photo-reviews", tags=["photo reviews"], route_class=CheckedRoute)
strict = APIRouter(route_class=StrictRoute)


@router.post(
    "",
    status_code=202,
    summary="Have a photo reviewed",
    response_model=PhotoReview,
    openapi_extra=REVIEW_BODY,
    responses=problem_responses(400, 401, 402, 403, 409, 413, 415, 422, 503),
)
async def create_review(
    request: Request,
    caller: Submitter,
    review: Review,
    settings: Settings,
    database: Db,
    links: Links,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """The photo itself, or the code of an upload. A copy is stored, without metadata, upright and in sRGB."""
    if _is_json(request):
        body = await _review_request(request, settings)
        receipt = await review.uploaded(body, caller.owner(body.user_id), idempotency_key=idempotency_key)
    else:
        async with upload_form(request, field=PHOTO) as form:
            receipt = await review.upload(form.upload, caller.owner(form.user_id), idempotency_key=idempotency_key)
    return receipt_response(receipt, await _current_review(database, links, caller, receipt))


@router.get("", summary="List photo reviews, newest first", responses=problem_responses(401, 403, 422))
async def list_reviews(
    caller: Reader,
    database: Db,
    links: Links,
    cursor: Annotated[CodeCursor | None, Query()] = None,
    limit: Limit = 20,
) -> Page[PhotoReview]:
    """The reviews of the caller's user; with a service key that names no user, those of all users."""
    rows, has_more = await database.snapshot(reviews_page, user_id=caller.visible_user, before=cursor, limit=limit)
    documents = await review_responses(links, rows)
    return Page(data=documents, has_more=has_more, next_cursor=rows[-1].code if has_more else None)


@router.get("/{code}", summary="Look at a photo review", responses=problem_responses(401, 403, 404))
async def get_review(
    caller: Reader, code: ReviewCode, database: Db, links: Links, responses: Jobs
) -> PhotoReviewWithJobs:
    def work(session: Session) -> tuple[PhotoReviewRow, list[JobRow]]:
        row = review_of(session, code, user_id=caller.visible_user)
        return row, jobs_of(session, row)

    row, jobs = await database.read(work)
    (document,) = await review_responses(links, [row])
    return PhotoReviewWithJobs(**dict(document), jobs=await responses.of(jobs))


@router.delete(
    "/{code}", status_code=204, summary="Delete a photo review", responses=problem_responses(401, 403, 404, 409)
)
async def delete_review(caller: Writer, code: ReviewCode, delete: Deleting) -> None:
    """With its photo, its jobs and the beautified photos. 409 while one of its jobs has not ended."""
    await delete(REVIEW, code, caller.actor)


@router.get(
    "/{code}/photo",
    status_code=307,
    summary="Go to the photo",
    response_class=RedirectResponse,
    responses=problem_responses(401, 403, 404, 503),
)
async def open_photo(caller: Reader, code: ReviewCode, database: Db, links: Links) -> RedirectResponse:
    """Redirects to a fresh link."""
    row = await database.read(review_of, code, user_id=caller.visible_user)
    return RedirectResponse(await links.photo(row), status_code=307)


@router.get("/{code}/beautified", summary="List the beautified photos", responses=problem_responses(401, 403, 404))
async def list_beautified(
    caller: Reader,
    code: ReviewCode,
    database: Db,
    links: Links,
    cursor: Annotated[RowCursor, Query()] = 0,
    limit: Limit = 20,
) -> Page[BeautifiedPhoto]:
    """The oldest first."""

    def work(session: Session) -> tuple[PhotoReviewRow, list[tuple[PhotoBeautifyRow, OutputRow]], bool]:
        review = review_of(session, code, user_id=caller.visible_user)
        return review, *beautified_of(session, code, after=cursor, limit=limit)

    review, rows, has_more = await database.snapshot(work)
    documents = await beautified_responses(links, review, rows)
    return Page(data=documents, has_more=has_more, next_cursor=str(rows[-1][0].id) if has_more else None)


@strict.post(
    "/{code}/beautify",
    status_code=202,
    summary="Have the photo beautified",
    response_model=Job,
    responses=problem_responses(400, 401, 402, 403, 404, 409, 413, 415, 422),
)
async def beautify_photo(
    body: BeautifyRequest,
    caller: Writer,
    code: ReviewCode,
    beautify: Beautify,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A job like any other. 409 when the review's `beautify_ability` is false, or while another such job runs."""
    return receipt_response(await beautify(code, body, caller.actor, idempotency_key=idempotency_key))


router.include_router(strict)


async def _current_review(database: Database, links: SignedLinks, caller: Caller, receipt: Receipt) -> dict[str, Any]:
    """The review as it is now; a repeated request may find it further along."""
    row = await database.read(review_of, receipt.code, user_id=caller.visible_user)
    (document,) = await review_responses(links, [row])
    return document.model_dump(mode="json")


def _is_json(request: Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


async def _review_request(request: Request, settings: ApiSettings) -> ReviewRequest:
    """The JSON body. Raises InvalidParameters, and HTTPException 413: the path's own limit is that of photos."""
    body = await request.body()
    if len(body) > settings.max_body_bytes:
        raise HTTPException(413, f"The body is larger than the {settings.max_body_bytes} bytes that we take here.")
    await check_json(body)
    try:
        return ReviewRequest.model_validate_json(body)
    except ValidationError as error:
        fields = [FieldError(pointer(*item["loc"]), item["msg"]) for item in error.errors()]
        raise InvalidParameters("The request is not as it should be.", *fields) from None
