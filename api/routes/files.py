"""`/api/files`: uploads, which a job's parameters name by their codes."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from aijobs.domain.documents.formats import DOCUMENT_EXTENSIONS
from aijobs.persistence.jobs.queries import file_of
from aijobs.usecases.delete import FILE
from api.auth.caller import Reader, Uploader
from api.checked_route import CheckedRoute
from api.dependencies import Db, Deleting, Keep
from api.problems import problem_responses
from api.requests.paths import FileCode
from api.requests.uploads import upload_form
from api.schemas.job_responses import file_response
from api.schemas.jobs import File
from api.schemas.stored_responses import IdempotencyKey, receipt_response

#: Documented by hand: the route itself reads the form, after authentication.
FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A photo or a scan: JPEG, PNG, WebP, GIF, TIFF or AVIF. Or a document, by "
                            f"the end of its name: {DOCUMENT_EXTENSIONS}.",
                        },
                        "password": {
                            "type": "string",
                            "format": "password",
                            "description": "Of an encrypted PDF. It is not kept: what is kept needs none any more.",
                        },
                        "user_id": {"type": "string", "description": "With a service key: the end user it is for."},
                    },
                }
            }
        },
    }
}

router = APIRouter(prefix="/api/files", tags=["files"], route_class=CheckedRoute)


@router.post(
    "",
    status_code=201,
    summary="Upload an input",
    response_model=File,
    openapi_extra=FORM,
    responses=problem_responses(400, 401, 403, 409, 413, 415, 422, 503),
)
async def upload_file(
    request: Request, caller: Uploader, keep: Keep, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """The file must be a complete picture, or a document whose text can be read."""
    async with upload_form(request) as form:
        receipt = await keep(form.upload, caller.owner(form.user_id), idempotency_key=idempotency_key)
    return receipt_response(receipt)


@router.get("/{code}", summary="Look at an upload", responses=problem_responses(401, 403, 404))
async def get_file(caller: Reader, code: FileCode, database: Db) -> File:
    return file_response(await database.read(file_of, code, user_id=caller.visible_user))


@router.delete("/{code}", status_code=204, summary="Delete an upload", responses=problem_responses(401, 403, 404, 409))
async def delete_file(caller: Uploader, code: FileCode, delete: Deleting) -> None:
    """It is gone at once, and is erased later. 409 while a job that has not ended names it."""
    await delete(FILE, code, caller.actor)
