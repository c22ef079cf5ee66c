"""Taking a document in for a template: a workbook's rows at once, everything else as a job that will bring them."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.adapters.documents.format_detection import kind_by_name
from aijobs.domain.documents.kinds import DocumentKind
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.values.ids import new_id
from aijobs.persistence.documents.rows import RowsOrigin, replace_rows
from aijobs.persistence.documents.task_ids import bind_task_id
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.accept_job import take_in
from aijobs.usecases.upload_file import Upload, check_size, keep
from api.auth.caller import Caller
from api.dependencies import Parts

MODEL: Final = "document_extract_v1"
TEMPLATE_FIELD: Final = "templateId"
TASK_FIELD: Final = "taskId"
MAX_ID_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True)
class TakenJob:
    """A job was made, which will bring the rows."""

    code: str


@dataclass(frozen=True, kw_only=True)
class TakenTable:
    """The rows are there; `source` names this upload among those of the template."""

    template_id: str
    source: str
    count: int


async def take_document(
    parts: Parts, caller: Caller, upload: Upload, idempotency_key: str | None = None
) -> TakenJob | TakenTable:
    """What became of an upload. With the same key again: the first job, or the same rows in place of the first ones.

    Raises NotFound without the template, and what is wrong with the file as BadInput.
    """
    check_size(parts, upload)
    template = await _template(parts, upload)
    if kind_by_name(upload.name) is DocumentKind.EXCEL:
        return await _table(parts, caller, upload, template, idempotency_key)
    return await _job(parts, caller, upload, template, idempotency_key)


async def _template(parts: Parts, upload: Upload) -> Template:
    template_id = upload.fields.get(TEMPLATE_FIELD, "")
    if not 0 < len(template_id) <= MAX_ID_LENGTH:
        where = FieldError(f"/{TEMPLATE_FIELD}", f"The field {TEMPLATE_FIELD} names it.")
        raise InvalidParameters("Which template?", where)
    async with parts.database.read() as session:
        return await template_of(session, template_id)


async def _table(
    parts: Parts, caller: Caller, upload: Upload, template: Template, idempotency_key: str | None
) -> TakenTable:
    """All of its rows or none."""
    user_id = caller.acting_user(upload.user_id)
    origin = RowsOrigin(
        template_id=template.id,
        template_version=template.version,
        source=f"table_{_digest(user_id, idempotency_key, upload.sha256)}" if idempotency_key else new_id("table"),
        user_id=user_id,
    )
    async with parts.documents.table(upload.path, upload.name, template.columns) as table:
        if not table.count:
            raise InvalidParameters("The table has no rows below its header.")
        await replace_rows(parts.database, origin, table.rows())
    return TakenTable(template_id=template.id, source=origin.source, count=table.count)


async def _job(
    parts: Parts, caller: Caller, upload: Upload, template: Template, idempotency_key: str | None
) -> TakenJob:
    """The document stays an upload of its owner, also where no job comes of it."""
    kept = await keep(parts, caller, upload, f"document {_digest(idempotency_key)}" if idempotency_key else None)
    params = {"file": kept.body["code"], "template": template.id}
    order = JobRequest(model_id=MODEL, params=params, user_id=upload.user_id)
    task_id = upload.fields.get(TASK_FIELD)

    async def track(session: AsyncSession, job: JobRow) -> None:
        if task_id:
            await bind_task_id(session, task_id, job.code, job.user_id)

    answer = await take_in(parts, caller, order, idempotency_key, along=track)
    return TakenJob(code=answer.body["code"])


def _digest(*names: str) -> str:
    """The same for the same names, and as short as an id of ours."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:26].upper()
