"""`POST /api/template/upload-template`: a document and the id of a template. A table is taken in at once."""

from typing import Any, Final

from fastapi import APIRouter, Request

from aijobs.persistence.access.keys import Scope
from aijobs.usecases.intake_document import TakenJob, TakenTable
from api.auth.caller import Uploader
from api.dependencies import Intake
from api.legacy_envelope import LegacyEnvelopeRoute
from api.requests.uploads import received, sent_document
from api.schemas.answers import IdempotencyKey
from api.schemas.jobs import Shape

OK: Final = 200

ACCEPTED: Final = "文件上传成功,正在异步处理中"
TAKEN_IN: Final = "文件上传成功,已解析 {count} 行数据"

#: The form is read in the route, after the caller's key: so its documentation is written by hand.
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
                            "description": "A document: .pdf, .docx, .md, .txt or .csv. Or a table: .xlsx.",
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
    """`completed`: the rows are there. Otherwise `taskId` is the code of the job that will bring them."""

    taskId: str | None = None  # noqa: N815
    message: str
    completed: bool


class Uploaded(Shape):
    """The answer to a file that was taken."""

    code: int
    message: str
    data: UploadData


class Refused(Shape):
    """`code` is the HTTP status again."""

    code: int
    message: str


@router.post(
    "/upload-template",
    summary="Upload a document for a template",
    response_model_exclude_none=True,
    openapi_extra=FORM,
    responses={status: {"model": Refused} for status in (400, 401, 402, 403, 404, 413, 415, 422, 500, 503)},
)
async def upload_template(
    request: Request, caller: Uploader, intake: Intake, idempotency_key: IdempotencyKey = None
) -> Uploaded:
    """A document becomes a job; the rows of an Excel workbook are taken in at once, all of them or none."""
    caller.needs(Scope.JOBS_WRITE)
    async with received(request) as form:
        taken = await intake(sent_document(form), caller.owner(form.user_id), idempotency_key=idempotency_key)
    return Uploaded(code=OK, message="success", data=_upload_data(taken))


def _upload_data(taken: TakenJob | TakenTable) -> UploadData:
    match taken:
        case TakenJob(code=code):
            return UploadData(taskId=code, message=ACCEPTED, completed=False)
        case TakenTable(count=count):
            return UploadData(message=TAKEN_IN.format(count=count), completed=True)
