"""`POST /api/template/upload-template`: a document for a template. Rows of an Excel workbook are imported at once."""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import Field

from aijobs.domain.documents.formats import DOCUMENT_EXTENSIONS
from aijobs.usecases.intake_document import ExtractionJob, ImportedTable
from api.auth.caller import Submitter
from api.dependencies import Intake
from api.legacy_envelope import LegacyEnvelopeRoute
from api.requests.uploads import sent_document, upload_form
from api.schemas.jobs import Shape
from api.schemas.stored_responses import IdempotencyKey
from api.schemas.templates import ShownEstimate, shown_estimate

OK: Final = 200
REFUSALS: Final = (400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 500, 503)

ACCEPTED: Final = "文件上传成功,正在异步处理中"
IMPORTED: Final = "文件上传成功,已解析 {count} 行数据"

#: Documented by hand: the route itself reads the form, after authentication.
FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "templateId"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": f"A document: {DOCUMENT_EXTENSIONS}; or a scan or photo of one. The rows of "
                            "a table are imported at once.",
                        },
                        "password": {
                            "type": "string",
                            "format": "password",
                            "description": "Of an encrypted PDF. It is not kept: what is kept needs none any more.",
                        },
                        "templateId": {"type": "string", "examples": ["contract_zh"]},
                        "taskId": {
                            "type": "string",
                            "description": "One that `GET /api/progress/track` made up, to follow the job by.",
                        },
                        "user_id": {"type": "string", "description": "With a service key: the end user it is for."},
                    },
                }
            }
        },
    }
}

router = APIRouter(prefix="/api/template", tags=["templates"], route_class=LegacyEnvelopeRoute)


class UploadData(Shape):
    """`completed`: the rows are stored. Otherwise `taskId` is the code of the job that will extract them."""

    taskId: str | None = None  # noqa: N815
    message: str
    completed: bool
    estimate: ShownEstimate | None = Field(default=None, description="Where the prices of the model are known.")


class Uploaded(Shape):
    """The response to an accepted file."""

    code: int
    message: str
    data: UploadData


class Refused(Shape):
    """An error. `code` is the HTTP status again."""

    code: int
    message: str


@router.post(
    "/upload-template",
    summary="Upload a document for a template",
    response_model_exclude_none=True,
    openapi_extra=FORM,
    responses={status: {"model": Refused} for status in REFUSALS},
)
async def upload_template(
    request: Request, caller: Submitter, intake: Intake, idempotency_key: IdempotencyKey = None
) -> Uploaded:
    """A document becomes a job; the rows of an Excel workbook are imported at once, all of them or none."""
    async with upload_form(request) as form:
        result = await intake(sent_document(form), caller.owner(form.user_id), idempotency_key=idempotency_key)
    return Uploaded(code=OK, message="success", data=_upload_data(result))


def _upload_data(result: ExtractionJob | ImportedTable) -> UploadData:
    match result:
        case ExtractionJob(code=code, estimate=estimate):
            shown = shown_estimate(estimate) if estimate and estimate.cost is not None else None
            return UploadData(taskId=code, message=ACCEPTED, completed=False, estimate=shown)
        case ImportedTable(count=count):
            return UploadData(message=IMPORTED.format(count=count), completed=True)
