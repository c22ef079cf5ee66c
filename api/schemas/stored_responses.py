"""Responses to idempotent requests: the first response is stored, and a repeated request gets it again."""

from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse

from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.tables import BatchRow, FileRow, JobRow, PhotoReviewRow
from api.schemas.job_responses import file_response, new_job_response

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A repeated request with the same key gets the first response again. Kept for 24 hours.",
    ),
]

# The stored responses are read by other versions of this program for 24 hours: their three keys must not change.


def stored_job_response(job: JobRow) -> dict[str, Any]:
    """202, the new job's location, and the job."""
    return _stored_response(202, f"/api/jobs/{job.code}", new_job_response(job).model_dump(mode="json"))


def stored_file_response(file: FileRow) -> dict[str, Any]:
    return _stored_response(201, f"/api/files/{file.code}", file_response(file).model_dump(mode="json"))


def stored_review_response(review: PhotoReviewRow) -> dict[str, Any]:
    """Only the code is stored: a repeated request reads the review again."""
    return _stored_response(202, f"/api/photo-reviews/{review.code}", {"code": review.code})


def stored_batch_response(batch: BatchRow) -> dict[str, Any]:
    """Only the code is stored: a repeated request gets the batch as it is then."""
    return _stored_response(202, f"/api/batches/{batch.code}", {"code": batch.code})


def receipt_response(receipt: Receipt, body: dict[str, Any] | None = None) -> JSONResponse:
    """The first response, or the same with another body."""
    stored = receipt.answer
    return JSONResponse(body or stored["body"], stored["status"], {"Location": stored["location"]})


def _stored_response(status: int, location: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "location": location, "body": body}
