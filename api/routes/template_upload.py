"""`POST /api/template/upload-template`: a document and the id of a template. A table is taken in at once."""

from typing import Any, Final

from fastapi import APIRouter, Request
from persistence.tracks import bind_track
from sqlmodel.ext.asyncio.session import AsyncSession

from api import shapes
from api.accepting import take_in
from api.callers import Caller, Uploader
from api.code_and_message import CodeAndMessageRoute
from api.parts import AllParts, Parts
from api.uploading import Upload, check_size, keep, received
from documents.kinds import kind_by_name
from domain.documents import DocumentKind
from domain.errors import FieldError, InvalidParameters
from domain.ids import new_id
from domain.job import JobRequest
from domain.templates import Template
from persistence.keys import Scope
from persistence.tables import JobRow
from persistence.template_rows import RowsOrigin, replace_rows
from persistence.templates import template_of

MODEL: Final = "document_extract_v1"
OK: Final = 200
MAX_ID_LENGTH: Final = 100

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

router = APIRouter(prefix="/api/template", tags=["templates"], route_class=CodeAndMessageRoute)


class UploadData(shapes.Shape):
    """`completed`: the rows are there. Otherwise `taskId` is the code of the job that will bring them."""

    taskId: str | None = None  # noqa: N815
    message: str
    completed: bool


class Uploaded(shapes.Shape):
    code: int
    message: str
    data: UploadData


class Refused(shapes.Shape):
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
async def upload_template(request: Request, caller: Uploader, parts: AllParts) -> Uploaded:
    """A document becomes a job; the rows of an Excel workbook are taken in at once, all of them or none."""
    caller.needs(Scope.JOBS_WRITE)
    async with received(request) as upload:
        check_size(parts, upload)
        template = await _template(parts, upload)
        if kind_by_name(upload.name) is DocumentKind.EXCEL:
            data = await _taken_in(parts, caller, upload, template)
        else:
            data = await _job(parts, caller, upload, template)
    return Uploaded(code=OK, message="success", data=data)


async def _template(parts: Parts, upload: Upload) -> Template:
    template_id = upload.fields.get("templateId", "")
    if not 0 < len(template_id) <= MAX_ID_LENGTH:
        raise InvalidParameters("Which template?", FieldError("/templateId", "The field templateId names it."))
    async with parts.database.read() as session:
        return await template_of(session, template_id)


async def _taken_in(parts: Parts, caller: Caller, upload: Upload, template: Template) -> UploadData:
    origin = RowsOrigin(
        template_id=template.id,
        template_version=template.version,
        source=new_id("table"),
        user_id=caller.acts_for(upload.user_id),
    )
    async with parts.documents.table(upload.path, upload.name, template.columns) as table:
        if not table.count:
            raise InvalidParameters("The table has no rows below its header.")
        await replace_rows(parts.database, origin, table.rows())
    return UploadData(message=TAKEN_IN.format(count=table.count), completed=True)


async def _job(parts: Parts, caller: Caller, upload: Upload, template: Template) -> UploadData:
    """What stands in the way of the job's start is said before anything is kept, as far as it can be known."""
    kept = await keep(parts, caller, upload, None)
    params = {"file": kept.body["code"], "template": template.id}
    order = JobRequest(model_id=MODEL, params=params, user_id=upload.user_id)
    task_id = upload.fields.get("taskId")

    async def track(session: AsyncSession, job: JobRow) -> None:
        if task_id:
            await bind_track(session, task_id, job.code, job.user_id)

    answer = await take_in(parts, caller, order, None, along=track)
    return UploadData(taskId=answer.body["code"], message=ACCEPTED, completed=False)
