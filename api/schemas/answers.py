"""The responses for new resources: the first one, and the same for every repetition of the request."""

from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse

from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.tables import FileRow, JobRow, PhotoReviewRow
from api.schemas.job_responses import file_response, new_job_response

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and request again get the first answer again. Kept for 24 hours.",
    ),
]

# The answers below are kept in the database for 24 hours: their three names are read by other versions of ours, too.


def job_answer(job: JobRow) -> dict[str, Any]:
    """202, where the new job is, and how it stands."""
    return _answer(202, f"/api/jobs/{job.code}", new_job_response(job).model_dump(mode="json"))


def file_answer(file: FileRow) -> dict[str, Any]:
    return _answer(201, f"/api/files/{file.code}", file_response(file).model_dump(mode="json"))


def review_answer(review: PhotoReviewRow) -> dict[str, Any]:
    """Only the code is kept for a repetition: what the review says then is looked up anew."""
    return _answer(202, f"/api/photo-reviews/{review.code}", {"code": review.code})


def answer_with(receipt: Receipt, body: dict[str, Any] | None = None) -> JSONResponse:
    """The first answer, with another body where one is given."""
    first = receipt.answer
    return JSONResponse(body or first["body"], first["status"], {"Location": first["location"]})


def _answer(status: int, location: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "location": location, "body": body}
